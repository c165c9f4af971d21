"""Prepare images for models; named, with parameters, by the entries of weights.

The results of ImageClassification, ObjectDetection, OpticalFlow, SemanticSegmentation and
VideoClassification equal those of torchvision's presets of these names, to the bit.

A NumPy array is a picture with its height and width first, ``(H, W, C)`` or ``(H, W)``, and gives
what the same PIL image gives; floats from 0 to 1 are rounded to 8 bits. A list of pictures gives
their results in a batch (a detector's in a list). Of tensors of uint8, all transforms can be
exported by ``torch.export``; TorchScript, which PyTorch deprecates, cannot compile them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, functional
from torchvision.transforms.v2 import functional as functional_v2

from dapi.vision._arrays import as_image, is_array
from dapi.vision._modes import converted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture: TypeAlias = Image.Image | Tensor | NDArray[Any]

__all__ = [
    "GrayscaleClassification",
    "GrayscaleDetection",
    "ImageClassification",
    "ObjectDetection",
    "OpticalFlow",
    "SemanticSegmentation",
    "VideoClassification",
]

_IMAGES = (
    "a PIL image, an array (H, W, C) of uint8 or of floats from 0 to 1, a uint8 tensor of shape "
    "(3, H, W) or (N, 3, H, W), or a list of images"
)
_EXPECTED = f"Expected {_IMAGES}"
_EXPECTED_FRAMES = (
    "Expected a uint8 tensor of shape (T, 3, H, W) or (N, T, 3, H, W), or a list of frames as PIL "
    "images or arrays"
)


@dataclass(frozen=True, kw_only=True)
class ImageClassification:
    """Resize images, crop their center, scale to 0..1 and normalize.

    Called with a PIL image (of any mode of 8 bits; it is converted), an array or a uint8 tensor
    ``(3, H, W)`` or ``(N, 3, H, W)``, it returns floats ``(3, h, w)`` or ``(N, 3, h, w)``; of a
    list, ``(N, 3, h, w)``.

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

    def __call__(self, image: Picture | Sequence[Picture]) -> Tensor:
        """Return the model's input."""
        if _are_several(image):
            return _stacked(self(each) for each in _each(image))
        checked = _colored(image)
        resized = functional.resize(
            checked,
            [self.resize_size],
            interpolation=InterpolationMode(self.interpolation),
            antialias=self.antialias or isinstance(checked, Image.Image),
        )
        scaled = _scaled(functional.center_crop(resized, [self.crop_size]))
        return _normalized(scaled, self.mean, self.std)


@dataclass(frozen=True, kw_only=True)
class GrayscaleClassification:
    """Make images gray, resize them to a square, scale to 0..1 and normalize.

    Called with a PIL image (of any mode of 8 bits; it is converted), an array or a uint8 tensor of
    one or three channels, ``(C, H, W)`` or ``(N, C, H, W)``, it returns floats ``(1, size, size)``
    or ``(N, 1, size, size)``; of a list, the latter. PIL images become tensors before they are
    resized, so that all forms of a gray image give the same result.

    Args:
        size: Height and width of the result, for any shape of image.
        mean: Subtracted from values 0..1.
        std: By which they are then divided.

    Raises:
        ValueError: On a call, the image's shape, depth or range is wrong.
        TypeError: On a call, the image has another type.

    Example:
        >>> transforms = GrayscaleClassification(size=32, mean=0.5, std=0.5)
        >>> transforms(Image.new("L", (8, 8))).shape
        torch.Size([1, 32, 32])
    """

    size: int
    mean: float
    std: float

    def __call__(self, image: Picture | Sequence[Picture]) -> Tensor:
        """Return the model's input."""
        if _are_several(image):
            return _stacked(self(each) for each in _each(image))
        # Not the functions of the presets: on uint8, the two resizes differ by a gray level.
        resized = functional_v2.resize(_grey(image), [self.size, self.size], antialias=True)
        levels: Tensor = functional_v2.to_dtype(resized, torch.float32, scale=True)
        return (levels - self.mean) / self.std


