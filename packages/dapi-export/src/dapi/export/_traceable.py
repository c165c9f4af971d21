"""Traceable functions: those of torchvision that a tracer cannot follow, or only in minutes.

torchvision's ``resize`` compares height and width, its ``center_crop`` compares both with the
crop, its ``normalize`` reads a tensor, its ``batched_nms`` and its pooling of regions ask for the
number of boxes, it pastes masks one by one, and its SSD chooses the boxes of each of 90 categories
in turn, with sizes that depend on the image: 45 s for a tracer, instead of 4. While a model is
traced, these functions are replaced by equal ones that compute with sizes as symbols.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

_IMAGES = ("torchvision.transforms.functional", "torchvision.transforms.v2.functional")
_SMOOTH = ("bilinear", "bicubic")


@contextmanager
def traceable(shift: float = 0.0) -> Iterator[None]:
    """Replace functions of torchvision, if it is imported.

    Args:
        shift: Added to gray levels before they are rounded: a small number shows how much the
            model depends on the rounding of single pixels.
    """
    changed: list[tuple[Any, str, Any]] = []
    try:
        for path, place, replaced in _REPLACEMENTS:
            owner: Any = sys.modules.get(path)
            if owner is not None:
                *classes, name = place.split(".")
                for each in classes:
                    owner = getattr(owner, each)
                original = getattr(owner, name)
                changed.append((owner, name, original))
                setattr(owner, name, replaced(original, shift))
        yield
    finally:
        for owner, name, original in changed:
            setattr(owner, name, original)


def _resize(original: Callable[..., Any], shift: float) -> Callable[..., Any]:
    def resize(
        image: Any,
        size: Any,
        interpolation: Any = "bilinear",
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> Any:
        mode = getattr(interpolation, "value", interpolation)
        known = isinstance(image, Tensor) and mode in _SMOOTH and max_size is None
        if not known or size is None:
            return original(image, size, interpolation, max_size, antialias)
        shape = _size(image, [size] if isinstance(size, int) else [*size])
        return _interpolated(image, shape, mode, antialias=bool(antialias), shift=shift)

    return resize


def _size(image: Tensor, size: list[int]) -> list[Any]:
    """Return height and width; of a single number, it is the length of the shorter side."""
    if len(size) == 2:
        return size
    height, width = image.shape[-2:]
    short = torch.sym_min(height, width)
    return [size[0] * height // short, size[0] * width // short]


def _interpolated(
    image: Tensor, size: list[Any], mode: str, *, antialias: bool, shift: float
) -> Tensor:
    is_whole = not image.is_floating_point()
    batch = (image.float() if is_whole else image).reshape(-1, *image.shape[-3:])
    resized = interpolate(batch, size=size, mode=mode, align_corners=False, antialias=antialias)
    if is_whole:
        if mode == "bicubic":  # it overshoots
            resized = resized.clamp(0, 255)
        resized = (resized + shift).round().clamp(0, 255) if shift else resized.round()
        resized = resized.to(image.dtype)
    return resized.reshape(*image.shape[:-2], *size)


def _center_crop(original: Callable[..., Any], _: float) -> Callable[..., Any]:
    def center_crop(image: Any, output_size: int | Sequence[int]) -> Any:
        sizes = [output_size] if isinstance(output_size, int) else [*output_size]
        sizes = sizes * 2 if len(sizes) == 1 else sizes
        if not isinstance(image, Tensor) or not _may_be_larger(image, sizes):
            return original(image, output_size)
        for dim, size in zip((-2, -1), sizes, strict=True):
            rest = image.shape[dim] - size
            start = (rest + (rest // 2) % 2) // 2  # half of it, rounded to an even number as Python
            image = image.index_select(dim, torch.arange(size) + start)
        return image

    return center_crop


def _may_be_larger(image: Tensor, sizes: Sequence[int]) -> bool:
    """Whether an image is at least as large as its crop; symbols are never compared.

    An image whose size is a symbol was resized to a multiple of the crop's size or more, or its
    proof fails.
    """
    pairs = zip(image.shape[-2:], sizes, strict=True)
    return all(not isinstance(found, int) or found >= size for found, size in pairs)


def _normalize(original: Callable[..., Any], _: float) -> Callable[..., Any]:
    def normalize(image: Any, mean: Any, std: Any, inplace: bool = False) -> Any:
        if not isinstance(image, Tensor) or not image.is_floating_point():
            return original(image, mean, std, inplace)
        middle, spread = (
            torch.tensor([*each], dtype=image.dtype).reshape(-1, 1, 1) for each in (mean, std)
        )
        return (image - middle) / spread

    return normalize


def _batched_nms(_original: Callable[..., Any], _: float) -> Callable[..., Any]:
    def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
        from torchvision.ops.boxes import nms

        # Boxes of each category are moved to a place of their own, as torchvision does for few.
        largest = torch.cat([boxes.flatten(), boxes.new_zeros(1)]).max()
        moved = boxes + (idxs.to(boxes) * (largest + 1))[:, None]
        kept: Tensor = nms(moved, scores, iou_threshold)
        return kept

    return batched_nms


def _ssd_detections(_original: Callable[..., Any], _: float) -> Callable[..., Any]:
    def postprocess_detections(
        self: Any, head_outputs: dict[str, Tensor], image_anchors: Any, image_shapes: Any
    ) -> list[dict[str, Tensor]]:
        from torchvision.ops import boxes as ops

        scores_of = head_outputs["cls_logits"].softmax(-1)[..., 1:].mT  # the first is background
        found = []
        for codes, all_scores, anchors, shape in zip(
            head_outputs["bbox_regression"], scores_of, image_anchors, image_shapes, strict=True
        ):
            boxes = ops.clip_boxes_to_image(self.box_coder.decode_single(codes, anchors), shape)
            scores, places = all_scores.topk(min(self.topk_candidates, len(boxes)))
            labels = torch.arange(1, len(scores) + 1)[:, None].expand_as(scores)
            is_likely = scores > self.score_thresh
            boxes, scores, labels = boxes[places][is_likely], scores[is_likely], labels[is_likely]
            kept = ops.batched_nms(boxes, scores, labels, self.nms_thresh)
            kept = kept[: self.detections_per_img]
            found.append({"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]})
        return found

    return postprocess_detections


def _multiscale_roi_align(_original: Callable[..., Any], _: float) -> Callable[..., Any]:
    def multiscale_roi_align(
        features: list[Tensor],
        boxes: list[Tensor],
        output_size: list[int],
        sampling_ratio: int,
        scales: list[float],
        mapper: Callable[[list[Tensor]], Tensor],
    ) -> Tensor:
        from torchvision.ops import poolers, roi_align

        regions = poolers._convert_to_roi_format(boxes)
        levels = mapper(boxes)
        pooled = features[0].new_zeros(regions.shape[0], features[0].shape[1], *output_size)
        for level, (feature, scale) in enumerate(zip(features, scales, strict=True)):
            places = torch.where(levels == level)[0]
            found = roi_align(feature, regions[places], output_size, scale, sampling_ratio)
            pooled = pooled.index_put((places,), found)
        return pooled

    return multiscale_roi_align


def _paste_masks_in_image(_original: Callable[..., Any], _: float) -> Callable[..., Any]:
    def paste_masks_in_image(
        masks: Tensor, boxes: Tensor, img_shape: tuple[int, int], padding: int = 1
    ) -> Tensor:
        from torchvision.models.detection import roi_heads

        masks, scale = roi_heads.expand_masks(masks, padding)
        left, top, right, bottom = roi_heads.expand_boxes(boxes, scale).to(torch.int64).unbind(1)
        rows = _resizing(top, bottom, img_shape[0], masks.shape[-2])
        columns = _resizing(left, right, img_shape[1], masks.shape[-1])
        pasted: Tensor = rows @ masks @ columns.mT
        return pasted

    return paste_masks_in_image


def _resizing(first: Tensor, last: Tensor, size: int, count: int) -> Tensor:
    """Return matrices (N, 1, size, count) that resize bilinearly to between two places of each."""
    places = torch.arange(size) - first[:, None]
    length = (last - first + 1)[:, None]
    source = (places + 0.5) * (count / length.clamp(min=1)) - 0.5
    distance = (source.clamp(0, count - 1)[..., None] - torch.arange(count)).abs()
    is_inside = (places >= 0) & (places < length)
    return ((1 - distance).clamp(min=0) * is_inside[..., None])[:, None]


_REPLACEMENTS = (
    *((module, "resize", _resize) for module in _IMAGES),
    *((module, "center_crop", _center_crop) for module in _IMAGES),
    *((module, "normalize", _normalize) for module in _IMAGES),
    ("torchvision.ops.boxes", "batched_nms", _batched_nms),
    ("torchvision.models.detection.ssd", "SSD.postprocess_detections", _ssd_detections),
    ("torchvision.ops.poolers", "_multiscale_roi_align", _multiscale_roi_align),
    ("torchvision.models.detection.transform", "paste_masks_in_image", _paste_masks_in_image),
)
