"""SSD, a detector of one stage, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import BuilderConfig, WeightsLike, register_model
from dapi.vision.models._detection import DETECTION_RECIPES, DetectionWeights, detection
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.vgg import VGG16Weights

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models.detection.ssd import SSD
    from typing_extensions import Unpack


class SSDConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.detection.ssd.SSD``.

    Attributes:
        image_mean: Mean of each channel, which is subtracted first.
        image_std: Standard deviation of each channel, by which it is then divided.
        iou_thresh: Overlap from which a box counts as an object, in training.
        positive_fraction: The fraction of objects among the boxes in the loss.
        score_thresh: Score below which boxes are dropped, in eval mode.
        nms_thresh: Overlap (IoU) above which the lower-scoring of two boxes is suppressed.
        detections_per_img: Maximum number of boxes per image.
        topk_candidates: Maximum number of boxes per level before non-maximum suppression.
    """

    image_mean: list[float] | None
    image_std: list[float] | None
    iou_thresh: float
    positive_fraction: float
    score_thresh: float
    nms_thresh: float
    detections_per_img: int
    topk_candidates: int


class SSD300Config(SSDConfig, total=False):
    """More arguments of ``torchvision.models.detection.ssd.SSD``.

    Attributes:
        head: Module that predicts classes and boxes from features.
    """

    head: nn.Module | None


class SSD300VGG16Weights(DetectionWeights, meta={"num_params": 35_641_826, "gflops": 34.858}):
    """Weights of ``ssd300_vgg16``: torchvision's COCO_V1."""

    COCO_RefV1 = detection(
        "ssd300_vgg16",
        "ssd300_vgg16_coco-b556d3b4.pth",
        sha256="b556d3b43ab6c3f63d81bfb8835fe8756ac22da664357da100dccf96b6a6b42d",
        size=142594222,
        sources=2,
        known_as="SSD300_VGG16_Weights.COCO_V1",
        average_precision={"box_map": 25.1},
        recipe=f"{DETECTION_RECIPES}#ssd300-vgg16",
        latest=True,
    )


@register_model(
    weights=SSD300VGG16Weights,
    head="head.classification_head",
    legacy=[
        pretrained(SSD300VGG16Weights.COCO_RefV1),
        pretrained_backbone(VGG16Weights.ImageNet1K_Features_RefV1),
    ],
)
def ssd300_vgg16(
    *,
    weights: WeightsLike[SSD300VGG16Weights] | None = None,
    weights_backbone: WeightsLike[VGG16Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[SSD300Config],
) -> SSD:
    """Build an SSD300 with a VGG-16, which detects objects.

    `SSD: Single Shot MultiBox Detector <https://arxiv.org/abs/1512.02325>`_, Liu et al., 2015. The
    model takes a list of float images ``(3, H, W)`` with values 0 to 1, of different sizes, which
    it resizes to 300 x 300, and in training a list of targets (``boxes`` and ``labels``). In eval
    mode it returns for each image a dict of ``boxes`` ``(N, 4)`` as x1, y1, x2, y2 in pixels,
    ``labels`` ``(N,)`` and ``scores`` ``(N,)``, best first; in training mode a dict of losses.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        weights_backbone: Weights of the VGG-16 backbone; not downloaded when ``weights`` are given.
            Images are normalized as for ``VGG16Weights.ImageNet1K_Features_RefV1``.
        trainable_backbone_layers: Number of trainable backbone stages, counted from the last: 0 to
            5; by default 4. Without weights it is ignored, and all are trainable.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Number of classes, including the background. A value other than the weights'
            requires ``new_head=True``.
        **config: More arguments, see ``SSD300Config``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import ssd300_vgg16
        >>> model = ssd300_vgg16(weights=None, num_classes=3, device="meta")
        >>> model.head.classification_head.num_columns
        3
    """
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
    from torchvision.models.detection.ssd import SSD, SSDFeatureExtractorVGG

    from dapi.vision.models._backbones import freeze_features, trained_count
    from dapi.vision.models.vgg import vgg16

    stages = (0, 4, 9, 16, 23)  # from the start, and from each pooling but the last
    is_trained = weights is not None or weights_backbone is not None
    count = trained_count(trainable_backbone_layers, is_trained=is_trained, default=4, most=5)
    features = vgg16(weights=weights_backbone, progress=progress).features
    freeze_features(features, stages, count)
    boxes = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    normalization = {
        "image_mean": [0.48235, 0.45882, 0.40784],
        "image_std": [1 / 255, 1 / 255, 1 / 255],
    }
    return SSD(
        SSDFeatureExtractorVGG(features, highres=False),
        boxes,
        (300, 300),
        num_classes,
        **{**normalization, **config},
    )
