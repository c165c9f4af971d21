"""VGG networks, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dapi import Build, WeightsLike, lazy
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    RECIPES,
    ClassificationWeights,
    classification,
    pretrained,
    published,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torchvision.models.vgg import VGG
    from typing_extensions import Unpack

_BUILD = Build(config={"num_classes": 1000}, defaults={"init_weights": False})
_entry = partial(
    classification, min_size=(32, 32), recipe=f"{RECIPES}#alexnet-and-vgg", build=_BUILD
)


class VGGConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.vgg.VGG``.

    Attributes:
        init_weights: Initialize as torchvision does, not as torch.
        dropout: Probability that an input of the last layer is zeroed in training.
    """

    init_weights: bool
    dropout: float


class VGG11Weights(ClassificationWeights, meta={"num_params": 132_863_336, "gflops": 7.609}):
    """Weights of ``vgg11``: torchvision's IMAGENET1K_V1.

    Of all depths, trained by a simplified recipe.
    """

    ImageNet1K_RefV1 = _entry(
        "vgg11",
        "vgg11-8a719046.pth",
        known_as="VGG11_Weights.IMAGENET1K_V1",
        accuracy=(69.02, 88.628),
        file_mib=506.84,
        latest=True,
    )


@register_classifier(
    weights=VGG11Weights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(VGG11Weights.ImageNet1K_RefV1),
)
def vgg11(
    *,
    weights: WeightsLike[VGG11Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[VGGConfig],
) -> VGG:
    """Build a VGG-11, which classifies photos.

    `Very Deep Convolutional Networks for Large-Scale Image Recognition
    <https://arxiv.org/abs/1409.1556>`_, Simonyan and Zisserman, 2014. The model takes float images
    ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels per side), and
    returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.6``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``VGGConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import vgg11
        >>> model = vgg11(weights=None, num_classes=7, device="meta")
        >>> model.classifier[6].out_features
        7
    """
    return _vgg((1, 1, 2, 2, 2), batch_norm=False, num_classes=num_classes, **config)


class VGG11BNWeights(ClassificationWeights, meta={"num_params": 132_868_840, "gflops": 7.609}):
    """Weights of ``vgg11_bn``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "vgg11_bn",
        "vgg11_bn-6002323d.pth",
        known_as="VGG11_BN_Weights.IMAGENET1K_V1",
        accuracy=(70.37, 89.81),
        file_mib=506.881,
        latest=True,
    )


@register_classifier(
    weights=VGG11BNWeights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(VGG11BNWeights.ImageNet1K_RefV1),
)
def vgg11_bn(
    *,
    weights: WeightsLike[VGG11BNWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[VGGConfig],
) -> VGG:
    """Build a VGG-11 with batch normalization.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels
    per side), and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    return _vgg((1, 1, 2, 2, 2), batch_norm=True, num_classes=num_classes, **config)


class VGG13Weights(ClassificationWeights, meta={"num_params": 133_047_848, "gflops": 11.308}):
    """Weights of ``vgg13``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "vgg13",
        "vgg13-19584684.pth",
        known_as="VGG13_Weights.IMAGENET1K_V1",
        accuracy=(69.928, 89.246),
        file_mib=507.545,
        latest=True,
    )


@register_classifier(
    weights=VGG13Weights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(VGG13Weights.ImageNet1K_RefV1),
)
def vgg13(
    *,
    weights: WeightsLike[VGG13Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[VGGConfig],
) -> VGG:
    """Build a VGG-13.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels
    per side), and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    return _vgg((2, 2, 2, 2, 2), batch_norm=False, num_classes=num_classes, **config)


class VGG13BNWeights(ClassificationWeights, meta={"num_params": 133_053_736, "gflops": 11.308}):
    """Weights of ``vgg13_bn``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "vgg13_bn",
        "vgg13_bn-abd245e5.pth",
        known_as="VGG13_BN_Weights.IMAGENET1K_V1",
        accuracy=(71.586, 90.374),
        file_mib=507.59,
        latest=True,
    )


@register_classifier(
    weights=VGG13BNWeights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(VGG13BNWeights.ImageNet1K_RefV1),
)
def vgg13_bn(
    *,
    weights: WeightsLike[VGG13BNWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[VGGConfig],
) -> VGG:
    """Build a VGG-13 with batch normalization.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels
    per side), and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    return _vgg((2, 2, 2, 2, 2), batch_norm=True, num_classes=num_classes, **config)


