"""AlexNet, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    RECIPES,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from torchvision.models.alexnet import AlexNet
    from typing_extensions import Unpack


class AlexNetConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.alexnet.AlexNet``.

    Attributes:
        dropout: Probability that an input of the last layer is zeroed in training.
    """

    dropout: float


class AlexNetWeights(ClassificationWeights, meta={"num_params": 61_100_840, "gflops": 0.714}):
    """Weights of ``alexnet``: torchvision's IMAGENET1K_V1.

    Trained by a simplified recipe to about the accuracy of the paper.
    """

    ImageNet1K_RefV1 = classification(
        "alexnet",
        "alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        size=244408911,
        sources=10,
        known_as="AlexNet_Weights.IMAGENET1K_V1",
        accuracy=(56.522, 79.066),
        min_size=(63, 63),
        recipe=f"{RECIPES}#alexnet-and-vgg",
        latest=True,
    )


@register_classifier(
    weights=AlexNetWeights,
    head="classifier.6",
    stem="features.0",
    legacy=pretrained(AlexNetWeights.ImageNet1K_RefV1),
)
def alexnet(
    *,
    weights: WeightsLike[AlexNetWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[AlexNetConfig],
) -> AlexNet:
    """Build an AlexNet, which classifies photos.

    `One weird trick for parallelizing convolutional neural networks
    <https://arxiv.org/abs/1404.5997>`_, Krizhevsky, 2014: the variant with one column. The model
    takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 63 pixels
    per side), and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.6``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``AlexNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import alexnet
        >>> model = alexnet(weights=None, num_classes=7, device="meta")
        >>> model.classifier[6].out_features
        7
    """
    from torchvision.models.alexnet import AlexNet

    return AlexNet(num_classes=num_classes, **config)
