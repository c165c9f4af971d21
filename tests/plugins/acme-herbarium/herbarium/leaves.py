"""LeafNet: tells leaves apart by four measurements. Imports only ``dapi``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import (
    Asset,
    Build,
    BuilderConfig,
    File,
    LegacyArgument,
    Lines,
    Status,
    WeightEntry,
    Weights,
    lazy,
    register_model,
)
from dapi.adapt import StripPrefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from herbarium._net import LeafNet

NAMES = Lines("herbarium:names.txt")
META = {
    "task": "leaf-identification",
    "license": "CC0-1.0",
    "datasets": ["Leaves"],
    "metrics": [{"dataset": "Leaves", "name": "acc@1", "value": 90.0, "source": "measured"}],
    "recipe": "unknown",
    "hash_source": "measured from the file in this distribution",
    "categories": NAMES,
}


class LeafNetConfig(BuilderConfig, total=False):
    """Further arguments of LeafNet."""

    slope: float


class LeafNetWeights(Weights, meta={"num_params": 15}):
    """Weights of leafnet."""

    transforms: Callable[..., Callable[[list[float]], object]]

    Leaves_RefV1 = WeightEntry(
        "package:herbarium/leaves_v1.safetensors",
        transforms=lazy("herbarium._net:to_tensor", scale=2.0),
        postprocess=lazy("herbarium._net:Namer", categories=NAMES, words=Asset("words")),
        assets={"words": File("package:herbarium/names.txt")},
        build=Build(
            config={"num_classes": 3},
            context={"herbarium._net:Scale": {"by": 1.0}},
            adapt=(StripPrefix("module."),),
        ),
        status=Status("deprecated", replacement="leafnet:Leaves_RefV2", reason="It is older."),
        meta={**META, "known_as": ["LeafNet_Weights.LEAVES_V1"]},
    )
    Leaves_RefV2 = WeightEntry(
        "package:herbarium/leaves_v2.safetensors",
        transforms=lazy("herbarium._net:to_tensor"),
        postprocess=lazy("herbarium._net:Namer", categories=NAMES),
        build=Build(config={"num_classes": 3}, defaults={"slope": 0.2}),
        meta=META,
        latest=True,
    )


class LeafNetV2Weights(Weights):
    """Weights of leafnet_v2: in a format and under a scheme of this distribution."""

    Leaves_RefV1 = WeightEntry(
        "herbarium://drawer/leaves.pressed",
        sha256="d8976118301321048a2d221c851bb9f597202a0397e3450cf49ebb55aec7a691",
        transforms=lazy("herbarium._net:to_tensor"),
        postprocess=lazy("herbarium._net:Namer", categories=NAMES),
        meta={**META, "num_params": 15},
        latest=True,
    )


@register_model(
    weights=LeafNetWeights,
    head=("classify",),
    legacy=[
        LegacyArgument("pretrained", {True: LeafNetWeights.Leaves_RefV1, False: None}),
    ],
)
def leafnet(
    *,
    weights: LeafNetWeights | WeightEntry | None = None,
    progress: bool = True,
    num_classes: int = 3,
    **config: Unpack[LeafNetConfig],
) -> LeafNet:
    """Build a LeafNet."""
    from herbarium._net import LeafNet

    return LeafNet(num_classes=num_classes, **config)


@register_model(weights=LeafNetV2Weights, head="classify", replaces="leafnet")
def leafnet_v2(
    *, weights: LeafNetV2Weights | WeightEntry | None = None, num_classes: int = 3
) -> LeafNet:
    """Build a LeafNet that does not scale."""
    from dapi import ContextParams
    from herbarium._net import LeafNet, Scale

    with ContextParams(Scale, by=1.0):
        return LeafNet(num_classes=num_classes)
