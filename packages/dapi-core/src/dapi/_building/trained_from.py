"""Trained from: the weights that others were trained from, and their current status."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from hashlib import sha256

from dapi._values import names, notices
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import (
    ChangedWeightsWarning,
    DapiError,
    OutdatedWeightsWarning,
    PluginWarning,
)

# Keys of the metadata that name the source weights.
_KEYS = ("trained_from", "unquantized")
# Limit of a description: a longer one, such as a thousand categories, is compared by its hash.
_LONGEST = 300
# The maximum length of a chain of weights that were trained from others; it may be a cycle.
_DEEPEST = 8


def warn_of(weights: Weights | WeightEntry) -> None:
    """Warn, once, when published weights derive from weights that should not be used."""
    for origin in _origins(weights):
        _warn(str(weights), origin)


def warn_of_source(subject: str, weights: Weights | WeightEntry) -> None:
    """Warn when a saved model derives from weights that should not be used."""
    for origin in (weights, *_origins(weights)):
        _warn(subject, origin)


def _warn(subject: str, origin: Weights | WeightEntry) -> None:
    status = origin.status
    if status.state != "active":
        state = "are deprecated" if status.state == "deprecated" else "were withdrawn"
        reason = f": {status.reason.rstrip('.')}" if status.reason else ""
        instead = f" Use {status.replacement} instead." if status.replacement else ""
        text = f"{subject} derives from {origin}, which {state}{reason}.{instead}"
        notices.warn_once(text, OutdatedWeightsWarning)


def _origins(weights: Weights | WeightEntry) -> Iterator[Weights]:
    """Follow the names in the metadata, if they are installed."""
    known: list[Weights | WeightEntry] = [weights]
    for each in known:
        for key in _KEYS if len(known) < _DEEPEST else ():
            origin = _find(each.meta.get(key))
            if origin is not None and origin not in known:
                known.append(origin)
                yield origin


def _find(name: object) -> Weights | None:
    try:
        if isinstance(name, str) and names.parse(name).member:
            from dapi._catalog import lookup  # 2 ms, and few weights name their origin

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PluginWarning)  # it is about other distributions
                return lookup.get_weights(name)
    except DapiError:  # a sentence, or weights that are not installed
        pass
    return None


def describe(weights: Weights | WeightEntry | None) -> dict[str, str]:
    """Return the record in a saved file of the weights that its model started from."""
    if weights is None:
        return {}
    entry = entry_of(weights)
    found = {name: repr(getattr(entry, name)) for name in ("transforms", "postprocess")}
    return {
        name: text if len(text) <= _LONGEST else sha256(text.encode()).hexdigest()
        for name, text in found.items()
        if " at 0x" not in text  # an object without a description of its own
    }


def warn_of_changes(subject: str, recorded: Mapping[str, str], weights: Weights) -> None:
    """Warn if the description of the weights that a saved model started from has changed."""
    now = describe(weights)
    changed = [name for name in now if recorded.get(name, now[name]) != now[name]]
    if changed:
        notices.warn(
            f"{subject} was saved with other {' and '.join(changed)} than {weights} has now: "
            + "; ".join(f"{recorded[name]:.200} became {now[name]:.200}" for name in changed)
            + f". The model itself is unchanged; dapi.weights_of gives the {changed[0]} of "
            "today.",
            ChangedWeightsWarning,
        )
