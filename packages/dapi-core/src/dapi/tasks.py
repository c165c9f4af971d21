"""For distributions that define how a task's input files are read and its results are shown.

Weights name their task in ``meta["task"]``. The entry-point group ``dapi.tasks`` names, by task,
the function that makes a ``Predictor`` from a model and its weights; ``dapi predict`` runs it on
files, ``dapi.predictor`` in Python. A model is run by its own distribution if that has the task,
otherwise by any other that has it.

Example:
    In ``acme/tasks.py``, advertised as ``emotion-detection = "acme.tasks:emotion_detection"``::

        from dapi import tasks

        def emotion_detection(model, weights):
            tokenize, name = weights.transforms(), weights.postprocess()

            def predict(text):
                label, probability = name(model(tasks.place(tokenize(text), model)))[0]
                return tasks.Prediction({"emotion": label, "probability": probability})

            return tasks.Predictor(tasks.read_texts, predict)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dapi._values.frozen import FrozenDict
from dapi._values.nested import mapped
from dapi.exceptions import InputError

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "Batch",
    "Input",
    "Prediction",
    "Predictor",
    "Sample",
    "find_file",
    "place",
    "read_texts",
    "reads",
    "split",
]

_T = TypeVar("_T")
_Task = TypeVar("_Task", bound="Callable[..., Predictor]")

_BEGINNINGS = ("/", "./", "../", "~/")  # of an intended path


class Input(NamedTuple):
    """An input of a model.

    Attributes:
        name: Its name for people: the path of a file, or the text itself.
        value: The argument of ``Predictor.predict``.
    """

    name: str
    value: Any


class Prediction(NamedTuple):
    """The result of a model for one input.

    Attributes:
        facts: The printed results: texts, numbers, and lists and dicts of them, as in JSON. A list
            of dicts with the same keys is printed as a table.
        files: The written results: from a suffix of the name, as in ``"wav"`` or ``"objects.png"``,
            to a function that writes to a given path, preferably one that pickles.
        output: The output of the model, for callers of ``dapi.predictor``; None to keep it private.
        input: The name of the input; set by ``dapi.predictor``.
    """

    facts: Mapping[str, Any]
    files: Mapping[str, Callable[[Path], object]] = FrozenDict()
    output: Any = None
    input: str = ""

    def __eq__(self, other: object) -> bool:
        """Compare input, facts and suffixes: a tensor or a function equals no copy of it."""
        if not isinstance(other, Prediction):
            return NotImplemented
        mine, theirs = ((each.facts, each.input, [*each.files]) for each in (self, other))
        return mine == theirs

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        """Return the facts and the suffixes of the files; the output may be large."""
        return f"Prediction(input={self.input!r}, facts={self.facts!r}, files={[*self.files]})"

    def _repr_html_(self) -> str:
        from dapi._text import notebook

        return notebook.card(self.input, self.facts, self.files)


def no_summary() -> None:
    """Summarize nothing: each input is on its own."""


class Batch(NamedTuple):
    """The steps of a task, for several inputs at once; see ``Predictor.batch``.

    Attributes:
        prepare: From an input's value to the model's input, with a batch dimension of 1: a tensor,
            or mappings, lists and tuples of tensors.
        run: From model inputs of the same shape, joined along their first dimension, to the output
            for each, as if it had been alone: ``lambda batch: split(model(batch), len(batch))``.
        present: From an input's value and the output for it to the result; called in the order of
            the inputs.
    """

    prepare: Callable[[Any], Any]
    run: Callable[[Any], Sequence[Any]]
    present: Callable[[Any, Any], Prediction]

    def predict(self, value: Any) -> Prediction:
        """Run one input: the ``predict`` of a ``Predictor``."""
        [output] = self.run(self.prepare(value))
        return self.present(value, output)


class Predictor(NamedTuple):
    """A model, ready to run on files or text: the result of a task's entry point.

    The entry point is called once for a run, as ``task(model, weights)``, with the model in
    evaluation mode on its device. It should raise an ``InputError`` when these weights cannot be
    run on files at all. In ``dapi.predictor``, all calls are one run, but of a task that
    summarizes, each call is a run.

    Attributes:
        read: From an argument of the command line (a path, or text) to its inputs: one for a
            picture, one for each line of a text. Raises an ``InputError``, an ``OSError`` or a
            ``ValueError`` that states the problem of the file.
        predict: From an input's value to the model's result. It is called in
            ``torch.inference_mode()`` with a seeded random state; an error fails that input only.
            The same holds for the functions that write the files.
        summarize: Called after all inputs; returns a summary of them, if there is one.
        accept: From a value in Python that is no path, such as an array, to the argument of
            ``predict``; raises an ``InputError`` for a wrong one. Without it, ``dapi.predictor``
            passes the value on as it is.
        batch: The steps of ``predict``. With them, ``dapi.predictor`` runs the inputs of a list
            that have the same shape at once.
    """

    read: Callable[[str], Iterable[Input]]
    predict: Callable[[Any], Prediction]
    summarize: Callable[[], Prediction | None] = no_summary
    accept: Callable[[Any], Any] | None = None
    batch: Batch | None = None


class Sample(NamedTuple):
    """A synthetic input of a task, for ``dapi check``.

    The entry-point group ``dapi.samples`` names, by the task, a function that is called with the
    weights and returns their sample. It must be the same everywhere, so it is computed without a
    random generator (``hashlib.shake_256`` gives bytes by name) and read from no file that is
    compressed with loss.

    Attributes:
        value: The argument of ``Predictor.predict``; preferably small. None for a model that no
            task runs on files: it is called with ``prepared``.
        config: Arguments of the builder that make the model small enough, with synthetic weights.
        crop: The number of pixels per side of the transforms' result that the model receives; None
            for all.
        prepared: Replaces the result of transforms that need a downloaded file, such as a
            tokenizer. Without ``value``, a tuple of arguments.
    """

    value: Any
    config: Mapping[str, Any] = FrozenDict()
    crop: int | None = None
    prepared: Any = None


class Inputs(NamedTuple):
    """A task's declaration of its inputs; see ``reads``."""

    read: Callable[[str], Iterable[Input]]
    check: Callable[[Any], object] | None = None


