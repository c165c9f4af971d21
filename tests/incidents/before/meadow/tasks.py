"""What the models are run on, and how."""

from __future__ import annotations

from typing import Any

from dapi import tasks


def picture(weights: Any) -> tasks.Sample:
    """Return a picture of 30 by 30 pixels."""
    import torch

    pixels = torch.arange(900, dtype=torch.int64) * 7919 % 256
    return tasks.Sample(pixels.to(torch.uint8).reshape(1, 30, 30))


def words(weights: Any) -> tasks.Sample:
    """Return a sentence."""
    return tasks.Sample("a leaf of ivy is green")


def run(model: Any, weights: Any) -> tasks.Predictor:
    """Return what prepares an input and gives it to the model."""
    prepare = weights.transforms()
    finish = weights.postprocess() if bool(weights.postprocess) else lambda said: said

    def predict(value: Any) -> tasks.Prediction:
        return tasks.Prediction({"found": finish(model(tasks.place(prepare(value), model)))})

    return tasks.Predictor(lambda source: [tasks.Input(source, source)], predict)