class VGG16Weights(ClassificationWeights, meta={"num_params": 138_357_544, "gflops": 15.47}):
    """Weights of ``vgg16``: torchvision's IMAGENET1K_V1 and IMAGENET1K_FEATURES.

    The Features weights are the paper's, for models over ``model.features``, such as detectors: the
    classifier's values in their file are NaN, and their images are normalized as in the paper.
    """

    ImageNet1K_RefV1 = _entry(
        "vgg16",
        "vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size=553433881,
        sources=9,
        known_as="VGG16_Weights.IMAGENET1K_V1",
        accuracy=(71.592, 90.382),
        latest=True,
    )
    ImageNet1K_Features_RefV1 = published(
        "vgg16",
        "vgg16_features-amdegroot-88682ab5.pth",
        known_as="VGG16_Weights.IMAGENET1K_FEATURES",
        metrics={},
        meta={
            "task": "image-feature-extraction",
            "datasets": ["ImageNet-1K"],
            "file_mib": 527.802,
            "min_size": (32, 32),
            "recipe": "https://github.com/amdegroot/ssd.pytorch#training-ssd",
        },
        transforms=lazy(
            "dapi.vision.transforms:ImageClassification",
            crop_size=224,
            mean=(0.48235, 0.45882, 0.40784),
            std=(1 / 255, 1 / 255, 1 / 255),
        ),
        build=_BUILD,
        latest=True,
    )


@register_classifier(
    weights=VGG16Weights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(VGG16Weights.ImageNet1K_RefV1),
)
def vgg16(
    *,
    weights: WeightsLike[VGG16Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[VGGConfig],
) -> VGG:
    """Build a VGG-16.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels
    per side), and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    return _vgg((2, 2, 3, 3, 3), batch_norm=False, num_classes=num_classes, **config)


class VGG16BNWeights(ClassificationWeights, meta={"num_params": 138_365_992, "gflops": 15.47}):
    """Weights of ``vgg16_bn``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "vgg16_bn",
        "vgg16_bn-6c64b313.pth",
        sha256="6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a",
        size=553507836,
        sources=4,
        known_as="VGG16_BN_Weights.IMAGENET1K_V1",
        accuracy=(73.36, 91.516),
        latest=True,
    )


@register_classifier(
    weights=VGG16BNWeights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(VGG16BNWeights.ImageNet1K_RefV1),
)
def vgg16_bn(
    *,
    weights: WeightsLike[VGG16BNWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[VGGConfig],
) -> VGG:
    """Build a VGG-16 with batch normalization.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels
    per side), and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    return _vgg((2, 2, 3, 3, 3), batch_norm=True, num_classes=num_classes, **config)


class VGG19Weights(ClassificationWeights, meta={"num_params": 143_667_240, "gflops": 19.632}):
    """Weights of ``vgg19``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "vgg19",
        "vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574673361,
        sources=7,
        known_as="VGG19_Weights.IMAGENET1K_V1",
        accuracy=(72.376, 90.876),
        latest=True,
    )


@register_classifier(
    weights=VGG19Weights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(VGG19Weights.ImageNet1K_RefV1),
)
def vgg19(
    *,
    weights: WeightsLike[VGG19Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[VGGConfig],
) -> VGG:
    """Build a VGG-19.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels
    per side), and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    return _vgg((2, 2, 4, 4, 4), batch_norm=False, num_classes=num_classes, **config)


class VGG19BNWeights(ClassificationWeights, meta={"num_params": 143_678_248, "gflops": 19.632}):
    """Weights of ``vgg19_bn``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "vgg19_bn",
        "vgg19_bn-c79401a0.pth",
        sha256="c79401a0cf3cb42714e4182f5868c7a6f4f4534f5df9e956e2bb2098de41cbb6",
        size=574769405,
        sources=2,
        known_as="VGG19_BN_Weights.IMAGENET1K_V1",
        accuracy=(74.218, 91.842),
        latest=True,
    )


@register_classifier(
    weights=VGG19BNWeights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(VGG19BNWeights.ImageNet1K_RefV1),
)
def vgg19_bn(
    *,
    weights: WeightsLike[VGG19BNWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[VGGConfig],
) -> VGG:
    """Build a VGG-19 with batch normalization.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels
    per side), and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    return _vgg((2, 2, 4, 4, 4), batch_norm=True, num_classes=num_classes, **config)


def _vgg(convolutions: Sequence[int], *, batch_norm: bool, **config: Any) -> VGG:
    """Construct a VGG network with so many convolutions in each of its five stages."""
    from torchvision.models.vgg import VGG, make_layers

    layers: list[str | int] = []
    for channels, count in zip((64, 128, 256, 512, 512), convolutions, strict=True):
        layers += [*[channels] * count, "M"]  # a pooling layer
    return VGG(make_layers(layers, batch_norm=batch_norm), **config)
