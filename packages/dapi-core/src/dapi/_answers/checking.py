"""Checking: models, compared with their recorded answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dapi._answers import answers as _answers
from dapi._answers import subject as subjects
from dapi._answers.answers import Answer, Answers
from dapi._answers.differences import Check, compare
from dapi._answers.recording import reason_of, record
from dapi._answers.subject import Subject, UncheckedError
from dapi._catalog import lookup
from dapi._values.names import parse
from dapi._values.public import public
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights
from dapi.exceptions import DapiError

if TYPE_CHECKING:
    from torch import nn


@public
def check(name_or_model: str | nn.Module, *, answers: str | Path | None = None) -> Check:
    """Compare a model's current outputs with its recorded answers.

    A builder is compared with synthetic weights, without a download; weights are compared if their
    files are in the cache. A model in memory that dapi built is compared by its code, and with the
    weights that it was built with if those have answers.

    Args:
        name_or_model: As in ``"resnet50"`` or ``"resnet20:Digits_RefV2"``, or a model.
        answers: A file of answers, as ``dapi answers --output`` writes it; by default the
            distribution's.

    Returns:
        Whether they are equal; if not, the first stage and module that differ, and by how much.

    Raises:
        DapiError: There is no such model, or the answers cannot be read.

    >>> print(check("resnet20:Digits_RefV2").state)
    equal
    """
    kept = None if answers is None else Answers.read(Path(answers))
    return compared(name_or_model, kept)


def compared(name_or_model: str | nn.Module, kept: Answers | None) -> Check:
    """Compare a model with its answer among some; without any, among those of a distribution."""
    try:
        if isinstance(name_or_model, str):
            subject, name = subjects.named(name_or_model), name_or_model
        else:
            subject, name = subjects.in_memory(name_or_model)
        return _compared(subject, name, _answers.of(subject.owner()) if kept is None else kept)
    except UncheckedError as reason:
        return Check(str(name_or_model)[:80], "unchecked", reason=str(reason))


def _compared(subject: Subject, name: str, kept: Answers) -> Check:
    _, model, member, _ = parse(name)
    short = f"{model}:{member}" if member else model
    answer = kept.found.get(short)
    if answer is None and subject.built is not None and not subject.is_synthetic:
        subject, short = subject._replace(is_synthetic=True), subject.model.name
        answer = kept.found.get(short)
    if answer is None:
        raise UncheckedError(_unrecorded(short, kept))
    if subject.built is not None and answer.config:
        text = ", ".join(f"{key}={value}" for key, value in answer.config.items())
        raise UncheckedError(f"Its answers are of a smaller model ({text}): dapi check {short}")
    # A file of answers is untrusted: it only selects from the sample's arguments.
    if answer.config and not answer.config.keys() <= subject.sample().config.keys():
        raise UncheckedError("Its answers name arguments of the builder that its sample does not.")
    subject = subject._replace(
        weights=_recorded_with(subject, answer),
        config=answer.config,
        dtype=answer.dtype,
        trains="training" not in answer.omitted,
    )
    try:
        return compare(answer, record(subject, short))
    except (UncheckedError, DapiError):
        raise
    except Exception as error:
        raise UncheckedError(f"It could not be run. {reason_of(error)}") from error


def _recorded_with(subject: Subject, answer: Answer) -> Weights | WeightEntry:
    """Return the weights that a builder's answer was recorded with, which may be outdated."""
    if subject.is_synthetic and subject.built is None:
        enum = lookup.own_enum(subject.model.load())
        return next((each for each in enum if each.name == answer.member), subject.weights)
    return subject.weights


def _unrecorded(name: str, kept: Answers) -> str:
    if name in kept.left_out:
        return f"It was omitted when answers were recorded. {kept.left_out[name]}"
    builder = parse(name).builder
    if ":" in name and builder in kept.found:
        return f"No answers of these weights were recorded; of their builder: dapi check {builder}"
    return "No answers were recorded. Its maintainer runs: dapi answers --record DISTRIBUTION"
