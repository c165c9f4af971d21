"""MobileNetV2, with torchvision's weights."""

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
    from torchvision.models.mobilenetv2 import MobileNetV2
    from typing_extensions import Unpack


class QuantizedMobileNetV2Config(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.quantization.QuantizableMobileNetV2``.

    Attributes:
        width_mult: Factor on the number of channels.
        inverted_residual_setting: Of each stage: expansion, channels, blocks, stride.
        round_nearest: Numbers of channels are rounded to multiples of this.
        norm_layer: Normalization layer, called with the number of channels.
        dropout: Probability that an input of the last layer is zeroed in training.
    """

    width_mult: float
    inverted_residual_setting: list[list[int]] | None
    round_nearest: int
    norm_layer: Callable[..., nn.Module] | None
    dropout: float


class MobileNetV2Config(ClassifierConfig, QuantizedMobileNetV2Config, total=False):
    """More arguments of ``torchvision.models.mobilenetv2.MobileNetV2``.

    Attributes:
        block: The class of the blocks.
    """

    block: Callable[..., nn.Module] | None


class MobileNetV2Weights(ClassificationWeights, meta={"num_params": 3_504_872, "gflops": 0.301}):
    """Weights of ``mobilenet_v2``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 is trained by a simple recipe to about the accuracy of the paper, RefV2 by torchvision's
    new recipe.
    """

    ImageNet1K_RefV1 = classification(
        "mobilenet_v2",
        "mobilenet_v2-b0353104.pth",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        sources=4,
        known_as="MobileNet_V2_Weights.IMAGENET1K_V1",
        accuracy=(71.878, 90.286),
        file_mib=13.555,
        recipe=f"{RECIPES}#mobilenetv2",
    )
    ImageNet1K_RefV2 = classification(
        "mobilenet_v2",
        "mobilenet_v2-7ebf99e0.pth",
        sha256="7ebf99e03e254b273379b23edca7ec0da9f48273b23a332b93c1c99d49e86e8f",
        size=14258573,
        sources=3,
        known_as="MobileNet_V2_Weights.IMAGENET1K_V2",
        accuracy=(72.154, 90.822),
        recipe=f"{NEW_RECIPES}#new-recipe-with-reg-tuning",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=MobileNetV2Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(MobileNetV2Weights.ImageNet1K_RefV1),
)
def mobilenet_v2(
    *,
    weights: WeightsLike[MobileNetV2Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[MobileNetV2Config],
) -> MobileNetV2:
    """Build a MobileNetV2, which classifies photos.

    `MobileNetV2: Inverted Residuals and Linear Bottlenecks <https://arxiv.org/abs/1801.04381>`_,
    Sandler et al., 2018. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()``
    makes them, and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.1``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``MobileNetV2Config``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import mobilenet_v2
        >>> model = mobilenet_v2(weights=None, num_classes=7, device="meta")
        >>> model.classifier[1].out_features
        7
    """
    from torchvision.models.mobilenetv2 import MobileNetV2

    return MobileNetV2(num_classes=num_classes, **config)
