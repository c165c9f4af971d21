"""Arrays as pictures: height and width first in NumPy, channels first in PyTorch."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from dapi.exceptions import InputError

PICTURE = (
    "a PIL image, a tensor (C, H, W) or an array (H, W, C) with 1, 3 or 4 channels: uint8, or "
    "floats from 0 to 1"
)


def is_array(value: Any) -> bool:
    """Whether a value is an array of NumPy, or of a library that shares its memory as NumPy does.

    PIL images share theirs too.
    """
    return hasattr(value, "__array_interface__") and not isinstance(value, Tensor | Image.Image)


def as_image(value: Any, *, expected: str) -> Image.Image:
    """Return a picture of an array or a tensor.

    Args:
        value: A tensor (C, H, W) or (H, W); or an array (H, W, C) or (H, W). Integers are uint8;
            floats are from 0 to 1, and are rounded to 8 bits.
        expected: What is accepted, for the error.

    Raises:
        InputError: It is neither.
    """
    given = tuple(getattr(value, "shape", ()))  # as the caller sees it
    if is_array(value):
        # It may be read-only, or mirrored by its strides; torch has no type for text or objects.
        value = torch.as_tensor(value.copy()) if value.dtype.kind in "biuf" else value
        value = value.movedim(-1, 0) if isinstance(value, Tensor) and value.ndim == 3 else value
    if not isinstance(value, Tensor):
        raise InputError(type(value).__name__, "it is not a picture", expected=expected)
    shape, dtype = tuple(value.shape), value.dtype
    if len(shape) not in (2, 3) or shape[:-2] not in ((), (1,), (3,), (4,)) or 0 in shape:
        batch = ": pass the pictures of a batch as a list" if len(shape) == 4 else ""
        raise InputError("array", f"its shape is {given}{batch}", expected=expected)
    if dtype.is_floating_point and bool((value.amin() >= 0) & (value.amax() <= 1)):
        value = (value * 255).round().byte()
    elif dtype != torch.uint8:
        raise InputError("array", f"its values are {dtype}, not all of 0 to 1", expected=expected)
    picture: Image.Image = to_pil_image(value.detach().cpu())
    return picture
