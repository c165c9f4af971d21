"""Inception v3, with torchvision's weights."""

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
    from torchvision.models.inception import Inception3
    from typing_extensions import Unpack

_BUILD = Build(
    config={"num_classes": 1000},
    # Images are normalized as for every other model; those these were trained on were not.
    defaults={"transform_input": True, "aux_logits": True, "init_weights": False},
    adapt=(Drop(r"AuxLogits\.", unless="aux_logits"),),
)


class QuantizedInceptionConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.quantization.QuantizableInception3``.

    Attributes:
        dropout: Probability that an input of the last layer is zeroed in training.
    """

    dropout: float


class InceptionConfig(QuantizedInceptionConfig, total=False):
    """More arguments of ``torchvision.models.inception.Inception3``.

    Attributes:
        inception_blocks: The classes of convolution, the five blocks and auxiliary head.
    """

    inception_blocks: list[Callable[..., nn.Module]] | None


class InceptionV3Weights(ClassificationWeights, meta={"num_params": 27_161_264, "gflops": 5.713}):
    """Weights of ``inception_v3``: torchvision's IMAGENET1K_V1.

    Ported from the paper's weights. The model rescales its input to the range that they were
    trained with.
    """

    ImageNet1K_RefV1 = classification(
        "inception_v3",
        "inception_v3_google-0cc3c7bd.pth",
        sha256="0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
        size=108949747,
        sources=3,
        known_as="Inception_V3_Weights.IMAGENET1K_V1",
        accuracy=(77.294, 93.45),
        min_size=(75, 75),
        recipe=f"{RECIPES}#inception-v3",
        crop_size=299,
        preset={"resize_size": 342},
        build=_BUILD,
        latest=True,
    )


@register_classifier(
    weights=InceptionV3Weights,
    head=("fc", "AuxLogits.fc"),
    legacy=pretrained(InceptionV3Weights.ImageNet1K_RefV1),
)
def inception_v3(
    *,
    weights: WeightsLike[InceptionV3Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    aux_logits: bool = True,
    transform_input: bool = False,
    init_weights: bool | None = None,
    **config: Unpack[InceptionConfig],
) -> Inception3:
    """Build an Inception v3, which classifies photos.

    `Rethinking the Inception Architecture for Computer Vision <https://arxiv.org/abs/1512.00567>`_,
    Szegedy et al., 2015. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()``
    makes them (at least 75 pixels per side; 299 is the intended size), and returns logits
    ``(N, num_classes)``. With the auxiliary head and in training mode it returns a named tuple of
    ``logits`` and ``aux_logits``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``, and of the auxiliary head. A value other than the
            weights' requires ``new_head=True``.
        aux_logits: Whether it has an auxiliary head, for training.
        transform_input: Whether to rescale images, as normalized by ``weights.transforms()``, to
            -1..1 first; by default with weights.
        init_weights: Whether to initialize parameters as in the original; by default with a
            warning, and not when weights are loaded.
        **config: More arguments, see ``InceptionConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import inception_v3
        >>> model = inception_v3(weights=None, num_classes=7, device="meta", init_weights=False)
        >>> model.fc.out_features
        7
    """
    from torchvision.models.inception import Inception3

    return Inception3(
        num_classes=num_classes,
        aux_logits=aux_logits,
        transform_input=transform_input,
        init_weights=init_weights,
        **config,
    )
