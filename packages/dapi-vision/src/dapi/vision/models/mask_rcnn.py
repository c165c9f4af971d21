"""Mask R-CNN, which detects objects and their outlines, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import WeightsLike, register_model
from dapi.vision.models._detection import (
    ANCIENT_BUILD,
    DETECTION_RECIPES,
    DetectionWeights,
    RCNNConfig,
    detection,
)
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.resnet import ResNet50Weights

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models.detection import MaskRCNN
    from typing_extensions import Unpack

_entry = partial(detection, task="instance-segmentation")
_HEADS = ("roi_heads.box_predictor", "roi_heads.mask_predictor")


class MaskRCNNConfig(RCNNConfig, total=False):
    """More arguments of ``torchvision.models.detection.MaskRCNN``.

    Attributes:
        mask_roi_pool: Module that crops features for the mask head.
        mask_head: Module that refines them.
        mask_predictor: Module that predicts masks from them; not together with ``num_classes``.
    """

    mask_roi_pool: nn.Module | None
    mask_head: nn.Module | None
    mask_predictor: nn.Module | None


_BACKBONE_LEGACY = pretrained_backbone(ResNet50Weights.ImageNet1K_RefV1)


class MaskRCNNResNet50FPNWeights(
    DetectionWeights, meta={"num_params": 44_401_393, "gflops": 134.38}
):
    """Weights of ``maskrcnn_resnet50_fpn``: torchvision's COCO_V1.

    They were trained with eps=0 in FrozenBatchNorm2d, and are built with it.
    """

    COCO_RefV1 = _entry(
        "maskrcnn_resnet50_fpn",
        "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
        sha256="bf2d0c1efbc936eeee2bc95a48e80ebc86b891f61b0106485937fc29f9315fc0",
        sources=4,
        known_as="MaskRCNN_ResNet50_FPN_Weights.COCO_V1",
        average_precision={"box_map": 37.9, "mask_map": 34.6},
        file_mib=169.84,
        recipe=f"{DETECTION_RECIPES}#mask-r-cnn",
        build=ANCIENT_BUILD,
        latest=True,
    )


@register_model(
    weights=MaskRCNNResNet50FPNWeights,
    head=_HEADS,
    legacy=[pretrained(MaskRCNNResNet50FPNWeights.COCO_RefV1), _BACKBONE_LEGACY],
)
def maskrcnn_resnet50_fpn(
    *,
    weights: WeightsLike[MaskRCNNResNet50FPNWeights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[MaskRCNNConfig],
) -> MaskRCNN:
    """Build a Mask R-CNN with a ResNet-50 and a feature pyramid.

    `Mask R-CNN <https://arxiv.org/abs/1703.06870>`_, He et al., 2017. The model takes a list of
    float images ``(3, H, W)`` with values 0 to 1, of different sizes, and in training a list of
    targets (``boxes``, ``labels`` and ``masks`` ``(N, H, W)``). In eval mode it returns for each
    image a dict of ``boxes`` ``(N, 4)`` as x1, y1, x2, y2 in pixels, ``labels`` ``(N,)``,
    ``scores`` ``(N,)``, best first, and ``masks`` ``(N, 1, H, W)`` of probabilities; in training
    mode a dict of losses.

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
        **config: More arguments, see ``MaskRCNNConfig``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import maskrcnn_resnet50_fpn
        >>> model = maskrcnn_resnet50_fpn(weights=None, num_classes=3, device="meta")
        >>> model.roi_heads.mask_predictor.mask_fcn_logits.out_channels
        3
    """
    from torchvision.models.detection import MaskRCNN

    from dapi.vision.models._backbones import resnet50_fpn

    backbone = resnet50_fpn(weights, weights_backbone, trainable_backbone_layers, progress=progress)
    return MaskRCNN(backbone, num_classes, **config)


class MaskRCNNResNet50FPNV2Weights(
    DetectionWeights, meta={"num_params": 46_359_409, "gflops": 333.577}
):
    """Weights of ``maskrcnn_resnet50_fpn_v2``: torchvision's COCO_V1 for that model.

    Trained by a recipe that is improved too.
    """

    COCO_RefV1 = _entry(
        "maskrcnn_resnet50_fpn_v2",
        "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
        sha256="73cbd0190fcbe3ba339921fbce2c3a0b6bb9126c9a133c85e43a2a8e060a109e",
        size=185828065,
        sources=9,
        known_as="MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1",
        average_precision={"box_map": 47.4, "mask_map": 41.8},
        recipe="https://github.com/pytorch/vision/pull/5773",
        latest=True,
    )


@register_model(
    weights=MaskRCNNResNet50FPNV2Weights,
    head=_HEADS,
    legacy=[pretrained(MaskRCNNResNet50FPNV2Weights.COCO_RefV1), _BACKBONE_LEGACY],
)
def maskrcnn_resnet50_fpn_v2(
    *,
    weights: WeightsLike[MaskRCNNResNet50FPNV2Weights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[MaskRCNNConfig],
) -> MaskRCNN:
    """Build the improved Mask R-CNN of `Li et al., 2021 <https://arxiv.org/abs/2111.11429>`_.

    A variant of ``maskrcnn_resnet50_fpn``, not its replacement: batch norm everywhere and never
    frozen, and more convolutions in the heads. Takes a list of float images ``(3, H, W)`` with
    values 0 to 1, and in eval mode returns for each a dict of ``boxes``, ``labels``, ``scores`` and
    ``masks`` ``(N, 1, H, W)``, best first; in training mode it also takes ``targets``, and returns
    a dict of losses. With weights, the last ``trainable_backbone_layers`` of the backbone are
    trained (0 to 5; by default 3). A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from torch.nn import BatchNorm2d
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.mask_rcnn import MaskRCNNHeads

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
    channels = backbone.out_channels
    heads = improved_heads(channels)
    mask_head = MaskRCNNHeads(channels, [256] * 4, dilation=1, norm_layer=BatchNorm2d)
    return MaskRCNN(backbone, num_classes, mask_head=mask_head, **heads, **config)
