"""DeepLabV3, which segments photos at several scales, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, WeightsLike, register_model
from dapi.vision.models._segmentation import SEGMENTATION_RECIPES, SegmentationWeights, segmentation
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.mobilenet_v3 import MobileNetV3LargeWeights
from dapi.vision.models.resnet import ResNet50Weights, ResNet101Weights

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models.segmentation import DeepLabV3
    from typing_extensions import Unpack

_entry = partial(segmentation, build=Build(config={"num_classes": 21, "aux_loss": True}))
_HEADS = ("classifier.4", "aux_classifier.4")


class DeepLabV3ResNet50Weights(
    SegmentationWeights, meta={"num_params": 42_004_074, "gflops": 178.722}
):
    """Weights of ``deeplabv3_resnet50``: torchvision's COCO_WITH_VOC_LABELS_V1."""

    COCO_VOCLabels_RefV1 = _entry(
        "deeplabv3_resnet50",
        "deeplabv3_resnet50_coco-cd0a2569.pth",
        sha256="cd0a25694c4a0f7106b38f4938bf90a874f2f241cc410b8f63c7024399538f06",
        size=168312152,
        sources=6,
        known_as="DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1",
        miou=66.4,
        pixel_acc=92.4,
        recipe=f"{SEGMENTATION_RECIPES}#deeplabv3_resnet50",
    )


@register_model(
    weights=DeepLabV3ResNet50Weights,
    head=_HEADS,
    legacy=[
        pretrained(DeepLabV3ResNet50Weights.COCO_VOCLabels_RefV1),
        pretrained_backbone(ResNet50Weights.ImageNet1K_RefV1),
    ],
)
def deeplabv3_resnet50(
    *,
    weights: WeightsLike[DeepLabV3ResNet50Weights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    progress: bool = True,
    num_classes: int = 21,
    aux_loss: bool | None = None,
    **config: Unpack[BuilderConfig],
) -> DeepLabV3:
    """Build a DeepLabV3 with a ResNet-50, which assigns a category to each pixel of a photo.

    `Rethinking Atrous Convolution for Semantic Image Segmentation
    <https://arxiv.org/abs/1706.05587>`_, Chen et al., 2017. The model takes float images
    ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (in training, N must be 2 or more), and
    returns a dict of ``out``, logits ``(N, num_classes, H, W)``, and with ``aux_loss`` of ``aux``,
    the same of a classifier on an earlier layer.

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
        >>> from dapi.vision import deeplabv3_resnet50
        >>> model = deeplabv3_resnet50(weights=None, num_classes=3, device="meta")
        >>> model.classifier[4].out_channels
        3
    """
    from dapi.vision.models.resnet import resnet50

    network = resnet50(
        weights=weights_backbone,
        progress=progress,
        replace_stride_with_dilation=[False, True, True],
    )
    return _deeplabv3(network, ("layer4", 2048), ("layer3", 1024), num_classes, aux_loss=aux_loss)


class DeepLabV3ResNet101Weights(
    SegmentationWeights, meta={"num_params": 60_996_202, "gflops": 258.743}
):
    """Weights of ``deeplabv3_resnet101``: torchvision's COCO_WITH_VOC_LABELS_V1."""

    COCO_VOCLabels_RefV1 = _entry(
        "deeplabv3_resnet101",
        "deeplabv3_resnet101_coco-586e9e4e.pth",
        sha256="586e9e4e203fcbf17e1ad45533d8d33ab133fc762bf03101c5dd743995c08c0d",
        size=244545539,
        sources=1,
        known_as="DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1",
        miou=67.4,
        pixel_acc=92.4,
        recipe=f"{SEGMENTATION_RECIPES}#fcn_resnet101",
    )


@register_model(
    weights=DeepLabV3ResNet101Weights,
    head=_HEADS,
    legacy=[
        pretrained(DeepLabV3ResNet101Weights.COCO_VOCLabels_RefV1),
        pretrained_backbone(ResNet101Weights.ImageNet1K_RefV1),
    ],
)
def deeplabv3_resnet101(
    *,
    weights: WeightsLike[DeepLabV3ResNet101Weights] | None = None,
    weights_backbone: WeightsLike[ResNet101Weights] | None = None,
    progress: bool = True,
    num_classes: int = 21,
    aux_loss: bool | None = None,
    **config: Unpack[BuilderConfig],
) -> DeepLabV3:
    """Build a DeepLabV3 with a ResNet-101.

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
    return _deeplabv3(network, ("layer4", 2048), ("layer3", 1024), num_classes, aux_loss=aux_loss)


class DeepLabV3MobileNetV3LargeWeights(
    SegmentationWeights, meta={"num_params": 11_029_328, "gflops": 10.452}
):
    """Weights of ``deeplabv3_mobilenet_v3_large``: torchvision's COCO_WITH_VOC_LABELS_V1."""

    COCO_VOCLabels_RefV1 = _entry(
        "deeplabv3_mobilenet_v3_large",
        "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
        sha256="fc3c493d68e89cc31ef488c803d5d7dd2f3190fb570598faa49fef69be8e5e70",
        size=44356159,
        sources=5,
        known_as="DeepLabV3_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1",
        miou=60.3,
        pixel_acc=91.2,
        recipe=f"{SEGMENTATION_RECIPES}#deeplabv3_mobilenet_v3_large",
    )


@register_model(
    weights=DeepLabV3MobileNetV3LargeWeights,
    head=_HEADS,
    legacy=[
        pretrained(DeepLabV3MobileNetV3LargeWeights.COCO_VOCLabels_RefV1),
        pretrained_backbone(MobileNetV3LargeWeights.ImageNet1K_RefV1),
    ],
)
def deeplabv3_mobilenet_v3_large(
    *,
    weights: WeightsLike[DeepLabV3MobileNetV3LargeWeights] | None = None,
    weights_backbone: WeightsLike[MobileNetV3LargeWeights] | None = None,
    progress: bool = True,
    num_classes: int = 21,
    aux_loss: bool | None = None,
    **config: Unpack[BuilderConfig],
) -> DeepLabV3:
    """Build a DeepLabV3 with a MobileNetV3-Large.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns a dict
    of ``out``, logits ``(N, num_classes, H, W)``, and with ``aux_loss`` of ``aux``, the same of a
    classifier on an earlier layer. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from dapi.vision.models.mobilenet_v3 import mobilenet_v3_large

    network = mobilenet_v3_large(weights=weights_backbone, progress=progress, dilated=True)
    # The last block, at a 16th of the image's size, and the third stage, at an 8th.
    return _deeplabv3(network.features, ("16", 960), ("4", 40), num_classes, aux_loss=aux_loss)


def _deeplabv3(
    network: nn.Module,
    out: tuple[str, int],
    aux: tuple[str, int],
    num_classes: int,
    *,
    aux_loss: bool | None,
) -> DeepLabV3:
    """Construct a DeepLabV3.

    Args:
        network: The backbone.
        out: The layer that is classified, and its channels.
        aux: The same for the auxiliary classifier.
        num_classes: As in the builders.
        aux_loss: As in the builders.
    """
    from torchvision.models._utils import IntermediateLayerGetter
    from torchvision.models.segmentation.deeplabv3 import DeepLabHead, DeepLabV3
    from torchvision.models.segmentation.fcn import FCNHead

    layers = {out[0]: "out", **({aux[0]: "aux"} if aux_loss else {})}
    backbone = IntermediateLayerGetter(network, return_layers=layers)
    auxiliary = FCNHead(aux[1], num_classes) if aux_loss else None
    return DeepLabV3(backbone, DeepLabHead(out[1], num_classes), auxiliary)
