"""Run the task of the models on files; and the sample on which they are checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dapi import WeightEntry, Weights
from dapi.exceptions import InputError
from dapi.tasks import Input, Prediction, Predictor, Sample, find_file, place

if TYPE_CHECKING:
    from torch import nn

__all__ = ["sample", "tabular_classification"]

_EXPECTED = "a table of numbers: a sample each line, with commas"


def tabular_classification(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Name the category of each sample of a table; for ``dapi predict``."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(numbers: Sequence[float]) -> Prediction:
        [(category, probability)] = postprocess(model(place(preprocess([numbers]), model)))
        return Prediction({"category": category, "probability": round(probability, 4)})

    return Predictor(_read_table, predict)


def sample(weights: Weights | WeightEntry) -> Sample:
    """Return numbers that are the same everywhere; for ``dapi check``."""
    count = int(weights.build.config["in_features"])
    return Sample([0.25 * (-1) ** number for number in range(count)])


def _read_table(source: str) -> list[Input]:
    lines = find_file(source, _EXPECTED).read_text(encoding="utf-8").splitlines()
    try:
        rows = [[float(cell) for cell in line.split(",")] for line in lines if line.strip()]
    except ValueError as cause:
        raise InputError(source, str(cause), expected=_EXPECTED) from cause
    return [Input(f"{source}:{number}", row) for number, row in enumerate(rows, start=1)]
