"""Plan: a model to run, its weights, and the function that supports their task."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._catalog import builders, lookup
from dapi._plugins import discovery
from dapi._prediction import inputs
from dapi.exceptions import (
    BuilderError,
    DapiError,
    DeviceError,
    MissingDependencyError,
    UnknownTaskError,
)
from dapi.tasks import Predictor, declared_inputs

if TYPE_CHECKING:
    from torch import nn

    from dapi._weights.entry import WeightEntry
    from dapi._weights.enum import Weights


class Plan(NamedTuple):
    """A builder, its weights, and the task that makes a predictor of them: nothing is built yet."""

    model: builders.Builder
    weights: Weights | WeightEntry
    task: Callable[[nn.Module, Weights | WeightEntry], Predictor]

    def check(self, device: str) -> None:
        """Check that the model can be run, before downloading its weights.

        Raises:
            MissingDependencyError: PyTorch is not installed.
            DeviceError: There is no such device.
            InputError: The weights cannot be run on files at all, according to the task.
            BuilderError: The task's check raised an error of its own.
        """
        _check_device(device)
        declared = declared_inputs(self.task)
        if declared is not None and declared.check is not None:
            with self._explained():
                declared.check(self.weights)

    def unreadable(self, sources: Sequence[str]) -> dict[str, str]:
        """Return the unreadable sources with reasons, if the task declares its reader.

        Standard input and pipes, which can be read only once, are skipped.
        """
        declared = declared_inputs(self.task)
        return inputs.unreadable(declared.read, sources) if declared else {}

    def build(self, device: str, **config: Any) -> nn.Module:
        """Build the model, in evaluation mode, on a device. Reads the cache and the network.

        Raises:
            FetchError: The weights could not be downloaded.
            DeviceError: There is no such device.
            BuilderError: The builder raised an error of its own.
        """
        with self._explained():
            model = self.model.load()(weights=self.weights, **config).eval()
            with _usable(device):
                return model.to(device)  # type: ignore[no-any-return]

    def ready(self, model: nn.Module) -> Predictor:
        """Make the built model ready for inputs.

        Raises:
            InputError: The weights cannot be run on files at all.
            BuilderError: The task raised an error of its own.
        """
        with self._explained():
            return self.task(model, self.weights)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Name the distribution of a foreign error: a traceback helps only its author."""
        try:
            yield
        except DapiError:
            raise
        except Exception as cause:
            name, distribution = self.model.name, self.model.distribution
            raise BuilderError(name, distribution=distribution, cause=cause) from cause


def plan(
    name: str | Weights | WeightEntry,
    weights: str | os.PathLike[str] | Weights | WeightEntry | None = None,
) -> Plan:
    """Find a model, its weights (or else the latest), and a distribution that supports their task.

    Raises:
        UnknownTaskError: No installed distribution does.
        DapiError: As in ``dapi.get_model``.
    """
    model, chosen = lookup.resolve(name, lookup.LATEST if weights is None else weights)
    assert chosen is not None
    return Plan(model, chosen, _task(model, chosen))


def plan_for(name: str, function: Callable[..., nn.Module], weights: Weights | WeightEntry) -> Plan:
    """Plan to run a builder, of a qualified name, that another process chose."""
    if function not in builders.registered():  # of a notebook: cloudpickle sends its code
        builders.register(function)
    target = function.__dapi_builder__.target  # type: ignore[attr-defined]
    model = builders.find_target(target) or lookup.find(name)
    return Plan(model, weights, _task(model, weights))


def _task(model: builders.Builder, weights: Weights | WeightEntry) -> Any:
    """Load the runner of the task, preferably of the model's own distribution."""
    name = weights.meta.get("task")
    task = for_task("dapi.tasks", name, model)
    if task is None:
        points = discovery.entry_points("dapi.tasks")
        raise UnknownTaskError(str(weights), name, available=sorted({each.name for each in points}))
    return task


def for_task(group: str, task: str | None, model: builders.Builder) -> Any:
    """Load an entry point for a task, preferably of the model's own distribution."""
    points = discovery.entry_points(group)
    own = (p for p in points if (p.name, p.distribution) == (task, model.distribution))
    point = next(own, None)
    return point.load() if point else discovery.extension(group, str(task))


def _check_device(device: str) -> None:
    try:
        import torch
    except ModuleNotFoundError as cause:
        what = "Running a model needs PyTorch"
        raise MissingDependencyError(what, requirement="dapi-core[torch]") from cause
    with _usable(device):
        if torch.empty(1, device=device).is_meta:
            raise DeviceError(device, reason="it has no values")


@contextmanager
def _usable(device: str) -> Iterator[None]:
    """Raise a DeviceError for what PyTorch raises for a device that it cannot use.

    It raises an AssertionError where it was built without CUDA, and the others for all else.
    """
    try:
        yield
    except (AssertionError, NotImplementedError, RuntimeError) as cause:
        raise DeviceError(device, reason=str(cause).partition("\n")[0]) from cause
