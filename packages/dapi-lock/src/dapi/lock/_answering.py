"""Answering: record the answers of locked weights, and compare them later."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dapi
from dapi.exceptions import DapiError
from dapi.lock._terminal import say
from dapi.lock.document import Lock, LockedWeights

if TYPE_CHECKING:
    from dapi.answers import Check


def shipped(name: str) -> str:
    """Return the answer that an installed distribution ships; empty if it has none."""
    try:
        return dapi.answers.shipped(name)
    except DapiError as error:  # answers do not lock bytes
        say(f"{name} is locked without answers. {error}")
        return ""


def record(lock: Lock) -> Lock:
    """Return a lock with answers recorded on this machine; the files must be in the cache."""
    return lock._replace(
        weights=tuple(
            each if each.is_source else each._replace(answers=_recorded(each.name))
            for each in lock.weights
        )
    )


def _recorded(name: str) -> str:
    say(f"Recording the answers of {name}.")
    try:
        return dapi.answers.record(name)
    except (DapiError, ImportError) as error:
        say(f"{name} is locked without answers. {error}")
        return ""


def check(lock: Lock, path: Path) -> Iterator[tuple[str, Check]]:
    """Compare the current outputs of each set of weights with its answers in the lock."""
    for weights in lock.weights:
        if not weights.is_source:
            yield weights.name, _checked(weights, path)


def _checked(weights: LockedWeights, path: Path) -> Check:
    if not weights.answers:
        remedy = f"To add them: dapi lock --answers, or dapi lock --upgrade {weights.name}"
        reason = f"The lock has no answers of these weights. {remedy}"
        return dapi.Check(weights.name, "unchecked", reason=reason)
    try:
        # Weights that it loads must be the locked ones; those of a builder are synthetic.
        with dapi.use_lock(path if _is_of_weights(weights) else None):
            return dapi.answers.compare(weights.name, weights.answers)
    except (DapiError, ImportError) as error:
        return dapi.Check(weights.name, "unchecked", reason=str(error))


def _is_of_weights(weights: LockedWeights) -> bool:
    """Whether an answer belongs to the weights themselves: their short name is its key."""
    return f'"{weights.name.rpartition("/")[2]}":' in weights.answers


def as_row(name: str, found: Check) -> dict[str, Any]:
    """Return the result for some weights, for a JSON report; JSON has no infinity."""
    differences = [each._asdict() for each in found.differences]
    for each in differences:
        each["units"] = each["units"] if isfinite(each["units"]) else None
    return {
        "weights": name,
        "state": found.state,
        "compared": found.name,
        "reason": found.reason,
        "margin": found.margin if isfinite(found.margin) else None,
        "differences": differences,
        "recorded": dict(found.recorded),
        "today": dict(found.today),
        "omitted": dict(found.omitted),
    }
