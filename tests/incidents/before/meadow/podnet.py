"""PodNet: where the pods in a picture are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, WeightEntry, Weights, lazy, register_model

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from meadow._podnet import PodNet


class PodNetWeights(Weights):
    """Weights of podnet."""

    Pods_RefV1 = WeightEntry(
        url="package:meadow/data/podnet-v1.safetensors",
        sha256="f55fcf268b0c1dc0b94399a6d08ed29d99741b88e53b3d1e1385c9bacdbba024",
        size=1444,
        transforms=lazy("meadow.transforms:Picture", size=8, mean=[0.5], std=[0.5]),
        build=Build(config={"width": 4}),
        meta={"task": "pod-detection", "license": "MIT"},
        latest=True,
    )


class PodNetWideWeights(Weights):
    """Weights of podnet_wide."""

    Pods_RefV1 = WeightEntry(
        url="package:meadow/data/podnet-wide-v1.safetensors",
        sha256="cbe7d2de703eb7964dc46f57334b0e9978eb2c1f9c7f1e20f16cd87615dfdd44",
        size=1612,
        transforms=lazy("meadow.transforms:Picture", size=8, mean=[0.5], std=[0.5]),
        build=Build(config={"width": 6}),
        meta={"task": "pod-detection", "license": "MIT"},
        latest=True,
    )


@register_model(weights=PodNetWeights)
def podnet(
    *,
    weights: PodNetWeights | WeightEntry | None = None,
    progress: bool = True,
    width: int = 4,
    score_thresh: float = 0.0,
    **config: Unpack[BuilderConfig],
) -> PodNet:
    """Build a PodNet."""
    from meadow._podnet import PodNet

    return PodNet(width=width, score_thresh=score_thresh)


@register_model(weights=PodNetWideWeights)
def podnet_wide(
    *,
    weights: PodNetWideWeights | WeightEntry | None = None,
    progress: bool = True,
    width: int = 6,
    **config: Unpack[BuilderConfig],
) -> PodNet:
    """Build a PodNet with more channels."""
    from meadow._podnet import PodNet

    return PodNet(width=width, score_thresh=0.0)
