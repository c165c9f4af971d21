"""MaxViT, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import Build, WeightEntry, Weights, register_model
from dapi.vision.models._torchvision import RECIPES, classification, pretrained

if TYPE_CHECKING:
    from torchvision.models.maxvit import MaxVit

__all__ = [
    "MaxVitTWeights",
    "maxvit_t",
]

_BUILD = Build(config={"num_classes": 1000, "input_size": (224, 224)})


class MaxVitTWeights(Weights):
    """Weights of ``maxvit_t``: torchvision's IMAGENET1K_V1.

    Trained by a recipe like the paper's, but with a momentum of 0.99 in batch normalisation, which
    should have been 0.01.
    """

    ImageNet1K_RefV1 = classification(
        "maxvit_t",
        "maxvit_t-bc5ab103.pth",
        known_as="MaxVit_T_Weights.IMAGENET1K_V1",
        accuracy=(83.7, 96.722),
        num_params=30919624,
        gflops=5.558,
        file_mib=118.769,
        min_size=(224, 224),
        recipe=f"{RECIPES}#maxvit",
        preset={"resize_size": 224, "interpolation": "bicubic"},
        build=_BUILD,
        latest=True,
    )


@register_model(
    weights=MaxVitTWeights, head="classifier.5", legacy=pretrained(MaxVitTWeights.ImageNet1K_RefV1)
)
def maxvit_t(
    *,
    weights: MaxVitTWeights | WeightEntry | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    input_size: tuple[int, int] = (224, 224),
    **config: Any,
) -> MaxVit:
    """Build a MaxViT-T, which names what is in a photo.

    `MaxViT: Multi-Axis Vision Transformer <https://arxiv.org/abs/2204.01697>`_, Tu et al., 2022.
    The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (of
    ``input_size`` exactly), and returns logits ``(N, num_classes)``.

    Args:
        weights: What to load; fetched on first use. None fetches nothing.
        progress: Show a progress bar while fetching, on a terminal.
        num_classes: Outputs of the layer ``classifier.5``. Other than the weights' own: with
            ``new_head=True`` only.
        input_size: Height and width of the images; fixed by weights.
        **config: Further arguments of ``torchvision.models.maxvit.MaxVit``, and ``new_head``.

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
