"""Transforms: equal to torchvision's presets to the bit, and clear about what they take."""

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import InterpolationMode, _presets

from dapi.vision.transforms import (
    GrayscaleClassification,
    GrayscaleDetection,
    ImageClassification,
    ObjectDetection,
    OpticalFlow,
    SemanticSegmentation,
    VideoClassification,
)

SIZES = [(301, 257), (224, 224), (17, 403), (250, 90), (1, 1)]


def noise(height, width, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def images(height, width):
    """The same noise as a PIL image, a tensor and a batch."""
    tensor = torch.from_numpy(noise(height, width)).permute(2, 0, 1).contiguous()
    other = torch.from_numpy(noise(height, width, seed=1)).permute(2, 0, 1)
    return Image.fromarray(noise(height, width)), tensor, torch.stack([tensor, other])


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "parameters",
    [
        {"crop_size": 224},
        {"crop_size": 224, "resize_size": 232},
        {"crop_size": 64, "resize_size": 32},
        {"crop_size": 31, "resize_size": 40, "interpolation": "bicubic"},
        {"crop_size": 31, "resize_size": 40, "antialias": False},
        {"crop_size": 24, "resize_size": 24, "mean": (0.1, 0.2, 0.3), "std": (1.0, 2.0, 3.0)},
    ],
    ids=str,
)
def test_classification_equals_torchvision(size, parameters):
    """For images of odd sizes, as PIL images, tensors and batches."""
    theirs = dict(parameters)
    if "interpolation" in theirs:
        theirs["interpolation"] = InterpolationMode(theirs["interpolation"])
    expected, actual = (
        _presets.ImageClassification(**theirs),
        ImageClassification(**parameters),
    )
    for image in images(*size):
        transformed = actual(image)
        with warnings.catch_warnings():  # torchvision's: PIL images are always smoothed
            warnings.filterwarnings("ignore", "Anti-alias option is always applied")
            assert torch.equal(expected(image), transformed)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_detection_equals_torchvision(size):
    """For images of odd sizes, as PIL images, tensors and batches."""
    for image in images(*size):
        assert torch.equal(_presets.ObjectDetection()(image), ObjectDetection()(image))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "parameters",
    [
        {"resize_size": 52},
        {"resize_size": None},
        {"resize_size": 31, "mean": (0.1, 0.2, 0.3), "std": (1.0, 2.0, 3.0)},
        {"resize_size": 31, "antialias": False},
    ],
    ids=str,
)
def test_segmentation_equals_torchvision(size, parameters):
    """For images of odd sizes, as PIL images, tensors and batches."""
    expected = _presets.SemanticSegmentation(**parameters)
    for image in images(*size):
        with warnings.catch_warnings():  # torchvision's: PIL images are always smoothed
            warnings.filterwarnings("ignore", "Anti-alias option is always applied")
            wanted = expected(image)
        assert torch.equal(wanted, SemanticSegmentation(**parameters)(image))


@pytest.mark.parametrize("shape", [(2, 3, 61, 47), (2, 3, 3, 30, 90)], ids=str)
@pytest.mark.parametrize(
    "parameters",
    [
        {"crop_size": (24, 20), "resize_size": (32, 40)},
        {"crop_size": (24, 24), "resize_size": (32,), "mean": (0.1, 0.2, 0.3)},
        {"crop_size": (64, 64), "resize_size": (32,)},
    ],
    ids=str,
)
def test_video_equals_torchvision(shape, parameters):
    """For a clip and for several, whose frames have odd sizes."""
    clips = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    expected = _presets.VideoClassification(**parameters)(clips)

    assert torch.equal(expected, VideoClassification(**parameters)(clips))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_flow_equals_torchvision(size):
    """For two images of odd sizes, as PIL images, tensors and batches."""
    for image in images(*size):
        expected = _presets.OpticalFlow()(image, image)
        assert all(map(torch.equal, expected, OpticalFlow()(image, image)))


def test_flow_wants_two_images_of_one_size():
    """The error shows both shapes."""
    one, other = (torch.zeros(3, 8, width, dtype=torch.uint8) for width in (8, 16))
    with pytest.raises(ValueError, match=r"\(3, 8, 8\) and \(3, 8, 16\)"):
        OpticalFlow()(one, other)


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ("clip.mp4", TypeError, "got builtins.str"),
        (torch.rand(2, 3, 8, 8), TypeError, "got a tensor of torch.float32"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), ValueError, r"got the shape \(3, 8, 8\)"),
        (torch.zeros(2, 8, 8, 3, dtype=torch.uint8), ValueError, r"\(2, 8, 8, 3\)"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), ValueError, r"\(0, 3, 8, 8\)"),
    ],
    ids=["path", "floats", "one-frame", "channels-last", "no-frame"],
)
def test_wrong_frames_are_refused(wrong, error, text):
    """The error says what was expected, and what came."""
    with pytest.raises(error, match=rf"shape \(T, 3, H, W\) or \(N, T, 3, H, W\), .*{text}"):
        VideoClassification(crop_size=(8, 8), resize_size=(8,))(wrong)


