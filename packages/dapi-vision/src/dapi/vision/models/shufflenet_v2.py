"""ShuffleNetV2, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import ClassificationWeights, classification, pretrained

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.shufflenetv2 import ShuffleNetV2
    from typing_extensions import Unpack


class ShuffleNetV2Config(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.shufflenetv2.ShuffleNetV2``.

    Attributes:
        inverted_residual: The class of the blocks.
    """

    inverted_residual: Callable[..., nn.Module]


class ShuffleNetV2X0_5Weights(
    ClassificationWeights, meta={"num_params": 1_366_792, "gflops": 0.04}
):
    """Weights of ``shufflenet_v2_x0_5``: torchvision's IMAGENET1K_V1.

    Trained to about the accuracy of the paper.
    """

    ImageNet1K_RefV1 = classification(
        "shufflenet_v2_x0_5",
        "shufflenetv2_x0.5-f707e7126e.pth",
        known_as="ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1",
        accuracy=(60.552, 81.746),
        file_mib=5.282,
        recipe="https://github.com/ericsun99/Shufflenet-v2-Pytorch",
        latest=True,
    )


@register_classifier(
    weights=ShuffleNetV2X0_5Weights,
    head="fc",
    stem="conv1.0",
    legacy=pretrained(ShuffleNetV2X0_5Weights.ImageNet1K_RefV1),
)
def shufflenet_v2_x0_5(
    *,
    weights: WeightsLike[ShuffleNetV2X0_5Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ShuffleNetV2Config],
) -> ShuffleNetV2:
    """Build a ShuffleNetV2 of half the channels, which classifies photos.

    `ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design
    <https://arxiv.org/abs/1807.11164>`_, Ma et al., 2018. The model takes float images ``(N, 3, H,
    W)`` as ``weights.transforms()`` makes them, and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``ShuffleNetV2Config``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import shufflenet_v2_x0_5
        >>> model = shufflenet_v2_x0_5(weights=None, num_classes=7, device="meta")
        >>> model.fc.out_features
        7
    """
    from torchvision.models.shufflenetv2 import ShuffleNetV2

    return ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 1024], num_classes=num_classes, **config)


class ShuffleNetV2X1_0Weights(
    ClassificationWeights, meta={"num_params": 2_278_604, "gflops": 0.145}
):
    """Weights of ``shufflenet_v2_x1_0``: torchvision's IMAGENET1K_V1.

    Trained to about the accuracy of the paper.
    """

    ImageNet1K_RefV1 = classification(
        "shufflenet_v2_x1_0",
        "shufflenetv2_x1-5666bf0f80.pth",
        known_as="ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1",
        accuracy=(69.362, 88.316),
        file_mib=8.791,
        recipe="https://github.com/ericsun99/Shufflenet-v2-Pytorch",
        latest=True,
    )


@register_classifier(
    weights=ShuffleNetV2X1_0Weights,
    head="fc",
    stem="conv1.0",
    legacy=pretrained(ShuffleNetV2X1_0Weights.ImageNet1K_RefV1),
)
def shufflenet_v2_x1_0(
    *,
    weights: WeightsLike[ShuffleNetV2X1_0Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ShuffleNetV2Config],
) -> ShuffleNetV2:
    """Build a ShuffleNetV2.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.shufflenetv2 import ShuffleNetV2

    return ShuffleNetV2([4, 8, 4], [24, 116, 232, 464, 1024], num_classes=num_classes, **config)


class ShuffleNetV2X1_5Weights(
    ClassificationWeights, meta={"num_params": 3_503_624, "gflops": 0.296}
):
    """Weights of ``shufflenet_v2_x1_5``: torchvision's IMAGENET1K_V1.

    Trained by torchvision's new recipe.
    """

    ImageNet1K_RefV1 = classification(
        "shufflenet_v2_x1_5",
        "shufflenetv2_x1_5-3c479a10.pth",
        known_as="ShuffleNet_V2_X1_5_Weights.IMAGENET1K_V1",
        accuracy=(72.996, 91.086),
        file_mib=13.557,
        recipe="https://github.com/pytorch/vision/pull/5906",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ShuffleNetV2X1_5Weights,
    head="fc",
    stem="conv1.0",
    legacy=pretrained(ShuffleNetV2X1_5Weights.ImageNet1K_RefV1),
)
def shufflenet_v2_x1_5(
    *,
    weights: WeightsLike[ShuffleNetV2X1_5Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ShuffleNetV2Config],
) -> ShuffleNetV2:
    """Build a ShuffleNetV2 of 1.5 times the channels.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.shufflenetv2 import ShuffleNetV2

    return ShuffleNetV2([4, 8, 4], [24, 176, 352, 704, 1024], num_classes=num_classes, **config)


class ShuffleNetV2X2_0Weights(
    ClassificationWeights, meta={"num_params": 7_393_996, "gflops": 0.583}
):
    """Weights of ``shufflenet_v2_x2_0``: torchvision's IMAGENET1K_V1.

    Trained by torchvision's new recipe.
    """

    ImageNet1K_RefV1 = classification(
        "shufflenet_v2_x2_0",
        "shufflenetv2_x2_0-8be3c8ee.pth",
        known_as="ShuffleNet_V2_X2_0_Weights.IMAGENET1K_V1",
        accuracy=(76.23, 93.006),
        file_mib=28.433,
        recipe="https://github.com/pytorch/vision/pull/5906",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ShuffleNetV2X2_0Weights,
    head="fc",
    stem="conv1.0",
    legacy=pretrained(ShuffleNetV2X2_0Weights.ImageNet1K_RefV1),
)
def shufflenet_v2_x2_0(
    *,
    weights: WeightsLike[ShuffleNetV2X2_0Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ShuffleNetV2Config],
) -> ShuffleNetV2:
    """Build a ShuffleNetV2 of twice the channels.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.shufflenetv2 import ShuffleNetV2

    return ShuffleNetV2([4, 8, 4], [24, 244, 488, 976, 2048], num_classes=num_classes, **config)
