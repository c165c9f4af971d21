"""Name what is in pictures, with any weights of the task.

Example:
    python examples/image_classification.py digit.png
    python examples/image_classification.py --weights resnet50:ImageNet1K_RefV2 photo.jpg
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from demo import load, read_arguments, read_image, report


def main(arguments: Sequence[str] | None = None) -> None:
    """Print each picture's best labels with their probabilities."""
    options = read_arguments(__doc__, "image-classification", "resnet20_v2", arguments)
    model, weights = load(options)
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    for path in options.inputs:
        with torch.inference_mode():
            logits = model(preprocess(read_image(path)).unsqueeze(0))
        labels = postprocess(logits)[0]
        guesses = [{"label": label, "probability": round(p, 4)} for label, p in labels[:3]]
        report(options, Path(path).name, {"weights": str(weights), "labels": guesses})


if __name__ == "__main__":
    main()
