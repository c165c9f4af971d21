"""Prepare images for models; named, with parameters, by the entries of weights.

The results of ImageClassification, ObjectDetection, OpticalFlow, SemanticSegmentation and
VideoClassification equal those of torchvision's presets of these names, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, functional
from torchvision.transforms.v2 import functional as functional_v2

from dapi.vision._modes import converted

__all__ = [
    "GrayscaleClassification",
    "GrayscaleDetection",
    "ImageClassification",
    "ObjectDetection",
    "OpticalFlow",
    "SemanticSegmentation",
    "VideoClassification",
]

_EXPECTED = "Expected a PIL image, or a uint8 tensor of shape (3, H, W) or (N, 3, H, W)"
_EXPECTED_FRAMES = "Expected a uint8 tensor of shape (T, 3, H, W) or (N, T, 3, H, W)"


@dataclass(frozen=True, kw_only=True)
class ImageClassification:
    """Resize images, crop their centre, scale to 0..1 and normalise.

    Called with a PIL image (of any mode of 8 bits; it is converted) or a uint8 tensor
    ``(3, H, W)`` or ``(N, 3, H, W)``, it returns floats ``(3, h, w)`` or ``(N, 3, h, w)``.

    Args:
        crop_size: Height and width of the result.
        resize_size: Length of the image's shorter side before the crop.
        mean: Subtracted from each channel, of values 0..1.
        std: Standard deviation of each channel, by which it is then divided.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"`` or another value of
            torchvision's InterpolationMode.
        antialias: Antialias tensors when they are downscaled; PIL images always are.

    Raises:
        ValueError: ``interpolation`` is unknown; on a call, the image's shape or depth is wrong.
        TypeError: On a call, the image has another type.

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
        _check_interpolation(self.interpolation)

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        """Return the model's input."""
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
    ``(N, 1, size, size)``. PIL images become tensors before they are resized, so that both forms of
    a grey image give the same result.

    Args:
        size: Height and width of the result, for any shape of image.
        mean: Subtracted from values 0..1.
        std: By which they are then divided.

    Raises:
        ValueError: On a call, the image's shape or depth is wrong.
        TypeError: On a call, the image has another type.

    Example:
        >>> transforms = GrayscaleClassification(size=32, mean=0.5, std=0.5)
        >>> transforms(Image.new("L", (8, 8))).shape
        torch.Size([1, 32, 32])
    """

    size: int
    mean: float
    std: float

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        """Return the model's input."""
        # Not the functions of the presets: on uint8, the two resizes differ by a grey level.
        resized = functional_v2.resize(_grey(image), [self.size, self.size], antialias=True)
        levels: Tensor = functional_v2.to_dtype(resized, torch.float32, scale=True)
        return (levels - self.mean) / self.std


@dataclass(frozen=True)
class GrayscaleDetection:
    """Make images grey and scale them to 0..1; a detector resizes and normalises them itself.

    Called with a PIL image (of any mode of 8 bits; it is converted) or a uint8 tensor of one or
    three channels, ``(C, H, W)`` or ``(N, C, H, W)``, it returns floats ``(1, H, W)`` or
    ``(N, 1, H, W)``.

    Raises:
        ValueError: On a call, the image's shape or depth is wrong.
        TypeError: On a call, the image has another type.

    Example:
        >>> GrayscaleDetection()(Image.new("RGB", (640, 480), "white")).shape
        torch.Size([1, 480, 640])
    """

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        """Return the model's input."""
        return _scaled(_grey(image))


@dataclass(frozen=True)
class ObjectDetection:
    """Scale images to 0..1; a detector resizes and normalises them itself.

    Called with a PIL image (of any mode of 8 bits; it is converted to RGB) or a uint8 tensor
    ``(3, H, W)`` or ``(N, 3, H, W)``, it returns floats of the same shape.

    Raises:
        ValueError: On a call, the image's shape or depth is wrong.
        TypeError: On a call, the image has another type.

    Example:
        >>> ObjectDetection()(Image.new("RGB", (640, 480), "white")).max()
        tensor(1.)
    """

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        """Return the model's input."""
        return _scaled(_coloured(image))


