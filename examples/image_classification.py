"""Name what is in a picture: what ``dapi predict resnet20_v2 digit.png`` does, by hand.

Run: ``python examples/image_classification.py digit.png``
"""

from __future__ import annotations

import sys

import torch
from PIL import Image

from dapi.vision import ResNet20V2Weights, resnet20_v2


def main(path: str) -> None:
    """Print the likeliest labels with their probabilities."""
    weights = ResNet20V2Weights.Digits_RefV1
    model = resnet20_v2(weights=weights).eval()
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    with Image.open(path) as image, torch.inference_mode():
        logits = model(preprocess(image).unsqueeze(0))
    for label, probability in postprocess(logits)[0]:
        print(f"{label}  {probability:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
