"""Train the weights of acme_starter_mlp, in seconds on a CPU.

Usage::

    python recipes/spirals.py [--output FOLDER]

Writes ``spirals-<first 8 digits of its sha256>.safetensors`` into the package, so that no file
that was published is overwritten, and prints the facts of its entry as JSON. A run repeats to the
bit on one machine; on another the last bits, and with them the hash, may differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from acme_starter._mlp import MLP
from acme_starter.transforms import Standardize

PACKAGE = Path(__file__).parents[1] / "src" / "acme_starter"
TRANSFORMS = Standardize(mean=[0.0, 0.0], std=[0.5, 0.5])
"""As in the entry: about the mean and the standard deviation of the points."""


def draw(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Return points ``(count, 2)`` on two spirals, and the spiral of each, ``(count,)``."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=rng)
    distance = torch.rand(count, generator=rng).sqrt()
    angle = 3 * math.pi * distance + math.pi * labels
    points = torch.stack([angle.cos(), angle.sin()], dim=1) * distance[:, None]
    return points + 0.03 * torch.randn(count, 2, generator=rng), labels


def train(*, steps: int = 1500) -> MLP:
    """Return a model trained on 2000 points."""
    torch.manual_seed(0)
    model = MLP()
    points, labels = draw(2000, seed=1)
    inputs, loss = TRANSFORMS(points), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(inputs), labels).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.inference_mode()
def accuracy(model: nn.Module) -> float:
    """Return how many of 2000 other points a model in eval mode gets right, in percent."""
    points, labels = draw(2000, seed=2)
    correct: Tensor = model(TRANSFORMS(points)).argmax(dim=1) == labels
    return round(100 * correct.double().mean().item(), 3)


def write(model: nn.Module, folder: Path) -> dict[str, object]:
    """Write the weights of a model, and return the facts of their entry."""
    content = save(model.state_dict(), metadata={"format": "pt"})
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"spirals-{digest[:8]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {
        "file": path.name,
        "sha256": digest,
        "size": len(content),
        "num_params": sum(parameter.numel() for parameter in model.parameters()),
        "accuracy": accuracy(model),
    }


def main() -> None:
    """Train, write, and print the facts."""
    parser = argparse.ArgumentParser(description="Train the weights on two spirals.")
    parser.add_argument(
        "--output", type=Path, default=PACKAGE / "data", help="default: %(default)s"
    )
    print(json.dumps(write(train(), parser.parse_args().output)))


if __name__ == "__main__":
    main()
