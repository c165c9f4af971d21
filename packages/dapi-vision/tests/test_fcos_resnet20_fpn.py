"""fcos_resnet20_fpn: real weights, measured on scenes of digits that they were not trained on."""

import copy
import pickle
import warnings
from dataclasses import replace
from pathlib import Path

import digit_scenes
import fcos_resnet20_fpn_digits as recipe
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from resnet20_digits import digit_image, held_out_indices
from torchvision.ops import box_iou
from torchvision.transforms.v2.functional import pil_to_tensor
from training import file_facts

import dapi
from dapi.exceptions import (
    ConfigConflictError,
    ReplacedBuilderWarning,
    StateDictMismatchError,
    WeightsTypeError,
)
from dapi.vision import (
    FCOSResNet20FPNWeights,
    FCOSResNet50FPNWeights,
    ResNet20V2Weights,
    ResNet20Weights,
    fcos_resnet20_fpn,
)

pytestmark = pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning")
DATA = Path(__file__).parent / "data"
BETTER = FCOSResNet20FPNWeights.Digits_RefV2
members = pytest.mark.parametrize("member", FCOSResNet20FPNWeights, ids=str)


@pytest.fixture(scope="module")
def scenes():
    """Scenes of held-out digits."""
    return digit_scenes.read(DATA)


@pytest.fixture(scope="module")
def held_out():
    """Held-out digits as people have them, and which they are."""
    digits = digit_scenes.load_split(held_out=True)
    return [digit_image(image) for image in digits.images], digits.labels


@pytest.fixture(scope="module")
def detector():
    """The better weights, ready to find."""
    return fcos_resnet20_fpn(weights=BETTER).eval()


@pytest.fixture
def quick(monkeypatch, restored):
    """Measure little on the way."""
    monkeypatch.setattr(recipe, "MEASURED_SCENES", 1)


def find(model, image):
    """Return what a user sees of one picture."""
    with torch.inference_mode():
        (found,) = BETTER.postprocess()(model([BETTER.transforms()(image)]))
    return found


