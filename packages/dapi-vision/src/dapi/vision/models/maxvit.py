"""MaxViT, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    RECIPES,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.maxvit import MaxVit
    from typing_extensions import Unpack

_BUILD = Build(config={"num_classes": 1000, "input_size": (224, 224)})


class MaxVitConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.maxvit.MaxVit``.

    Attributes:
        norm_layer: Normalization layer, called with the number of channels.
        activation_layer: The class of the activations.
        squeeze_ratio: Channels inside squeeze-and-excitation, by those of the block.
        expansion_ratio: Channels inside a convolution block, by those of its output.
        mlp_ratio: Width inside a block's perceptron, by that of its input.
        mlp_dropout: Probability that an output of a perceptron is zeroed in training.
        attention_dropout: The same, of attention weights.
    """

    norm_layer: Callable[..., nn.Module] | None
    activation_layer: Callable[..., nn.Module]
    squeeze_ratio: float
    expansion_ratio: float
    mlp_ratio: int
    mlp_dropout: float
    attention_dropout: float


class MaxVitTWeights(ClassificationWeights, meta={"num_params": 30_919_624, "gflops": 5.558}):
    """Weights of ``maxvit_t``: torchvision's IMAGENET1K_V1.

    Trained by a recipe like the paper's, but with a momentum of 0.99 in batch normalization, which
    should have been 0.01.
    """

    ImageNet1K_RefV1 = classification(
        "maxvit_t",
        "maxvit_t-bc5ab103.pth",
        known_as="MaxVit_T_Weights.IMAGENET1K_V1",
        accuracy=(83.7, 96.722),
        file_mib=118.769,
        min_size=(224, 224),
        recipe=f"{RECIPES}#maxvit",
        preset={"resize_size": 224, "interpolation": "bicubic"},
        build=_BUILD,
        latest=True,
    )


@register_classifier(
    weights=MaxVitTWeights,
    head="classifier.5",
    stem="stem.0.0",
    legacy=pretrained(MaxVitTWeights.ImageNet1K_RefV1),
)
def maxvit_t(
    *,
    weights: WeightsLike[MaxVitTWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    input_size: tuple[int, int] = (224, 224),
    **config: Unpack[MaxVitConfig],
) -> MaxVit:
    """Build a MaxViT-T, which classifies photos.

    `MaxViT: Multi-Axis Vision Transformer <https://arxiv.org/abs/2204.01697>`_, Tu et al., 2022.
    The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (of
    ``input_size`` exactly), and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.5``. A value other than the weights' requires
            ``new_head=True``.
        input_size: Height and width of the images; fixed by weights.
        **config: More arguments, see ``MaxVitConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import maxvit_t
        >>> model = maxvit_t(weights=None, num_classes=7, device="meta")
        >>> model.classifier[5].out_features
        7
    """
    from torchvision.models.maxvit import MaxVit

    return MaxVit(
        input_size=input_size,
        stem_channels=64,
        block_channels=[64, 128, 256, 512],
        block_layers=[2, 2, 5, 2],
        head_dim=32,
        partition_size=7,
        stochastic_depth_prob=0.2,
        num_classes=num_classes,
        **config,
    )
