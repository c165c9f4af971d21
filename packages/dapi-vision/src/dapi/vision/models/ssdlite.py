"""SSDlite, a detector for phones, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import WeightsLike, register_model
from dapi.vision.models._detection import DETECTION_RECIPES, DetectionWeights, detection
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.mobilenet_v3 import MobileNetV3LargeWeights
from dapi.vision.models.ssd import SSDConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.detection.ssd import SSD
    from typing_extensions import Unpack


class SSDLite320MobileNetV3LargeWeights(
    DetectionWeights, meta={"num_params": 3_440_060, "gflops": 0.583}
):
    """Weights of ``ssdlite320_mobilenet_v3_large``: torchvision's COCO_V1."""

    COCO_RefV1 = detection(
        "ssdlite320_mobilenet_v3_large",
        "ssdlite320_mobilenet_v3_large_coco-a79551df.pth",
        sha256="a79551df90c79834bcd3bb3845ef9d966b5449a3a9b2833ae8404778ca5d65d2",
        sources=4,
        known_as="SSDLite320_MobileNet_V3_Large_Weights.COCO_V1",
        average_precision={"box_map": 21.3},
        file_mib=13.418,
        recipe=f"{DETECTION_RECIPES}#ssdlite320-mobilenetv3-large",
        latest=True,
    )


@register_model(
    weights=SSDLite320MobileNetV3LargeWeights,
    head="head.classification_head",
    legacy=[
        pretrained(SSDLite320MobileNetV3LargeWeights.COCO_RefV1),
        pretrained_backbone(MobileNetV3LargeWeights.ImageNet1K_RefV1),
    ],
)
def ssdlite320_mobilenet_v3_large(
    *,
    weights: WeightsLike[SSDLite320MobileNetV3LargeWeights] | None = None,
    weights_backbone: WeightsLike[MobileNetV3LargeWeights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    norm_layer: Callable[[int], nn.Module] | None = None,
    **config: Unpack[SSDConfig],
) -> SSD:
    """Build an SSDlite with a MobileNetV3-Large, which detects objects.

    `Searching for MobileNetV3 <https://arxiv.org/abs/1905.02244>`_, Howard et al., 2019, section
    6.3, and `MobileNetV2 <https://arxiv.org/abs/1801.04381>`_, Sandler et al., 2018. The model
    takes a list of float images ``(3, H, W)`` with values 0 to 1, of different sizes, which it
    resizes to 320 x 320, and in training a list of targets (``boxes`` and ``labels``). In eval
    mode it returns for each image a dict of ``boxes`` ``(N, 4)`` as x1, y1, x2, y2 in pixels,
    ``labels`` ``(N,)`` and ``scores`` ``(N,)``, best first; in training mode a dict of losses.

    As in torchvision, the architecture depends on whether ``weights_backbone`` is given: without,
    the backbone's last blocks have half the channels (the paper's table 6).

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        weights_backbone: Weights of the MobileNet backbone; not downloaded when ``weights`` are
            given.
        trainable_backbone_layers: Number of trainable backbone stages, counted from the last: 0 to
            6; by default 6, which is all.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Number of classes, including the background. A value other than the weights'
            requires ``new_head=True``.
        norm_layer: Normalization; by default batch norm with eps=0.001 and momentum=0.03.
        **config: More arguments, see ``SSDConfig``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import ssdlite320_mobilenet_v3_large
        >>> model = ssdlite320_mobilenet_v3_large(weights=None, num_classes=3, device="meta")
        >>> model.head.classification_head.num_columns
        3
    """
    from functools import partial

    from torch.nn import BatchNorm2d
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
    from torchvision.models.detection.ssd import SSD
    from torchvision.models.detection.ssdlite import SSDLiteHead

    from dapi.vision.models._ssdlite import extractor

    norm_layer = norm_layer or partial(BatchNorm2d, eps=0.001, momentum=0.03)
    backbone, channels = extractor(
        weights,
        weights_backbone,
        trainable_backbone_layers,
        progress=progress,
        norm_layer=norm_layer,
    )
    boxes = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    head = SSDLiteHead(channels, boxes.num_anchors_per_location(), num_classes, norm_layer)
    defaults = {
        "score_thresh": 0.001,
        "nms_thresh": 0.55,
        "detections_per_img": 300,
        "topk_candidates": 300,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    return SSD(backbone, boxes, (320, 320), num_classes, head=head, **{**defaults, **config})
