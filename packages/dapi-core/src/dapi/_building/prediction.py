"""Run a model on files: from names to the results for each."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._catalog import builders, lookup
from dapi._plugins import discovery
from dapi._values.frozen import FrozenDict
from dapi.exceptions import (
    BuilderError,
    DapiError,
    DeviceError,
    InputError,
    MissingDependencyError,
    UnknownTaskError,
)
from dapi.tasks import Input, Prediction, Predictor, declared_inputs

if TYPE_CHECKING:
    from torch import nn

    from dapi._weights.entry import WeightEntry
    from dapi._weights.enum import Weights

_log = logging.getLogger("dapi")

# Longer file names are refused by some systems.
_LONGEST = 60


class Plan(NamedTuple):
    """A model to run: found, but not yet built or downloaded.

    Attributes:
        model: Its builder.
        weights: Its weights.
        task: The function that makes a predictor from the two.
    """

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
        inputs = declared_inputs(self.task)
        if inputs is not None and inputs.check is not None:
            with self._explained():
                inputs.check(self.weights)

    def unreadable(self, sources: Sequence[str]) -> dict[str, str]:
        """Return the unreadable sources with reasons, if the task declares its reader.

        Standard input and pipes, which can be read only once, are skipped.
        """
        inputs = declared_inputs(self.task)
        if inputs is None:
            return {}
        found = {each: _unreadable(inputs.read, each) for each in sources if _is_lasting(each)}
        return {source: reason for source, reason in found.items() if reason}

    def build(self, device: str) -> Predictor:
        """Build the model on a device, and make it ready. Reads the cache and the network.

        Raises:
            FetchError: The weights could not be downloaded.
            DeviceError: There is no such device.
            BuilderError: The builder, or the task, raised an error of its own.
        """
        return self.ready(self.built(device))

    def built(self, device: str, **config: Any) -> nn.Module:
        """Build the model alone, in evaluation mode; see ``build``."""
        with self._explained():
            return _placed(self.model.load()(weights=self.weights, **config).eval(), device)

    def ready(self, model: nn.Module) -> Predictor:
        """Make a built model ready; see ``build``."""
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


class Outcome(NamedTuple):
    """The result of one input.

    Attributes:
        name: Its name for people.
        facts: The results; empty after an error.
        files: The written files.
        error: Why it failed; empty if it succeeded.
    """

    name: str
    facts: Mapping[str, Any] = FrozenDict()
    files: tuple[Path, ...] = ()
    error: str = ""


def plan(
    name: str | Weights | WeightEntry, weights: str | Weights | WeightEntry | None = None
) -> Plan:
    """Find a model, its weights, and the distribution that supports their task.

    Args:
        name: As for ``dapi.get_model``.
        weights: The same; None for the latest, or those that ``name`` names.

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


# Torch raises an AssertionError where it was built without CUDA, and these for all else.
_DEVICE_ERRORS = (AssertionError, NotImplementedError, RuntimeError)


def _check_device(device: str) -> None:
    try:
        import torch
    except ModuleNotFoundError as cause:
        what = "Running a model needs PyTorch"
        raise MissingDependencyError(what, requirement="dapi-core[torch]") from cause
    try:
        if torch.empty(1, device=device).is_meta:
            raise DeviceError(device, reason="it has no values")
    except _DEVICE_ERRORS as cause:
        raise DeviceError(device, reason=str(cause).partition("\n")[0]) from cause


def _placed(model: nn.Module, device: str) -> nn.Module:
    try:
        return model.to(device)
    except _DEVICE_ERRORS as cause:
        raise DeviceError(device, reason=str(cause).partition("\n")[0]) from cause


def read(reader: Callable[[str], Iterable[Input]], source: str) -> list[Input]:
    """Return the inputs of a source: at least one."""
    found = list(reader(source))
    if not found:
        raise InputError(source, "it is empty", expected="at least one input")
    return found


def _unreadable(reader: Callable[[str], Iterable[Input]], source: str) -> str:
    """Return why a source cannot be read; empty if it can."""
    try:
        read(reader, source)
    except Exception as error:  # noqa: BLE001 - a reader may raise anything
        return reason_of(error, source)
    return ""


def _is_lasting(source: str) -> bool:
    """Whether it can be read repeatedly, unlike standard input and pipes."""
    return source != "-" and (
        not _exists(source) or Path(source).is_file() or Path(source).is_dir()
    )


