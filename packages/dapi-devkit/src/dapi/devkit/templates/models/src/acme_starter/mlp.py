"""A small network over a few numbers, with weights that classify two spirals.

Imports only ``dapi``: listing models and their weights needs no PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import (
    Build,
    BuilderConfig,
    WeightEntry,
    Weights,
    lazy,
    register_model,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from acme_starter._mlp import MLP
    from acme_starter.postprocess import Classification
    from acme_starter.transforms import Standardize

__all__ = [
    "AcmeStarterMLPWeights",
    "acme_starter_mlp",
]

_RECIPE = "recipes/spirals.py"
_CATEGORIES = ["first spiral", "second spiral"]


class AcmeStarterMLPWeights(Weights):
    """Weights of ``acme_starter_mlp``, in files of this distribution."""

    transforms: Callable[..., Standardize]
    postprocess: Callable[..., Classification]

    Spirals_RefV1 = WeightEntry(
        url="package:acme_starter/data/spirals-3325c334.safetensors",
        sha256="3325c3344e3d159e0a73e1a3382a20b211d17a3648f20ee19708c6923bb6e6ff",
        size=5352,
        transforms=lazy(
            "acme_starter.transforms:Standardize",
            mean=[0.0, 0.0],
            std=[0.5, 0.5],
        ),
        postprocess=lazy(
            "acme_starter.postprocess:Classification",
            categories=_CATEGORIES,
        ),
        meta={
            "task": "tabular-classification",
            "license": "BSD-3-Clause",
            "num_params": 1218,
            "datasets": ["two spirals, drawn by the recipe"],
            "metrics": [
                {
                    "dataset": "2000 points that the recipe draws and does not train on",
                    "name": "acc@1",
                    "value": 99.95,
                    "source": _RECIPE,
                },
            ],
            "recipe": _RECIPE,
            "hash_source": "measured from the file in this distribution",
            "categories": _CATEGORIES,
        },
        latest=True,
        build=Build(config={"in_features": 2, "num_classes": 2, "width": 32}),
    )


@register_model(weights=AcmeStarterMLPWeights, head=("classify",))
def acme_starter_mlp(
    *,
    weights: AcmeStarterMLPWeights | WeightEntry | None = None,
    progress: bool = True,
    in_features: int = 2,
    num_classes: int = 2,
    width: int = 32,
    **config: Unpack[BuilderConfig],
) -> MLP:
    """Build a small network over a few numbers.

    The model takes floats ``(N, in_features)`` as ``weights.transforms()`` makes them, and returns
    logits ``(N, num_classes)``. Uses no network: its weights are in the distribution.

    Args:
        weights: The weights to load; None initializes at random.
        progress: Show a progress bar while downloading other weights, on a terminal.
        in_features: Numbers of a sample; fixed by the weights.
        num_classes: Number of classes; a value other than the weights' requires ``new_head=True``.
        width: Outputs of the hidden layers; fixed by the weights.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.
    """
    from acme_starter._mlp import MLP

    return MLP(in_features=in_features, num_classes=num_classes, width=width)
