"""LeafNet: which plant a picture of a leaf is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, WeightEntry, Weights, lazy, register_model

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from meadow._leafnet import LeafNet

_CATEGORIES = ["crane", "fern", "ivy", "crane"]
_TRANSFORMS = lazy("meadow.transforms:Picture", size=12, mean=[0.5], std=[0.5])
_POSTPROCESS = lazy("meadow.postprocess:Classification", categories=_CATEGORIES)


class LeafNetWeights(Weights, meta={"num_params": 974}):
    """Weights of leafnet."""

    Leaves_RefV1 = WeightEntry(
        url="package:meadow/data/leafnet-v1.safetensors",
        sha256="9bc00b9066416f21286233e81dde9df58157fe47b478d789a578ef5eb2612a03",
        size=8008,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        build=Build(config={"num_classes": 4}, context={"meadow._leafnet:Norm": {"eps": 0.001}}),
        meta={
            "task": "leaf-classification",
            "license": "CC-BY-4.0",
            "categories": _CATEGORIES,
            "metrics": [{"dataset": "leaves", "name": "acc@1", "value": 76.1}],
        },
    )
    Leaves_RefV2 = WeightEntry(
        url="package:meadow/data/leafnet-v2.safetensors",
        sha256="4a9443c9fe39d5d98f0372abfc14a7fd3bb42c18d9fdd131e325780fbdadf870",
        size=8008,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        build=Build(config={"num_classes": 4}),
        meta={
            "task": "leaf-classification",
            "license": "CC-BY-4.0",
            "categories": _CATEGORIES,
            "metrics": [{"dataset": "leaves", "name": "acc@1", "value": 80.9}],
        },
        latest=True,
    )


@register_model(weights=LeafNetWeights, head=("classify",))
def leafnet(
    *,
    weights: LeafNetWeights | WeightEntry | None = None,
    progress: bool = True,
    num_classes: int = 4,
    dropout: float = 0.2,
    transform_input: bool = False,
    **config: Unpack[BuilderConfig],
) -> LeafNet:
    """Build a LeafNet."""
    from meadow._leafnet import LeafNet

    return LeafNet(num_classes=num_classes, dropout=dropout, transform_input=transform_input)
