"""Search: weights by their metadata, over all distributions; a misspelt wish is an error."""

import sys

import pytest

import dapi
from dapi.exceptions import ArgumentError, PluginWarning, UnknownFacetError, UnknownModelError

FAMILY = """
from dapi import Status, WeightEntry, Weights, register_model

def entry(file, task, dataset, metrics, **fields):
    meta = {"task": task, "datasets": [dataset], "license": fields.pop("license", "unknown")}
    meta["metrics"] = [
        {"dataset": on, "name": name, "value": value, "source": "x"} for on, name, value in metrics
    ]
    for name in ("num_params", "gflops", "known_as", "file_mib"):
        if name in fields:
            meta[name] = fields.pop(name)
    return WeightEntry(f"https://example.org/{file}", meta=meta, **fields)

class EyeWeights(Weights):
    ImageNet1K_RefV1 = entry(
        "eye1", "image-classification", "ImageNet-1K", [("ImageNet-1K", "acc@1", 76.1)],
        num_params=25_000_000, gflops=4.1, known_as=("Eye_Weights.IMAGENET1K_V1",), size=2**20,
    )
    ImageNet1K_RefV2 = entry(
        "eye2", "image-classification", "ImageNet-1K", [("ImageNet-1K", "acc@1", 80.9)],
        num_params=25_000_000, latest=True, license="MIT", file_mib=97.8,
    )
    Gone_RefV1 = entry(
        "gone", "image-classification", "Gone", [], status=Status("withdrawn", reason="wrong"),
    )

class FinderWeights(Weights):
    COCO_RefV1 = entry(
        "finder", "object-detection", "COCO",
        [("COCO-val2017", "box_map", 37.0), ("VOC2012", "box_map", 70.0)],
        num_params=41_000_000, gflops=134.4, latest=True,
    )

class EarWeights(Weights):
    LibriSpeech_RefV1 = entry(
        "ear1", "automatic-speech-recognition", "LibriSpeech", [("test-clean", "wer", 3.4)],
        latest=True,
    )
    LibriSpeech_Large_RefV1 = entry(
        "ear2", "automatic-speech-recognition", "LibriSpeech", [("test-clean", "wer", 1.9)],
        latest=True,
    )
    Odd_RefV1 = WeightEntry("https://example.org/odd", meta={"metrics": "fine", "num_params": "1"})
"""
NETS = {"eye": "EyeWeights", "finder": "FinderWeights", "ear": "EarWeights"}
POINTS = "[dapi.models]\n{models}\n[dapi.weights]\n{weights}\n".format(
    models="\n".join(f"{name} = acme_senses:{name}" for name in NETS),
    weights="\n".join(f"{name} = acme_senses:{enum}" for name, enum in NETS.items()),
)


@pytest.fixture(autouse=True)
def senses(alone, advertise):
    """A distribution with three models; all others are hidden."""
    advertise("acme-senses", POINTS, acme_senses=FAMILY)
    yield
    sys.modules.pop("acme_senses", None)


def found(text=None, **wishes):
    return [f"{type(each).__name__[:3]}.{each.name}" for each in dapi.search(text, **wishes)]


EYES = ["Eye.ImageNet1K_RefV1", "Eye.ImageNet1K_RefV2"]
EARS = ["Ear.LibriSpeech_RefV1", "Ear.LibriSpeech_Large_RefV1", "Ear.Odd_RefV1"]


def test_search_of_nothing_in_particular_finds_all_that_can_be_used():
    """By the model's name, each enum in its own order; without what was withdrawn."""
    assert [*EARS, *EYES, "Fin.COCO_RefV1"] == found()


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"task": "image-classification"}, EYES),
        ({"license": "MIT"}, EYES[1:]),
        ({"allow_license": ["MIT", "BSD-3-Clause"]}, EYES[1:]),
        ({"allow_license": "unknown"}, [*EARS, EYES[0], "Fin.COCO_RefV1"]),
        ({"allow_license": "GPL-3.0-only"}, []),
        ({"distribution": "Acme_Senses", "task": "object-detection"}, ["Fin.COCO_RefV1"]),
        ({"max_params": 30e6}, EYES),
        ({"max_gflops": 5}, EYES[:1]),
        ({"latest_only": True}, [*EARS[:2], EYES[1], "Fin.COCO_RefV1"]),
        ({"min_metric": {"acc@1": 80}}, EYES[1:]),
        ({"max_metric": {"wer": 2}}, EARS[1:2]),
        ({"min_metric": {"acc@1": 80}, "max_params": 1e6}, []),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_wishes_narrow(wishes, expected):
    """Each keeps what the metadata says to fit; what it does not say does not fit."""
    assert expected == found(**wishes)


