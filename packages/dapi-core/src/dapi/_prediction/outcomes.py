"""Outcomes: what a model says to each of several files, one at a time, for the command."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dapi._prediction import inputs
from dapi._values.frozen import FrozenDict
from dapi.exceptions import InputError
from dapi.tasks import Prediction, Predictor

# Longer file names are refused by some systems.
_LONGEST = 60


class Outcome(NamedTuple):
    """The result of one input: facts and written files, or an error."""

    name: str
    facts: Mapping[str, Any] = FrozenDict()
    files: tuple[Path, ...] = ()
    error: str = ""


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
        self._sources = tuple(Path(source) for source in sources if inputs.exists(source))
        self.total = len(sources)
        for source in sources:
            yield from self._of_source(source)

    def summary(self) -> Outcome | None:
        """Return the task's summary of all inputs, if it has one."""
        return self._tried("summary", self.predictor.summarize)

    def _of_source(self, source: str) -> Iterator[Outcome]:
        try:
            found = inputs.read(self.predictor.read, source)
        except Exception as error:  # noqa: BLE001 - a reader may raise anything
            self._stem(source)  # it takes a name: those of other results do not depend on this one
            yield Outcome(source, error=inputs.reason_of(error, source))
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
            return Outcome(name, error=inputs.reason_of(error, name))

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
    if inputs.exists(name):
        text = Path(name).stem
    elif part.isdigit() and inputs.exists(path):  # film.gif:3
        text = f"{Path(path).stem}-{part}"
    else:
        text = name
    return re.sub(r"\W+", "-", text)[:_LONGEST].strip("-") or "input"