@pytest.mark.parametrize(
    "transforms",
    [
        ImageClassification(crop_size=224),
        ObjectDetection(),
        SemanticSegmentation(resize_size=None),
    ],
)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_any_mode_of_8_bits_is_converted(transforms, mode):
    """A gray, transparent or indexed picture is taken like its RGB form."""
    image = Image.fromarray(noise(40, 50)).convert("RGBA" if mode == "LA" else "RGB").convert(mode)

    assert torch.equal(transforms(image.convert("RGB")), transforms(image))


def test_grayscale_gives_the_same_for_images_and_tensors():
    """Gray levels come out alike; any shape becomes the size that is asked for."""
    transforms = GrayscaleClassification(size=32, mean=0.5, std=0.5)
    levels = noise(53, 20, channels=1)
    tensor = torch.from_numpy(levels)[None]
    expected = transforms(Image.fromarray(levels))

    assert (1, 32, 32) == expected.shape
    assert torch.equal(expected, transforms(tensor))
    assert torch.equal(expected, transforms(tensor.expand(2, 1, 53, 20))[1])
    colored = transforms(tensor.expand(3, 53, 20))
    assert colored.sub(expected).abs().max() < 0.02  # one gray level, after rounding


def test_grayscale_detection_keeps_the_size():
    """A detector resizes: gray levels are scaled to 0..1, alike for images and tensors."""
    levels = noise(53, 20, channels=1)
    tensor = torch.from_numpy(levels)[None]
    actual = GrayscaleDetection()(Image.fromarray(levels))

    assert torch.equal(tensor / 255, actual)
    assert torch.equal(actual, GrayscaleDetection()(tensor))
    assert torch.equal(actual, GrayscaleDetection()(tensor.expand(2, 1, 53, 20))[1])
    assert torch.equal(actual, GrayscaleDetection()(Image.fromarray(levels).convert("RGB")))


WRONG = {
    "list": ([1, 2], TypeError, "got builtins.int"),
    "lists": ([[noise(8, 8)]], TypeError, "got a list of lists"),
    "path": ("digit.png", TypeError, "got builtins.str"),
    "channels": (noise(8, 8)[..., :2], ValueError, r"its shape is \(8, 8, 2\)"),
    "integers": (noise(8, 8).astype(int), ValueError, "its values are torch.int64"),
    "range": (noise(8, 8).astype(float), ValueError, "not all of 0 to 1"),
    "text": (np.array([["a"]]), ValueError, "it is not a picture"),
    "no-array": (np.zeros((0, 8, 3), np.uint8), ValueError, "shape"),
    "floats": (torch.rand(3, 8, 8), TypeError, "got a tensor of torch.float32"),
    "channels-last": (torch.zeros(8, 9, 3, dtype=torch.uint8), ValueError, r"\(8, 9, 3\)"),
    "two-dimensions": (torch.zeros(8, 9, dtype=torch.uint8), ValueError, r"\(8, 9\)"),
    "five-dimensions": (torch.zeros(1, 1, 3, 8, 9, dtype=torch.uint8), ValueError, "shape"),
    "empty": (torch.zeros(3, 0, 9, dtype=torch.uint8), ValueError, r"\(3, 0, 9\)"),
    "four-channels": (torch.zeros(4, 8, 9, dtype=torch.uint8), ValueError, r"\(4, 8, 9\)"),
    "16-bits": (Image.new("I;16", (8, 8)), ValueError, "'I;16', with more than 8 bits"),
    "float-image": (Image.new("F", (8, 8)), ValueError, "'F', with more than 8 bits"),
}