def in_rows(images, *, columns, side=160, cell=256):
    """Return one picture of the digits, enlarged, beside and below each other, and their boxes."""
    size = cell * columns, cell * -(-len(images) // columns)
    picture, boxes = Image.new("RGB", size), []
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        x, y = cell * column + (cell - side) // 2, cell * row + (cell - side) // 2
        enlarged = image.convert("RGB").resize((side, side))
        picture.paste(enlarged, (x, y))
        x1, y1, x2, y2 = enlarged.convert("L").point(lambda level: 255 * (level >= 64)).getbbox()
        boxes.append((x + x1, y + y1, x + x2, y + y2))
    return picture, boxes


@members
def test_precision_is_what_is_stated(member, scenes, offline):
    """On the held-out scenes the weights do at least what their metadata says."""
    model, transforms = fcos_resnet20_fpn(weights=member).eval(), member.transforms()
    with torch.inference_mode():
        found = [model([transforms(scene.image)])[0] for scene in scenes]
    measured = recipe.average_precision(found, scenes)

    stated = {metric["name"]: metric["value"] for metric in member.meta["metrics"]}
    assert {"AP", "AP@50"} == stated.keys()
    for name, value in stated.items():
        assert round(measured[name], 1) >= value, name


@members
def test_file_is_what_the_entry_describes(member, offline):
    """Its name is that of a variant of the recipe, and its facts are the entry's."""
    (variant,) = (r for r in recipe.RECIPES.values() if member.url.endswith("/" + r.file_name))
    facts = file_facts(member.fetch())
    model = recipe.load(member.fetch())

    assert f"{type(member).__name__}.{member.name}" == variant.weights
    assert (facts["sha256"], facts["size"]) == (member.sha256, member.size)
    assert sum(p.numel() for p in model.parameters()) == member.meta["num_params"]
    assert {metric["source"] for metric in member.meta["metrics"]} == {member.meta["recipe"]}


def test_better_weights_are_better():
    """What is latest does better than what came before, and well enough to be used."""
    plain, better = (
        {metric["name"]: metric["value"] for metric in member.meta["metrics"]}
        for member in FCOSResNet20FPNWeights
    )
    assert better["AP"] > plain["AP"] and better["AP@50"] > plain["AP@50"]
    assert better["AP"] >= 60 and better["AP@50"] >= 95


def test_no_digit_is_both_trained_on_and_held_out():
    """The two splits share no image, and the metadata says which is which."""
    training, kept = (digit_scenes.load_split(held_out=part) for part in (False, True))
    images = [{image.tobytes() for image in split.images} for split in (training, kept)]

    assert not images[0] & images[1]
    assert (1287, 510) == (len(training.labels), len(kept.labels))
    first, *_, last = held_out_indices().tolist()
    for member in FCOSResNet20FPNWeights:
        assert f"images {first} to {last} of" in member.meta["not_trained_on"]


def test_training_sees_no_held_out_digit(quick, monkeypatch, tmp_path):
    """Its scenes are composed of the other split alone."""
    asked = []
    load_split = digit_scenes.load_split
    monkeypatch.setattr(
        recipe,
        "load_split",
        lambda *, held_out: asked.append(held_out) or load_split(held_out=False),
    )
    recipe.train(
        replace(recipe.PLAIN, steps=1, batch_size=1), seed=0, device="cpu", output=tmp_path
    )

    assert [False] == asked


def test_stored_scenes_are_composed_of_held_out_digits(scenes):
    """They are what the recipe composes of that split; another Pillow may draw a little else."""
    composed = digit_scenes.held_out_scenes()

    assert len(scenes) == len(composed)
    for stored, scene in zip(scenes, composed, strict=True):
        assert stored.labels == scene.labels
        difference = np.subtract(stored.image, scene.image, dtype=np.float64)
        assert np.abs(difference).mean() < 2
        assert np.allclose(stored.boxes, scene.boxes, atol=1)


def test_boxes_are_tight():
    """A digit on plain ground touches its box on all sides, and nothing is outside of it."""
    digits = digit_scenes.load_split(held_out=True)
    for seed in range(20):
        ink = digit_scenes.digit(digits.images[seed], np.random.default_rng(seed)) >= 0.25
        assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()


def test_digits_in_rows_are_found_and_named(held_out, detector):
    """A large colored picture with six digits: all are found, where they are, and right."""
    images, labels = held_out
    picture, boxes = in_rows(images[:6], columns=3)
    found = find(detector, picture)

    overlap = box_iou(torch.tensor(boxes), torch.tensor([each["box"] for each in found]))
    assert 6 == len(found)
    assert (overlap.max(dim=1).values > 0.6).all()
    places = overlap.argmax(dim=1).tolist()
    assert [str(label) for label in labels[:6]] == [found[place]["label"] for place in places]


def test_digits_that_fill_a_row_are_found_when_it_is_made_smaller(held_out):
    """min_size says how high such a picture becomes; from left to right, the names are right."""
    images, labels = held_out
    picture, _ = in_rows(images[:8], columns=8, side=150)
    found = find(fcos_resnet20_fpn(weights=BETTER, min_size=48).eval(), picture)

    found.sort(key=lambda each: each["box"][0])
    assert [str(label) for label in labels[:8]] == [each["label"] for each in found]


def test_digits_are_found_dark_on_bright(held_out, detector):
    """A picture and its negative hold the same digits."""
    picture, _ = in_rows(held_out[0][:6], columns=3)
    pictures = picture, ImageOps.invert(picture)
    names = [sorted(each["label"] for each in find(detector, each)) for each in pictures]

    assert names[0] == names[1]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is", "ignore:FCOS always returns")
def test_it_is_scripted_and_its_backbone_is_traced(held_out, detector):
    """What torch makes of it returns the same; torch.fx takes no detector as a whole."""
    image = BETTER.transforms()(held_out[0][0])
    traced = torch.fx.symbolic_trace(detector.backbone)
    with torch.inference_mode():
        [expected] = detector([image])
        _, [found] = torch.jit.script(detector)([image])
        features = detector.backbone(image[None])

        assert all(torch.equal(expected[key], found[key]) for key in expected)
        assert all(map(torch.equal, features.values(), traced(image[None]).values()))


def test_nothing_is_found_where_nothing_is(detector):
    """Not on plain ground, of any size."""
    for picture in (Image.new("L", (96, 96)), Image.new("RGB", (31, 700), "white")):
        assert [] == find(detector, picture)


def test_found_boxes_are_in_the_picture(scenes, detector):
    """They are in pixels of the picture as it was given; each has a digit's name and a score."""
    large = scenes[1].image.resize((480, 480))
    with torch.inference_mode():
        small, found = (
            detector([BETTER.transforms()(each)])[0] for each in (scenes[1].image, large)
        )

    assert torch.allclose(5 * small["boxes"], found["boxes"], atol=5)
    assert found["boxes"].min() >= 0 and found["boxes"].max() <= 480
    assert set(found["labels"].tolist()) <= set(range(1, 11))


def test_images_and_tensors_give_the_same(scenes, detector):
    """A gray image, the same in color, and as a tensor."""
    image = scenes[0].image
    expected = find(detector, image)

    assert expected == find(detector, image.convert("RGB")) == find(detector, pil_to_tensor(image))


def test_latest_by_name():
    """get_model takes the better weights, for training."""
    model = dapi.get_model("fcos_resnet20_fpn")

    assert BETTER is dapi.weights_of(model)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_members_copy_and_pickle():
    """They stay what they are, also with a model that carries them."""
    for member in FCOSResNet20FPNWeights:
        assert member is pickle.loads(pickle.dumps(member)) is copy.deepcopy(member)
    model = pickle.loads(pickle.dumps(fcos_resnet20_fpn(weights=BETTER)))
    assert BETTER is dapi.weights_of(model)


def test_backbone_starts_from_its_own_weights():
    """weights_backbone is loaded into the body; a detector says nothing of resnet20's successor."""
    file = ResNet20Weights.Digits_RefV2.state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReplacedBuilderWarning)
        model = recipe.new_model("Digits_RefV2")

    body = model.backbone.body.state_dict()
    assert {key for key in file if not key.startswith("fc.")} == body.keys()
    assert all(torch.equal(file[key], tensor) for key, tensor in body.items())