@dataclass(frozen=True)
class GrayscaleDetection:
    """Make images gray and scale them to 0..1; a detector resizes and normalizes them itself.

    Called with a PIL image (of any mode of 8 bits; it is converted), an array or a uint8 tensor of
    one or three channels, ``(C, H, W)`` or ``(N, C, H, W)``, it returns floats ``(1, H, W)`` or
    ``(N, 1, H, W)``; of a list, a list of the former.

    Raises:
        ValueError: On a call, the image's shape, depth or range is wrong.
        TypeError: On a call, the image has another type.

    Example:
        >>> GrayscaleDetection()(Image.new("RGB", (640, 480), "white")).shape
        torch.Size([1, 480, 640])
    """

    @overload
    def __call__(self, image: Picture) -> Tensor: ...
    @overload
    def __call__(self, image: Sequence[Picture]) -> list[Tensor]: ...
    def __call__(self, image: Picture | Sequence[Picture]) -> Tensor | list[Tensor]:
        """Return the model's input."""
        if _are_several(image):
            results = [_scaled(_grey(each)) for each in _each(image)]
            return _stacked(results) if is_array(image) else results
        return _scaled(_grey(image))


@dataclass(frozen=True)
class ObjectDetection:
    """Scale images to 0..1; a detector resizes and normalizes them itself.

    Called with a PIL image (of any mode of 8 bits; it is converted to RGB), an array or a uint8
    tensor ``(3, H, W)`` or ``(N, 3, H, W)``, it returns floats of the same shape; of a list, a list
    of them.

    Raises:
        ValueError: On a call, the image's shape, depth or range is wrong.
        TypeError: On a call, the image has another type.

    Example:
        >>> ObjectDetection()(Image.new("RGB", (640, 480), "white")).max()
        tensor(1.)
    """

    @overload
    def __call__(self, image: Picture) -> Tensor: ...
    @overload
    def __call__(self, image: Sequence[Picture]) -> list[Tensor]: ...
    def __call__(self, image: Picture | Sequence[Picture]) -> Tensor | list[Tensor]:
        """Return the model's input."""
        if _are_several(image):
            results = [_scaled(_colored(each)) for each in _each(image)]
            return _stacked(results) if is_array(image) else results
        return _scaled(_colored(image))


@dataclass(frozen=True, kw_only=True)
class SemanticSegmentation:
    """Resize images, scale to 0..1 and normalize.

    Called with a PIL image (of any mode of 8 bits; it is converted to RGB), an array or a uint8
    tensor ``(3, H, W)`` or ``(N, 3, H, W)``, it returns floats ``(3, h, w)`` or ``(N, 3, h, w)``;
    of a list of images that get the same size, the latter.

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

    def __call__(self, image: Picture | Sequence[Picture]) -> Tensor:
        """Return the model's input."""
        if _are_several(image):
            return _stacked(self(each) for each in _each(image))
        resized = _colored(image)
        if self.resize_size is not None:
            resized = functional.resize(
                resized,
                [self.resize_size],
                interpolation=InterpolationMode(self.interpolation),
                antialias=self.antialias or isinstance(resized, Image.Image),
            )
        return _normalized(_scaled(resized), self.mean, self.std)


@dataclass(frozen=True, kw_only=True)
class VideoClassification:
    """Resize the frames of a clip, crop their center, scale to 0..1 and normalize.

    Called with a uint8 tensor of frames ``(T, 3, H, W)`` or of clips ``(N, T, 3, H, W)``, an array
    ``(T, H, W, 3)``, or a list of frames as images or arrays, it returns floats with
    the channels first: ``(3, T, h, w)`` or ``(N, 3, T, h, w)``. Downscaling is
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

    def __call__(self, frames: Tensor | NDArray[Any] | Sequence[Picture]) -> Tensor:
        """Return the model's input."""
        checked = _checked_frames(_as_clip(frames) if _are_several(frames) else frames)
        resized = functional.resize(
            checked.reshape(-1, *checked.shape[-3:]),
            [*self.resize_size],
            interpolation=InterpolationMode(self.interpolation),
            antialias=False,
        )
        scaled = _scaled(functional.center_crop(resized, [*self.crop_size]))
        normalized = _normalized(scaled, self.mean, self.std)
        return normalized.reshape(*checked.shape[:-2], *self.crop_size).transpose(-4, -3)


