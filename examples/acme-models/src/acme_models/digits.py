"""Weights for dapi-vision's resnet20, trained for a question of our own. Imports only ``dapi``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, WeightEntry, Weights, lazy

if TYPE_CHECKING:
    from dapi.vision import ResNet20Weights

__all__ = ["ACMEResNet20Weights"]

_RECIPE = "recipes/digit_parity.py"
_CATEGORIES = ["even", "odd"]


class ACMEResNet20Weights(Weights):
    """Weights for ``resnet20`` of dapi-vision. Their file comes with this distribution."""

    published_for: ResNet20Weights

    DigitParity_RefV1 = WeightEntry(
        url="package:acme_models/data/digit_parity-55d4b7e5.safetensors",
        sha256="55d4b7e5544aa53ec227ffa0fe0bceae869f4cbc87cb12b90ecfe247f4b8bc0f",
        size=1091064,
        transforms=lazy(
            "dapi.vision.transforms:GrayscaleClassification",
            size=32,
            mean=0.3061,
            std=0.3228,
        ),
        postprocess=lazy("dapi.vision.postprocess:Classification", categories=_CATEGORIES),
        meta={
            "task": "image-classification",
            "license": "BSD-3-Clause",
            "num_params": 268914,
            "datasets": ["Optical Recognition of Handwritten Digits (scikit-learn's copy)"],
            "not_trained_on": "images 1287 to 1796 of sklearn.datasets.load_digits(), from 0",
            "trained_from": "resnet20:Digits_RefV2",
            "metrics": [
                {
                    "dataset": "Digits, held out",
                    "name": "acc@1",
                    "value": 99.412,
                    "source": _RECIPE,
                },
            ],
            "recipe": _RECIPE,
            "hash_source": "measured from the file in this distribution",
            "categories": _CATEGORIES,
        },
        latest=True,
        build=Build(config={"in_channels": 1, "num_classes": 2}),
    )
