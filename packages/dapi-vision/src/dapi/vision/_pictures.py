"""Pictures and videos: from files to inputs of transforms and models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import ExifTags, Image, ImageOps, ImageSequence
from torch import Tensor, nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.transforms.v2.functional import pil_to_tensor

from dapi.catalog import counted
from dapi.exceptions import InputError
from dapi.tasks import Input, find_file
from dapi.vision import _arrays
from dapi.vision._modes import converted

_PICTURE = f"a path, {_arrays.PICTURE}"
_STEP, _SMALLEST = 8, 128  # of the sizes that optical-flow models accept


def read_picture(source: str) -> list[Input]:
    """Read a picture.

    Raises:
        InputError: The file is not a picture.
    """
    path = find_file(source, "a picture")
    with _reading(source, "not a picture", "a picture"), Image.open(path) as image:
        return [Input(source, _upright(image))]


def as_picture(value: Any) -> Image.Image:
    """Return a picture of a PIL image, or of an array.

    Args:
        value: An image; a tensor (C, H, W) or (H, W); or an array (H, W, C) or (H, W). Integers
            are uint8; floats are from 0 to 1, and are rounded to 8 bits.

    Raises:
        InputError: It is none of these.
    """
    if isinstance(value, Image.Image):
        is_upright = value.getexif().get(ExifTags.Base.Orientation, 1) == 1
        return value if is_upright else _upright(value)  # which copies: 30 ms for 12 megapixels
    return _arrays.as_image(value, expected=_PICTURE)


def as_film(value: Any) -> list[Image.Image]:
    """Return the frames of a video, of a tuple of pictures, or of an array (T, C, H, W).

    Raises:
        InputError: There are not two or more frames of the same size.
    """
    name = type(value).__name__
    if not isinstance(value, list | tuple) and getattr(value, "ndim", 0) != 4:
        raise InputError(name, "it is not a video", expected="a tuple of pictures")
    frames = [as_picture(each) for each in value]
    _check_frames(name, frames, "a tuple of pictures")
    return frames


def read_film(source: str) -> list[Image.Image]:
    """Read the frames of an animated picture, or of a directory of pictures.

    Raises:
        InputError: There are not two or more frames of the same size.
    """
    expected = "an animated GIF, WebP or PNG, or a directory of pictures"
    path = Path(source)
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.is_file() and each.name[0] != ".")
        frames = [found.value for each in files for found in read_picture(str(each))]
    else:
        frames = _read_frames(find_file(source, expected), expected)
    _check_frames(source, frames, expected)
    return frames


def _check_frames(source: str, frames: Sequence[Image.Image], expected: str) -> None:
    if len(frames) < 2:
        raise InputError(
            source, f"it has {counted(len(frames), 'frame')}", expected=f"two or more: {expected}"
        )
    if len({frame.size for frame in frames}) > 1:
        raise InputError(source, "its frames have different sizes", expected="frames of one size")


def _read_frames(path: Path, expected: str) -> list[Image.Image]:
    with _reading(str(path), "not a video", expected), Image.open(path) as image:
        return [_upright(frame) for frame in ImageSequence.Iterator(image)]


@contextmanager
def _reading(source: str, failure: str, expected: str) -> Iterator[None]:
    """Raise InputError for a file that Pillow cannot read."""
    try:
        yield
    except (MemoryError, PermissionError):
        raise
    except Exception as cause:  # its readers raise anything: half a GIF raises IndexError
        reason = f"it is {failure} ({str(cause) or type(cause).__name__})"
        raise InputError(source, reason, expected=expected) from cause


def _upright(image: Image.Image) -> Image.Image:
    """Read a picture's pixels, rotated as its Exif orientation says."""
    upright: Image.Image = ImageOps.exif_transpose(image)
    return upright


def as_clip(frames: Sequence[Image.Image], length: int) -> Tensor:
    """Return evenly spaced frames as one tensor (length, 3, H, W) of uint8."""
    places = torch.linspace(0, len(frames) - 1, length).round().int().tolist()
    return torch.stack([pil_to_tensor(converted(frames[each], "RGB")) for each in places])


def check_shape(image: Image.Image, detector: nn.Module) -> None:
    """Refuse a picture whose shorter side vanishes when a detector resizes it.

    Raises:
        ValueError: Its shorter side would have no pixel.
    """
    resize = getattr(detector, "transform", None)
    if not isinstance(resize, GeneralizedRCNNTransform) or resize.fixed_size:
        return
    if min(image.size) * resize.max_size < max(image.size):
        width, height = image.size
        raise ValueError(
            f"A picture of {width} x {height} pixels is too narrow. "
            f"Expected an aspect ratio of at most {resize.max_size}: cut it into parts."
        )


def padded(frames: Tensor) -> Tensor:
    """Replicate the right and lower edges, up to a size that optical-flow models accept."""
    sizes = (max(_SMALLEST, -(-size // _STEP) * _STEP) for size in frames.shape[-2:])
    below, right = (new - old for new, old in zip(sizes, frames.shape[-2:], strict=True))
    return torch.nn.functional.pad(frames, (0, right, 0, below), mode="replicate")
