"""predictor: a model in Python, called with files, pictures, sounds or texts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from dapi._prediction import batches, inputs
from dapi._prediction.plan import Plan, plan, plan_for
from dapi._text import counted
from dapi._values.public import public
from dapi.exceptions import ArgumentError, DapiError, InputError, SavingError
from dapi.tasks import (
    Batch,
    Input,
    Prediction,
    Predictor,
    declared_inputs,
    no_summary,
    read_texts,
)

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dapi._weights.entry import WeightEntry
    from dapi._weights.enum import Weights

BATCH_SIZE = 16  # inputs: most of what larger batches save, and of photographs less than 1 GB
_SHOWN = 20  # results in a notebook: each may have a picture
# Unpickled predictors that a process keeps: Spark unpickles a function once for each task.
_KEPT = 3


@public
def predictor(
    name: str | Weights | WeightEntry,
    weights: str | os.PathLike[str] | Weights | WeightEntry | None = None,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | str | None = None,
    compile: bool = False,  # noqa: A002  # PyTorch's word
    seed: int | None = None,
) -> ModelPredictor:
    """Build a model with weights, ready to be called with files, pictures, sounds or texts.

    In Python what ``dapi predict`` is. Reads the cache and the network.

    Args:
        name: As for ``dapi.get_model``: the name of a model or of weights, or the weights
            themselves, as ``dapi.search`` returns them.
        weights: A member, its name, or an entry, which may be of your own file; by default the
            latest, or those of ``name``.
        device: The device of the model.
        dtype: The floating-point type of its parameters, as for every builder, by its name too;
            inputs are converted to it. Not every model runs in half precision on every device.
        compile: Whether PyTorch compiles the model, at its first call.
        seed: Seed of PyTorch's random state before each input. ``dapi predict`` uses 0. None leaves
            the random state alone; few models draw random numbers.

    Returns:
        A function of an input, of a list of them, or of an iterator. It pickles without the
        model, which a process that unpickles it builds once.

    Raises:
        UnknownTaskError: No installed distribution supports the task of the weights.
        InputError: The weights cannot be run on files at all, according to the task.
        DeviceError: There is no such device.
        BuilderError: The builder, or the task, raised an error of its own.
        DapiError: As in ``dapi.get_model``.

    >>> classify = predictor("resnet20_v2")
    >>> from PIL import Image
    >>> result = classify(Image.new("L", (8, 8)))
    >>> [*result.facts["labels"][0]], result.output.shape
    (['label', 'probability'], torch.Size([1, 10]))
    >>> len(classify([Image.new("L", (8, 8))] * 3))
    3
    """
    return ModelPredictor(plan(name, weights), Options(str(device), dtype, compile, seed))


class Options(NamedTuple):
    """How a predictor runs its model; see ``predictor``."""

    device: str
    dtype: torch.dtype | str | None
    compile: bool
    seed: int | None


@public
class Predictions(list[Prediction]):
    """The results for a list of inputs.

    Attributes:
        summary: The result for all of them together, if the task has one.
    """

    summary: Prediction | None = None

    def _repr_html_(self) -> str:
        results = [*self[:_SHOWN], *filter(None, [self.summary])]
        more = f"<div>{len(self) - _SHOWN} more</div>" if len(self) > _SHOWN else ""
        return "".join(each._repr_html_() for each in results) + more


@public
class ModelPredictor:
    """A model, called with an input or several: the result of ``dapi.predictor``.

    Attributes:
        model: The model, in evaluation mode.
        weights: Its weights.
    """

    model: nn.Module
    weights: Weights | WeightEntry

    def __init__(self, planned: Plan, options: Options) -> None:
        planned.check(options.device)
        config = {} if options.dtype is None else {"dtype": options.dtype}
        self.model, self.weights = planned.build(options.device, **config), planned.weights
        if options.compile:
            self.model.compile()
        self._plan, self._options, self._task = planned, options, planned.ready(self.model)
        declared = declared_inputs(planned.task)
        self._takes_texts = read_texts in (self._task.read, declared and declared.read)
        self._built = _state(self.model)

    def __repr__(self) -> str:
        return f"<ModelPredictor of {self.weights}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was built from; raise SavingError if its tensors were changed."""
        if _state(self.model) != self._built:
            raise SavingError(
                f"predictor of {self.weights}",
                "its tensors were changed, and its pickle names only what it was built from. "
                "Use dapi.save, and a predictor of an entry of that file",
            )
        model = self._plan.model
        return _rebuild, (self._options, model.qualified, model.load(), self.weights)

    @overload
    def __call__(
        self, source: list[Any], *, rate: int | None = None, batch_size: int = BATCH_SIZE
    ) -> Predictions: ...

    @overload
    def __call__(
        self, source: Iterator[Any], *, rate: int | None = None, batch_size: int = BATCH_SIZE
    ) -> Iterator[Prediction]: ...

    @overload
    def __call__(
        self, source: Any, *, rate: int | None = None, batch_size: int = BATCH_SIZE
    ) -> Prediction: ...

    def __call__(
        self, source: Any, *, rate: int | None = None, batch_size: int = BATCH_SIZE
    ) -> Prediction | Predictions | Iterator[Prediction]:
        """Run the model on an input, on each of a list, or on each that an iterator yields.

        Args:
            source: A list, or an iterator such as a generator, is several inputs. A
                ``pathlib.Path`` is read, and so is a str, unless the task takes texts: then it is
                the text itself. Any other value is an input itself, of a kind that the task
                accepts.
            rate: The sample rate of waveforms; the same as tuples ``(waveform, rate)``.
            batch_size: How many of several inputs are read at a time. Those of them that have the
                same shape run at once, if the task can do that and there is no ``seed``; their
                results differ from those of single inputs by rounding. 1 runs each alone.

        Returns:
            The result of the input; for a list, those of all inputs, of which a file may contain
            several; for an iterator, an iterator of them, which keeps one batch in memory, and no
            summary.

        Raises:
            InputError: An input cannot be read, is of a wrong kind, or is refused by the task.
            ArgumentError: ``batch_size`` is not a positive integer.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            expected = "a positive integer"
            raise ArgumentError("predictor", "batch_size", batch_size, expected=expected)
        task = self._task
        if task.summarize is not no_summary:  # it remembers inputs, which are those of one run
            task = self._plan.ready(self.model)
        if isinstance(source, Iterator):
            return self._results(task, self._inputs(task, source, rate), batch_size)
        if isinstance(source, list):
            inputs = self._inputs(task, source, rate)
            results = Predictions(self._results(task, inputs, batch_size))
            results.summary = task.summarize()
            return results
        found = list(self._inputs(task, [source], rate))
        if len(found) > 1:
            reason = f"it contains {counted(len(found), 'input')}"
            raise InputError(str(source), reason, expected="one, or a list: write [source]")
        return next(self._results(task, iter(found), 1))

    def _inputs(self, task: Predictor, sources: Iterable[Any], rate: int | None) -> Iterator[Input]:
        for each in sources:
            yield from self._read(task, each if rate is None else (each, rate))

    def _results(self, task: Predictor, inputs: Iterator[Input], size: int) -> Iterator[Prediction]:
        import torch

        while True:
            with torch.inference_mode():  # not while the caller has the results
                read = list(islice(inputs, size))
                found = self._of_some(task, read)
            if not read:
                return
            yield from found

    def _of_some(self, task: Predictor, inputs: list[Input]) -> list[Prediction]:
        """Return the results of a few inputs, at once if the task can do that."""
        batch = None if self._options.seed is not None or len(inputs) < 2 else task.batch
        found = batch and self._outputs(batch, inputs)
        if not (batch and found):
            return [self._predicted(task, *each) for each in inputs]
        results = []
        for (name, value), output in zip(inputs, found, strict=True):
            with self._refusing(name):
                results.append(batch.present(value, output)._replace(input=name))
        return results

    def _outputs(self, batch: Batch, inputs: list[Input]) -> list[Any] | None:
        """Return the output for each; None if the model refuses one, which only it can name."""
        prepared = []
        for name, value in inputs:
            with self._refusing(name):
                prepared.append(batch.prepare(value))
        try:
            return batches.outputs(batch.run, prepared)
        except (DapiError, OSError, TypeError, ValueError):
            return None  # each is run alone, so that the error names the input

    def _read(self, task: Predictor, source: Any) -> list[Input]:
        """Return the inputs of a path, or the only input that a value is."""
        if isinstance(source, os.PathLike) or (isinstance(source, str) and not self._takes_texts):
            with self._refusing(str(source)):
                return inputs.read(task.read, os.fspath(source))
        if self._takes_texts:
            return [_text(source)]
        name = type(source).__name__  # a repr would print the array
        with self._refusing(name):
            return [Input(name, source if task.accept is None else task.accept(source))]

    def _predicted(self, task: Predictor, name: str, value: Any) -> Prediction:
        import torch

        if self._options.seed is not None:
            torch.manual_seed(self._options.seed)
        with self._refusing(name):
            return task.predict(value)._replace(input=name)

    @contextmanager
    def _refusing(self, name: str) -> Iterator[None]:
        """Raise the errors of a bad input as InputError; all others are bugs."""
        try:
            yield
        except DapiError:
            raise
        except (OSError, TypeError, ValueError) as cause:
            expected = f"an input of the task {self.weights.meta['task']}"
            raise InputError(name, inputs.reason_of(cause, name), expected=expected) from cause


def _rebuild(options: Options, *chosen: Any) -> ModelPredictor:
    found = _kept(options, *chosen)
    if _state(found.model) == found._built:
        return found
    return ModelPredictor(plan_for(*chosen), options)  # the one that is kept was changed since


@lru_cache(_KEPT)
def _kept(options: Options, *chosen: Any) -> ModelPredictor:
    return ModelPredictor(plan_for(*chosen), options)


def _state(model: nn.Module) -> list[tuple[int, int]]:
    """Return the tensors, and how often each was written to; inference mode does not count.

    Buffers that no file has are caches, which a model may fill while it runs.
    """
    buffers = (
        tensor
        for module in model.modules()
        for name, tensor in module._buffers.items()
        if tensor is not None and name not in module._non_persistent_buffers_set
    )
    found = [*model.parameters(), *buffers]
    return [(id(each), -1 if each.is_inference() else each._version) for each in found]


def _text(source: Any) -> Input:
    expected = "a text, or the pathlib.Path of a file with one in each line"
    if not isinstance(source, str):
        raise InputError(type(source).__name__, "it is not a text", expected=expected)
    if not source.strip():
        raise InputError(repr(source), "it is blank", expected=expected)
    return Input(source.strip(), source.strip())