@pytest.mark.parametrize(
    "text", ["eye", "IMAGENET1K_v1", "eye classification", "acme eye imagenet"]
)
def test_text_is_found_in_names_tasks_and_datasets(text):
    """All words, in any case, also in the name that another library has for them."""
    assert EYES[0] in found(text)
    assert not set(EARS) & set(found(text))


@pytest.mark.parametrize("known_as", [None, 7, "Third_Weights.V1"])
def test_odd_names_elsewhere_hinder_nobody(advertise, known_as):
    """One distribution's metadata of another form is no error for all."""
    source = (
        FAMILY
        + f"""
class ThirdWeights(Weights):
    Odd_RefV1 = WeightEntry("https://example.org/third", meta={{"known_as": {known_as!r}}})
"""
    )
    points = (
        "[dapi.models]\nthird = acme_third:eye\n[dapi.weights]\nthird = acme_third:ThirdWeights\n"
    )
    advertise("acme-third", points, folder="third", acme_third=source)

    assert (["Thi.Odd_RefV1"] if isinstance(known_as, str) else []) == found("Third_Weights")
    with pytest.raises(UnknownModelError):
        dapi.get_model("Nobody_Weights.V1")
    sys.modules.pop("acme_third")


@pytest.mark.parametrize(
    "text", ["cat", "mage", "ye", "ey", "net1k", "lassification", "acm eye cat"]
)
def test_text_matches_whole_words(text):
    """Neither the middle nor the end of a word, nor a start of fewer than three letters."""
    assert [] == found(text)


@pytest.mark.parametrize(
    "text", ["Eye_Weights.IMAGENET1K", "image classif", "image_classification"]
)
def test_text_may_begin_a_word(text):
    """Three letters are enough; separators are equal."""
    assert EYES[0] in found(text)


def test_text_that_is_nowhere_finds_nothing():
    """Text is no name of anything: no error."""
    assert [] == found("eye speech")


@pytest.mark.parametrize("dataset", ["COCO", "coco-val2017", "voc", "coco val"])
def test_dataset_is_what_they_were_trained_or_measured_on(dataset):
    """However it is written, and by the beginning of its name."""
    assert ["Fin.COCO_RefV1"] == found(dataset=dataset)


def test_metric_is_that_on_the_dataset():
    """With a dataset, the values on others do not count."""
    assert ["Fin.COCO_RefV1"] == found(min_metric={"box_map": 50})
    assert [] == found(min_metric={"box_map": 50}, dataset="COCO")
    assert ["Fin.COCO_RefV1"] == found(min_metric={"box_map": 50}, dataset="VOC")


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("acc@1", [EYES[1], EYES[0], *EARS, "Fin.COCO_RefV1"]),
        ("wer", [EARS[1], EARS[0], EARS[2], *EYES, "Fin.COCO_RefV1"]),
        ("params", [*EYES, "Fin.COCO_RefV1", *EARS]),
        ("gflops", [EYES[0], "Fin.COCO_RefV1", *EARS, EYES[1]]),
        ("size", [*EYES, *EARS, "Fin.COCO_RefV1"]),
    ],
)
def test_sort_puts_the_best_first(sort, expected):
    """A metric's best, a number's least; what lacks it last, and ties by name."""
    assert expected == found(sort=sort)


TOYS = """
from dapi import WeightEntry, Weights

def entry(file, *results):
    metrics = [{"dataset": on, "name": "acc@1", "value": value} for on, value in results]
    return WeightEntry(f"https://example.org/{file}", meta={"metrics": metrics})

class ToyWeights(Weights):
    Digits_RefV1 = entry("toy1", ("Digits", 99.2))
    Both_RefV1 = entry("toy2", ("Digits", 98.0), ("ImageNet-1K", 78.0))
"""


@pytest.fixture
def toys(advertise):
    points = "[dapi.models]\ntoy = acme_toys:toy\n[dapi.weights]\ntoy = acme_toys:ToyWeights\n"
    advertise("acme-toys", points, folder="toys", acme_toys=TOYS)
    yield
    sys.modules.pop("acme_toys", None)


def test_metrics_are_compared_within_a_dataset(toys):
    """The dataset of most weights comes first; of several results, the one on it counts."""
    ranked = found(sort="acc@1")[:4]

    assert [EYES[1], "Toy.Both_RefV1", EYES[0], "Toy.Digits_RefV1"] == ranked


def test_dataset_chooses_the_results_that_are_compared(toys):
    """With a dataset, those on others do not count."""
    assert ["Toy.Digits_RefV1", "Toy.Both_RefV1"] == found(sort="acc@1", dataset="Digits")


