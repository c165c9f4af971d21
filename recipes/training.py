"""What the recipes share: training that can be interrupted, and the facts of what it wrote.

A recipe makes everything reproducible, builds its model, and hands a :class:`Training` the
function that returns the loss of a step::

    reproducible(seed, device)
    model = ...
    optimizer = AdamW(model.parameters(), lr=3e-3)
    history = Training(
        loss_of,
        steps=5000,
        optimizer=optimizer,
        parts={"model": model, "schedule": OneCycleLR(optimizer, 3e-3, total_steps=5000)},
        checkpoint=output / "name.checkpoint",
        settings={"seed": seed, **asdict(recipe)},
    ).run()
    plot(history, output / "name.svg")
    save(model, output / "name.safetensors")

Interrupted, the same command goes on, and ends with the same weights to the bit: provided that
``loss_of`` draws its examples from the number of the step, as with
``np.random.default_rng([seed, step])``, and everything else from torch's global generator, or
from one whose state is among the parts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from tqdm import tqdm

SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclass
class History:
    """How a training went.

    Attributes:
        losses: Of every step.
        measurements: What was measured on the way: the ``step``, and each figure by its name.
        seconds: Time spent, without what interruptions lost.
    """

    losses: list[float] = field(default_factory=list)
    measurements: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


def reproducible(seed: int, device: str = "cpu", *, threads: int = 1) -> None:
    """Make torch repeat itself: to the bit on a CPU, and as well as it can on a GPU.

    The number of threads is fixed, because sums that are split over another are rounded
    differently.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=device != "cpu")
    torch.set_num_threads(threads)
    torch.manual_seed(seed)


@dataclass
class Training:
    """The minimizing of a loss, step by step, with a checkpoint every minute.

    Args:
        loss_of: Returns the loss of a step, whose number it is given: 0, 1, 2...
        steps: How many.
        optimizer: What steps after each loss.
        parts: What else changes, by name: the model, an average of it. Each has ``state_dict``
            and ``load_state_dict``. One that is named ``schedule`` steps with the optimizer.
        checkpoint: Written every minute and at the end.
        settings: All that the result depends on, as far as JSON can hold it.
        max_norm: What a gradient with a larger norm is scaled down to.
        after_step: Called after each step, for example to update an average.
        measure: Returns figures for the history. It may leave the model in eval mode only if
            ``loss_of`` does not mind.
        measure_every: Steps from one measurement to the next.
    """

    loss_of: Callable[[int], Tensor]
    steps: int
    optimizer: Optimizer
    parts: Mapping[str, Any]
    checkpoint: Path
    settings: Mapping[str, Any]
    max_norm: float = float("inf")
    after_step: Callable[[], object] = lambda: None
    measure: Callable[[], Mapping[str, float]] | None = None
    measure_every: int = 500

    def run(self) -> History:
        """Train from the checkpoint on, or from the start where there is none.

        Raises:
            ValueError: The checkpoint is of other settings.
            RuntimeError: A gradient is not finite.
        """
        history = self._resume() if self.checkpoint.exists() else History()
        first, saved_at = len(history.losses), time.monotonic()
        began = saved_at - history.seconds
        # disable=None keeps the bar off where the output is not a terminal.
        for step in tqdm(range(first, self.steps), initial=first, total=self.steps, disable=None):
            history.losses.append(self._step(step))
            if self.measure is not None and (step + 1) % self.measure_every == 0:
                history.measurements.append({"step": step + 1, **self._measured()})
            history.seconds = time.monotonic() - began
            if time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS or step + 1 == self.steps:
                self._save(history)
                saved_at = time.monotonic()
        return history

    def _step(self, step: int) -> float:
        self.optimizer.zero_grad()
        loss = self.loss_of(step)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        clip_grad_norm_(parameters, self.max_norm, error_if_nonfinite=True)
        self.optimizer.step()
        if "schedule" in self.parts:
            self.parts["schedule"].step()
        self.after_step()
        return loss.item()

    def _measured(self) -> Mapping[str, float]:
        assert self.measure is not None
        with torch.random.fork_rng():  # what is measured on the way changes nothing
            return self.measure()

    def _save(self, history: History) -> None:
        changing = {"optimizer": self.optimizer, **self.parts}
        state = {
            "settings": json.dumps(self.settings, sort_keys=True, default=str),
            "history": asdict(history),
            "states": {name: part.state_dict() for name, part in changing.items()},
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        beside = self.checkpoint.with_name(f"{self.checkpoint.name}.{os.getpid()}")
        torch.save(state, beside)
        os.replace(beside, self.checkpoint)

    def _resume(self) -> History:
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        if state["settings"] != json.dumps(self.settings, sort_keys=True, default=str):
            raise ValueError(
                f"{self.checkpoint} is of other settings: {state['settings']}. "
                "Delete it, or give another --output."
            )
        for name, part in {"optimizer": self.optimizer, **self.parts}.items():
            part.load_state_dict(state["states"][name])
        torch.set_rng_state(state["cpu"])
        if torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["cuda"])
        return History(**state["history"])


def plot(history: History, path: Path) -> None:
    """Draw the loss, averaged over parts of the training, and above it what was measured."""
    from matplotlib import pyplot as plt
    from matplotlib import rcParams

    rcParams["svg.hashsalt"] = "dapi"  # the same file each time
    figures = sorted({name for row in history.measurements for name in row} - {"step"})
    canvas, axes = plt.subplots(
        1 + len(figures), sharex=True, squeeze=False, figsize=(6, 2 + 1.5 * len(figures))
    )
    for (axis,), name in zip(axes, figures, strict=False):
        rows = [row for row in history.measurements if name in row]
        axis.plot([row["step"] for row in rows], [row[name] for row in rows], marker=".")
        axis.set_ylabel(name)
    (last,) = axes[-1]
    edges = torch.linspace(0, len(history.losses), min(len(history.losses), 200) + 1).long()
    parts = [(b, history.losses[a:b]) for a, b in pairwise(edges.tolist())]
    last.plot([end for end, _ in parts], [sum(part) / len(part) for _, part in parts])
    last.set(xlabel="step", ylabel="loss", yscale="log")
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.tight_layout()
    canvas.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(canvas)


def save(model: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the state dict as a safetensors file, its floats as ``dtype``."""
    state = {
        key: (tensor.to(dtype) if tensor.is_floating_point() else tensor).cpu().contiguous()
        for key, tensor in model.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path, metadata={"format": "pt"})


def file_facts(path: Path) -> dict[str, object]:
    """Return what an entry of weights states of its file: the name, ``sha256`` and ``size``."""
    content = path.read_bytes()
    return {
        "file": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


def command_line(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options that every recipe has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path(), help="folder; default: here")
    parser.add_argument("--device", default="cpu", help="default: %(default)s")
    return parser
