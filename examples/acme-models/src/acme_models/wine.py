"""A small network that tells three cultivators' wines apart by thirteen measurements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dapi import Build, BuilderConfig, WeightEntry, Weights, lazy, register_model

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from acme_models._wine import MLP
    from acme_models.postprocess import Classification
    from acme_models.transforms import Standardize

__all__ = ["WineMLPWeights", "wine_mlp"]

_RECIPE = "recipes/wine.py"
_CATEGORIES = ["cultivator 1", "cultivator 2", "cultivator 3"]
_BUILD = Build(config={"in_features": 13, "num_classes": 3, "width": 32})
_POSTPROCESS = lazy("acme_models.postprocess:Classification", categories=_CATEGORIES)
_TRANSFORMS = lazy(
    "acme_models.transforms:Standardize",
    mean=[
        12.9799,
        2.3596,
        2.3969,
        19.5857,
        100.6555,
        2.3027,
        2.0606,
        0.3589,
        1.5822,
        5.1425,
        0.9592,
        2.6382,
        748.1008,
    ],
    std=[
        0.8174,
        1.0489,
        0.2781,
        3.3647,
        14.3122,
        0.6241,
        1.0099,
        0.1268,
        0.5286,
        2.2998,
        0.2395,
        0.7211,
        324.0882,
    ],
)


def _meta(accuracy: float) -> dict[str, Any]:
    """Return what is known of weights that classify this part of the held-out samples right."""
    held_out = "every third sample of sklearn.datasets.load_wine()"
    return {
        "task": "tabular-classification",
        "license": "BSD-3-Clause",
        "datasets": ["Wine (scikit-learn's copy)"],
        "metrics": [{"dataset": held_out, "name": "acc@1", "value": accuracy, "source": _RECIPE}],
        "recipe": _RECIPE,
        "hash_source": "measured from the file",
        "categories": _CATEGORIES,
    }


class WineMLPWeights(Weights, meta={"num_params": 1603}):
    """Weights of ``wine_mlp``.

    RefV1 is in ACME's archive. RefV2 was trained longer, on samples with noise and with smoothed
    labels; it comes with this distribution.
    """

    transforms: Callable[..., Standardize]
    postprocess: Callable[..., Classification]

    Wine_RefV1 = WeightEntry(
        url="acme://wine/wine-be77b4c7.safetensors",
        sha256="be77b4c73bc3887e8c925edaf9e78214dc9308f9c63277b2825975d9c7f9b592",
        size=6900,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        meta=_meta(accuracy=96.61),
        build=_BUILD,
    )
    Wine_RefV2 = WeightEntry(
        url="package:acme_models/data/wine-e5b91caa.safetensors",
        sha256="e5b91caa5808d0f0c43beb331e54f82b73ec5a93f8e2111eb77cda97f621e0af",
        size=6900,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        meta=_meta(accuracy=98.305),
        latest=True,
        build=_BUILD,
    )


@register_model(weights=WineMLPWeights, head=("classify",))
def wine_mlp(
    *,
    weights: WineMLPWeights | WeightEntry | None = None,
    progress: bool = True,
    in_features: int = 13,
    num_classes: int = 3,
    width: int = 32,
    **config: Unpack[BuilderConfig],
) -> MLP:
    """Build a small network over the thirteen measurements of a wine.

    The model takes floats ``(N, 13)`` as ``weights.transforms()`` makes them, of alcohol, malic
    acid, ash, alcalinity of ash, magnesium, total phenols, flavanoids, nonflavanoid phenols,
    proanthocyanins, color intensity, hue, OD280/OD315, and proline; it returns logits ``(N, 3)``.

    Args:
        weights: What to load; None initializes at random.
        progress: Show a progress bar while fetching, on a terminal.
        in_features: Numbers of a sample; fixed by the weights.
        num_classes: Classes; other than the weights' own with ``new_head=True`` only.
        width: Outputs of the hidden layers; fixed by the weights.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from acme_models import WineMLPWeights, wine_mlp
        >>> wine_mlp(weights=WineMLPWeights.Wine_RefV2).classify.out_features
        3
    """
    from acme_models._wine import MLP

    return MLP(in_features=in_features, num_classes=num_classes, width=width)
