"""Train weights for dapi-vision's resnet20 that tell odd digits from even ones, in a minute.

Usage::

    python recipes/digit_parity.py [--output FOLDER]     # ACMEResNet20Weights.DigitParity_RefV1

Begins with ``resnet20:Digits_RefV2`` and a new head. The images are scikit-learn's copy of the UCI
handwritten digits, so nothing is downloaded; those that the weights it begins with were not trained
on are held out here too. Prints the facts of the entry as JSON. A run repeats to the bit on one
machine; on another the last bits, and with them the hash, may differ.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
import weights_file
from dapi.vision import ResNet20Weights, resnet20
from sklearn.datasets import load_digits
from torch import Tensor, nn

BASE = ResNet20Weights.Digits_RefV2
FIRST_HELD_OUT = 1287


def load_split(*, held_out: bool) -> tuple[Tensor, Tensor]:
    """Return images ``(N, 1, 8, 8)`` of 0 to 255, and 1 for each odd digit, ``(N,)``."""
    digits = load_digits()
    chosen = slice(FIRST_HELD_OUT, None) if held_out else slice(FIRST_HELD_OUT)
    images = torch.tensor(digits.images[chosen] * 255 / 16).round().to(torch.uint8)
    return images[:, None], torch.tensor(digits.target[chosen]) % 2


def train(*, epochs: int = 3) -> nn.Module:
    """Return a model trained on every image that is not held out."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # over another number of threads, sums round differently
    model = resnet20(weights=BASE, num_classes=2, in_channels=1, new_head=True)
    images, labels = load_split(held_out=False)
    inputs, loss = BASE.transforms()(images), nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(images)), 64):
            optimizer.zero_grad()
            loss(model(inputs[chosen]), labels[chosen]).backward()
            optimizer.step()
    return model.eval()


@torch.inference_mode()
def accuracy(model: nn.Module) -> float:
    """Return how many held-out images a model in eval mode gets right, in percent."""
    images, labels = load_split(held_out=True)
    correct: Tensor = model(BASE.transforms()(images)).argmax(dim=1) == labels
    return round(100 * correct.double().mean().item(), 3)


def main() -> None:
    """Train, write, and print the facts."""
    parser = argparse.ArgumentParser(description="Train resnet20 to tell odd digits from even.")
    parser.add_argument("--output", type=Path, default=weights_file.PACKAGE / "data")
    folder, model = parser.parse_args().output, train()
    facts = weights_file.write(model, "digit_parity", folder)
    print(json.dumps({**facts, "accuracy": accuracy(model)}))


if __name__ == "__main__":
    main()
