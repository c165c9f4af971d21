"""Faster R-CNN detectors, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import WeightsLike, register_model
from dapi.vision.models._detection import (
    ANCIENT_BUILD,
    DETECTION_RECIPES,
    DetectionWeights,
    RCNNConfig,
    detection,
)
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.mobilenet_v3 import MobileNetV3LargeWeights
from dapi.vision.models.resnet import ResNet50Weights

if TYPE_CHECKING:
    from torchvision.models.detection import FasterRCNN
    from typing_extensions import Unpack


_RESNET_LEGACY = pretrained_backbone(ResNet50Weights.ImageNet1K_RefV1)
_MOBILENET_LEGACY = pretrained_backbone(MobileNetV3LargeWeights.ImageNet1K_RefV1)


class FasterRCNNResNet50FPNWeights(
    DetectionWeights, meta={"num_params": 41_755_286, "gflops": 134.38}
):
    """Weights of ``fasterrcnn_resnet50_fpn``: torchvision's COCO_V1.

    They were trained with eps=0 in FrozenBatchNorm2d, and are built with it.
    """

    COCO_RefV1 = detection(
        "fasterrcnn_resnet50_fpn",
        "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth",
        sha256="258fb6c638b15964ddcdd1ae0748c5eef1be9e732750120cc857feed3faac384",
        size=167502836,
        sources=5,
        known_as="FasterRCNN_ResNet50_FPN_Weights.COCO_V1",
        average_precision={"box_map": 37.0},
        recipe=f"{DETECTION_RECIPES}#faster-r-cnn-resnet-50-fpn",
        build=ANCIENT_BUILD,
        latest=True,
    )


@register_model(
    weights=FasterRCNNResNet50FPNWeights,
    head="roi_heads.box_predictor",
    legacy=[pretrained(FasterRCNNResNet50FPNWeights.COCO_RefV1), _RESNET_LEGACY],
)
def fasterrcnn_resnet50_fpn(
    *,
    weights: WeightsLike[FasterRCNNResNet50FPNWeights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[RCNNConfig],
) -> FasterRCNN:
    """Build a Faster R-CNN with a ResNet-50 and a feature pyramid, which detects objects.

    `Faster R-CNN <https://arxiv.org/abs/1506.01497>`_, Ren et al., 2015, and `Feature Pyramid
    Networks <https://arxiv.org/abs/1612.03144>`_, Lin et al., 2016. The model takes a list of
    float images ``(3, H, W)`` with values 0 to 1, of different sizes, and in training a list of
    targets (``boxes`` and ``labels``). In eval mode it returns for each image a dict of ``boxes``
    ``(N, 4)`` as x1, y1, x2, y2 in pixels, ``labels`` ``(N,)`` and ``scores`` ``(N,)``, best
    first; in training mode a dict of losses.

    As in torchvision, the architecture depends on whether any weights are given: then the
    backbone's batch norm is frozen (FrozenBatchNorm2d), and of its layers the last three are
    trained; without weights everything is.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        weights_backbone: Weights of the backbone; not downloaded when ``weights`` are given.
        trainable_backbone_layers: Number of trainable backbone layers, counted from the last: 0 to
            5; by default 3. Without weights it is ignored, and all are trainable.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Number of classes, including the background. A value other than the weights'
            requires ``new_head=True``.
        **config: More arguments, see ``RCNNConfig``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import fasterrcnn_resnet50_fpn
        >>> model = fasterrcnn_resnet50_fpn(weights=None, num_classes=3, device="meta")
        >>> model.roi_heads.box_predictor.cls_score.out_features
        3
    """
    from torchvision.models.detection import FasterRCNN

    from dapi.vision.models._backbones import resnet50_fpn

    backbone = resnet50_fpn(weights, weights_backbone, trainable_backbone_layers, progress=progress)
    return FasterRCNN(backbone, num_classes, **config)


class FasterRCNNResNet50FPNV2Weights(
    DetectionWeights, meta={"num_params": 43_712_278, "gflops": 280.371}
):
    """Weights of ``fasterrcnn_resnet50_fpn_v2``: torchvision's COCO_V1 for that model.

    Trained by a recipe that is improved too.
    """

    COCO_RefV1 = detection(
        "fasterrcnn_resnet50_fpn_v2",
        "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",
        sha256="dd69338a24b8d7381807e247652bdc356325bcbaf1cd3e092e00e0a1a58706bf",
        size=175221657,
        sources=4,
        known_as="FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1",
        average_precision={"box_map": 46.7},
        recipe="https://github.com/pytorch/vision/pull/5763",
        latest=True,
    )


@register_model(
    weights=FasterRCNNResNet50FPNV2Weights,
    head="roi_heads.box_predictor",
    legacy=[pretrained(FasterRCNNResNet50FPNV2Weights.COCO_RefV1), _RESNET_LEGACY],
)
def fasterrcnn_resnet50_fpn_v2(
    *,
    weights: WeightsLike[FasterRCNNResNet50FPNV2Weights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[RCNNConfig],
) -> FasterRCNN:
    """Build the improved Faster R-CNN of `Li et al., 2021 <https://arxiv.org/abs/2111.11429>`_.

    A variant of ``fasterrcnn_resnet50_fpn``, not its replacement: batch norm everywhere and never
    frozen, two convolutions in the region proposal head, four and a linear layer in the box head.
    Takes a list of float images ``(3, H, W)`` with values 0 to 1, and in eval mode returns for each
    a dict of ``boxes``, ``labels`` and ``scores``, best first; in training mode it also takes
    ``targets``, and returns a dict of losses. With weights, the last ``trainable_backbone_layers``
    of the backbone are trained (0 to 5; by default 3). A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    from torch.nn import BatchNorm2d
    from torchvision.models.detection import FasterRCNN

    from dapi.vision.models._backbones import resnet50_fpn
    from dapi.vision.models._rcnn_v2 import improved_heads

    backbone = resnet50_fpn(
        weights,
        weights_backbone,
        trainable_backbone_layers,
        progress=progress,
        frozen_norm=False,
        norm_layer=BatchNorm2d,
    )
    return FasterRCNN(backbone, num_classes, **improved_heads(backbone.out_channels), **config)