@pytest.mark.parametrize(
    ("wishes", "nearest"),
    [
        ({"task": "image-clasification"}, "image-classification"),
        ({"dataset": "ImageNot"}, "ImageNet-1K"),
        ({"license": "MTI"}, "MIT"),
        ({"distribution": "acme-sense"}, "acme-senses"),
        ({"min_metric": {"acc1": 80}}, "acc@1"),
        ({"max_metric": {"werr": 80}}, "wer"),
        ({"min_metric": {"acc@1": 80}, "dataset": "COCO"}, "box_map"),
        ({"sort": "parms"}, "params"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_wish_for_what_nothing_has_is_an_error(wishes, nearest):
    """Not an empty list: the nearest that exists is named."""
    with pytest.raises(UnknownFacetError, match=f"'{nearest}'|: {nearest}"):
        dapi.search(**wishes)


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"max_params": "30M"}, EYES),
        ({"max_params": "25000k"}, EYES),
        ({"max_gflops": "5"}, EYES[:1]),
        ({"license": ["MIT", "unknown"], "task": "image-classification"}, EYES),
        pytest.param(
            {"task": {"object-detection", "image-classification"}},
            [*EYES, "Fin.COCO_RefV1"],
            id="a set",  # which has another order in each process
        ),
        ({"distribution": ("Acme_Senses",), "task": "object-detection"}, ["Fin.COCO_RefV1"]),
        ({"dataset": ["voc", "imagenet"]}, [*EYES, "Fin.COCO_RefV1"]),
        ({"min_metric": {"box_map": "50"}, "dataset": ["COCO", "VOC"]}, ["Fin.COCO_RefV1"]),
        ({"sort": None, "task": "object-detection"}, ["Fin.COCO_RefV1"]),
    ],
    ids=str,
)
def test_wish_is_taken_in_the_forms_that_people_write(wishes, expected):
    """A number with its unit, and several names of which any will do."""
    assert expected == found(**wishes)


@pytest.mark.parametrize(
    ("wishes", "hint"),
    [
        ({"max_params": "thirty"}, "'30M'"),
        ({"max_params": [30]}, "a number"),
        ({"max_params": True}, "a number"),
        ({"max_params": float("nan")}, "a number"),
        ({"max_params": 10**400}, "a number"),
        ({"max_gflops": "4G"}, "a number"),
        ({"min_metric": {1: 80}}, "a dict of metrics and values"),
        ({"min_metric": {"acc@1": "nan"}}, "a dict of metrics and values"),
        ({"min_metric": "acc@1"}, r"min_metric=\{'acc@1': 80\}"),
        ({"min_metric": 80}, "a dict of metrics and values"),
        ({"max_metric": {"wer": "low"}}, "a dict of metrics and values"),
        ({"max_metric": {"wer": None}}, "a dict of metrics and values"),
        ({"license": 0}, "a name, or a list of names"),
        ({"task": [None]}, "a name, or a list of names"),
        ({"dataset": {"COCO": 1, 2: 3}}, "a name, or a list of names"),
        ({"distribution": b"acme"}, "a name, or a list of names"),
        ({"sort": ["acc@1"]}, "params"),
        ({"text": ["eye", "net"]}, "'resnet imagenet'"),
    ],
    ids=str,
)
def test_wish_of_another_kind_is_refused_in_words(wishes, hint):
    """The error names the argument and says what it takes; never a failure of the search itself."""
    with pytest.raises(ArgumentError, match=hint) as caught:
        dapi.search(**wishes)
    assert next(iter(wishes)) == caught.value.argument


def test_broken_distribution_is_skipped_with_a_warning(advertise):
    """It hides nothing of the others."""
    points = "[dapi.models]\nbad = acme_bad:bad\n[dapi.weights]\nbad = acme_bad:Bad\n"
    advertise("acme-bad", points, folder="bad", acme_bad="1/0")

    with pytest.warns(PluginWarning, match="acme-bad could not be loaded"):
        assert EYES == found("eye")


def test_name_that_two_distributions_give_is_qualified(advertise):
    """What is found can be built by the name that is shown."""
    points = "[dapi.models]\neye = acme_two:eye\n[dapi.weights]\neye = acme_two:EyeWeights\n"
    advertise("acme-two", points, folder="two", acme_two=FAMILY)

    names = [str(each) for each in dapi.search() if each.name == "ImageNet1K_RefV1"]
    assert ["acme-senses/eye:ImageNet1K_RefV1", "acme-two/eye:ImageNet1K_RefV1"] == names
    assert all(dapi.get_weights(name) for name in names)
    sys.modules.pop("acme_two")
