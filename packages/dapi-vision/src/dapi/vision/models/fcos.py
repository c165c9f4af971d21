"""FCOS, a detector without anchors, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import WeightEntry, Weights, register_model
from dapi.vision.models._detection import DETECTION_RECIPES, detection
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.resnet import ResNet50Weights

if TYPE_CHECKING:
    from torchvision.models.detection import FCOS

__all__ = ["FCOSResNet50FPNWeights", "fcos_resnet50_fpn"]


class FCOSResNet50FPNWeights(Weights):
    """Weights of ``fcos_resnet50_fpn``: torchvision's COCO_V1."""

    COCO_RefV1 = detection(
        "fcos_resnet50_fpn",
        "fcos_resnet50_fpn_coco-99b0c9b7.pth",
        sha256="99b0c9b7cfb1527d782db86b91d207f00547c792fb4103fc612b651d0a07b9e7",
        size=129612099,
        sources=4,
        known_as="FCOS_ResNet50_FPN_Weights.COCO_V1",
        average_precision={"box_map": 39.2},
        num_params=32269600,
        gflops=128.207,
        file_mib=123.608,
        recipe=f"{DETECTION_RECIPES}#fcos-resnet-50-fpn",
        latest=True,
    )


@register_model(
    weights=FCOSResNet50FPNWeights,
    head="head.classification_head.cls_logits",
    legacy=[
        pretrained(FCOSResNet50FPNWeights.COCO_RefV1),
        pretrained_backbone(ResNet50Weights.ImageNet1K_RefV1),
    ],
)
def fcos_resnet50_fpn(
    *,
    weights: FCOSResNet50FPNWeights | WeightEntry | None = None,
    weights_backbone: ResNet50Weights | WeightEntry | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Any,
) -> FCOS:
    """Build an FCOS with a ResNet-50 and a feature pyramid, which finds objects.

    `FCOS: Fully Convolutional One-Stage Object Detection <https://arxiv.org/abs/1904.01355>`_,
    Tian et al., 2019, with the centres of `FCOS: A simple and strong anchor-free object detector
    <https://arxiv.org/abs/2006.09214>`_. The model takes a list of float images ``(3, H, W)`` with
    values 0 to 1, of different sizes, and in training a list of targets (``boxes`` and
    ``labels``). In eval mode it returns for each image a dict of ``boxes`` ``(N, 4)`` as x1, y1,
    x2, y2 in pixels, ``labels`` ``(N,)`` and ``scores`` ``(N,)``, best first; in training mode a
    dict of losses.

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
        **config: Further arguments of ``torchvision.models.detection.FCOS``, and ``new_head``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import fcos_resnet50_fpn
        >>> model = fcos_resnet50_fpn(weights=None, num_classes=3, device="meta")
        >>> model.head.classification_head.cls_logits.out_channels
        3
    """
    from torchvision.models.detection import FCOS

    from dapi.vision.models._backbones import resnet50_fpn

    backbone = resnet50_fpn(
        weights,
        weights_backbone,
        trainable_backbone_layers,
        progress=progress,
        further_from=256,
    )
    return FCOS(backbone, num_classes, **config)
