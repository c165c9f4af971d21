"""FCN, the first fully convolutional segmentation model, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, WeightsLike, register_model
from dapi.vision.models._segmentation import SEGMENTATION_RECIPES, SegmentationWeights, segmentation
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.resnet import ResNet50Weights, ResNet101Weights

if TYPE_CHECKING:
    from torchvision.models.resnet import ResNet
    from torchvision.models.segmentation import FCN
    from typing_extensions import Unpack

_entry = partial(segmentation, build=Build(config={"num_classes": 21, "aux_loss": True}))
_HEADS = ("classifier.4", "aux_classifier.4")


class FCNResNet50Weights(SegmentationWeights, meta={"num_params": 35_322_218, "gflops": 152.717}):
    """Weights of ``fcn_resnet50``: torchvision's COCO_WITH_VOC_LABELS_V1."""

    COCO_VOCLabels_RefV1 = _entry(
        "fcn_resnet50",
        "fcn_resnet50_coco-1167a1af.pth",
        sha256="1167a1affa42e1e62858f8d3fac12d109e0108327ffc91c5855a324b11683c36",
        size=141567418,
        sources=2,
        known_as="FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1",
        miou=60.5,
        pixel_acc=91.4,
        recipe=f"{SEGMENTATION_RECIPES}#fcn_resnet50",
    )


@register_model(
    weights=FCNResNet50Weights,
    head=_HEADS,
    legacy=[
        pretrained(FCNResNet50Weights.COCO_VOCLabels_RefV1),
        pretrained_backbone(ResNet50Weights.ImageNet1K_RefV1),
    ],
)
def fcn_resnet50(
    *,
    weights: WeightsLike[FCNResNet50Weights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    progress: bool = True,
    num_classes: int = 21,
    aux_loss: bool | None = None,
    **config: Unpack[BuilderConfig],
) -> FCN:
    """Build an FCN with a ResNet-50, which assigns a category to each pixel of a photo.

    `Fully Convolutional Networks for Semantic Segmentation <https://arxiv.org/abs/1411.4038>`_,
    Long et al., 2014. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()``
    makes them, and returns a dict of ``out``, logits ``(N, num_classes, H, W)``, and with
    ``aux_loss`` of ``aux``, the same of a classifier on an earlier layer.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        weights_backbone: Weights of the backbone; not downloaded when ``weights`` are given.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Number of classes, including the background. A value other than the weights'
            requires ``new_head=True``.
        aux_loss: Whether it has an auxiliary classifier, for training. The published weights do.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import fcn_resnet50
        >>> model = fcn_resnet50(weights=None, num_classes=3, device="meta")
        >>> model.classifier[4].out_channels
        3
    """
    from dapi.vision.models.resnet import resnet50

    network = resnet50(
        weights=weights_backbone,
        progress=progress,
        replace_stride_with_dilation=[False, True, True],
    )
    return _fcn(network, num_classes, aux_loss=bool(aux_loss))


class FCNResNet101Weights(SegmentationWeights, meta={"num_params": 54_314_346, "gflops": 232.738}):
    """Weights of ``fcn_resnet101``: torchvision's COCO_WITH_VOC_LABELS_V1."""

    COCO_VOCLabels_RefV1 = _entry(
        "fcn_resnet101",
        "fcn_resnet101_coco-7ecb50ca.pth",
        sha256="7ecb50ca17844860a70d5ed0c748d997cf8adb62932abaa0233430c68594d749",
        size=217800805,
        sources=1,
        known_as="FCN_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1",
        miou=63.7,
        pixel_acc=91.9,
        recipe=f"{SEGMENTATION_RECIPES}#deeplabv3_resnet101",
    )


@register_model(
    weights=FCNResNet101Weights,
    head=_HEADS,
    legacy=[
        pretrained(FCNResNet101Weights.COCO_VOCLabels_RefV1),
        pretrained_backbone(ResNet101Weights.ImageNet1K_RefV1),
    ],
)
def fcn_resnet101(
    *,
    weights: WeightsLike[FCNResNet101Weights] | None = None,
    weights_backbone: WeightsLike[ResNet101Weights] | None = None,
    progress: bool = True,
    num_classes: int = 21,
    aux_loss: bool | None = None,
    **config: Unpack[BuilderConfig],
) -> FCN:
    """Build an FCN with a ResNet-101.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns a dict
    of ``out``, logits ``(N, num_classes, H, W)``, and with ``aux_loss`` of ``aux``, the same of a
    classifier on an earlier layer. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from dapi.vision.models.resnet import resnet101

    network = resnet101(
        weights=weights_backbone,
        progress=progress,
        replace_stride_with_dilation=[False, True, True],
    )
    return _fcn(network, num_classes, aux_loss=bool(aux_loss))


def _fcn(network: ResNet, num_classes: int, *, aux_loss: bool) -> FCN:
    from torchvision.models._utils import IntermediateLayerGetter
    from torchvision.models.segmentation.fcn import FCN, FCNHead

    layers = {"layer4": "out", **({"layer3": "aux"} if aux_loss else {})}
    backbone = IntermediateLayerGetter(network, return_layers=layers)
    aux = FCNHead(1024, num_classes) if aux_loss else None
    return FCN(backbone, FCNHead(2048, num_classes), aux)
