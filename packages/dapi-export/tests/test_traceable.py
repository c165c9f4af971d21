"""Traceable functions: they equal torchvision's, and are there only while a model is traced."""

import pytest
import torch
from torchvision.ops import boxes as box_ops
from torchvision.transforms import InterpolationMode, functional

from dapi.export._traceable import traceable

SIZES = [(30, 41), (50, 33), (16, 16), (9, 12), (97, 24)]


def both(function, *args, **kwargs):
    """Return what torchvision says, and what its replacement does."""
    usual = getattr(functional, function)(*args, **kwargs)
    with traceable():
        return usual, getattr(functional, function)(*args, **kwargs)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_resize_is_equal(images, size, mode, antialias):
    """To the bit, in both directions, whichever side is shorter."""
    for wanted in ([16], [20, 13], [24]):
        usual, found = both(
            "resize",
            images(size)[0],
            wanted,
            interpolation=InterpolationMode(mode),
            antialias=antialias,
        )
        assert torch.equal(usual, found)


@pytest.mark.parametrize("size", [*SIZES, (8, 11), (7, 30)])
def test_crop_is_equal(images, size):
    """Odd rests are rounded as Python rounds; smaller images are padded."""
    for wanted in ([8], [8, 9], 7):
        assert torch.equal(*both("center_crop", images(size)[0], wanted))


def test_normalize_is_equal():
    """The mean and the deviation of each channel."""
    image = torch.rand(2, 3, 5, 6)

    assert torch.equal(*both("normalize", image, [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]))


def test_suppression_is_equal():
    """Boxes of one category suppress each other only; none at all are none."""
    rng = torch.Generator().manual_seed(0)
    corners = torch.rand(200, 2, generator=rng) * 50
    boxes = torch.cat([corners, corners + 1 + 20 * torch.rand(200, 2, generator=rng)], dim=1)
    scores, labels = torch.rand(200, generator=rng), torch.arange(200) % 3
    for count in (200, 0):
        given = boxes[:count], scores[:count], labels[:count]
        usual = box_ops.batched_nms(*given, 0.4)
        with traceable():
            assert torch.equal(usual, box_ops.batched_nms(*given, 0.4))


def test_functions_are_put_back():
    """Also after an error."""
    before = functional.resize, functional.center_crop, box_ops.batched_nms
    with pytest.raises(KeyError), traceable():
        assert functional.resize is not before[0]
        raise KeyError

    assert before == (functional.resize, functional.center_crop, box_ops.batched_nms)
