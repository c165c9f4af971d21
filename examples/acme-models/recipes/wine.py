"""Train the weights of wine_mlp, in seconds on a CPU.

Usage::

    python recipes/wine.py plain [--output FOLDER]     # WineMLPWeights.Wine_RefV1
    python recipes/wine.py better [--output FOLDER]    # WineMLPWeights.Wine_RefV2

The samples are scikit-learn's copy of the UCI wine data, so nothing is downloaded. Every third of
the 178 is held out. Prints the facts of the entry as JSON. A run repeats to the bit on one machine;
on another the last bits, and with them the hash, may differ.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import weights_file
from sklearn.datasets import load_wine
from torch import Tensor, nn

from acme_models._wine import MLP
from acme_models.transforms import Standardize


@dataclass(frozen=True)
class Recipe:
    """How long a model is trained, and what keeps it from learning the samples by heart."""

    steps: int
    noise: float = 0.0
    label_smoothing: float = 0.0


RECIPES = {"plain": Recipe(steps=30), "better": Recipe(steps=300, noise=0.5, label_smoothing=0.1)}


def load_split(*, held_out: bool) -> tuple[Tensor, Tensor]:
    """Return samples ``(N, 13)`` and the cultivar of each, ``(N,)``."""
    data = load_wine()
    is_held_out = torch.arange(len(data.target)) % 3 == 2
    chosen = is_held_out if held_out else ~is_held_out
    samples = torch.tensor(data.data, dtype=torch.float32)
    return samples[chosen], torch.tensor(data.target)[chosen]


def statistics() -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation of each feature, as the entries have them."""
    samples, _ = load_split(held_out=False)
    found = (samples.mean(dim=0), samples.std(dim=0))
    mean, std = ([round(value, 4) for value in each.tolist()] for each in found)
    return mean, std


def train(recipe: Recipe) -> MLP:
    """Return a model trained on every sample that is not held out."""
    torch.manual_seed(0)
    mean, std = statistics()
    samples, labels = load_split(held_out=False)
    inputs, model = Standardize(mean=mean, std=std)(samples), MLP()
    loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(recipe.steps):
        optimizer.zero_grad()
        loss(model(inputs + recipe.noise * torch.randn_like(inputs)), labels).backward()
        optimizer.step()
    return model.eval()


@torch.inference_mode()
def accuracy(model: nn.Module, transforms: Standardize) -> float:
    """Return how many held-out samples a model in eval mode gets right, in percent."""
    samples, labels = load_split(held_out=True)
    correct: Tensor = model(transforms(samples)).argmax(dim=1) == labels
    return round(100 * correct.double().mean().item(), 3)


def main() -> None:
    """Train, write, and print the facts."""
    parser = argparse.ArgumentParser(description="Train the weights of wine_mlp.")
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--output", type=Path, default=weights_file.PACKAGE / "data")
    options = parser.parse_args()
    model = train(RECIPES[options.recipe])
    mean, std = statistics()
    facts = weights_file.write(model, "wine", options.output)
    print(json.dumps({**facts, "accuracy": accuracy(model, Standardize(mean=mean, std=std))}))


if __name__ == "__main__":
    main()
