"""ConvNeXt: convolutional networks drawn after vision transformers, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dapi import WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    RECIPES,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn
    from torchvision.models.convnext import ConvNeXt
    from typing_extensions import Unpack

_entry = partial(classification, min_size=(32, 32), recipe=f"{RECIPES}#convnext")


class ConvNeXtConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.convnext.ConvNeXt``.

    Attributes:
        layer_scale: Initial scale of each block's output.
        block: The class of the blocks.
        norm_layer: Normalization layer, called with the number of channels.
    """

    layer_scale: float
    block: Callable[..., nn.Module] | None
    norm_layer: Callable[..., nn.Module] | None


class ConvNeXtTinyWeights(ClassificationWeights, meta={"num_params": 28_589_128, "gflops": 4.456}):
    """Weights of ``convnext_tiny``: torchvision's IMAGENET1K_V1.

    Trained by torchvision's new recipe. The image's shorter side is resized to another length
    before the crop for each variant.
    """

    ImageNet1K_RefV1 = _entry(
        "convnext_tiny",
        "convnext_tiny-983f1562.pth",
        sha256="983f1562536e84ff750a1576fb08e54de751dbf2e17c0d8a4a13704341fdcd3d",
        size=114419221,
        sources=4,
        known_as="ConvNeXt_Tiny_Weights.IMAGENET1K_V1",
        accuracy=(82.52, 96.146),
        preset={"resize_size": 236},
        latest=True,
    )


@register_classifier(
    weights=ConvNeXtTinyWeights,
    head="classifier.2",
    stem="features.0.0",
    legacy=pretrained(ConvNeXtTinyWeights.ImageNet1K_RefV1),
)
def convnext_tiny(
    *,
    weights: WeightsLike[ConvNeXtTinyWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    stochastic_depth_prob: float = 0.1,
    **config: Unpack[ConvNeXtConfig],
) -> ConvNeXt:
    """Build a ConvNeXt-T, which classifies photos.

    `A ConvNet for the 2020s <https://arxiv.org/abs/2201.03545>`_, Liu et al., 2022. The model takes
    float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 32 pixels per
    side), and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.2``. A value other than the weights' requires
            ``new_head=True``.
        stochastic_depth_prob: Probability that the last block is skipped in training; linearly
            lower for earlier blocks.
        **config: More arguments, see ``ConvNeXtConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import convnext_tiny
        >>> model = convnext_tiny(weights=None, num_classes=7, device="meta")
        >>> model.classifier[2].out_features
        7
    """
    return _convnext(
        (96, 192, 384, 768),
        (3, 3, 9, 3),
        num_classes=num_classes,
        stochastic_depth_prob=stochastic_depth_prob,
        **config,
    )


class ConvNeXtSmallWeights(ClassificationWeights, meta={"num_params": 50_223_688, "gflops": 8.684}):
    """Weights of ``convnext_small``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "convnext_small",
        "convnext_small-0c510722.pth",
        sha256="0c510722adfd92966a2bd72b92f785ca05966bbac03cafe2f7a90b1f54bfab9a",
        sources=2,
        known_as="ConvNeXt_Small_Weights.IMAGENET1K_V1",
        accuracy=(83.616, 96.65),
        file_mib=191.703,
        preset={"resize_size": 230},
        latest=True,
    )


@register_classifier(
    weights=ConvNeXtSmallWeights,
    head="classifier.2",
    stem="features.0.0",
    legacy=pretrained(ConvNeXtSmallWeights.ImageNet1K_RefV1),
)
def convnext_small(
    *,
    weights: WeightsLike[ConvNeXtSmallWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    stochastic_depth_prob: float = 0.4,
    **config: Unpack[ConvNeXtConfig],
) -> ConvNeXt:
    """Build a ConvNeXt-S.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _convnext(
        (96, 192, 384, 768),
        (3, 3, 27, 3),
        num_classes=num_classes,
        stochastic_depth_prob=stochastic_depth_prob,
        **config,
    )


class ConvNeXtBaseWeights(ClassificationWeights, meta={"num_params": 88_591_464, "gflops": 15.355}):
    """Weights of ``convnext_base``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "convnext_base",
        "convnext_base-6075fbad.pth",
        sha256="6075fbad31c688f9ed013922a59daf0fc2f4dc12e6e43bc01fa840c7bd1ca2cd",
        size=354486097,
        sources=2,
        known_as="ConvNeXt_Base_Weights.IMAGENET1K_V1",
        accuracy=(84.062, 96.87),
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ConvNeXtBaseWeights,
    head="classifier.2",
    stem="features.0.0",
    legacy=pretrained(ConvNeXtBaseWeights.ImageNet1K_RefV1),
)
def convnext_base(
    *,
    weights: WeightsLike[ConvNeXtBaseWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    stochastic_depth_prob: float = 0.5,
    **config: Unpack[ConvNeXtConfig],
) -> ConvNeXt:
    """Build a ConvNeXt-B.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _convnext(
        (128, 256, 512, 1024),
        (3, 3, 27, 3),
        num_classes=num_classes,
        stochastic_depth_prob=stochastic_depth_prob,
        **config,
    )


class ConvNeXtLargeWeights(
    ClassificationWeights, meta={"num_params": 197_767_336, "gflops": 34.361}
):
    """Weights of ``convnext_large``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "convnext_large",
        "convnext_large-ea097f82.pth",
        known_as="ConvNeXt_Large_Weights.IMAGENET1K_V1",
        accuracy=(84.414, 96.976),
        file_mib=754.537,
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ConvNeXtLargeWeights,
    head="classifier.2",
    stem="features.0.0",
    legacy=pretrained(ConvNeXtLargeWeights.ImageNet1K_RefV1),
)
def convnext_large(
    *,
    weights: WeightsLike[ConvNeXtLargeWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    stochastic_depth_prob: float = 0.5,
    **config: Unpack[ConvNeXtConfig],
) -> ConvNeXt:
    """Build a ConvNeXt-L.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _convnext(
        (192, 384, 768, 1536),
        (3, 3, 27, 3),
        num_classes=num_classes,
        stochastic_depth_prob=stochastic_depth_prob,
        **config,
    )


def _convnext(widths: Sequence[int], depths: Sequence[int], **config: Any) -> ConvNeXt:
    """Construct a ConvNeXt of four stages, each so wide and so deep."""
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    next_widths = (*widths[1:], None)
    stages = [CNBlockConfig(*stage) for stage in zip(widths, next_widths, depths, strict=True)]
    return ConvNeXt(stages, **config)