@dataclass(frozen=True, kw_only=True)
class SemanticSegmentation:
    """Resize images, scale to 0..1 and normalise.

    Called with a PIL image (of any mode of 8 bits; it is converted to RGB) or a uint8 tensor
    ``(3, H, W)`` or ``(N, 3, H, W)``, it returns floats ``(3, h, w)`` or ``(N, 3, h, w)``.

    Args:
        resize_size: Length of the shorter side of the result; None does not resize.
        mean: Subtracted from each channel, of values 0..1.
        std: Standard deviation of each channel, by which it is then divided.
        interpolation: See ``ImageClassification``.
        antialias: Antialias tensors when they are downscaled; PIL images always are.

    Raises:
        ValueError: ``interpolation`` is unknown; on a call, the image's shape or depth is wrong.
        TypeError: On a call, the image has another type.

    Example:
        >>> transforms = SemanticSegmentation(resize_size=52)
        >>> transforms(Image.new("RGB", (640, 480))).shape
        torch.Size([3, 52, 69])
    """

    resize_size: int | None
    mean: Sequence[float] = (0.485, 0.456, 0.406)
    std: Sequence[float] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        _check_interpolation(self.interpolation)

    def __call__(self, image: Image.Image | Tensor) -> Tensor:
        """Return the model's input."""
        resized = _coloured(image)
        if self.resize_size is not None:
            resized = functional.resize(
                resized,
                [self.resize_size],
                interpolation=InterpolationMode(self.interpolation),
                antialias=self.antialias or isinstance(resized, Image.Image),
            )
        normalized: Tensor = functional.normalize(
            _scaled(resized), mean=[*self.mean], std=[*self.std]
        )
        return normalized


@dataclass(frozen=True, kw_only=True)
class VideoClassification:
    """Resize the frames of a clip, crop their centre, scale to 0..1 and normalise.

    Called with a uint8 tensor of frames ``(T, 3, H, W)`` or of clips ``(N, T, 3, H, W)``, it
    returns floats with the channels first: ``(3, T, h, w)`` or ``(N, 3, T, h, w)``. Downscaling is
    not antialiased, as in the training of the published weights.

    Args:
        crop_size: Height and width of the result.
        resize_size: Of the frames before the crop: one number, the length of the shorter side, or
            height and width.
        mean: Subtracted from each channel, of values 0..1.
        std: Standard deviation of each channel, by which it is then divided.
        interpolation: See ``ImageClassification``.

    Raises:
        ValueError: ``interpolation`` is unknown; on a call, the frames' shape is wrong.
        TypeError: On a call, the frames have another type.

    Example:
        >>> transforms = VideoClassification(crop_size=(112, 112), resize_size=(128, 171))
        >>> transforms(torch.zeros(16, 3, 240, 320, dtype=torch.uint8)).shape
        torch.Size([3, 16, 112, 112])
    """

    crop_size: Sequence[int]
    resize_size: Sequence[int]
    mean: Sequence[float] = (0.43216, 0.394666, 0.37645)
    std: Sequence[float] = (0.22803, 0.22145, 0.216989)
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        _check_interpolation(self.interpolation)

    def __call__(self, frames: Tensor) -> Tensor:
        """Return the model's input."""
        checked = _checked_frames(frames)
        resized = functional.resize(
            checked.reshape(-1, *checked.shape[-3:]),
            [*self.resize_size],
            interpolation=InterpolationMode(self.interpolation),
            antialias=False,
        )
        scaled = _scaled(functional.center_crop(resized, [*self.crop_size]))
        normalized: Tensor = functional.normalize(scaled, mean=[*self.mean], std=[*self.std])
        return normalized.reshape(*checked.shape[:-2], *self.crop_size).transpose(-4, -3)


