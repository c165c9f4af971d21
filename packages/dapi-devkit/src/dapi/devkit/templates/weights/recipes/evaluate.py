"""Measure weights on samples that they were not trained on.

Usage::

    python recipes/evaluate.py

Pictures are in ``recipes/samples``, in a directory for each category. If your samples are not
pictures, or too many for a repository, change ``samples``; for another metric, change ``accuracy``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dapi
import torch

from acme_starter import AcmeStarterWeights

SAMPLES = Path(__file__).with_name("samples")


def samples() -> Iterator[tuple[Any, str]]:
    """Yield each sample as the transforms take it, and its category."""
    for path in sorted(SAMPLES.glob("*/*")):
        from PIL import Image

        with Image.open(path) as picture:
            yield picture.convert("RGB"), path.parent.name


def accuracy(weights: AcmeStarterWeights) -> float | None:
    """Return the accuracy in percent; None if there are no samples."""
    found = list(samples())
    if not found:
        return None
    model, transforms = dapi.get_model(str(weights)).eval(), weights.transforms()
    with torch.inference_mode():
        right = [
            weights.meta["categories"][int(model(transforms(sample)[None]).argmax())] == category
            for sample, category in found
        ]
    return 100 * sum(right) / len(right)


def main() -> None:
    """Print the accuracy of each set of weights."""
    for weights in AcmeStarterWeights:
        print(f"{weights}: {accuracy(weights)}")


if __name__ == "__main__":
    main()
