"""SqueezeNet, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import ClassificationWeights, classification, pretrained

if TYPE_CHECKING:
    from torchvision.models.squeezenet import SqueezeNet
    from typing_extensions import Unpack

_entry = partial(
    classification, recipe="https://github.com/pytorch/vision/pull/49#issuecomment-277560717"
)


class SqueezeNetConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.squeezenet.SqueezeNet``.

    Attributes:
        dropout: Probability that an input of the last layer is zeroed in training.
    """

    dropout: float


class SqueezeNet1_0Weights(ClassificationWeights, meta={"num_params": 1_248_424, "gflops": 0.819}):
    """Weights of ``squeezenet1_0``: torchvision's IMAGENET1K_V1.

    Ported from the paper's weights.
    """

    ImageNet1K_RefV1 = _entry(
        "squeezenet1_0",
        "squeezenet1_0-b66bff10.pth",
        known_as="SqueezeNet1_0_Weights.IMAGENET1K_V1",
        accuracy=(58.092, 80.42),
        file_mib=4.778,
        min_size=(21, 21),
        latest=True,
    )


@register_classifier(
    weights=SqueezeNet1_0Weights,
    head="classifier.1",
    stem="features.0",
    legacy=pretrained(SqueezeNet1_0Weights.ImageNet1K_RefV1),
)
def squeezenet1_0(
    *,
    weights: WeightsLike[SqueezeNet1_0Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[SqueezeNetConfig],
) -> SqueezeNet:
    """Build a SqueezeNet 1.0, which classifies photos.

    `SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size
    <https://arxiv.org/abs/1602.07360>`_, Iandola et al., 2016. The model takes float images
    ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 21 pixels per side), and
    returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.1``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``SqueezeNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import squeezenet1_0
        >>> model = squeezenet1_0(weights=None, num_classes=7, device="meta")
        >>> model.classifier[1].out_channels
        7
    """
    from torchvision.models.squeezenet import SqueezeNet

    return SqueezeNet("1_0", num_classes=num_classes, **config)


class SqueezeNet1_1Weights(ClassificationWeights, meta={"num_params": 1_235_496, "gflops": 0.349}):
    """Weights of ``squeezenet1_1``: torchvision's IMAGENET1K_V1.

    Ported from the authors' weights.
    """

    ImageNet1K_RefV1 = _entry(
        "squeezenet1_1",
        "squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        size=4958839,
        sources=3,
        known_as="SqueezeNet1_1_Weights.IMAGENET1K_V1",
        accuracy=(58.178, 80.624),
        min_size=(17, 17),
        latest=True,
    )


@register_classifier(
    weights=SqueezeNet1_1Weights,
    head="classifier.1",
    stem="features.0",
    legacy=pretrained(SqueezeNet1_1Weights.ImageNet1K_RefV1),
)
def squeezenet1_1(
    *,
    weights: WeightsLike[SqueezeNet1_1Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[SqueezeNetConfig],
) -> SqueezeNet:
    """Build a SqueezeNet 1.1, which costs less than half of 1.0.

    A `later version of its authors
    <https://github.com/forresti/SqueezeNet/tree/master/SqueezeNet_v1.1>`_; images have at least 17
    pixels per side. Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and
    returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from torchvision.models.squeezenet import SqueezeNet

    return SqueezeNet("1_1", num_classes=num_classes, **config)
