"""RetinaNet, a detector of one stage, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import BuilderConfig, WeightsLike, register_model
from dapi.vision.models._detection import (
    ANCIENT_BUILD,
    DETECTION_RECIPES,
    DetectionWeights,
    detection,
)
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.resnet import ResNet50Weights

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models.detection import RetinaNet
    from typing_extensions import Unpack


class RetinaNetV2Config(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.detection.RetinaNet``.

    Attributes:
        min_size: Length in pixels that the shorter side of an image is resized to.
        max_size: Maximum length of its longer side, in pixels.
        image_mean: Mean of each channel, which is subtracted first.
        image_std: Standard deviation of each channel, by which it is then divided.
        size_divisible: Height and width of a batch are padded to multiples of this.
        fixed_size: Width and height that every image is resized to instead.
        anchor_generator: Module that generates the anchors.
        proposal_matcher: Module that matches objects with anchors, in training.
        fg_iou_thresh: Overlap from which an anchor counts as an object, in training.
        bg_iou_thresh: Overlap below which it counts as background.
        score_thresh: Score below which boxes are dropped, in eval mode.
        nms_thresh: Overlap (IoU) above which the lower-scoring of two boxes is suppressed.
        detections_per_img: Maximum number of boxes per image.
        topk_candidates: Maximum number of boxes per level before non-maximum suppression.
    """

    min_size: int
    max_size: int
    image_mean: list[float] | None
    image_std: list[float] | None
    size_divisible: int
    fixed_size: tuple[int, int] | None
    anchor_generator: nn.Module | None
    proposal_matcher: Any
    fg_iou_thresh: float
    bg_iou_thresh: float
    score_thresh: float
    nms_thresh: float
    detections_per_img: int
    topk_candidates: int


class RetinaNetConfig(RetinaNetV2Config, total=False):
    """More arguments of ``torchvision.models.detection.RetinaNet``.

    Attributes:
        head: Module that predicts classes and boxes from features.
    """

    head: nn.Module | None


_HEAD = "head.classification_head.cls_logits"
_BACKBONE_LEGACY = pretrained_backbone(ResNet50Weights.ImageNet1K_RefV1)


class RetinaNetResNet50FPNWeights(
    DetectionWeights, meta={"num_params": 34_014_999, "gflops": 151.54}
):
    """Weights of ``retinanet_resnet50_fpn``: torchvision's COCO_V1.

    They were trained with eps=0 in FrozenBatchNorm2d, and are built with it.
    """

    COCO_RefV1 = detection(
        "retinanet_resnet50_fpn",
        "retinanet_resnet50_fpn_coco-eeacb38b.pth",
        sha256="eeacb38b7cec8cf93c57867e05eaab621047f19b0d2ec5accaa405f690da15b7",
        size=136595076,
        sources=2,
        known_as="RetinaNet_ResNet50_FPN_Weights.COCO_V1",
        average_precision={"box_map": 36.4},
        recipe=f"{DETECTION_RECIPES}#retinanet",
        build=ANCIENT_BUILD,
        latest=True,
    )


