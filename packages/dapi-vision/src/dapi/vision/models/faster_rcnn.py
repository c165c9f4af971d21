"""Faster R-CNN detectors over ResNet-50, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import Build, LegacyArgument, Lines, WeightEntry, Weights, lazy, register_model
from dapi.vision.models.resnet import ResNet50Weights

if TYPE_CHECKING:
    from torchvision.models.detection import FasterRCNN

__all__ = [
    "FasterRCNNResNet50FPNV2Weights",
    "FasterRCNNResNet50FPNWeights",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
]

_CATEGORIES = Lines("dapi.vision:data/coco.txt")
_TRANSFORMS = lazy("dapi.vision.transforms:ObjectDetection")
_POSTPROCESS = lazy("dapi.vision.postprocess:Detection", categories=_CATEGORIES)
_FROZEN_NORM = "dapi.vision.models._frozen_norm:FrozenBatchNorm2d"
_BACKBONE_LEGACY = LegacyArgument(
    "pretrained_backbone",
    {True: ResNet50Weights.ImageNet1K_RefV1, False: None},
    parameter="weights_backbone",
)
_META = {
    "task": "object-detection",
    "license": "unknown",
    "datasets": ["COCO"],
    "categories": _CATEGORIES,
}


def _box_map(model: str, value: float) -> list[dict[str, Any]]:
    """Return what torchvision's page of a model says."""
    page = "https://pytorch.org/vision/stable/models/generated/torchvision.models.detection"
    source = f"{page}.{model}.html"
    return [{"dataset": "COCO-val2017", "name": "box_map", "value": value, "source": source}]


class FasterRCNNResNet50FPNWeights(Weights):
    """Weights of ``fasterrcnn_resnet50_fpn``: torchvision's COCO_V1.

    They were trained with eps=0 in FrozenBatchNorm2d, and are built with it (vision#2599,
    vision#2933, vision#2940).
    """

    COCO_RefV1 = WeightEntry(
        url="https://download.pytorch.org/models/fasterrcnn_resnet50_fpn_coco-258fb6c6.pth",
        sha256="258fb6c638b15964ddcdd1ae0748c5eef1be9e732750120cc857feed3faac384",
        size=167502836,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        meta={
            **_META,
            "num_params": 41755286,
            "metrics": _box_map("fasterrcnn_resnet50_fpn", 37.0),
            "recipe": "https://github.com/pytorch/vision/tree/main/references/detection"
            "#faster-r-cnn-resnet-50-fpn",
            "hash_source": "pinned alike by 5 independent public projects",
        },
        latest=True,
        build=Build(config={"num_classes": 91}, context={_FROZEN_NORM: {"eps": 0.0}}),
    )


class FasterRCNNResNet50FPNV2Weights(Weights):
    """Weights of ``fasterrcnn_resnet50_fpn_v2``: torchvision's COCO_V1 for that model."""

    COCO_RefV1 = WeightEntry(
        url="https://download.pytorch.org/models/fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",
        sha256="dd69338a24b8d7381807e247652bdc356325bcbaf1cd3e092e00e0a1a58706bf",
        size=175221657,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        meta={
            **_META,
            "num_params": 43712278,
            "metrics": _box_map("fasterrcnn_resnet50_fpn_v2", 46.7),
            "recipe": "https://github.com/pytorch/vision/pull/5763",
            "hash_source": "pinned alike by 4 independent public projects",
        },
        latest=True,
        build=Build(config={"num_classes": 91}),
    )


