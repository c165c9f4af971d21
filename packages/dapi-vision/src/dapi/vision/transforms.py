"""What prepares images for a model: named, with its parameters, by the entries of weights.

The results of ImageClassification and ObjectDetection equal those of torchvision's presets of
these names, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, functional
from torchvision.transforms.v2 import functional as functional_v2

__all__ = ["GrayscaleClassification", "ImageClassification", "ObjectDetection"]

_EXPECTED = "Expected a PIL image, or a uint8 tensor of shape (3, H, W) or (N, 3, H, W)"


@dataclass(frozen=True, kw_only=True)
class ImageClassification:
    """Resize images, crop their centre, scale to 0..1 and normalise.

    Called with a PIL image (of any mode of 8 bits; it is converted) or a uint8 tensor
    ``(3, H, W)`` or ``(N, 3, H, W)``, it returns floats ``(3, h, w)`` or ``(N, 3, h, w)``.

    Args:
        crop_size: Height and width of the result.
        resize_size: Length of the image's shorter side before the crop.
        mean: Subtracted from each channel, of values 0..1.
        std: What each channel is divided by then.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"`` or another value of
            torchvision's InterpolationMode.
        antialias: Smooth tensors when they are made smaller; PIL images always are.

    Raises:
        ValueError: ``interpolation`` is unknown; on a call, the image's shape or depth is wrong.
        TypeError: On a call, the image is something else.

    Example:
        >>> transforms = ImageClassification(crop_size=224)
        >>> transforms(Image.new("RGB", (640, 480))).shape
        torch.Size([3, 224, 224])
    """

    crop_size: int
    resize_size: int = 256
    mean: Sequence[float] = (0.485, 0.456, 0.406)
    std: Sequence[float] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        known = [mode.value for mode in InterpolationMode]
        if self.interpolation not in known:
            raise ValueError(
                f"interpolation={self.interpolation!r} is unknown. "
                f"Expected one of: {', '.join(known)}."
            )

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        """Return what the model takes."""
        checked = _coloured(image)
        resized = functional.resize(
            checked,
            [self.resize_size],
            interpolation=InterpolationMode(self.interpolation),
            antialias=self.antialias or isinstance(checked, Image.Image),
        )
        scaled = _scaled(functional.center_crop(resized, [self.crop_size]))
        normalized: Tensor = functional.normalize(scaled, mean=[*self.mean], std=[*self.std])
        return normalized


@dataclass(frozen=True, kw_only=True)
class GrayscaleClassification:
    """Make images grey, resize them to a square, scale to 0..1 and normalise.

    Called with a PIL image (of any mode of 8 bits; it is converted) or a uint8 tensor of one or
    three channels, ``(C, H, W)`` or ``(N, C, H, W)``, it returns floats ``(1, size, size)`` or
    ``(N, 1, size, size)``. PIL images become tensors before they are resized, so that a grey
    image gives the same in both forms.

    Args:
        size: Height and width of the result, whatever shape the image had.
        mean: Subtracted from values 0..1.
        std: What they are divided by then.

    Raises:
        ValueError: On a call, the image's shape or depth is wrong.
        TypeError: On a call, the image is something else.

    Example:
        >>> transforms = GrayscaleClassification(size=32, mean=0.5, std=0.5)
        >>> transforms(Image.new("L", (8, 8))).shape
        torch.Size([1, 32, 32])
    """

    size: int
    mean: float
    std: float

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        """Return what the model takes."""
        # Not the functions of the presets: on uint8, the two resizes differ by a grey level.
        resized = functional_v2.resize(_grey(image), [self.size, self.size], antialias=True)
        levels: Tensor = functional_v2.to_dtype(resized, torch.float32, scale=True)
        return (levels - self.mean) / self.std


@dataclass(frozen=True)
class ObjectDetection:
    """Scale images to 0..1; a detector resizes and normalises them itself.

    Called with a PIL image (of any mode of 8 bits; it is converted to RGB) or a uint8 tensor
    ``(3, H, W)`` or ``(N, 3, H, W)``, it returns floats of the same shape.

    Raises:
        ValueError: On a call, the image's shape or depth is wrong.
        TypeError: On a call, the image is something else.

    Example:
        >>> ObjectDetection()(Image.new("RGB", (640, 480), "white")).max()
        tensor(1.)
    """

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        """Return what the model takes."""
        return _scaled(_coloured(image))


def _coloured(image: object) -> Image.Image | Tensor:
    """Return an image as RGB, or a checked tensor."""
    if isinstance(image, Image.Image):
        return _converted(image, "RGB")
    return _checked(image, channels=(3,))


def _grey(image: object) -> Tensor:
    """Return an image as a tensor of one channel."""
    if isinstance(image, Image.Image):
        levels: Tensor = functional.pil_to_tensor(_converted(image, "L"))
        return levels
    tensor = _checked(image, channels=(1, 3))
    grey: Tensor = tensor if tensor.shape[-3] == 1 else functional.rgb_to_grayscale(tensor)
    return grey


def _converted(image: Image.Image, mode: str) -> Image.Image:
    # More than 8 bits a channel would be cut off at 255, and the picture come out white.
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            f"The image has mode {image.mode!r}, with more than 8 bits a channel. "
            "Scale it to 0..255 first, in a mode such as 'L' or 'RGB'."
        )
    return image if image.mode == mode else image.convert(mode)


def _checked(image: object, *, channels: tuple[int, ...]) -> Tensor:
    if not isinstance(image, Tensor):
        raise TypeError(f"{_EXPECTED}; got {type(image).__module__}.{type(image).__qualname__}.")
    # Floats may mean 0..1 or 0..255, and nothing in them tells which.
    if image.dtype != torch.uint8:
        raise TypeError(f"{_EXPECTED}; got a tensor of {image.dtype}.")
    if image.ndim not in (3, 4) or image.shape[-3] not in channels or 0 in image.shape:
        also = " (or with one channel)" if 1 in channels else ""
        raise ValueError(f"{_EXPECTED}{also}; got the shape {tuple(image.shape)}.")
    return image


def _scaled(image: Image.Image | Tensor) -> Tensor:
    tensor = image if isinstance(image, Tensor) else functional.pil_to_tensor(image)
    scaled: Tensor = functional.convert_image_dtype(tensor, torch.float)
    return scaled