@register_model(
    weights=RetinaNetResNet50FPNWeights,
    head=_HEAD,
    legacy=[pretrained(RetinaNetResNet50FPNWeights.COCO_RefV1), _BACKBONE_LEGACY],
)
def retinanet_resnet50_fpn(
    *,
    weights: WeightsLike[RetinaNetResNet50FPNWeights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[RetinaNetConfig],
) -> RetinaNet:
    """Build a RetinaNet with a ResNet-50 and a feature pyramid, which detects objects.

    `Focal Loss for Dense Object Detection <https://arxiv.org/abs/1708.02002>`_, Lin et al., 2017.
    The model takes a list of float images ``(3, H, W)`` with values 0 to 1, of different sizes,
    and in training a list of targets (``boxes`` and ``labels``). In eval mode it returns for each
    image a dict of ``boxes`` ``(N, 4)`` as x1, y1, x2, y2 in pixels, ``labels`` ``(N,)`` and
    ``scores`` ``(N,)``, best first; in training mode a dict of losses.

    As in torchvision, the architecture depends on whether any weights are given: then the
    backbone's batch norm is frozen (FrozenBatchNorm2d), and of its layers the last three are
    trained; without weights everything is.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        weights_backbone: Weights of the ResNet-50 backbone; not downloaded when ``weights`` are
            given.
        trainable_backbone_layers: Number of trainable backbone layers, counted from the last: 0 to
            5; by default 3. Without weights it is ignored, and all are trainable.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Number of classes, including the background. A value other than the weights'
            requires ``new_head=True``.
        **config: More arguments, see ``RetinaNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import retinanet_resnet50_fpn
        >>> model = retinanet_resnet50_fpn(weights=None, num_classes=3, device="meta")
        >>> model.head.classification_head.cls_logits.out_channels  # of nine anchors
        27
    """
    from torchvision.models.detection import RetinaNet

    from dapi.vision.models._backbones import resnet50_fpn

    # Not on layer 1: by the paper, that would be too many anchors.
    backbone = resnet50_fpn(
        weights,
        weights_backbone,
        trainable_backbone_layers,
        progress=progress,
        further_from=256,
    )
    return RetinaNet(backbone, num_classes, **config)


class RetinaNetResNet50FPNV2Weights(
    DetectionWeights, meta={"num_params": 38_198_935, "gflops": 152.238}
):
    """Weights of ``retinanet_resnet50_fpn_v2``: torchvision's COCO_V1 for that model.

    Trained by a recipe that is improved too.
    """

    COCO_RefV1 = detection(
        "retinanet_resnet50_fpn_v2",
        "retinanet_resnet50_fpn_v2_coco-5905b1c5.pth",
        sha256="5905b1c544219215e544dbe319720397bc4e68de61a733a59350d7976645b769",
        size=153130989,
        sources=3,
        known_as="RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1",
        average_precision={"box_map": 41.5},
        recipe="https://github.com/pytorch/vision/pull/5756",
        latest=True,
    )


@register_model(
    weights=RetinaNetResNet50FPNV2Weights,
    head=_HEAD,
    legacy=[pretrained(RetinaNetResNet50FPNV2Weights.COCO_RefV1), _BACKBONE_LEGACY],
)
def retinanet_resnet50_fpn_v2(
    *,
    weights: WeightsLike[RetinaNetResNet50FPNV2Weights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[RetinaNetV2Config],
) -> RetinaNet:
    """Build the improved RetinaNet of `Zhang et al., 2019 <https://arxiv.org/abs/1912.02424>`_.

    A variant of ``retinanet_resnet50_fpn``, not its replacement: batch norm that is never frozen,
    group norm in the head, further levels from the backbone's last layer, and a loss by the overlap
    of boxes. Takes a list of float images ``(3, H, W)`` with values 0 to 1, and in eval mode
    returns for each a dict of ``boxes``, ``labels`` and ``scores``, best first; in training mode it
    also takes ``targets``, and returns a dict of losses. With weights, the last
    ``trainable_backbone_layers`` of the backbone are trained (0 to 5; by default 3). A
    ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from functools import partial

    from torch.nn import GroupNorm
    from torchvision.models.detection import RetinaNet
    from torchvision.models.detection.retinanet import RetinaNetHead

    from dapi.vision.models._backbones import resnet50_fpn

    backbone = resnet50_fpn(
        weights,
        weights_backbone,
        trainable_backbone_layers,
        progress=progress,
        frozen_norm=False,
        further_from=2048,
    )
    # RetinaNet's own anchors: three sizes on each level, in three aspect ratios.
    head = RetinaNetHead(
        backbone.out_channels,
        num_anchors=9,
        num_classes=num_classes,
        norm_layer=partial(GroupNorm, 32),
    )
    head.regression_head._loss_type = "giou"  # no argument of torchvision's sets it
    return RetinaNet(backbone, num_classes, head=head, **config)