@register_model(
    weights=FasterRCNNResNet50FPNWeights,
    head=("roi_heads.box_predictor",),
    legacy=[
        LegacyArgument("pretrained", {True: FasterRCNNResNet50FPNWeights.COCO_RefV1, False: None}),
        _BACKBONE_LEGACY,
    ],
)
def fasterrcnn_resnet50_fpn(
    *,
    weights: FasterRCNNResNet50FPNWeights | WeightEntry | None = None,
    weights_backbone: ResNet50Weights | WeightEntry | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Any,
) -> FasterRCNN:
    """Build a Faster R-CNN with a ResNet-50 and a feature pyramid, which finds objects.

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
        weights: What to load; fetched on first use. None fetches nothing.
        weights_backbone: Of the ResNet-50 inside; not fetched when ``weights`` are given.
        trainable_backbone_layers: How many layers of the backbone, from the last, are trained:
            0 to 5; by default 3. Without weights all are, whatever is given.
        progress: Show a progress bar while fetching, on a terminal.
        num_classes: Classes, the background included. Other than the weights' own: with
            ``new_head=True`` only.
        **config: Further arguments of ``torchvision.models.detection.FasterRCNN``, and
            ``new_head``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import fasterrcnn_resnet50_fpn
        >>> model = fasterrcnn_resnet50_fpn(weights=None, num_classes=3)
        >>> model.roi_heads.box_predictor.cls_score.out_features
        3
    """
    from torchvision.models.detection import FasterRCNN

    from dapi.vision.models._frozen_norm import FrozenBatchNorm2d
    from dapi.vision.models._resnet_fpn import resnet50_fpn

    is_trained = weights is not None or weights_backbone is not None
    backbone = resnet50_fpn(
        weights=weights_backbone,
        is_trained=is_trained,
        trainable_layers=trainable_backbone_layers,
        progress=progress,
        norm_layer=FrozenBatchNorm2d if is_trained else None,
    )
    return FasterRCNN(backbone, num_classes, **config)


@register_model(
    weights=FasterRCNNResNet50FPNV2Weights,
    head=("roi_heads.box_predictor",),
    legacy=[
        LegacyArgument(
            "pretrained", {True: FasterRCNNResNet50FPNV2Weights.COCO_RefV1, False: None}
        ),
        _BACKBONE_LEGACY,
    ],
)
def fasterrcnn_resnet50_fpn_v2(
    *,
    weights: FasterRCNNResNet50FPNV2Weights | WeightEntry | None = None,
    weights_backbone: ResNet50Weights | WeightEntry | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Any,
) -> FasterRCNN:
    """Build the improved Faster R-CNN of `Li et al., 2021 <https://arxiv.org/abs/2111.11429>`_.

    A variant beside ``fasterrcnn_resnet50_fpn``, not its replacement: batch norm everywhere and
    never frozen, two convolutions in the region proposal head, four and a linear layer in the box
    head. Input and output are the same.

    Args:
        weights: What to load; fetched on first use. None fetches nothing.
        weights_backbone: Of the ResNet-50 inside; not fetched when ``weights`` are given.
        trainable_backbone_layers: How many layers of the backbone, from the last, are trained:
            0 to 5; by default 3. Without weights all are, whatever is given.
        progress: Show a progress bar while fetching, on a terminal.
        num_classes: Classes, the background included. Other than the weights' own: with
            ``new_head=True`` only.
        **config: Further arguments of ``torchvision.models.detection.FasterRCNN``, and
            ``new_head``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import fasterrcnn_resnet50_fpn_v2
        >>> model = fasterrcnn_resnet50_fpn_v2(weights=None, num_classes=3)
        >>> len(model.rpn.head.conv)
        2
    """
    from torch.nn import BatchNorm2d
    from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNConvFCHead
    from torchvision.models.detection.rpn import RPNHead

    from dapi.vision.models._resnet_fpn import resnet50_fpn

    backbone = resnet50_fpn(
        weights=weights_backbone,
        is_trained=weights is not None or weights_backbone is not None,
        trainable_layers=trainable_backbone_layers,
        progress=progress,
        fpn_norm_layer=BatchNorm2d,
    )
    # FasterRCNN's own anchors: one size on each level, in three aspect ratios.
    rpn_head = RPNHead(backbone.out_channels, num_anchors=3, conv_depth=2)
    box_head = FastRCNNConvFCHead(
        (backbone.out_channels, 7, 7), [256] * 4, [1024], norm_layer=BatchNorm2d
    )
    return FasterRCNN(backbone, num_classes, rpn_head=rpn_head, box_head=box_head, **config)