@dataclass(frozen=True)
class OpticalFlow:
    """Scale two frames to -1..1. They keep their size, which must be a multiple of 8 for models.

    Called with two PIL images (of any mode of 8 bits; they are converted to RGB), arrays, or uint8
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
        self, first: Picture | Sequence[Picture], second: Picture | Sequence[Picture]
    ) -> tuple[Tensor, Tensor]:
        """Return the model's input."""
        frames = [
            _stacked(_scaled(_colored(each)) for each in _each(image))
            if _are_several(image)
            else _scaled(_colored(image))
            for image in (first, second)
        ]
        if frames[0].shape != frames[1].shape:
            raise ValueError(
                "Expected two images of the same size; got the shapes "
                f"{tuple(frames[0].shape)} and {tuple(frames[1].shape)}."
            )
        half = [0.5, 0.5, 0.5]
        one, other = (_normalized(frame, half, half) for frame in frames)
        return one.contiguous(), other.contiguous()


def _check_interpolation(interpolation: str) -> None:
    known = [mode.value for mode in InterpolationMode]
    if interpolation not in known:
        raise ValueError(
            f"interpolation={interpolation!r} is unknown. Expected one of: {', '.join(known)}."
        )


def _are_several(images: object) -> bool:
    """Whether a value is a list of images, or an array of them."""
    return isinstance(images, list | tuple) or (is_array(images) and images.ndim == 4)  # type: ignore[attr-defined]


def _each(images: Any) -> Iterator[Picture]:
    for image in images:
        if _are_several(image):
            raise TypeError(f"{_EXPECTED}; got a list of lists.")
        yield image


def _stacked(results: Iterable[Tensor]) -> Tensor:
    """Return the results of several images as a batch."""
    found = list(results)
    shapes = {tuple(each.shape) for each in found}
    if len(shapes) != 1:
        listed = " and ".join(map(str, sorted(shapes))) or "none"
        raise ValueError(
            f"A batch is of images of one size; the results have the shapes: {listed}. "
            "Call the transforms for each image."
        )
    return torch.stack(found)


def _as_clip(frames: Any) -> Tensor:
    """Return frames as one tensor of uint8."""
    return _stacked(
        frame if isinstance(frame, Tensor) else functional.pil_to_tensor(frame)
        for frame in map(_colored, _each(frames))
    )


def _colored(image: object) -> Image.Image | Tensor:
    """Return an image as RGB, or a checked tensor."""
    image = as_image(image, expected=_IMAGES) if is_array(image) else image
    if isinstance(image, Image.Image):
        return converted(image, "RGB")
    return _checked(image, channels=(3,))


def _grey(image: object) -> Tensor:
    """Return an image as a tensor of one channel."""
    image = as_image(image, expected=_IMAGES) if is_array(image) else image
    if isinstance(image, Image.Image):
        levels: Tensor = functional.pil_to_tensor(converted(image, "L"))
        return levels
    tensor = _checked(image, channels=(1, 3))
    gray: Tensor = tensor if tensor.shape[-3] == 1 else functional.rgb_to_grayscale(tensor)
    return gray


def _checked(image: object, *, channels: tuple[int, ...]) -> Tensor:
    if not isinstance(image, Tensor):
        got = f"{type(image).__module__}.{type(image).__qualname__}"
        raise TypeError(f"{_EXPECTED}; got {got}.")
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


def _normalized(tensor: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return a tensor less the mean of each channel, divided by its standard deviation.

    torchvision's function gives the same bits, but reads values of a tensor, which torch.export
    cannot trace.
    """
    if 0 in std:
        raise ValueError(f"std={std} has a zero, by which nothing can be divided.")
    means, deviations = (
        torch.tensor(values, dtype=tensor.dtype, device=tensor.device).view(-1, 1, 1)
        for values in (mean, std)
    )
    return tensor.sub(means).div_(deviations)
