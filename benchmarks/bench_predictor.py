"""What ``dapi.predictor`` adds to a loop written by hand: transforms, model, postprocess.

Each model gets one input, and a list of inputs in batches, in turn by hand and by the predictor, so
that a machine that changes its speed changes it for both. Quote the ratios, not the times. The
last column is what batches save: the time of the list one at a time, divided by that in batches.
The results of the predictor are rounded rows and, of a sound, a drawing that is made when written.

Run: ``nox -s benchmarks``, or ``python benchmarks/bench_predictor.py [--runs N] [--json]``
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch
from PIL import Image

import dapi
from dapi.tasks import place

BATCH_SIZE = 16
SEVERAL = 32  # inputs of a list

INPUTS: dict[str, Any] = {
    "resnet20_v2": Image.new("L", (32, 32)),
    "fcos_resnet20_fpn": Image.new("RGB", (96, 64)),
    "roberta_tiny": "How do I bake a loaf of bread?",
    "transformer_ctc_tiny": (torch.zeros(1, 16000), 16000),
}


def main() -> None:
    """Measure each model, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="counted calls of each (default 200)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = {name: measure(name, given, options.runs) for name, given in INPUTS.items()}
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{'model':<24}{'by hand, us':>12}{'predictor, us':>15}{'ratio':>8}{'saved':>8}")
    for name, found in figures.items():
        print(f"{name:<24}{found['hand']:>12.0f}{found['predictor']:>15.0f}{found['ratio']:>8.3f}")
        name = f"  {SEVERAL} in batches of {BATCH_SIZE}"
        found = found["batches"]
        print(
            f"{name:<24}{found['hand']:>12.0f}{found['predictor']:>15.0f}{found['ratio']:>8.3f}"
            f"{found['saved']:>8.2f}"
        )


def measure(name: str, given: Any, runs: int) -> dict[str, Any]:
    """Return the median microseconds of both ways, and the median of their ratios."""
    predict = dapi.predictor(name)
    hand = by_hand(predict.model, predict.weights)
    hand(given), predict(given)
    pairs = [(seconds(hand, given), seconds(predict, given)) for _ in range(runs)]
    return {**compared(pairs), "batches": measure_batches(predict, given, max(1, runs // 20))}


def measure_batches(predict: Any, given: Any, runs: int) -> dict[str, float]:
    """Do the same for a list of inputs, and compare with the predictor one at a time."""
    hand, several = by_hand_in_batches(predict.model, predict.weights), [given] * SEVERAL

    def alone(inputs: Any) -> Any:
        return predict(inputs, batch_size=1)

    def at_once(inputs: Any) -> Any:
        return predict(inputs, batch_size=BATCH_SIZE)

    hand(several), at_once(several)
    rounds = [[seconds(each, several) for each in (hand, at_once, alone)] for _ in range(runs)]
    saved = median(single / batch for _, batch, single in rounds)
    return {**compared([(one, other) for one, other, _ in rounds]), "saved": saved}


def compared(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Return the medians of seconds by hand and by the predictor, and of their ratios."""
    return {
        "hand": 1e6 * median(one for one, _ in pairs),
        "predictor": 1e6 * median(other for _, other in pairs),
        "ratio": median(other / one for one, other in pairs),
    }


def by_hand_in_batches(model: Any, weights: Any) -> Callable[[list[Any]], Any]:
    """Return the loop over batches that a user would write for inputs of one shape."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    task = weights.meta["task"]

    def run(batch: list[Any]) -> Any:
        if task == "image-classification":
            return postprocess(model(torch.stack([preprocess(each) for each in batch])))
        if task == "object-detection":
            return postprocess(model([preprocess(each) for each in batch]))
        if task == "text-classification":
            return postprocess(model(**place(preprocess(batch), model)))
        waveforms = torch.cat([preprocess(*each) for each in batch])
        lengths = torch.full((len(batch),), waveforms.shape[-1])
        return postprocess(*model(waveforms, lengths))

    def loop(inputs: list[Any]) -> Any:
        with torch.inference_mode():
            parts = (inputs[n : n + BATCH_SIZE] for n in range(0, len(inputs), BATCH_SIZE))
            return [run(part) for part in parts]

    return loop


def by_hand(model: Any, weights: Any) -> Callable[[Any], Any]:
    """Return the loop's body that a user would write without a predictor."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    task = weights.meta["task"]

    def run(given: Any) -> Any:
        with torch.inference_mode():
            if task == "image-classification":
                return postprocess(model(preprocess(given).unsqueeze(0)))
            if task == "object-detection":
                return postprocess(model([preprocess(given)]))
            if task == "text-classification":
                return postprocess(model(**place(preprocess(given), model)))
            waveform = preprocess(*given)
            return postprocess(*model(waveform, torch.tensor([waveform.shape[-1]])))

    return run


def seconds(call: Callable[[Any], Any], given: Any) -> float:
    """Return how long a call takes."""
    began = perf_counter()
    call(given)
    return perf_counter() - began


if __name__ == "__main__":
    main()
