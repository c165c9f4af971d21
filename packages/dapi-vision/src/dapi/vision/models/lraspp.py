"""Lite R-ASPP, a segmentation model for phones, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, WeightsLike, register_model
from dapi.vision.models._segmentation import SEGMENTATION_RECIPES, SegmentationWeights, segmentation
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.mobilenet_v3 import MobileNetV3LargeWeights

if TYPE_CHECKING:
    from torchvision.models.segmentation import LRASPP
    from typing_extensions import Unpack


class LRASPPConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.segmentation.LRASPP``.

    Attributes:
        inter_channels: Channels between the backbone and the classifiers.
    """

    inter_channels: int


class LRASPPMobileNetV3LargeWeights(
    SegmentationWeights, meta={"num_params": 3_221_538, "gflops": 2.086}
):
    """Weights of ``lraspp_mobilenet_v3_large``: torchvision's COCO_WITH_VOC_LABELS_V1."""

    COCO_VOCLabels_RefV1 = segmentation(
        "lraspp_mobilenet_v3_large",
        "lraspp_mobilenet_v3_large-d234d4ea.pth",
        sha256="d234d4eae9d55d5f76de18b77cf0dc62c66fe5c5482758209d00f950c92bb280",
        size=13097061,
        sources=4,
        known_as="LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1",
        miou=57.9,
        pixel_acc=91.2,
        recipe=f"{SEGMENTATION_RECIPES}#lraspp_mobilenet_v3_large",
        build=Build(config={"num_classes": 21}),
    )


@register_model(
    weights=LRASPPMobileNetV3LargeWeights,
    head=("classifier.low_classifier", "classifier.high_classifier"),
    legacy=[
        pretrained(LRASPPMobileNetV3LargeWeights.COCO_VOCLabels_RefV1),
        pretrained_backbone(MobileNetV3LargeWeights.ImageNet1K_RefV1),
    ],
)
def lraspp_mobilenet_v3_large(
    *,
    weights: WeightsLike[LRASPPMobileNetV3LargeWeights] | None = None,
    weights_backbone: WeightsLike[MobileNetV3LargeWeights] | None = None,
    progress: bool = True,
    num_classes: int = 21,
    **config: Unpack[LRASPPConfig],
) -> LRASPP:
    """Build a Lite R-ASPP with a MobileNetV3-Large, which assigns a category to each pixel.

    `Searching for MobileNetV3 <https://arxiv.org/abs/1905.02244>`_, Howard et al., 2019, section
    6.4. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (in
    training, N must be 2 or more), and returns a dict of ``out``, logits
    ``(N, num_classes, H, W)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        weights_backbone: Weights of the MobileNet backbone; not downloaded when ``weights`` are
            given.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Number of classes, including the background. A value other than the weights'
            requires ``new_head=True``.
        **config: More arguments, see ``LRASPPConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import lraspp_mobilenet_v3_large
        >>> model = lraspp_mobilenet_v3_large(weights=None, num_classes=3, device="meta")
        >>> model.classifier.high_classifier.out_channels
        3
    """
    from torchvision.models._utils import IntermediateLayerGetter
    from torchvision.models.segmentation import LRASPP

    from dapi.vision.models.mobilenet_v3 import mobilenet_v3_large

    features = mobilenet_v3_large(
        weights=weights_backbone, progress=progress, dilated=True
    ).features
    # The third stage, at an 8th of the image's size, and the last block, at a 16th.
    backbone = IntermediateLayerGetter(features, return_layers={"4": "low", "16": "high"})
    return LRASPP(
        backbone,
        low_channels=features[4].out_channels,
        high_channels=features[16].out_channels,
        num_classes=num_classes,
        **config,
    )
