"""resnet20 and resnet20_v2: real weights, measured on images that they were not trained on."""

import copy
import dataclasses
import pickle
import warnings

import numpy as np
import pytest
import torch
import training
from PIL import Image

import dapi
from dapi.exceptions import (
    ConfigConflictError,
    HashMismatchError,
    NoWeightsError,
    OutdatedWeightsWarning,
    ReplacedBuilderWarning,
    StateDictMismatchError,
    WeightsTypeError,
)
from dapi.vision import ResNet20V2Weights, ResNet20Weights, resnet20, resnet20_v2

pytestmark = pytest.mark.filterwarnings(
    "ignore::dapi.exceptions.ReplacedBuilderWarning",
    "ignore::dapi.exceptions.OutdatedWeightsWarning",
)
MEMBERS = [*ResNet20Weights, *ResNet20V2Weights]
BUILDERS = {ResNet20Weights: resnet20, ResNet20V2Weights: resnet20_v2}
members = pytest.mark.parametrize("member", MEMBERS, ids=str)


@pytest.fixture(scope="module")
def held_out(recipe):
    """The images that no weights were trained on, as people have them, and their labels."""
    digits, chosen = recipe.load_digits(), recipe.held_out_indices()
    images = [recipe.digit_image(digit) for digit in digits.images[chosen]]
    return images, torch.from_numpy(digits.target[chosen])


@members
def test_accuracy_is_what_is_stated(member, held_out, offline):
    """The weights do on the held-out images at least what their metadata says."""
    images, labels = held_out
    model = BUILDERS[type(member)](weights=member).eval()
    transforms = member.transforms()
    with torch.inference_mode():
        logits = model(torch.stack([transforms(image) for image in images]))
    accuracy = 100 * (logits.argmax(dim=1) == labels).double().mean().item()

    (metric,) = member.meta["metrics"]
    assert ("acc@1", "recipes/resnet20_digits.py") == (metric["name"], metric["source"])
    assert round(accuracy, 3) >= metric["value"]


@members
def test_accuracy_is_what_the_recipe_measures(member, recipe, offline):
    """The stated figure is that of the recipe's own evaluation, on the same file."""
    (variant,) = (r for r in recipe.RECIPES.values() if member.url.endswith("/" + r.file_name))
    found = recipe.describe(member.fetch(), variant)

    assert f"{type(member).__name__}.{member.name}" == variant.weights
    (metric,) = member.meta["metrics"]
    assert round(100 * found["accuracy"], 3) >= metric["value"]
    assert (found["sha256"], found["size"]) == (member.sha256, member.size)
    assert found["num_params"] == member.meta["num_params"]


@members
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is")
def test_it_is_traced_and_scripted(member):
    """torch.fx and torch.jit.script make a model of it that returns the same, to the bit."""
    model = BUILDERS[type(member)](weights=member).eval()
    images = torch.rand(2, 1, 48, 32, generator=torch.Generator().manual_seed(0))

    for make in (torch.fx.symbolic_trace, torch.jit.script):
        with torch.inference_mode():
            assert torch.equal(model(images), make(model)(images))


def test_held_out_images_are_those_that_meta_names(recipe):
    """The metadata says which images the weights did not see."""
    first, *_, last = recipe.held_out_indices().tolist()
    assert list(range(first, last + 1)) == recipe.held_out_indices().tolist()
    assert len(recipe.load_digits().images) - 1 == last
    for member in MEMBERS:
        assert f"images {first} to {last} of" in member.meta["not_trained_on"]


def test_transforms_are_those_of_training(recipe, held_out):
    """Any image becomes what the recipe made of it, to the bit."""
    transforms = ResNet20Weights.Digits_RefV2.transforms()
    noise = np.random.default_rng(0).integers(0, 256, (47, 33, 3), dtype=np.uint8)
    for image in [*held_out[0][:20], Image.fromarray(noise)]:
        assert torch.equal(recipe.preprocess(image), transforms(image))


@pytest.fixture
def tiny(recipe, monkeypatch, restored, tmp_path):
    """Run the recipe of the better weights on twenty images for two epochs, in three steps each."""
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(recipe, "THREADS", 1)
    monkeypatch.setitem(recipe.RECIPES, "better", dataclasses.replace(recipe.BETTER, batch_size=8))
    images, labels = (tensor[:20] for tensor in recipe.load_split(held_out=True))
    monkeypatch.setattr(recipe, "load_split", lambda *, held_out: (images, labels))

    def run(name):
        folder = tmp_path / name
        found = recipe.run("better", seed=3, epochs=2, device="cpu", output=folder)
        return found, {path.name: path.read_bytes() for path in folder.glob("*.s[av]*")}

    return run


