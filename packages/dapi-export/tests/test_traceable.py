"""Traceable functions: they equal torchvision's, and are there only while a model is traced."""

from types import SimpleNamespace

import pytest
import torch
from torchvision.models.detection import ssd
from torchvision.models.detection import transform as detection
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import boxes as box_ops
from torchvision.ops import poolers
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


def boxes_of(count, size, rng):
    """Return boxes in an image; one of them has no area, and one leaves the image."""
    corners = torch.rand(count, 2, generator=rng) * size / 2
    boxes = torch.cat(
        [corners, corners + 1 + torch.rand(count, 2, generator=rng) * size / 2], dim=1
    )
    boxes[0, 2:] = boxes[0, :2]
    boxes[1] = torch.tensor([-5.0, -3.0, size + 9.0, size + 4.0])
    return boxes


def test_masks_are_pasted_equally():
    """Resized to their boxes and cut at the borders of the image."""
    rng = torch.Generator().manual_seed(0)
    masks, boxes = torch.rand(40, 1, 28, 28, generator=rng), boxes_of(40, 90, rng)
    for count in (40, 1, 0):
        usual = detection.paste_masks_in_image(masks[:count], boxes[:count], (97, 91))
        with traceable():
            found = detection.paste_masks_in_image(masks[:count], boxes[:count], (97, 91))
        assert usual.shape == found.shape and torch.allclose(usual, found, atol=1e-5)


@pytest.mark.parametrize("threshold", [0.01, 0.1, 0.999])
def test_detections_of_ssd_are_equal(threshold):
    """The best boxes of each category, in the same order; none if none is likely."""
    rng = torch.Generator().manual_seed(0)
    anchors = boxes_of(500, 256, rng)
    anchors[0, 2:] += 9
    logits = 2 * torch.randn(2, 500, 11, generator=rng)
    heads = {"cls_logits": logits, "bbox_regression": torch.randn(2, 500, 4, generator=rng)}
    settings = SimpleNamespace(
        box_coder=BoxCoder((10.0, 10.0, 5.0, 5.0)),
        score_thresh=threshold,
        topk_candidates=30,
        nms_thresh=0.45,
        detections_per_img=100,
    )

    given = settings, heads, [anchors, anchors], [(256, 256), (200, 230)]
    usual = ssd.SSD.postprocess_detections(*given)
    with traceable():
        found = ssd.SSD.postprocess_detections(*given)

    for one, other in zip(usual, found, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in ("boxes", "scores", "labels"))
        assert (threshold == 0.999) == (len(one["boxes"]) == 0)


@pytest.mark.parametrize("levels", [1, 4])
def test_regions_are_pooled_equally(levels):
    """Each from the level of its size; no region at all is none."""
    rng = torch.Generator().manual_seed(0)
    pool = poolers.MultiScaleRoIAlign([str(level) for level in range(levels)], 7, 2)
    features = {
        str(level): torch.rand(1, 3, 64 >> level, 64 >> level, generator=rng)
        for level in range(levels)
    }
    boxes = boxes_of(30, 256, rng)
    for count in (30, 0):
        usual = pool(features, [boxes[:count]], [(256, 256)])
        with traceable():
            assert torch.equal(usual, pool(features, [boxes[:count]], [(256, 256)]))
