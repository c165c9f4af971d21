"""Swin transformers for videos, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dapi import BuilderConfig, WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._torchvision import pretrained
from dapi.vision.models._video import VideoWeights, video

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.video import SwinTransformer3d
    from typing_extensions import Unpack

_entry = partial(
    video,
    frames=32,
    recipe="https://github.com/SwinTransformer/Video-Swin-Transformer#kinetics-400",
    crop_size=(224, 224),
    resize_size=(256,),
    preset={"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    min_temporal_size=1,
)


class Swin3DConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.video.SwinTransformer3d``.

    Attributes:
        mlp_ratio: Width inside a block's perceptron, as a multiple of its input.
        dropout: Probability that a value is zeroed in training, after each layer.
        attention_dropout: The same, of attention weights.
        norm_layer: Normalization layer, called with the number of channels.
        stochastic_depth_prob: Probability that the last block is skipped in training; lower for
            earlier blocks.
        block: The class of the blocks.
        downsample_layer: The class of the layers that merge patches between stages.
        patch_embed: The class of the patch embedding.
    """

    mlp_ratio: float
    dropout: float
    attention_dropout: float
    norm_layer: Callable[..., nn.Module] | None
    stochastic_depth_prob: float
    block: Callable[..., nn.Module] | None
    downsample_layer: Callable[..., nn.Module]
    patch_embed: Callable[..., nn.Module] | None


class Swin3DTWeights(VideoWeights, meta={"num_params": 28_158_070, "gflops": 43.882}):
    """Weights of ``swin3d_t``: torchvision's KINETICS400_V1.

    Ported from the paper's weights. Accuracies are of videos, from twelve clips of 32 frames at 15
    per second.
    """

    Kinetics400_RefV1 = _entry(
        "swin3d_t",
        "swin3d_t-7615ae03.pth",
        known_as="Swin3D_T_Weights.KINETICS400_V1",
        accuracy=(77.715, 93.519),
        file_mib=121.543,
    )


@register_classifier(
    weights=Swin3DTWeights, head="head", legacy=pretrained(Swin3DTWeights.Kinetics400_RefV1)
)
def swin3d_t(
    *,
    weights: WeightsLike[Swin3DTWeights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    **config: Unpack[Swin3DConfig],
) -> SwinTransformer3d:
    """Build a tiny Video Swin Transformer, which classifies videos.

    `Video Swin Transformer <https://arxiv.org/abs/2106.13230>`_, Liu et al., 2021. The model takes
    float clips ``(N, 3, T, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``head``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``Swin3DConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import swin3d_t
        >>> model = swin3d_t(weights=None, num_classes=7, device="meta")
        >>> model.head.out_features
        7
    """
    return _swin3d(96, [2, 2, 6, 2], [3, 6, 12, 24], num_classes=num_classes, **config)


class Swin3DSWeights(VideoWeights, meta={"num_params": 49_816_678, "gflops": 82.841}):
    """Weights of ``swin3d_s``: torchvision's KINETICS400_V1.

    Ported from the paper's weights. Accuracies are of videos, from twelve clips of 32 frames at 15
    per second.
    """

    Kinetics400_RefV1 = _entry(
        "swin3d_s",
        "swin3d_s-da41c237.pth",
        known_as="Swin3D_S_Weights.KINETICS400_V1",
        accuracy=(79.521, 94.158),
        file_mib=218.288,
    )


@register_classifier(
    weights=Swin3DSWeights, head="head", legacy=pretrained(Swin3DSWeights.Kinetics400_RefV1)
)
def swin3d_s(
    *,
    weights: WeightsLike[Swin3DSWeights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    **config: Unpack[Swin3DConfig],
) -> SwinTransformer3d:
    """Build a small Video Swin Transformer.

    Takes float clips ``(N, 3, T, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _swin3d(96, [2, 2, 18, 2], [3, 6, 12, 24], num_classes=num_classes, **config)


class Swin3DBWeights(VideoWeights, meta={"num_params": 88_048_984, "gflops": 140.667}):
    """Weights of ``swin3d_b``: torchvision's KINETICS400_V1 and KINETICS400_IMAGENET22K_V1.

    Ported from the paper's weights. Accuracies are of videos, from twelve clips of 32 frames at 15
    per second. Those of ImageNet22K were trained on that dataset first.
    """

    Kinetics400_RefV1 = _entry(
        "swin3d_b",
        "swin3d_b_1k-24f7c7c6.pth",
        known_as="Swin3D_B_Weights.KINETICS400_V1",
        accuracy=(79.427, 94.386),
        file_mib=364.134,
    )
    Kinetics400_ImageNet22K_RefV1 = _entry(
        "swin3d_b",
        "swin3d_b_22k-7c6ae6fa.pth",
        known_as="Swin3D_B_Weights.KINETICS400_IMAGENET22K_V1",
        accuracy=(81.643, 95.574),
        file_mib=364.134,
        datasets=("ImageNet-22K", "Kinetics-400"),
    )


@register_classifier(
    weights=Swin3DBWeights, head="head", legacy=pretrained(Swin3DBWeights.Kinetics400_RefV1)
)
def swin3d_b(
    *,
    weights: WeightsLike[Swin3DBWeights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    **config: Unpack[Swin3DConfig],
) -> SwinTransformer3d:
    """Build a Video Swin Transformer of the base size.

    Takes float clips ``(N, 3, T, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _swin3d(128, [2, 2, 18, 2], [4, 8, 16, 32], num_classes=num_classes, **config)


def _swin3d(
    embed_dim: int, depths: list[int], num_heads: list[int], **config: Any
) -> SwinTransformer3d:
    from torchvision.models.video import SwinTransformer3d

    return SwinTransformer3d(
        patch_size=[2, 4, 4],
        embed_dim=embed_dim,
        depths=depths,
        num_heads=num_heads,
        window_size=[8, 7, 7],
        **config,
    )
