"""Answers, for tools: a model's recorded outputs as text, stored outside of its distribution.

To check a model, call ``dapi.check``. A tool that stores an answer elsewhere, as in a lock file,
gets it here as one line of JSON, and compares it later.

Example:
    >>> from dapi import answers
    >>> kept = answers.shipped("resnet20:Digits_RefV2")
    >>> answers.compare("resnet20:Digits_RefV2", kept).state
    'equal'
"""

from __future__ import annotations

from pathlib import Path

from dapi._answers import checking
from dapi._answers.answers import Answers, of
from dapi._answers.differences import Check, Difference
from dapi._answers.recording import record_answer
from dapi._answers.subject import Subject
from dapi._catalog import lookup
from dapi._weights.enum import Weights
from dapi.exceptions import AnswersError

__all__ = ["Check", "Difference", "compare", "record", "shipped"]

_AGAIN = "Record it again: dapi.answers.record(NAME)"


def shipped(name: str) -> str:
    """Return the answer that a distribution ships for weights; empty if there is none.

    It is the answer of the weights, or else of their builder with synthetic weights. Imports no
    framework, and uses no network.

    Args:
        name: As in ``"dapi-vision/resnet20:Digits_RefV2"``.

    Raises:
        DapiError: There are no such weights, or the answers of the distribution cannot be read.
    """
    builder, weights = lookup.resolve(name)
    if isinstance(weights, Weights):
        owner = Subject(builder, weights, False).owner()
        text = _one(of(owner), f"{builder.name}:{weights.name}")
        if text:
            return text
    return _one(of(builder.distribution), builder.name)


def record(name: str) -> str:
    """Run a model, and return its answer; needs the framework and the files of the weights.

    Raises:
        DapiError: There is no such model, or it cannot be run.
    """
    answer, kept = record_answer(name, remedy="Lock it without answers."), Answers(Path())
    kept.found[answer.name] = answer
    return _one(kept, answer.name)


def compare(name: str, answer: str) -> Check:
    """Compare a model's current outputs with an answer, like ``dapi.check``.

    Args:
        name: The weights. For an answer of their builder, that is compared, with synthetic weights.
        answer: The result of ``shipped`` or ``record``.

    Raises:
        DapiError: There is no such model, or the text is not an answer.
    """
    kept = Answers.parse(answer, name)
    if len(kept.found) != 1:
        raise AnswersError(name, f"{len(kept.found)} answers are in the text", _AGAIN)
    if ":" not in next(iter(kept.found)):
        name = lookup.resolve(name)[0].qualified
    return checking.compared(name, kept)


def _one(answers: Answers, name: str) -> str:
    """Return one of several answers as one line of text; empty if it is not among them."""
    if name not in answers.found:
        return ""
    one = Answers(answers.path)
    one.found[name] = answers.found[name]
    return one.text().replace("\n", "")  # JSON has no line break inside a text
