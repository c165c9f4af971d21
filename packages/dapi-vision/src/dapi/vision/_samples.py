"""Synthetic pictures and films for dapi check; advertised in ``dapi.samples``."""

from __future__ import annotations

from hashlib import shake_256

from PIL import Image

from dapi import WeightEntry, Weights
from dapi.tasks import Sample

_CROP = 80  # pixels
_FRAMES = 4
_CROP_OF_FRAMES = 48


def picture(weights: Weights | WeightEntry) -> Sample:
    """Return a picture, and the arguments for a smaller classifier or segmenter."""
    size = weights.build.config.get("image_size")
    if size:  # a multiple of a patch: 14, 16 or 32 pixels
        smaller = 56 if size % 16 else 64
        return Sample(_picture("picture"), {"image_size": smaller}, smaller)
    is_fixed = "input_size" in weights.build.config or _is_of(weights, "Inception")
    return Sample(_picture("picture"), crop=None if is_fixed else _CROP)


def scene(weights: Weights | WeightEntry) -> Sample:
    """Return a picture for a detector, and the arguments for smaller images."""
    is_fixed = _is_of(weights, "SSD")
    return Sample(_picture("scene"), {} if is_fixed else {"min_size": 96, "max_size": 160})


def film(weights: Weights | WeightEntry) -> Sample:
    """Return the frames of a film."""
    is_fixed = _is_of(weights, "MViT", "S3D")
    frames = [_picture(f"film {number}") for number in range(_FRAMES)]
    return Sample(frames, crop=None if is_fixed else _CROP_OF_FRAMES)


def pair(_weights: Weights | WeightEntry) -> Sample:
    """Return two frames of a film."""
    return Sample((_picture("first", (128, 128)), _picture("second", (128, 128))))


def _is_of(weights: Weights | WeightEntry, *families: str) -> bool:
    """Whether weights belong to families whose models accept one size only."""
    return type(weights).__name__.startswith(families)


def _picture(name: str, size: tuple[int, int] = (120, 96)) -> Image.Image:
    """Return a picture of colored blocks, with edges and even areas."""
    blocks = (10, 8)
    levels = shake_256(name.encode()).digest(3 * blocks[0] * blocks[1])
    return Image.frombytes("RGB", blocks, levels).resize(size, Image.Resampling.NEAREST)
