"""Keypoint R-CNN, which detects people and their joints, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import Build, LegacyArgument, WeightsLike, register_model
from dapi.vision.categories import COCO_KEYPOINTS, COCO_PERSON
from dapi.vision.models._detection import (
    ANCIENT_EPS,
    DETECTION_RECIPES,
    DetectionWeights,
    RCNNConfig,
    detection,
)
from dapi.vision.models._torchvision import pretrained_backbone
from dapi.vision.models.resnet import ResNet50Weights

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models.detection import KeypointRCNN
    from typing_extensions import Unpack

_entry = partial(
    detection,
    task="keypoint-detection",
    categories=COCO_PERSON,
    keypoint_names=COCO_KEYPOINTS,
    build=Build(config={"num_classes": 2, "num_keypoints": 17}, context=ANCIENT_EPS),
)


class KeypointRCNNConfig(RCNNConfig, total=False):
    """More arguments of ``torchvision.models.detection.KeypointRCNN``.

    Attributes:
        keypoint_roi_pool: Module that crops features for the keypoint head.
        keypoint_head: Module that refines them.
        keypoint_predictor: Module that predicts keypoints from them; not together with
            ``num_keypoints``.
    """

    keypoint_roi_pool: nn.Module | None
    keypoint_head: nn.Module | None
    keypoint_predictor: nn.Module | None


class KeypointRCNNResNet50FPNWeights(DetectionWeights, meta={"num_params": 59_137_258}):
    """Weights of ``keypointrcnn_resnet50_fpn``: torchvision's COCO_LEGACY and COCO_V1.

    Both were trained with eps=0 in FrozenBatchNorm2d, and are built with it. torchvision does so
    for COCO_V1 only, although the legacy file, of an early epoch (vision#1606), is even older.
    """

    COCO_Legacy_RefV1 = _entry(
        "keypointrcnn_resnet50_fpn",
        "keypointrcnn_resnet50_fpn_coco-9f466800.pth",
        known_as="KeypointRCNN_ResNet50_FPN_Weights.COCO_LEGACY",
        average_precision={"box_map": 50.6, "kp_map": 61.1},
        gflops=133.924,
        file_mib=226.054,
        recipe="https://github.com/pytorch/vision/issues/1606",
    )
    COCO_RefV1 = _entry(
        "keypointrcnn_resnet50_fpn",
        "keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
        sha256="fc266e953d2b302cdcbb9ae66f71f6b0d4649928bf02dc573961e361e4918926",
        size=237034793,
        sources=4,
        known_as="KeypointRCNN_ResNet50_FPN_Weights.COCO_V1",
        average_precision={"box_map": 54.6, "kp_map": 65.0},
        gflops=137.42,
        recipe=f"{DETECTION_RECIPES}#keypoint-r-cnn",
        latest=True,
    )


_LEGACY = LegacyArgument(
    "pretrained",
    {
        True: KeypointRCNNResNet50FPNWeights.COCO_RefV1,
        False: None,
        "legacy": KeypointRCNNResNet50FPNWeights.COCO_Legacy_RefV1,
    },
)


@register_model(
    weights=KeypointRCNNResNet50FPNWeights,
    head=("roi_heads.box_predictor", "roi_heads.keypoint_predictor"),
    legacy=[_LEGACY, pretrained_backbone(ResNet50Weights.ImageNet1K_RefV1)],
)
def keypointrcnn_resnet50_fpn(
    *,
    weights: WeightsLike[KeypointRCNNResNet50FPNWeights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 2,
    num_keypoints: int = 17,
    **config: Unpack[KeypointRCNNConfig],
) -> KeypointRCNN:
    """Build a Keypoint R-CNN with a ResNet-50 and a feature pyramid.

    `Mask R-CNN <https://arxiv.org/abs/1703.06870>`_, He et al., 2017, with keypoints in place of
    masks. The model takes a list of float images ``(3, H, W)`` with values 0 to 1, of different
    sizes, and in training a list of targets (``boxes``, ``labels`` and ``keypoints``
    ``(N, K, 3)``). In eval mode it returns for each image a dict of ``boxes`` ``(N, 4)`` as x1,
    y1, x2, y2 in pixels, ``labels`` ``(N,)``, ``scores`` ``(N,)``, best first, ``keypoints``
    ``(N, K, 3)`` as x, y, visibility, and ``keypoints_scores`` ``(N, K)``; in training mode a
    dict of losses.

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
        num_keypoints: Keypoints of each object. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``KeypointRCNNConfig``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import keypointrcnn_resnet50_fpn
        >>> model = keypointrcnn_resnet50_fpn(weights=None, num_keypoints=5, device="meta")
        >>> model.roi_heads.keypoint_predictor.out_channels
        5
    """
    from torchvision.models.detection import KeypointRCNN

    from dapi.vision.models._backbones import resnet50_fpn

    backbone = resnet50_fpn(weights, weights_backbone, trainable_backbone_layers, progress=progress)
    return KeypointRCNN(backbone, num_classes, num_keypoints=num_keypoints, **config)
