"""Declared: the current metadata of installed weights, their assets and their licenses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dapi import File, WeightEntry, Weights, catalog
from dapi.exceptions import DapiError, NoWeightsError
from dapi.lock.policy import Facts

_STATES = ("active", "deprecated", "withdrawn")


class Owned(NamedTuple):
    """Files, their asset (empty for the weights' own), and the weights with their license."""

    asset: str
    owner: Weights | WeightEntry
    files: tuple[File, ...]


def owned_files(weights: Weights | WeightEntry, asset: str = "") -> Iterator[Owned]:
    """Yield the files of weights, of their assets, and of other weights that they use."""
    yield Owned(asset, weights, weights.files)
    for name, value in weights.assets.items():
        path = f"{asset}.{name}".strip(".")
        if isinstance(value, File):
            yield Owned(path, weights, (value,))
        else:
            yield from owned_files(value, path)


def license_of(weights: Weights | WeightEntry) -> str:
    """Return the license that weights declare; "unknown" if they declare none."""
    return str(weights.meta.get("license") or "unknown")


def state_of(weights: Weights | WeightEntry) -> str:
    """Return the worst state of weights and of other weights that they use."""
    states = {owned.owner.status.state for owned in owned_files(weights)}
    return max(states, key=_STATES.index)


def names_of(weights: Weights) -> list[str]:
    """Return the unambiguous names of weights: one for each builder that they are offered for."""
    names = catalog.qualified_names(weights)
    if names:
        return names
    try:
        return [f"{catalog.find(weights).qualified}:{weights.name}"]
    except NoWeightsError:  # not of a registered builder
        return []


def facts_of(weights: Weights | WeightEntry, name: str) -> Facts:
    """Return the facts for a policy."""
    licenses, unhashed = {"": license_of(weights)}, []
    for asset, owner, files in owned_files(weights):
        if owner is not weights:
            licenses[asset] = license_of(owner)
        unhashed += [file.name for file in files if not file.is_pinned]
    return Facts(name, licenses, state_of(weights), tuple(unhashed))


def today(name: str) -> Weights | None:
    """Return the installed weights of a name; None if their distribution is not installed."""
    try:
        found = catalog.resolve(name)[1]
    except DapiError:
        return None
    return found if isinstance(found, Weights) else None


def offerer(builder: catalog.Builder, weights: Weights) -> str:
    """Return the distribution that offers weights for a builder."""
    for distribution, enum in catalog.enums(builder):
        if isinstance(weights, enum):
            return distribution
    return builder.distribution
