"""Swin Transformers, with torchvision's weights."""

from __future__ import annotations

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
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.swin_transformer import SwinTransformer
    from typing_extensions import Unpack


class SwinV2Config(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.swin_transformer.SwinTransformer``.

    Attributes:
        mlp_ratio: Width inside a block's perceptron, as a multiple of its input.
        dropout: Probability that a value is zeroed in training, after each layer.
        attention_dropout: The same, of attention weights.
        norm_layer: Normalization layer, called with the number of channels.
    """

    mlp_ratio: float
    dropout: float
    attention_dropout: float
    norm_layer: Callable[..., nn.Module] | None


class SwinConfig(SwinV2Config, total=False):
    """More arguments of ``torchvision.models.swin_transformer.SwinTransformer``.

    Attributes:
        block: The class of the blocks.
        downsample_layer: The class of the layers that merge patches between stages.
    """

    block: Callable[..., nn.Module] | None
    downsample_layer: Callable[..., nn.Module]


class SwinTWeights(ClassificationWeights, meta={"num_params": 28_288_354, "gflops": 4.491}):
    """Weights of ``swin_t``: torchvision's IMAGENET1K_V1.

    Of all variants, trained by recipes like the papers'.
    """

    ImageNet1K_RefV1 = classification(
        "swin_t",
        "swin_t-704ceda3.pth",
        sha256="704ceda373461b0a224fcdddd75cd2a5e9f8064512ed47adbddef7f343fd147b",
        size=113445839,
        sources=3,
        known_as="Swin_T_Weights.IMAGENET1K_V1",
        accuracy=(81.474, 95.776),
        min_size=(224, 224),
        recipe=f"{RECIPES}#swintransformer",
        preset={"resize_size": 232, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=SwinTWeights,
    head="head",
    stem="features.0.0",
    legacy=pretrained(SwinTWeights.ImageNet1K_RefV1),
)
def swin_t(
    *,
    weights: WeightsLike[SwinTWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[SwinConfig],
) -> SwinTransformer:
    """Build a Swin-T, which classifies photos.

    `Swin Transformer: Hierarchical Vision Transformer using Shifted Windows
    <https://arxiv.org/abs/2103.14030>`_, Liu et al., 2021. The model takes float images ``(N, 3, H,
    W)`` as ``weights.transforms()`` makes them, and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``head``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments of ``torchvision.models.swin_transformer.SwinTransformer``, and
            ``new_head``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import swin_t
        >>> model = swin_t(weights=None, num_classes=7, device="meta")
        >>> model.head.out_features
        7
    """
    return _swin(96, 6, 3, 0.2, num_classes=num_classes, **config)


class SwinSWeights(ClassificationWeights, meta={"num_params": 49_606_258, "gflops": 8.741}):
    """Weights of ``swin_s``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "swin_s",
        "swin_s-5e29d889.pth",
        known_as="Swin_S_Weights.IMAGENET1K_V1",
        accuracy=(83.196, 96.36),
        file_mib=189.786,
        min_size=(224, 224),
        recipe=f"{RECIPES}#swintransformer",
        preset={"resize_size": 246, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=SwinSWeights,
    head="head",
    stem="features.0.0",
    legacy=pretrained(SwinSWeights.ImageNet1K_RefV1),
)
def swin_s(
    *,
    weights: WeightsLike[SwinSWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[SwinConfig],
) -> SwinTransformer:
    """Build a Swin-S.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _swin(96, 18, 3, 0.3, num_classes=num_classes, **config)


class SwinBWeights(ClassificationWeights, meta={"num_params": 87_768_224, "gflops": 15.431}):
    """Weights of ``swin_b``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "swin_b",
        "swin_b-68c6b09e.pth",
        sha256="68c6b09e73c66f27db19af59df563497fac4fc7889e42d82a0858b32c451a893",
        size=351654207,
        sources=1,
        known_as="Swin_B_Weights.IMAGENET1K_V1",
        accuracy=(83.582, 96.64),
        min_size=(224, 224),
        recipe=f"{RECIPES}#swintransformer",
        preset={"resize_size": 238, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=SwinBWeights,
    head="head",
    stem="features.0.0",
    legacy=pretrained(SwinBWeights.ImageNet1K_RefV1),
)
def swin_b(
    *,
    weights: WeightsLike[SwinBWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[SwinConfig],
) -> SwinTransformer:
    """Build a Swin-B.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _swin(128, 18, 4, 0.5, num_classes=num_classes, **config)


class SwinV2TWeights(ClassificationWeights, meta={"num_params": 28_351_570, "gflops": 5.94}):
    """Weights of ``swin_v2_t``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "swin_v2_t",
        "swin_v2_t-b137f0e2.pth",
        known_as="Swin_V2_T_Weights.IMAGENET1K_V1",
        accuracy=(82.072, 96.132),
        file_mib=108.626,
        min_size=(256, 256),
        recipe=f"{RECIPES}#swintransformer-v2",
        crop_size=256,
        preset={"resize_size": 260, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=SwinV2TWeights,
    head="head",
    stem="features.0.0",
    legacy=pretrained(SwinV2TWeights.ImageNet1K_RefV1),
)
def swin_v2_t(
    *,
    weights: WeightsLike[SwinV2TWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[SwinV2Config],
) -> SwinTransformer:
    """Build a Swin V2-T, an architecture of its own beside ``swin_t``.

    `Swin Transformer V2: Scaling Up Capacity and Resolution <https://arxiv.org/abs/2111.09883>`_,
    Liu et al., 2021: normalization after each block, attention by cosines, windows of 8 patches.
    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _swin_v2(96, 6, 3, 0.2, num_classes=num_classes, **config)


class SwinV2SWeights(ClassificationWeights, meta={"num_params": 49_737_442, "gflops": 11.546}):
    """Weights of ``swin_v2_s``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "swin_v2_s",
        "swin_v2_s-637d8ceb.pth",
        known_as="Swin_V2_S_Weights.IMAGENET1K_V1",
        accuracy=(83.712, 96.816),
        file_mib=190.675,
        min_size=(256, 256),
        recipe=f"{RECIPES}#swintransformer-v2",
        crop_size=256,
        preset={"resize_size": 260, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=SwinV2SWeights,
    head="head",
    stem="features.0.0",
    legacy=pretrained(SwinV2SWeights.ImageNet1K_RefV1),
)
def swin_v2_s(
    *,
    weights: WeightsLike[SwinV2SWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[SwinV2Config],
) -> SwinTransformer:
    """Build a Swin V2-S.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _swin_v2(96, 18, 3, 0.3, num_classes=num_classes, **config)


class SwinV2BWeights(ClassificationWeights, meta={"num_params": 87_930_848, "gflops": 20.325}):
    """Weights of ``swin_v2_b``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "swin_v2_b",
        "swin_v2_b-781e5279.pth",
        sha256="781e527929786d129968a5de1d494f7d3d4daba99610f7df2c575ae98df77648",
        size=352711377,
        sources=1,
        known_as="Swin_V2_B_Weights.IMAGENET1K_V1",
        accuracy=(84.112, 96.864),
        min_size=(256, 256),
        recipe=f"{RECIPES}#swintransformer-v2",
        crop_size=256,
        preset={"resize_size": 272, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=SwinV2BWeights,
    head="head",
    stem="features.0.0",
    legacy=pretrained(SwinV2BWeights.ImageNet1K_RefV1),
)
def swin_v2_b(
    *,
    weights: WeightsLike[SwinV2BWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[SwinV2Config],
) -> SwinTransformer:
    """Build a Swin V2-B.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _swin_v2(128, 18, 4, 0.5, num_classes=num_classes, **config)


def _swin(
    width: int, depth: int, heads: int, stochastic_depth: float, *, window: int = 7, **config: Any
) -> SwinTransformer:
    """Construct a Swin Transformer.

    Args:
        width: Channels of the first stage; each next stage has twice as many.
        depth: Blocks of the third stage; each other stage has 2.
        heads: Attention heads of the first stage; each next stage has twice as many.
        stochastic_depth: Probability that the last block is skipped in training.
        window: Height and width of a window, in patches of 4 pixels.
        **config: More arguments of the class.
    """
    from torchvision.models.swin_transformer import SwinTransformer

    return SwinTransformer(
        patch_size=[4, 4],
        embed_dim=width,
        depths=[2, 2, depth, 2],
        num_heads=[heads, 2 * heads, 4 * heads, 8 * heads],
        window_size=[window, window],
        stochastic_depth_prob=stochastic_depth,
        **config,
    )


def _swin_v2(
    width: int, depth: int, heads: int, stochastic_depth: float, **config: Any
) -> SwinTransformer:
    """Construct a Swin Transformer of the second paper."""
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

    return _swin(
        width,
        depth,
        heads,
        stochastic_depth,
        window=8,
        block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
        **config,
    )
