"""Common facts of torchvision's published quantized weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dapi import Build, LegacyArgument, WeightEntry, Weights
from dapi.vision.models._torchvision import RECIPES, classification


def build(backend: str, *, fixed: Mapping[str, Any] | None = None, **fields: Any) -> Build:
    """Return the Build of quantized weights of ImageNet-1K.

    Args:
        backend: See ``quantized``.
        fixed: More arguments that the weights fix.
        **fields: Further attributes of the Build.
    """
    config = {"num_classes": 1000, "quantize": True, "backend": backend, **(fixed or {})}
    return Build(config=config, **fields)


def quantized(
    model: str,
    file: str,
    *,
    unquantized: str,
    backend: str = "fbgemm",
    min_size: tuple[int, int] = (1, 1),
    recipe: str = f"{RECIPES}#post-training-quantized-models",
    **fields: Any,
) -> WeightEntry:
    """Describe weights of 8 bits.

    Args:
        model: The model's name.
        file: The file's name.
        unquantized: The name of the float weights that they were made from.
        backend: The backend that runs them, by torch's name: ``fbgemm`` or ``qnnpack``.
        min_size: Height and width of the smallest image that the model takes.
        recipe: A description of the training or the quantization.
        **fields: See ``classification``.
    """
    return classification(
        f"quantization.{model}",
        f"quantized/{file}",
        min_size=min_size,
        recipe=recipe,
        meta={"backend": backend, "unquantized": unquantized},
        **{"build": build(backend), **fields},
    )


def pretrained_quantized(quantized: Weights, unquantized: Weights) -> list[LegacyArgument]:
    """Return the weights that ``pretrained=True`` selected, with and without ``quantize=True``."""
    return [
        LegacyArgument("pretrained", {True: quantized, False: None}, when={"quantize": True}),
        LegacyArgument("pretrained", {True: unquantized, False: None}),
    ]
