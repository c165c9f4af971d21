"""What the entries state of torchvision's weights is what torchvision states, for every one."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.models as peer
from PIL import Image

import dapi
from dapi.exceptions import UnknownModelError

THEIRS = {
    f"{enum.__name__}.{member.name}": member
    for enum in map(peer.get_model_weights, peer.list_models())
    for member in enum
}
OURS = [w for w in dapi.list_weights() if type(w).__module__.startswith("dapi.vision.")]
PAIRS = {
    name: (ours, THEIRS[name])
    for ours in OURS
    for name in ours.meta.get("known_as", ())
    if name in THEIRS
}
BUILDERS = [name for name in peer.list_models() if name in dapi.list_models(module="dapi.vision")]
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
builders = pytest.mark.parametrize("name", BUILDERS)

# Our names of what torchvision's metadata has too; where theirs have none, ours have none.
SHARED = {
    "num_params": "num_params",
    "recipe": "recipe",
    "gflops": "_ops",
    "license_url": "license",
    "min_temporal_size": "min_temporal_size",
    "backend": "backend",
}


def own_enum(name):
    """Return a builder's own enum of weights."""
    return dapi.get_builder(name).__dapi_builder__.weights[0]


@builders
def test_every_member_has_its_counterpart(name):
    """All weights of torchvision's enum are in ours, and DEFAULT is the first latest."""
    expected = peer.get_model_weights(name)
    known = {n: ours for n, (ours, _) in PAIRS.items() if type(ours) is own_enum(name)}

    assert {f"{expected.__name__}.{member.name}" for member in expected} == set(known)
    default = known[f"{expected.__name__}.{expected.DEFAULT.name}"]
    assert default is own_enum(name).get_latest()


def test_every_builder_is_there():
    """Each of torchvision's builders has one of the same name here."""
    assert BUILDERS == peer.list_models()


def accuracy(member):
    """Return how many of its first images or clips are named right; None for other tasks."""
    named = [metric["value"] for metric in member.meta["metrics"] if metric["name"] == "acc@1"]
    return named[0] if named else None


def test_default_is_not_the_best_of_five():
    """Those for which better weights are found by sorting; each of the two is the latest."""
    best = {}
    for member in dapi.search(distribution="dapi-vision", sort="acc@1"):
        if type(member).__name__ in {own_enum(name).__name__ for name in BUILDERS}:
            best.setdefault(type(member), member)
    outdone = [
        (enum.get_latest(), member)
        for enum, member in best.items()
        if accuracy(member) and member is not enum.get_latest()
    ]

    assert {"regnet_y_16gf", "regnet_y_32gf", "swin3d_b", "vit_b_16", "vit_l_16"} == {
        str(default).partition(":")[0] for default, _ in outdone
    }
    assert all(accuracy(default) < accuracy(member) for default, member in outdone)
    assert all(default.latest and member.latest for default, member in outdone)


@builders
def test_name_of_torchvisions_function_is_answered_with_the_builders(name):
    """By the path that it is imported from; that of a quantized one ends with the float one's."""
    function = peer.get_model_builder(name)
    package = function.__module__.rpartition(".")[0]
    with pytest.raises(UnknownModelError) as caught:
        dapi.get_model(f"{package}.{function.__name__}")

    assert [name] == list(caught.value.equivalents)


@pairs
def test_facts_are_torchvisions(ours, theirs):
    """URL, sizes, recipe, license, and every metric that is a number."""
    metrics = {}
    for metric in ours.meta["metrics"]:
        metrics.setdefault(metric["dataset"], {})[metric["name"]] = metric["value"]
    stated = {
        dataset: values
        for dataset, values in theirs.meta["_metrics"].items()
        if not all(map(math.isnan, values.values()))
    }

    assert theirs.url == ours.url
    assert stated == metrics
    for key, their_key in SHARED.items():
        assert theirs.meta.get(their_key) == ours.meta.get(key), key
    if "min_size" in theirs.meta:
        assert tuple(theirs.meta["min_size"]) == tuple(ours.meta["min_size"])


@pairs
def test_names_are_torchvisions(ours, theirs):
    """Categories, keypoints, and which float weights quantized ones were made from."""
    for key in ("categories", "keypoint_names"):
        assert list(theirs.meta.get(key) or ()) == list(ours.meta.get(key, ()))
    if "unquantized" in theirs.meta:
        source = theirs.meta["unquantized"]
        made_from = dapi.get_weights(ours.meta["unquantized"])
        assert f"{type(source).__name__}.{source.name}" in made_from.meta["known_as"]


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def examples(preset):
    """Return what a preset of torchvision's takes: uint8 tensors, and PIL images, of odd sizes."""
    if preset == "OpticalFlow":
        return [
            (torch.from_numpy(noise(3, 41, 53)), torch.from_numpy(noise(3, 41, 53)[::-1].copy()))
        ]
    if preset == "VideoClassification":
        return [(torch.from_numpy(noise(2, 3, 61, 47)),)]
    return [(Image.fromarray(noise(301, 257, 3)),), (torch.from_numpy(noise(2, 3, 150, 203)),)]


@pairs
def test_transforms_are_torchvisions(ours, theirs):
    """The same tensors to the bit."""
    expected, actual = theirs.transforms(), ours.transforms()
    for example in examples(type(expected).__name__):
        with warnings.catch_warnings():  # torchvision's: PIL images are always smoothed
            warnings.filterwarnings("ignore", "Anti-alias option is always applied")
            wanted = expected(*example)
        torch.testing.assert_close(actual(*example), wanted, rtol=0, atol=0)


@pairs
def test_hash_and_size_agree_with_what_is_published(ours, theirs):
    """The hash begins with the digits in the file's name, and the size is torchvision's."""
    digits = Path(theirs.url).stem.rpartition("-")[2] if "-" in Path(theirs.url).stem else ""

    assert (ours.sha256 or "").startswith(digits)
    if ours.sha256 and len(ours.sha256) < 64:
        assert digits == ours.sha256
    mib = ours.meta.get("file_mib") if ours.size is None else ours.size / 2**20
    assert theirs.meta["_file_size"] == pytest.approx(mib, abs=1e-3)


@pytest.mark.parametrize("member", [w for w in OURS if "categories" in w.meta], ids=str)
def test_postprocess_names_what_meta_names(member):
    """The names that predictions get are the categories in the metadata, one for each output."""
    assert member.meta["categories"] == member.postprocess.kwargs["categories"]
    assert len(member.meta["categories"]) == member.build.config["num_classes"]


def test_licences_are_those_that_timm_states_of_the_same_weights():
    """By the card that is named, and by the URL where timm's table has one."""
    registry = pytest.importorskip("timm.models._registry")
    configs = [config for config in registry._model_pretrained_cfgs.values() if config.hf_hub_id]
    cards = {f"https://huggingface.co/{config.hf_hub_id}": config for config in configs}
    ours = [each for each, _ in PAIRS.values() if each.meta.get("license_source") in cards]

    assert 46 == len(ours)
    for weights in ours:
        card = cards[weights.meta["license_source"]]
        assert card.license == weights.meta["license"].lower(), weights
        if card.url and "download.pytorch.org" in card.url:
            assert card.url == weights.files[0].url
    urls = {config.url for config in configs}
    assert 31 == sum(weights.files[0].url in urls for weights in ours)
