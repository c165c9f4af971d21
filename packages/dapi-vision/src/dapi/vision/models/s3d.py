"""S3D, a network of separable 3D convolutions for videos, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import BuilderConfig, WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._torchvision import pretrained
from dapi.vision.models._video import VideoWeights, video

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.video import S3D
    from typing_extensions import Unpack


class S3DConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.video.S3D``.

    Attributes:
        dropout: Probability that an input of the last layer is zeroed in training.
        norm_layer: Normalization layer, called with the number of channels.
    """

    dropout: float
    norm_layer: Callable[..., nn.Module] | None


class S3DWeights(VideoWeights, meta={"num_params": 8_320_048, "gflops": 17.979}):
    """Weights of ``s3d``: torchvision's KINETICS400_V1.

    Accuracies are of single clips of 128 frames at 15 per second.
    """

    Kinetics400_RefV1 = video(
        "s3d",
        "s3d-d76dad2f.pth",
        frames=128,
        known_as="S3D_Weights.KINETICS400_V1",
        accuracy=(68.368, 88.05),
        file_mib=31.972,
        recipe="https://github.com/pytorch/vision/tree/main/references/video_classification#s3d",
        crop_size=(224, 224),
        resize_size=(256, 256),
        min_size=(224, 224),
        min_temporal_size=14,
    )


@register_classifier(
    weights=S3DWeights, head="classifier.1", legacy=pretrained(S3DWeights.Kinetics400_RefV1)
)
def s3d(
    *,
    weights: WeightsLike[S3DWeights] | None = None,
    progress: bool = True,
    num_classes: int = 400,
    **config: Unpack[S3DConfig],
) -> S3D:
    """Build an S3D, which classifies videos.

    `Rethinking Spatiotemporal Feature Learning: Speed-Accuracy Trade-offs in Video Classification
    <https://arxiv.org/abs/1712.04851>`_, Xie et al., 2017. The model takes float clips
    ``(N, 3, T, H, W)`` as ``weights.transforms()`` makes them, of 14 frames or more, and returns
    logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Channels of the layer ``classifier.1``. A value other than the weights'
            requires ``new_head=True``.
        **config: More arguments, see ``S3DConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import s3d
        >>> model = s3d(weights=None, num_classes=7, device="meta")
        >>> model.classifier[1].out_channels
        7
    """
    from torchvision.models.video import S3D

    return S3D(num_classes=num_classes, **config)