def test_interrupted_training_ends_alike(tiny, recipe, monkeypatch):
    """Cut within an epoch, the same command gives the same weights to the bit, and plot."""
    expected, files = tiny("whole")
    draw, calls = recipe.Batches.__call__, iter(range(99))

    def interrupted(self, step):
        if next(calls) == 4:
            raise KeyboardInterrupt
        return draw(self, step)

    monkeypatch.setattr(recipe.Batches, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tiny("parts")
    actual, again = tiny("parts")

    assert {"resnet20_digits_v2.safetensors", "resnet20_digits_v2.svg"} == files.keys()
    assert files == again
    assert {**expected, "seconds": 0} == {**actual, "seconds": 0}
    assert 6 == next(calls) - 1  # no step was taken twice


def test_better_weights_are_better():
    """What is latest does better than what came before."""
    first, second, third = (member.meta["metrics"][0]["value"] for member in MEMBERS)
    assert first < second < third


def test_postprocess_names_a_digit(held_out):
    """A real image comes out with its label and a probability."""
    member = ResNet20V2Weights.Digits_RefV1
    model = resnet20_v2(weights=member).eval()
    with torch.inference_mode():
        logits = model(member.transforms()(held_out[0][0]).unsqueeze(0))
    ((best, *others),) = member.postprocess()(logits)

    assert str(held_out[1][0].item()) == best[0]
    assert best[1] > 0.5 > others[0][1]


@pytest.mark.parametrize("builder", [resnet20, resnet20_v2])
def test_new_head_keeps_the_rest(builder):
    """num_classes=7 with a new head: fc is new, all else is what the file holds."""
    (enum,) = builder.__dapi_builder__.weights
    member = enum.get_latest()
    model = builder(weights=member, num_classes=7, new_head=True)

    file = member.state_dict()
    assert file.keys() == model.state_dict().keys()
    for key, tensor in model.state_dict().items():
        if key.startswith("fc."):
            assert 7 == len(tensor)
        else:
            assert torch.equal(file[key], tensor), key
    assert member.files == dapi.weights_of(model).files


def test_names_of_a_new_head_are_given():
    """The old model's would be wrong, however many there are."""
    weights = dapi.weights_of(resnet20(weights=ResNet20Weights.Digits_RefV2, new_head=True))
    with pytest.raises(NoWeightsError, match=r"postprocess\(categories=\[\.\.\.\]\)"):
        weights.postprocess()
    names = list("abcdefghij")
    [(label, _)] = weights.postprocess(categories=names, k=1)(torch.eye(10)[:1])[0]

    assert "a" == label
    assert "categories" not in weights.meta


def test_new_head_of_the_same_size_is_new():
    """new_head=True never loads the head, even where it would fit."""
    member = ResNet20Weights.Digits_RefV2
    model = resnet20(weights=member, new_head=True)

    assert not torch.equal(member.state_dict()["fc.weight"], model.fc.weight)


@pytest.mark.parametrize(("argument", "value"), [("num_classes", 7), ("in_channels", 3)])
def test_argument_that_contradicts_the_weights_is_refused(argument, value):
    """The error says what was given, and what the weights have."""
    fixed = ResNet20Weights.Digits_RefV2.build.config[argument]
    with pytest.raises(ConfigConflictError, match=f"{argument}={value} .*{argument}={fixed}"):
        resnet20(weights=ResNet20Weights.Digits_RefV2, **{argument: value})


def test_weights_of_the_other_builder_are_refused():
    """The other form has keys of its own: its weights never fit."""
    with pytest.raises(WeightsTypeError, match="resnet20_v2.*ResNet20Weights"):
        resnet20(weights=ResNet20V2Weights.Digits_RefV1)
    with pytest.raises(StateDictMismatchError):
        resnet20(weights=ResNet20V2Weights.Digits_RefV1.value)


@pytest.mark.filterwarnings("default")
def test_replaced_builder_warns_once():
    """resnet20 names its successor, at the caller's line, the first time."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        resnet20(weights=None)
        resnet20(weights=None)
        resnet20_v2(weights=None)

    (warning,) = said
    assert ReplacedBuilderWarning is warning.category and __file__ == warning.filename
    assert str(warning.message).startswith("resnet20 was replaced by resnet20_v2;")


def test_outdated_weights_warn_once():
    """RefV1 names the later weights for the same data, the first time; RefV2 is silent."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for member in (*ResNet20Weights, *ResNet20Weights):
            resnet20(weights=member)

    (text,) = (str(w.message) for w in said if w.category is OutdatedWeightsWarning)
    assert (
        "resnet20:Digits_RefV1 is not the latest for Digits: the latest is resnet20:Digits_RefV2."
        == text
    )


def test_latest_by_name():
    """get_model takes the latest of the builder's own enum."""
    model = dapi.get_model("resnet20")

    assert ResNet20Weights.Digits_RefV2 is dapi.weights_of(model)
    assert model.training


@members
def test_members_copy_and_pickle(member):
    """They stay what they are, also with a model that carries them."""
    assert member is pickle.loads(pickle.dumps(member))
    assert member is copy.deepcopy(member)
    model = BUILDERS[type(member)](weights=member)
    assert member is dapi.weights_of(pickle.loads(pickle.dumps(model)))


def test_wrong_hash_is_refused():
    """A file in the wheel is checked like any other."""
    entry = dataclasses.replace(ResNet20Weights.Digits_RefV2.value, sha256="0" * 64)
    with pytest.raises(HashMismatchError):
        resnet20(weights=entry)


@pytest.mark.parametrize("builder", [resnet20, resnet20_v2])
def test_architecture_is_the_papers(builder):
    """20 layers with weights, and stages of 16, 32 and 64 channels at 32, 16 and 8 pixels."""
    model, sizes = builder(weights=None, in_channels=3).eval(), []
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    for stage in (model.layer1, model.layer2, model.layer3):
        stage.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[1:]))
    with torch.no_grad():
        logits = model(torch.zeros(2, 3, 32, 32))

    assert (20, (2, 10)) == (len(layers), logits.shape)
    assert [(16, 32, 32), (32, 16, 16), (64, 8, 8)] == sizes
