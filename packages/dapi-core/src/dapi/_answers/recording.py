"""Recording: build a model with its weights or synthetic ones, and record its stages."""

from __future__ import annotations

import ctypes
import gc
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from platform import machine, python_version
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._answers import synthetic
from dapi._answers.answers import Answer, Leaf
from dapi._answers.differences import MIXED
from dapi._answers.stages import Plan, Run, UncheckedError
from dapi._catalog.builders import Builder
from dapi._plugins import discovery
from dapi._prediction import plan as prediction
from dapi._values.frozen import FrozenDict
from dapi._weights.entry import Status, WeightEntry
from dapi._weights.enum import Weights, entry_of
from dapi.tasks import Sample

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_MOST_BYTES = 1_600_000_000  # of parameters in float64; in float32, if those are more


class Subject(NamedTuple):
    """A model to run.

    Attributes:
        model: Its builder.
        weights: The weights whose transforms and postprocess are used.
        is_synthetic: Whether the parameters are derived from their names, not loaded.
        config: As in ``Answer``.
        dtype: As in ``Answer``; empty to choose one.
        trains: Whether a training step follows; None to decide by its cost.
        built: The model itself, if it is in memory.
    """

    model: Builder
    weights: Weights | WeightEntry
    is_synthetic: bool
    config: Mapping[str, Any] = FrozenDict()
    dtype: str = ""
    trains: bool | None = None
    built: nn.Module | None = None

    def sample(self) -> Sample:
        """Return the task's sample for these weights.

        Raises:
            UncheckedError: The task has no sample.
        """
        task = self.weights.meta.get("task")
        point = prediction.for_task("dapi.samples", task, self.model)
        if point is None:
            raise UncheckedError(
                f"No installed distribution has a sample of the task {task!r}. To provide one: "
                "the entry-point group dapi.samples"
            )
        sample: Sample = point(self.weights)
        return sample

    def plan(self) -> Plan:
        """Return how the model is run.

        Raises:
            UncheckedError: No installed distribution supports the task.
        """
        sample, name = self.sample(), self.weights.meta.get("task")
        task = prediction.for_task("dapi.tasks", name, self.model)
        if task is None and sample.value is not None:
            raise UncheckedError(f"No installed distribution supports the task {name!r}.")
        return Plan(entry_of(self.weights), task, sample, self.is_synthetic, self.trains)


def record(subject: Subject, name: str) -> Answer:
    """Build a model, run it, and record its outputs.

    Raises:
        UncheckedError: It cannot be run.
    """
    try:
        return _recorded(subject, name)
    finally:
        _give_memory_back()


def _recorded(subject: Subject, name: str) -> Answer:
    import torch

    with quiet(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # so that the recording is deterministic
        run, leaves = _ran(subject)
    weights = subject.weights
    return Answer(
        name,
        weights.name if isinstance(weights, Weights) else "",
        FrozenDict(subject.config),
        str(run.dtype).removeprefix("torch."),
        MIXED if run.is_mixed else 0.0,
        run.digest.hexdigest()[:16],
        tuple(leaves),
        FrozenDict(run.omitted),
        FrozenDict(versions(subject.model.distribution)),
    )


def _give_memory_back() -> None:
    """Free the memory of the model: the next one may need as much.

    A model that ran refers to itself. glibc keeps freed memory between used blocks: without
    ``malloc_trim``, checking all models of dapi-text took twice the memory of the largest one.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
        if trim is not None:
            trim(0)


def _ran(subject: Subject) -> tuple[Run, list[Leaf]]:
    """Run the model in float64, or else in float32: its code may fix the dtype."""
    run = Run(subject.plan(), *_built(subject))
    try:
        return run, run.all_stages()
    except RuntimeError:
        if subject.dtype or run.dtype.itemsize == 4:
            raise
        return _ran(subject._replace(dtype="float32"))


def versions(distribution: str) -> dict[str, str]:
    """Return the versions of all libraries in use, and the kind of CPU."""
    import torch

    installed = discovery.versions()
    plugin = next((each for each in discovery.discover() if each.name == distribution), None)
    names = {each.name for each in plugin.requirements()} if plugin else set()
    wanted = sorted(({*names, "torch"} & installed.keys()) - {discovery.CORE})
    return {
        distribution: installed.get(distribution, ""),
        **{name: installed[name] for name in wanted},
        "python": python_version(),
        "cpu": f"{machine()} {torch.backends.cpu.get_cpu_capability()}",
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings, such as of a newer builder, which are not part of the check."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _built(subject: Subject) -> tuple[nn.Module, torch.dtype]:
    """Return the model in evaluation mode, and its dtype."""
    model = deepcopy(subject.built) if subject.built is not None else _constructed(subject)
    dtype = _fitting(subject, model)
    if subject.is_synthetic:
        synthetic.fill(model, dtype)
    else:
        model.to("cpu", dtype)
    return model.eval(), dtype


def _constructed(subject: Subject) -> nn.Module:
    entry = replace(entry_of(subject.weights), status=Status())
    if subject.config:
        build = replace(entry.build, config={**entry.build.config, **subject.config})
        entry = replace(entry, build=build)
    options = {"device": "meta"} if subject.is_synthetic else {}
    model: nn.Module = subject.model.load()(weights=entry, **options)
    return model


def _fitting(subject: Subject, model: nn.Module) -> torch.dtype:
    """Choose float64 if the model and this machine's memory allow it."""
    import torch

    count = sum(parameter.numel() for parameter in model.parameters())
    if any(str(value.dtype).startswith(("torch.qint", "torch.quint")) for value in _state(model)):
        raise UncheckedError("It is quantized: its packed weights are not derived from names.")
    if subject.dtype:
        chosen: torch.dtype = getattr(torch, subject.dtype)
        return chosen
    for dtype in (torch.float64, torch.float32):
        if count * dtype.itemsize <= _MOST_BYTES:
            return dtype
    raise UncheckedError(f"It has {count:,} parameters: more than fit into the memory set aside.")


def _state(model: nn.Module) -> Iterator[Tensor]:
    return (each for each in model.state_dict().values() if hasattr(each, "dtype"))
