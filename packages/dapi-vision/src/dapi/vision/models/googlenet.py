"""GoogLeNet, the first Inception network, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, WeightsLike
from dapi.adapt import Drop
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._torchvision import (
    RECIPES,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.googlenet import GoogLeNet
    from typing_extensions import Unpack

_BUILD = Build(
    config={"num_classes": 1000},
    # Images are normalized as for every other model; those these were trained on were not.
    defaults={"transform_input": True, "aux_logits": False, "init_weights": False},
    adapt=(Drop(r"aux[12]\.", unless="aux_logits"),),
)


class QuantizedGoogLeNetConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.quantization.QuantizableGoogLeNet``.

    Attributes:
        dropout: Probability that an input of the last layer is zeroed in training.
        dropout_aux: The same, of the auxiliary heads.
    """

    dropout: float
    dropout_aux: float


class GoogLeNetConfig(QuantizedGoogLeNetConfig, total=False):
    """More arguments of ``torchvision.models.googlenet.GoogLeNet``.

    Attributes:
        blocks: The classes of convolution, Inception block and auxiliary head.
    """

    blocks: list[Callable[..., nn.Module]] | None


class GoogLeNetWeights(ClassificationWeights, meta={"num_params": 6_624_904, "gflops": 1.498}):
    """Weights of ``googlenet``: torchvision's IMAGENET1K_V1.

    Ported from the paper's weights. The model rescales its input to the range that they were
    trained with, and leaves out the auxiliary heads, whose values in the file are not trained.
    """

    ImageNet1K_RefV1 = classification(
        "googlenet",
        "googlenet-1378be20.pth",
        sha256="1378be20a8e875cf1568b8a71654e704449655e34711a959a38b04fb34905cef",
        sources=2,
        known_as="GoogLeNet_Weights.IMAGENET1K_V1",
        accuracy=(69.778, 89.53),
        file_mib=49.731,
        min_size=(15, 15),
        recipe=f"{RECIPES}#googlenet",
        build=_BUILD,
        latest=True,
    )


@register_classifier(
    weights=GoogLeNetWeights,
    head=("fc", "aux1.fc2", "aux2.fc2"),
    legacy=pretrained(GoogLeNetWeights.ImageNet1K_RefV1),
)
def googlenet(
    *,
    weights: WeightsLike[GoogLeNetWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    aux_logits: bool = True,
    transform_input: bool = False,
    init_weights: bool | None = None,
    **config: Unpack[GoogLeNetConfig],
) -> GoogLeNet:
    """Build a GoogLeNet (Inception v1), which classifies photos.

    `Going Deeper with Convolutions <https://arxiv.org/abs/1409.4842>`_, Szegedy et al., 2014. The
    model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 15
    pixels per side), and returns logits ``(N, num_classes)``. With auxiliary heads and in training
    mode it returns a named tuple of ``logits``, ``aux_logits2`` and ``aux_logits1``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``, and of the auxiliary heads. A value other than the
            weights' requires ``new_head=True``.
        aux_logits: Whether it has two auxiliary heads, for training; by default only without
            weights. Those in the published file are not trained.
        transform_input: Whether to rescale images, as normalized by ``weights.transforms()``, to
            -1..1 first; by default with weights.
        init_weights: Whether to initialize parameters as in the original; by default with a
            warning, and not when weights are loaded.
        **config: More arguments, see ``GoogLeNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import googlenet
        >>> model = googlenet(weights=None, num_classes=7, device="meta", init_weights=False)
        >>> model.fc.out_features
        7
    """
    from torchvision.models.googlenet import GoogLeNet

    return GoogLeNet(
        num_classes=num_classes,
        aux_logits=aux_logits,
        transform_input=transform_input,
        init_weights=init_weights,
        **config,
    )