@dataclass(frozen=True)
class OpticalFlow:
    """Scale two frames to -1..1. They keep their size, which must be a multiple of 8 for models.

    Called with two PIL images (of any mode of 8 bits; they are converted to RGB) or two uint8
    tensors ``(3, H, W)`` or ``(N, 3, H, W)``, it returns two tensors of floats of these shapes.

    Raises:
        ValueError: On a call, an image's shape or depth is wrong, or the two differ in it.
        TypeError: On a call, an image has another type.

    Example:
        >>> first, second = OpticalFlow()(Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8)))
        >>> first.shape, first.min()
        (torch.Size([3, 8, 8]), tensor(-1.))
    """

    def __call__(
        self, first: Image.Image | Tensor, second: Image.Image | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the model's input."""
        frames = [_scaled(_coloured(image)) for image in (first, second)]
        if frames[0].shape != frames[1].shape:
            raise ValueError(
                "Expected two images of the same size; got the shapes "
                f"{tuple(frames[0].shape)} and {tuple(frames[1].shape)}."
            )
        half = [0.5, 0.5, 0.5]
        one, other = (functional.normalize(frame, mean=half, std=half) for frame in frames)
        return one.contiguous(), other.contiguous()


def _check_interpolation(interpolation: str) -> None:
    known = [mode.value for mode in InterpolationMode]
    if interpolation not in known:
        raise ValueError(
            f"interpolation={interpolation!r} is unknown. Expected one of: {', '.join(known)}."
        )


def _coloured(image: object) -> Image.Image | Tensor:
    """Return an image as RGB, or a checked tensor."""
    if isinstance(image, Image.Image):
        return converted(image, "RGB")
    return _checked(image, channels=(3,))


def _grey(image: object) -> Tensor:
    """Return an image as a tensor of one channel."""
    if isinstance(image, Image.Image):
        levels: Tensor = functional.pil_to_tensor(converted(image, "L"))
        return levels
    tensor = _checked(image, channels=(1, 3))
    grey: Tensor = tensor if tensor.shape[-3] == 1 else functional.rgb_to_grayscale(tensor)
    return grey


def _checked(image: object, *, channels: tuple[int, ...]) -> Tensor:
    if not isinstance(image, Tensor):
        got = f"{type(image).__module__}.{type(image).__qualname__}"
        several = " Pass several images one by one, and join the results: torch.stack."
        remedy = several if isinstance(image, list | tuple) else ""
        raise TypeError(f"{_EXPECTED}; got {got}.{remedy}")
    # Floats may mean 0..1 or 0..255, which cannot be distinguished.
    if image.dtype != torch.uint8:
        raise TypeError(f"{_EXPECTED}; got a tensor of {image.dtype}.")
    if image.ndim not in (3, 4) or image.shape[-3] not in channels or 0 in image.shape:
        also = " (or with one channel)" if 1 in channels else ""
        raise ValueError(f"{_EXPECTED}{also}; got the shape {tuple(image.shape)}.")
    return image


def _checked_frames(frames: object) -> Tensor:
    if not isinstance(frames, Tensor):
        got = f"{type(frames).__module__}.{type(frames).__qualname__}"
        raise TypeError(f"{_EXPECTED_FRAMES}; got {got}.")
    if frames.dtype != torch.uint8:
        raise TypeError(f"{_EXPECTED_FRAMES}; got a tensor of {frames.dtype}.")
    if frames.ndim not in (4, 5) or frames.shape[-3] != 3 or 0 in frames.shape:
        raise ValueError(f"{_EXPECTED_FRAMES}; got the shape {tuple(frames.shape)}.")
    return frames


def _scaled(image: Image.Image | Tensor) -> Tensor:
    tensor = image if isinstance(image, Tensor) else functional.pil_to_tensor(image)
    scaled: Tensor = functional.convert_image_dtype(tensor, torch.float)
    return scaled