def reads(
    read: Callable[[str], Iterable[Input]], *, check: Callable[[Any], object] | None = None
) -> Callable[[_Task], _Task]:
    """Declare how a task reads its inputs, so that a bad one is found before a long download.

    A decorator for the function that the entry point of a task names. Without it, inputs are read
    after the weights were downloaded.

    Args:
        read: As ``Predictor.read``, but known without a model. When weights must be downloaded, it
            is called for each input before that, and its result is not kept.
        check: Called with the weights; raises an ``InputError`` when they cannot be run on files
            at all.

    Example:
        >>> @reads(read_texts)
        ... def emotion_detection(model, weights): ...
    """

    def declare(task: _Task) -> _Task:
        task.__dapi_inputs__ = Inputs(read, check)  # type: ignore[attr-defined]
        return task

    return declare


def declared_inputs(task: Callable[..., Predictor]) -> Inputs | None:
    """Return a task's declaration of its inputs; None if there is none."""
    found: Inputs | None = getattr(task, "__dapi_inputs__", None)
    return found


def find_file(source: str, expected: str = "a file") -> Path:
    """Return the path of a file that can be read.

    Args:
        source: The path.
        expected: The expected kind of file, for errors.

    Raises:
        InputError: It does not exist, is a directory, or is empty.

    >>> find_file("absent.png", "a picture")
    Traceback (most recent call last):
    dapi.exceptions.InputError: absent.png: no such file. Expected a picture.
    """
    if not source.strip():
        raise InputError(repr(source), "it is blank", expected=expected)
    path = Path(source)
    if path.is_dir():
        remedy = f"name the files in it, as in {path / '*'}"
        raise InputError(source, "it is a directory", expected=f"{expected}: {remedy}")
    if not path.exists():
        raise InputError(source, "no such file", expected=expected)
    if path.is_file() and not path.stat().st_size:  # a pipe has no size
        raise InputError(source, "it is empty", expected=expected)
    return path


def read_texts(source: str) -> list[Input]:
    """Read texts: the lines of a text file, or else the argument itself.

    An obvious path (with a directory or a suffix, and no space) must be that of a file.

    Args:
        source: The path of a file in UTF-8, or text; "-" reads standard input.

    Returns:
        An input for each line that is not blank, or one input.

    Raises:
        InputError: There is no such file, it is not text in UTF-8, or it is empty.

    >>> read_texts("The cat sat on the mat.")
    [Input(name='The cat sat on the mat.', value='The cat sat on the mat.')]
    """
    is_named = source == "-" or (source.strip() and _is_path(source))
    lines = _lines(source) if is_named else [_checked(source)]
    found = [Input(line.strip(), line.strip()) for line in lines if line.strip()]
    if not found:
        raise InputError(source, "it is blank", expected="a text file, or literal text")
    return found


def _lines(source: str) -> list[str]:
    expected = "a text file, or literal text (- reads standard input)"
    try:
        if source == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig").split("\n")
        return find_file(source, expected).read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as cause:
        raise InputError(source, f"it is not text ({cause})", expected="text in UTF-8") from cause


def _checked(words: str) -> str:
    """Refuse text with bytes from the terminal that are not UTF-8."""
    try:
        words.encode()
    except UnicodeEncodeError as cause:
        raise InputError(words, "it is not text", expected="words in UTF-8") from cause
    return words


def _is_path(source: str) -> bool:
    try:
        path = Path(source)
        if path.exists():
            return True
        is_below = source.startswith(_BEGINNINGS) or (
            path.parent != Path() and path.parent.is_dir()
        )
    except PermissionError:  # it exists, but may not be read
        return True
    except (OSError, ValueError):  # too long, or with a character that no path has
        return False
    suffix = path.suffix[1:]  # neither of "3.14", nor of a language without spaces
    is_named = suffix.isascii() and suffix.isalnum() and suffix[0].isalpha()
    return not any(map(str.isspace, source)) and (is_below or is_named)


def place(value: _T, model: nn.Module) -> _T:
    """Move tensors to the device of a model, and floating-point ones to its dtype.

    Args:
        value: A tensor, or dicts, lists and tuples of tensors; other values are unchanged.
        model: The device and the dtype of its first parameter.

    Returns:
        The same value on that device.
    """
    parameter = next(model.parameters(), None)
    return value if parameter is None else mapped(partial(_move, parameter), value)


def _move(parameter: nn.Parameter, value: Any) -> Any:
    if not hasattr(value, "to"):
        return value
    if parameter.is_floating_point() and getattr(value, "is_floating_point", bool)():
        return value.to(parameter.device, parameter.dtype)
    return value.to(parameter.device)


def split(output: Any, count: int) -> list[Any]:
    """Split a model's output for a batch into those for each input, with a batch dimension of 1.

    Args:
        output: A tensor whose first dimension is the batch, or mappings, lists and tuples of them;
            other values are the same for all.
        count: The number of inputs.
    """
    return [mapped(partial(_slice, number), output) for number in range(count)]


def _slice(number: int, value: Any) -> Any:
    return value[number : number + 1] if hasattr(value, "shape") else value
