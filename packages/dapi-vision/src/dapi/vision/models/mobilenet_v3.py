"""MobileNetV3, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import BuilderConfig, WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    NEW_RECIPES,
    RECIPES,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.mobilenetv3 import MobileNetV3
    from typing_extensions import Unpack


class QuantizedMobileNetV3Config(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.quantization.QuantizableMobileNetV3``.

    Attributes:
        norm_layer: Normalization layer, called with the number of channels.
        dropout: Probability that an input of the last layer is zeroed in training.
    """

    norm_layer: Callable[..., nn.Module] | None
    dropout: float


class MobileNetV3Config(ClassifierConfig, QuantizedMobileNetV3Config, total=False):
    """More arguments of ``torchvision.models.mobilenetv3.MobileNetV3``.

    Attributes:
        block: The class of the blocks.
    """

    block: Callable[..., nn.Module] | None


class MobileNetV3LargeWeights(
    ClassificationWeights, meta={"num_params": 5_483_032, "gflops": 0.217}
):
    """Weights of ``mobilenet_v3_large``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 is trained by a simple recipe, RefV2 by torchvision's new recipe.
    """

    ImageNet1K_RefV1 = classification(
        "mobilenet_v3_large",
        "mobilenet_v3_large-8738ca79.pth",
        sha256="8738ca797c879b547d18bbd15da5736ff2557b2036a9af72225393ca61759a04",
        size=22139423,
        sources=2,
        known_as="MobileNet_V3_Large_Weights.IMAGENET1K_V1",
        accuracy=(74.042, 91.34),
        recipe=f"{RECIPES}#mobilenetv3-large--small",
    )
    ImageNet1K_RefV2 = classification(
        "mobilenet_v3_large",
        "mobilenet_v3_large-5c1a4163.pth",
        sha256="5c1a416349c4cf298f2a6a5e2600ed0ee55e604713578f5e74e6bc8bcaef7997",
        size=22132113,
        sources=4,
        known_as="MobileNet_V3_Large_Weights.IMAGENET1K_V2",
        accuracy=(75.274, 92.566),
        recipe=f"{NEW_RECIPES}#new-recipe-with-reg-tuning",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=MobileNetV3LargeWeights,
    head="classifier.3",
    stem="features.0.0",
    legacy=pretrained(MobileNetV3LargeWeights.ImageNet1K_RefV1),
)
def mobilenet_v3_large(
    *,
    weights: WeightsLike[MobileNetV3LargeWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **config: Unpack[MobileNetV3Config],
) -> MobileNetV3:
    """Build a MobileNetV3-Large, which classifies photos.

    `Searching for MobileNetV3 <https://arxiv.org/abs/1905.02244>`_, Howard et al., 2019. The model
    takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.3``. A value other than the weights' requires
            ``new_head=True``.
        width_mult: Factor on the number of channels.
        reduced_tail: Halve the channels of the last blocks and of the classifier, as a detector
            does that has fewer classes.
        dilated: Dilate the convolutions of the last blocks, as a segmentation model does.
        **config: More arguments, see ``MobileNetV3Config``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import mobilenet_v3_large
        >>> model = mobilenet_v3_large(weights=None, num_classes=7, device="meta")
        >>> model.classifier[3].out_features
        7
    """
    from torchvision.models.mobilenetv3 import MobileNetV3

    from dapi.vision.models._mobilenet_v3 import large

    return large(
        MobileNetV3,
        width_mult=width_mult,
        reduced_tail=reduced_tail,
        dilated=dilated,
        num_classes=num_classes,
        **config,
    )


class MobileNetV3SmallWeights(
    ClassificationWeights, meta={"num_params": 2_542_856, "gflops": 0.057}
):
    """Weights of ``mobilenet_v3_small``: torchvision's IMAGENET1K_V1.

    Trained by a simple recipe to more than the accuracy of the paper.
    """

    ImageNet1K_RefV1 = classification(
        "mobilenet_v3_small",
        "mobilenet_v3_small-047dcff4.pth",
        sha256="047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
        size=10306551,
        sources=8,
        known_as="MobileNet_V3_Small_Weights.IMAGENET1K_V1",
        accuracy=(67.668, 87.402),
        recipe=f"{RECIPES}#mobilenetv3-large--small",
        latest=True,
    )


@register_classifier(
    weights=MobileNetV3SmallWeights,
    head="classifier.3",
    stem="features.0.0",
    legacy=pretrained(MobileNetV3SmallWeights.ImageNet1K_RefV1),
)
def mobilenet_v3_small(
    *,
    weights: WeightsLike[MobileNetV3SmallWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **config: Unpack[MobileNetV3Config],
) -> MobileNetV3:
    """Build a MobileNetV3-Small.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    ``width_mult`` multiplies the number of channels, ``reduced_tail`` halves that of the last
    blocks, and ``dilated`` dilates their convolutions.
    """
    from torchvision.models.mobilenetv3 import MobileNetV3

    from dapi.vision.models._mobilenet_v3 import small

    return small(
        MobileNetV3,
        width_mult=width_mult,
        reduced_tail=reduced_tail,
        dilated=dilated,
        num_classes=num_classes,
        **config,
    )
