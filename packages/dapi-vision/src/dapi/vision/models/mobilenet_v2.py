"""MobileNetV2, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dapi import WeightEntry, Weights, register_model
from dapi.vision.models._torchvision import NEW_RECIPES, RECIPES, classification, pretrained

if TYPE_CHECKING:
    from torchvision.models.mobilenetv2 import MobileNetV2

__all__ = [
    "MobileNetV2Weights",
    "mobilenet_v2",
]

_entry = partial(classification, min_size=(1, 1))


class MobileNetV2Weights(Weights):
    """Weights of ``mobilenet_v2``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 is trained by a simple recipe to about the accuracy of the paper, RefV2 by torchvision's
    new recipe.
    """

    ImageNet1K_RefV1 = _entry(
        "mobilenet_v2",
        "mobilenet_v2-b0353104.pth",
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        sources=4,
        known_as="MobileNet_V2_Weights.IMAGENET1K_V1",
        accuracy=(71.878, 90.286),
        num_params=3504872,
        gflops=0.301,
        file_mib=13.555,
        recipe=f"{RECIPES}#mobilenetv2",
    )
    ImageNet1K_RefV2 = _entry(
        "mobilenet_v2",
        "mobilenet_v2-7ebf99e0.pth",
        sha256="7ebf99e03e254b273379b23edca7ec0da9f48273b23a332b93c1c99d49e86e8f",
        size=14258573,
        sources=3,
        known_as="MobileNet_V2_Weights.IMAGENET1K_V2",
        accuracy=(72.154, 90.822),
        num_params=3504872,
        gflops=0.301,
        file_mib=13.598,
        recipe=f"{NEW_RECIPES}#new-recipe-with-reg-tuning",
        preset={"resize_size": 232},
        latest=True,
    )


@register_model(
    weights=MobileNetV2Weights,
    head="classifier.1",
    legacy=pretrained(MobileNetV2Weights.ImageNet1K_RefV1),
)
def mobilenet_v2(
    *,
    weights: MobileNetV2Weights | WeightEntry | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Any,
) -> MobileNetV2:
    """Build a MobileNetV2, which names what is in a photo.

    `MobileNetV2: Inverted Residuals and Linear Bottlenecks <https://arxiv.org/abs/1801.04381>`_,
    Sandler et al., 2018. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()``
    makes them, and returns logits ``(N, num_classes)``.

    Args:
        weights: What to load; fetched on first use. None fetches nothing.
        progress: Show a progress bar while fetching, on a terminal.
        num_classes: Outputs of the layer ``classifier.1``. Other than the weights' own: with
            ``new_head=True`` only.
        **config: Further arguments of ``torchvision.models.mobilenetv2.MobileNetV2``, and
            ``new_head``.

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