class Run:
    """A run of a model over inputs; a bad one does not stop the others.

    Args:
        predictor: The model.
        output: The directory for the results. A file of the same name is replaced; two inputs of
            this run never have the same name.
        seed: Seed of torch's random state before each input, so that inputs are independent.

    Attributes:
        total: The known number of inputs: a file may contain several.
    """

    def __init__(self, predictor: Predictor, *, output: Path, seed: int = 0) -> None:
        self.predictor, self.output, self.seed = predictor, output, seed
        self.total = 0
        self._stems: set[str] = set()
        self._sources: tuple[Path, ...] = ()

    def outcomes(self, sources: Sequence[str]) -> Iterator[Outcome]:
        """Yield the outcome of each input when it is done."""
        self._sources = tuple(Path(source) for source in sources if _exists(source))
        self.total = len(sources)
        for source in sources:
            yield from self._of_source(source)

    def summary(self) -> Outcome | None:
        """Return the task's summary of all inputs, if it has one."""
        return self._tried("summary", self.predictor.summarize)

    def _of_source(self, source: str) -> Iterator[Outcome]:
        try:
            found = read(self.predictor.read, source)
        except Exception as error:  # noqa: BLE001 - a reader may raise anything
            self._stem(source)  # so that names of other files do not depend on this one
            yield Outcome(source, error=reason_of(error, source))
            return
        self.total += len(found) - 1
        for each in found:
            outcome = self._tried(each.name, partial(self.predictor.predict, each.value))
            assert outcome is not None
            yield outcome

    def _tried(self, name: str, predict: Callable[[], Prediction | None]) -> Outcome | None:
        import torch

        stem = self._stem(name)
        try:
            torch.manual_seed(self.seed)
            with torch.inference_mode():
                prediction = predict()
                return prediction and self._written(name, prediction, stem)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            return Outcome(name, error=reason_of(error, name))

    def _written(self, name: str, prediction: Prediction, stem: str) -> Outcome:
        files = []
        for suffix, write in prediction.files.items():
            files.append(self.output / f"{stem}.{suffix}")
            self._write(files[-1], write)
        return Outcome(name, prediction.facts, tuple(files))

    def _write(self, path: Path, write: Callable[[Path], object]) -> None:
        """Write a file atomically, and never replace an input."""
        if path.exists() and any(map(path.samefile, self._sources)):
            remedy = "another directory: --output DIR"
            raise InputError(str(path), "it would be overwritten by its result", expected=remedy)
        _make(path.parent)
        unfinished = path.with_name(f".{os.getpid()}-{path.name}")
        try:
            write(unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def _stem(self, name: str) -> str:
        """Return the unique stem of the names of an input's files."""
        first = stem = _slug(name)
        number = 1
        while stem.casefold() in self._stems:
            number += 1
            stem = f"{first}-{number}"
        self._stems.add(stem.casefold())
        return stem


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        reason = f"it cannot be made ({cause.strerror})"
        raise InputError(str(folder), reason, expected="another directory: --output DIR") from cause


def _slug(name: str) -> str:
    """Return a name without directory and suffix, of letters, digits and hyphens.

    >>> _slug("Hello, world!")
    'Hello-world'
    """
    path, _, part = name.rpartition(":")
    if _exists(name):
        text = Path(name).stem
    elif part.isdigit() and _exists(path):  # film.gif:3
        text = f"{Path(path).stem}-{part}"
    else:
        text = name
    return re.sub(r"\W+", "-", text)[:_LONGEST].strip("-") or "input"


def _exists(name: str) -> bool:
    """Whether a path exists; text may not be a valid path."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False


def reason_of(error: Exception, name: str) -> str:
    """Return why an input failed: the message for people, or the error."""
    _log.debug("an input failed", exc_info=error)
    if isinstance(error, InputError) and error.source in (name, repr(name)):
        return f"{error.reason}. Expected {error.expected}."
    text = str(error).strip().partition("\n")[0]
    if isinstance(error, OSError) and error.strerror and error.filename == name:
        text = error.strerror
    if isinstance(error, DapiError | OSError | ValueError) and text:
        return text
    return f"{type(error).__name__}: {text}".rstrip(": ")
