"""Residual networks for videos: 3D, mixed and factorised convolutions, with weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import BuilderConfig, WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._torchvision import pretrained
from dapi.vision.models._video import VideoWeights, video

if TYPE_CHECKING:
    from torchvision.models.video import VideoResNet
    from typing_extensions import Unpack

_entry = partial(
    video,
    recipe="https://github.com/pytorch/vision/tree/main/references/video_classification",
    crop_size=(112, 112),
    resize_size=(128, 171),
)


class VideoResNetConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.video.VideoResNet``.

    Attributes:
        zero_init_residual: Start with blocks that change nothing.
    """

    zero_init_residual: bool


class R3D18Weights(VideoWeights, meta={"num_params": 33_371_472, "gflops": 40.697}):
    """Weights of ``r3d_18``: torchvision's KINETICS400_V1.

    Accuracies are of videos, from five clips of 16 frames at 15 per second.
    """

    Kinetics400_RefV1 = _entry(
        "r3d_18",
        "r3d_18-b3b3357e.pth",
        sha256="b3b3357ead25631ec9c57362ff2128a92d0427e01e2cd184951a44380c3f2e9d",
        size=133546016,
        sources=5,
        known_as="R3D_18_Weights.KINETICS400_V1",
        accuracy=(63.2, 83.479),
    )


@register_classifier(
    weights=R3D18Weights, head="fc", legacy=pretrained(R3D18Weights.Kinetics400_RefV1)
)
def r3d_18(
    *,
    weights: WeightsLike[R3D18Weights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    **config: Unpack[VideoResNetConfig],
) -> VideoResNet:
    """Build an 18-layer ResNet of 3D convolutions, which classifies videos.

    `A Closer Look at Spatiotemporal Convolutions for Action Recognition
    <https://arxiv.org/abs/1711.11248>`_, Tran et al., 2017. The model takes float clips
    ``(N, 3, T, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``VideoResNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import r3d_18
        >>> model = r3d_18(weights=None, num_classes=7, device="meta")
        >>> model.fc.out_features
        7
    """
    from torchvision.models.video.resnet import BasicBlock, BasicStem, Conv3DSimple, VideoResNet

    convolutions = [Conv3DSimple] * 4
    return VideoResNet(
        BasicBlock, convolutions, [2, 2, 2, 2], BasicStem, num_classes=num_classes, **config
    )


class MC3_18Weights(VideoWeights, meta={"num_params": 11_695_440, "gflops": 43.343}):
    """Weights of ``mc3_18``: torchvision's KINETICS400_V1.

    Accuracies are of videos, from five clips of 16 frames at 15 per second.
    """

    Kinetics400_RefV1 = _entry(
        "mc3_18",
        "mc3_18-a90a0ba3.pth",
        sha256="a90a0ba35ca1242d15b77511ff28bfb29cc596988b5ea36081042f8e2f54212b",
        size=46841888,
        sources=3,
        known_as="MC3_18_Weights.KINETICS400_V1",
        accuracy=(63.96, 84.13),
    )


@register_classifier(
    weights=MC3_18Weights, head="fc", legacy=pretrained(MC3_18Weights.Kinetics400_RefV1)
)
def mc3_18(
    *,
    weights: WeightsLike[MC3_18Weights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    **config: Unpack[VideoResNetConfig],
) -> VideoResNet:
    """Build an 18-layer ResNet of first 3D, then 2D convolutions.

    Takes float clips ``(N, 3, T, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.video.resnet import (
        BasicBlock,
        BasicStem,
        Conv3DNoTemporal,
        Conv3DSimple,
        VideoResNet,
    )

    convolutions = [Conv3DSimple, *[Conv3DNoTemporal] * 3]
    return VideoResNet(
        BasicBlock, convolutions, [2, 2, 2, 2], BasicStem, num_classes=num_classes, **config
    )


class R2Plus1D18Weights(VideoWeights, meta={"num_params": 31_505_325, "gflops": 40.519}):
    """Weights of ``r2plus1d_18``: torchvision's KINETICS400_V1.

    Accuracies are of videos, from five clips of 16 frames at 15 per second.
    """

    Kinetics400_RefV1 = _entry(
        "r2plus1d_18",
        "r2plus1d_18-91a641e6.pth",
        sha256="91a641e6c2ab531d1aca5f4321b4d802ec5c3babc15df855cdb6e39c6a1107c8",
        size=126162996,
        sources=2,
        known_as="R2Plus1D_18_Weights.KINETICS400_V1",
        accuracy=(67.463, 86.175),
    )


@register_classifier(
    weights=R2Plus1D18Weights, head="fc", legacy=pretrained(R2Plus1D18Weights.Kinetics400_RefV1)
)
def r2plus1d_18(
    *,
    weights: WeightsLike[R2Plus1D18Weights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    **config: Unpack[VideoResNetConfig],
) -> VideoResNet:
    """Build an 18-layer ResNet of convolutions in space, and then in time.

    Takes float clips ``(N, 3, T, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, R2Plus1dStem, VideoResNet

    convolutions = [Conv2Plus1D] * 4
    return VideoResNet(
        BasicBlock, convolutions, [2, 2, 2, 2], R2Plus1dStem, num_classes=num_classes, **config
    )
