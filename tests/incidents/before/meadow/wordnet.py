"""WordNet: which word is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, WeightEntry, Weights, lazy, register_model

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from meadow._wordnet import WordNet


class WordNetWeights(Weights):
    """Weights of wordnet."""

    Words_RefV1 = WeightEntry(
        url="package:meadow/data/wordnet-v1.safetensors",
        sha256="d7c9480adec70b16943712ae70c8497fd482b6472036725d643b31274a34e399",
        size=3936,
        transforms=lazy(
            "meadow.transforms:Tokens", words=["a", "leaf", "of", "ivy", "is", "green"]
        ),
        postprocess=lazy("meadow.postprocess:Words"),
        build=Build(config={"layers": 1}),
        meta={"task": "word-scoring", "license": "MIT", "language": "en"},
        latest=True,
    )


@register_model(weights=WordNetWeights)
def wordnet(
    *,
    weights: WordNetWeights | WeightEntry | None = None,
    progress: bool = True,
    layers: int = 1,
    **config: Unpack[BuilderConfig],
) -> WordNet:
    """Build a WordNet."""
    from meadow._wordnet import WordNet

    return WordNet(layers=layers)
