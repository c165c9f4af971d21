"""Multiscale vision transformers for videos, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import BuilderConfig, WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._torchvision import pretrained
from dapi.vision.models._video import VideoWeights, video

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.video import MViT
    from typing_extensions import Unpack

_entry = partial(
    video,
    crop_size=(224, 224),
    resize_size=(256,),
    preset={"mean": (0.45, 0.45, 0.45), "std": (0.225, 0.225, 0.225)},
    min_size=(224, 224),
    min_temporal_size=16,
)

# Heads of each block. Where they double, the image is halved, and the channels double: 96 a head.
_HEADS = (1, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 8, 8)
_KERNEL = [3, 3, 3]


class MViTConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.video.MViT``.

    Attributes:
        dropout: Probability that an input of the last layer is zeroed in training.
        attention_dropout: The same, of attention weights.
        block: The class of the blocks.
        norm_layer: Normalization layer, called with the number of channels.
        patch_embed_kernel: Frames, height and width of a patch.
        patch_embed_stride: How far patches are apart.
        patch_embed_padding: Padding before they are cut.
    """

    dropout: float
    attention_dropout: float
    block: Callable[..., nn.Module] | None
    norm_layer: Callable[..., nn.Module] | None
    patch_embed_kernel: tuple[int, int, int]
    patch_embed_stride: tuple[int, int, int]
    patch_embed_padding: tuple[int, int, int]


class MViTV1BWeights(VideoWeights, meta={"num_params": 36_610_672, "gflops": 70.599}):
    """Weights of ``mvit_v1_b``: torchvision's KINETICS400_V1.

    Ported from the paper's weights. Accuracies are of videos, from five clips of 16 frames at 7.5
    per second.
    """

    Kinetics400_RefV1 = _entry(
        "mvit_v1_b",
        "mvit_v1_b-dbeb1030.pth",
        known_as="MViT_V1_B_Weights.KINETICS400_V1",
        accuracy=(78.477, 93.582),
        file_mib=139.764,
        recipe="https://github.com/facebookresearch/pytorchvideo/blob/main/docs/source/model_zoo.md",
    )


@register_classifier(
    weights=MViTV1BWeights, head="head.1", legacy=pretrained(MViTV1BWeights.Kinetics400_RefV1)
)
def mvit_v1_b(
    *,
    weights: WeightsLike[MViTV1BWeights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    stochastic_depth_prob: float = 0.2,
    **config: Unpack[MViTConfig],
) -> MViT:
    """Build an MViT-B, which classifies videos.

    `Multiscale Vision Transformers <https://arxiv.org/abs/2104.11227>`_, Fan et al., 2021. The
    model takes float clips ``(N, 3, 16, 224, 224)`` as ``weights.transforms()`` makes them, and
    returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``head.1``. A value other than the weights' requires
            ``new_head=True``.
        stochastic_depth_prob: Probability that the last block is left out in training; lower for
            earlier blocks.
        **config: More arguments, see ``MViTConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import mvit_v1_b
        >>> model = mvit_v1_b(weights=None, num_classes=7, device="meta")
        >>> model.head[1].out_features
        7
    """
    from torchvision.models.video.mvit import MSBlockConfig, MViT

    blocks = []
    for place, heads in enumerate(_HEADS):
        after = _HEADS[min(place + 1, 15)]
        halves = heads > _HEADS[max(place - 1, 0)]
        blocks.append(
            MSBlockConfig(
                num_heads=heads,
                input_channels=96 * heads,
                output_channels=96 * after,
                kernel_q=_KERNEL if halves else [],
                kernel_kv=_KERNEL,
                stride_q=[1, 2, 2] if halves else [],
                stride_kv=[1, 8 // heads, 8 // heads],
            )
        )
    return MViT(
        spatial_size=(224, 224),
        temporal_size=16,
        block_setting=blocks,
        residual_pool=False,
        residual_with_cls_embed=False,
        rel_pos_embed=False,
        proj_after_attn=False,
        stochastic_depth_prob=stochastic_depth_prob,
        num_classes=num_classes,
        **config,
    )


class MViTV2SWeights(VideoWeights, meta={"num_params": 34_537_744, "gflops": 64.224}):
    """Weights of ``mvit_v2_s``: torchvision's KINETICS400_V1.

    Ported from the paper's weights. Accuracies are of videos, from five clips of 16 frames at 7.5
    per second.
    """

    Kinetics400_RefV1 = _entry(
        "mvit_v2_s",
        "mvit_v2_s-ae3be167.pth",
        sha256="ae3be16733081f6d1cd40e4ab980ca23d6df6dc6486d15ada05a5e8ab8c9b975",
        sources=2,
        known_as="MViT_V2_S_Weights.KINETICS400_V1",
        accuracy=(80.757, 94.665),
        file_mib=131.884,
        recipe="https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md",
    )


@register_classifier(
    weights=MViTV2SWeights, head="head.1", legacy=pretrained(MViTV2SWeights.Kinetics400_RefV1)
)
def mvit_v2_s(
    *,
    weights: WeightsLike[MViTV2SWeights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    stochastic_depth_prob: float = 0.2,
    **config: Unpack[MViTConfig],
) -> MViT:
    """Build an MViTv2-S.

    `MViTv2 <https://arxiv.org/abs/2112.01526>`_, Li et al., 2021: relative positions, pooled
    queries added to what attention returns, and channels that double inside it. Takes float clips
    ``(N, 3, T, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.video.mvit import MSBlockConfig, MViT

    blocks = []
    for place, heads in enumerate(_HEADS):
        before = _HEADS[max(place - 1, 0)]
        blocks.append(
            MSBlockConfig(
                num_heads=heads,
                input_channels=96 * before,
                output_channels=96 * heads,
                kernel_q=_KERNEL,
                kernel_kv=_KERNEL,
                stride_q=[1, heads // before, heads // before],
                stride_kv=[1, 8 // heads, 8 // heads],
            )
        )
    return MViT(
        spatial_size=(224, 224),
        temporal_size=16,
        block_setting=blocks,
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
        stochastic_depth_prob=stochastic_depth_prob,
        num_classes=num_classes,
        **config,
    )
