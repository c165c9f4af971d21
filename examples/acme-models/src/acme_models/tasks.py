"""How the task of our models is run on files; named by the entry point of ``dapi.tasks``."""

from __future__ import annotations

from collections.abc import Sequence

from dapi import WeightEntry, Weights
from dapi.exceptions import InputError
from dapi.tasks import Input, Prediction, Predictor, find_file, place
from torch import nn

__all__ = ["tabular_classification"]

_EXPECTED = "a table of numbers: a sample each line, with commas"


def tabular_classification(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Name the category of each sample of a table."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(sample: Sequence[float]) -> Prediction:
        [(category, probability)] = postprocess(model(place(preprocess([sample]), model)))
        return Prediction({"category": category, "probability": round(probability, 4)})

    return Predictor(_read_table, predict)


def _read_table(source: str) -> list[Input]:
    lines = find_file(source, _EXPECTED).read_text(encoding="utf-8").splitlines()
    try:
        rows = [[float(cell) for cell in line.split(",")] for line in lines if line.strip()]
    except ValueError as cause:
        raise InputError(source, str(cause), expected=_EXPECTED) from cause
    return [Input(f"{source}:{number}", row) for number, row in enumerate(rows, start=1)]