def test_weights_of_another_model_are_refused():
    """The detector takes its own, and its backbone those that fit it."""
    with pytest.raises(WeightsTypeError, match="FCOSResNet20FPNWeights"):
        fcos_resnet20_fpn(weights=FCOSResNet50FPNWeights.COCO_RefV1)
    with pytest.raises(StateDictMismatchError):
        fcos_resnet20_fpn(weights_backbone=ResNet20V2Weights.Digits_RefV1, in_channels=1)
    with pytest.raises(ConfigConflictError, match="in_channels=3 .*in_channels=1"):
        fcos_resnet20_fpn(weights_backbone=ResNet20Weights.Digits_RefV2)


@pytest.mark.parametrize(
    ("argument", "value"), [("num_classes", 7), ("in_channels", 3), ("image_mean", [0.5])]
)
def test_argument_that_contradicts_the_weights_is_refused(argument, value):
    """What the weights were trained with is no choice."""
    with pytest.raises(ConfigConflictError, match=argument):
        fcos_resnet20_fpn(weights=BETTER, **{argument: value})


def test_size_of_images_is_a_choice(held_out):
    """min_size makes small digits in a large picture as large as those the weights know."""
    images, labels = held_out
    picture = Image.new("L", (400, 400))
    picture.paste(images[0].resize((24, 24)), (180, 90))
    model = fcos_resnet20_fpn(weights=BETTER, min_size=400).eval()

    (found,) = find(model, picture)
    assert str(labels[0]) == found["label"]


def test_new_head_keeps_the_rest():
    """num_classes=3 with a new head: only what names is new."""
    model = fcos_resnet20_fpn(weights=BETTER, num_classes=3, new_head=True)

    for key, tensor in BETTER.state_dict().items():
        if key.startswith("head.classification_head.cls_logits."):
            assert 3 == len(model.state_dict()[key])
        else:
            assert torch.equal(tensor, model.state_dict()[key]), key


def test_pyramid_has_steps_of_4_and_8_pixels():
    """And 64 channels each, of color images too."""
    model = fcos_resnet20_fpn(weights_backbone=None)
    with torch.inference_mode():
        levels = model.backbone(torch.zeros(1, 3, 96, 128))

    assert [(1, 64, 24, 32), (1, 64, 12, 16)] == [level.shape for level in levels.values()]


def test_training_repeats(quick, tmp_path):
    """The same seed gives the same weights to the bit, another seed others."""
    short = replace(recipe.BETTER, steps=2, batch_size=1, most_digits=2)
    states = [
        recipe.train(short, seed=seed, device="cpu", output=tmp_path / name)[0].state_dict()
        for seed, name in [(0, "once"), (0, "again"), (1, "other")]
    ]

    assert all(torch.equal(tensor, states[1][key]) for key, tensor in states[0].items())
    assert any(not torch.equal(tensor, states[2][key]) for key, tensor in states[0].items())