class FasterRCNNMobileNetV3LargeFPNWeights(
    DetectionWeights, meta={"num_params": 19_386_354, "gflops": 4.494}
):
    """Weights of ``fasterrcnn_mobilenet_v3_large_fpn``: torchvision's COCO_V1."""

    COCO_RefV1 = detection(
        "fasterrcnn_mobilenet_v3_large_fpn",
        "fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth",
        sha256="fb6a3cc702b1df54c18a44b26708cd083614211062d0c36d2ca7bf9270df3533",
        size=77844807,
        sources=3,
        known_as="FasterRCNN_MobileNet_V3_Large_FPN_Weights.COCO_V1",
        average_precision={"box_map": 32.8},
        recipe=f"{DETECTION_RECIPES}#faster-r-cnn-mobilenetv3-large-fpn",
        latest=True,
    )


@register_model(
    weights=FasterRCNNMobileNetV3LargeFPNWeights,
    head="roi_heads.box_predictor",
    legacy=[pretrained(FasterRCNNMobileNetV3LargeFPNWeights.COCO_RefV1), _MOBILENET_LEGACY],
)
def fasterrcnn_mobilenet_v3_large_fpn(
    *,
    weights: WeightsLike[FasterRCNNMobileNetV3LargeFPNWeights] | None = None,
    weights_backbone: WeightsLike[MobileNetV3LargeWeights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[RCNNConfig],
) -> FasterRCNN:
    """Build a Faster R-CNN with a MobileNetV3-Large, for images of high resolution.

    Takes a list of float images ``(3, H, W)`` with values 0 to 1, and in eval mode returns for each
    a dict of ``boxes``, ``labels`` and ``scores``, best first; in training mode it also takes
    ``targets``, and returns a dict of losses. With weights, the last ``trainable_backbone_layers``
    of the backbone are trained (0 to 6; by default 3). A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    return _mobilenet(
        weights,
        weights_backbone,
        trainable_backbone_layers,
        progress=progress,
        num_classes=num_classes,
        **{"rpn_score_thresh": 0.05, **config},
    )


class FasterRCNNMobileNetV3Large320FPNWeights(
    DetectionWeights, meta={"num_params": 19_386_354, "gflops": 0.719}
):
    """Weights of ``fasterrcnn_mobilenet_v3_large_320_fpn``: torchvision's COCO_V1."""

    COCO_RefV1 = detection(
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
        sha256="907ea3f91ff92242bc1baea8049276a3e76bca48ce7560bd268cc029f37977b5",
        size=77844807,
        sources=7,
        known_as="FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1",
        average_precision={"box_map": 22.8},
        recipe=f"{DETECTION_RECIPES}#faster-r-cnn-mobilenetv3-large-320-fpn",
        latest=True,
    )


@register_model(
    weights=FasterRCNNMobileNetV3Large320FPNWeights,
    head="roi_heads.box_predictor",
    legacy=[pretrained(FasterRCNNMobileNetV3Large320FPNWeights.COCO_RefV1), _MOBILENET_LEGACY],
)
def fasterrcnn_mobilenet_v3_large_320_fpn(
    *,
    weights: WeightsLike[FasterRCNNMobileNetV3Large320FPNWeights] | None = None,
    weights_backbone: WeightsLike[MobileNetV3LargeWeights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[RCNNConfig],
) -> FasterRCNN:
    """Build a Faster R-CNN with a MobileNetV3-Large, for phones: it resizes images to 320 pixels.

    Takes a list of float images ``(3, H, W)`` with values 0 to 1, and in eval mode returns for each
    a dict of ``boxes``, ``labels`` and ``scores``, best first; in training mode it also takes
    ``targets``, and returns a dict of losses. With weights, the last ``trainable_backbone_layers``
    of the backbone are trained (0 to 6; by default 3). A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    few = {
        "min_size": 320,
        "max_size": 640,
        "rpn_pre_nms_top_n_test": 150,
        "rpn_post_nms_top_n_test": 150,
        "rpn_score_thresh": 0.05,
    }
    return _mobilenet(
        weights,
        weights_backbone,
        trainable_backbone_layers,
        progress=progress,
        num_classes=num_classes,
        **{**few, **config},
    )


def _mobilenet(
    weights: WeightsLike[Any] | None,
    weights_backbone: WeightsLike[MobileNetV3LargeWeights] | None,
    trainable_backbone_layers: int | None,
    *,
    progress: bool,
    num_classes: int,
    **config: Any,
) -> FasterRCNN:
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    from dapi.vision.models._backbones import mobilenet_v3_large_fpn

    backbone = mobilenet_v3_large_fpn(
        weights, weights_backbone, trainable_backbone_layers, progress=progress
    )
    # All five sizes on each of its three levels.
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    return FasterRCNN(backbone, num_classes, rpn_anchor_generator=anchors, **config)