@pytest.mark.parametrize(
    "transforms",
    [
        ImageClassification(crop_size=8),
        GrayscaleClassification(size=8, mean=0.5, std=0.5),
        GrayscaleDetection(),
        ObjectDetection(),
        SemanticSegmentation(resize_size=8),
        lambda image: OpticalFlow()(image, image),
    ],
    ids=["classification", "grayscale", "gray-detection", "detection", "segmentation", "flow"],
)
@pytest.mark.parametrize(("wrong", "error", "text"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_refused(transforms, wrong, error, text):
    """The error says what was expected, and what came."""
    with pytest.raises(error, match=text) as raised:
        transforms(wrong)

    assert error is ValueError or "Expected a PIL image, an array" in str(raised.value)


SINGLE = {
    "classification": ImageClassification(crop_size=24, resize_size=32),
    "grayscale": GrayscaleClassification(size=8, mean=0.5, std=0.5),
    "gray-detection": GrayscaleDetection(),
    "detection": ObjectDetection(),
    "segmentation": SemanticSegmentation(resize_size=20),
}


@pytest.mark.parametrize("transforms", SINGLE.values(), ids=SINGLE)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_array_is_what_its_image_is(transforms, channels):
    """Height and width first; gray, colored or transparent; of whole numbers or fractions."""
    array = noise(40, 50, channels)
    expected = transforms(Image.fromarray(array))

    for form in (array, array / 255, (array / 255).astype(np.float32), array[::-1][::-1]):
        assert torch.equal(expected, transforms(form))


@pytest.mark.parametrize("transforms", SINGLE.values(), ids=SINGLE)
def test_list_gives_the_results_of_its_images(transforms):
    """A batch, which an array of images gives too; of a detector, a list."""
    arrays = [noise(40, 50, seed=seed) for seed in (1, 2)]
    expected = [transforms(each) for each in arrays]
    for form in (arrays, tuple(arrays), [Image.fromarray(each) for each in arrays]):
        assert all(map(torch.equal, expected, found := transforms(form)))
        assert isinstance(found, list) == isinstance(
            transforms, (ObjectDetection, GrayscaleDetection)
        )

    assert torch.equal(torch.stack(expected), transforms(np.stack(arrays)))
    mixed = [noise(40, 50), torch.from_numpy(noise(40, 50)).permute(2, 0, 1)]
    assert (2, *expected[0].shape) == torch.stack([*transforms(mixed)]).shape


def test_list_that_makes_no_batch_is_refused():
    """The error shows the shapes, and what to do."""
    transforms = SemanticSegmentation(resize_size=None)
    with pytest.raises(ValueError, match=r"\(3, 8, 8\) and \(3, 8, 9\).*for each image"):
        transforms([noise(8, 8), noise(8, 9)])
    with pytest.raises(ValueError, match="shapes: none"):
        transforms([])


def test_frames_and_pairs_may_be_arrays():
    """A list or an array of frames is a clip, and two lists are a batch of pairs."""
    transforms = VideoClassification(crop_size=(24, 20), resize_size=(32, 40))
    frames = np.stack([noise(40, 50, seed=seed) for seed in range(3)])
    expected = transforms(torch.from_numpy(frames).permute(0, 3, 1, 2))
    for form in (frames, list(frames), [Image.fromarray(each) for each in frames], frames / 255):
        assert torch.equal(expected, transforms(form))

    first, second = OpticalFlow()(frames[:2], list(frames[1:]))
    for place in (0, 1):
        pair = OpticalFlow()(Image.fromarray(frames[place]), Image.fromarray(frames[place + 1]))
        assert all(map(torch.equal, pair, (first[place], second[place])))


class Prepare(nn.Module):
    def __init__(self, transforms):
        super().__init__()
        self.transforms = transforms

    def forward(self, *images):
        return self.transforms(*images)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize(
    ("transforms", "shape", "count"),
    [
        *((each, (3, 50, 70), 1) for each in SINGLE.values()),
        (SINGLE["classification"], (2, 3, 50, 70), 1),
        (VideoClassification(crop_size=(24, 20), resize_size=(32, 40)), (4, 3, 50, 70), 1),
        (OpticalFlow(), (3, 48, 72), 2),
    ],
    ids=[*SINGLE, "batch", "video", "flow"],
)
def test_exported_transforms_equal_the_transforms(transforms, shape, count):
    """torch.export traces them with uint8 in, and the traced program gives the same bits."""
    rng = torch.Generator().manual_seed(0)
    images = [torch.randint(256, shape, dtype=torch.uint8, generator=rng) for _ in range(count)]
    exported = torch.export.export(Prepare(transforms), tuple(images)).module()

    others = [image.flip(-1) for image in images]
    for given in (images, others):
        expected, actual = transforms(*given), exported(*given)
        pairs = [(expected, actual)] if count == 1 else zip(expected, actual, strict=True)
        assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize(
    "make",
    [
        partial(ImageClassification, crop_size=8),
        partial(SemanticSegmentation, resize_size=8),
        partial(VideoClassification, crop_size=(8, 8), resize_size=(8,)),
    ],
)
def test_unknown_interpolation_is_refused(make):
    """The error lists what there is."""
    with pytest.raises(ValueError, match="'cubic' is unknown.*bicubic"):
        make(interpolation="cubic")


def test_repr_shows_the_parameters():
    """What was applied can be read, compared and pickled."""
    transforms = ImageClassification(crop_size=224, resize_size=232)

    assert "ImageClassification(crop_size=224, resize_size=232, " in repr(transforms)
    assert "interpolation='bilinear'" in repr(transforms)
    assert transforms == pickle.loads(pickle.dumps(transforms)) != ImageClassification(crop_size=1)
    assert "ObjectDetection()" == repr(ObjectDetection())
