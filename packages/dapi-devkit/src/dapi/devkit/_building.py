"""Checks of models: on the meta device, which takes no memory; small ones are loaded.

Each function yields the problems of its subject, a sentence each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import pytest

from dapi import Status, catalog
from dapi.devkit._models import Facts, as_entry, checkpoint_of_ones, quiet
from dapi.devkit._subjects import Builder, Member
from dapi.exceptions import (
    CheckpointError,
    DapiError,
    FetchError,
    HashMismatchError,
    StateDictMismatchError,
)

_QUANTIZED = "quantized: its weights are packed, not parameters"
_SIZES = ("num_classes", "num_labels", "aux_num_out")  # arguments that give a head its size
TOO_LARGE = "larger than the limit: raise --dapi-max-parameters"


def builds_without_weights(builder: Builder) -> Iterator[str]:
    """Build it on meta, with its own defaults."""
    builder.workshop.bare_facts(builder.function)
    yield from ()


def builds_on_meta(member: Member) -> Iterator[str]:
    """Build it on meta."""
    _facts(member)
    yield from ()


def num_params_is_right(member: Member) -> Iterator[str]:
    """Count the parameters."""
    stated, facts = member.entry.meta.get("num_params"), _facts(member)
    if facts.is_quantized:
        pytest.skip(_QUANTIZED)
    if stated != facts.num_params:
        yield f"meta says {stated}, the model has {facts.num_params}"


def loads_strictly(member: Member) -> Iterator[str]:
    """Load a file of ones with the model's keys, and see whether the model has them all."""
    workshop, builder = member.workshop, _builder(member)
    facts = _facts(member)
    if workshop.is_too_large(facts):
        pytest.skip(TOO_LARGE)
    if facts.is_quantized:
        pytest.skip(_QUANTIZED)
    key = builder, member.entry.build
    if key not in workshop.unloaded:  # of several weights with the same build, the first suffices
        workshop.unloaded[key] = tuple(_unloaded(member, facts))
    for name in workshop.unloaded[key]:
        yield f"{name} does not have the file's values"


def _unloaded(member: Member, facts: Facts) -> Iterator[str]:
    import torch

    with checkpoint_of_ones(member.weights, facts.schema) as entry, quiet():
        model = _builder(member)(weights=entry, progress=False)
        for key, value in model.state_dict().items():
            if isinstance(value, torch.Tensor) and not bool((value == 1).all()):
                yield key


def published_file_fits(member: Member) -> Iterator[str]:
    """Load the file that is published, if it is here or may be fetched."""
    workshop = member.workshop
    is_packaged = all(file.url.startswith("package:") for file in member.entry.files)
    if is_packaged and member.entry.status.state == "withdrawn":
        pytest.skip("it is withdrawn: its file may no longer exist")
    unfetched = [*_unfetched(member)] if workshop.may_fetch else []
    if unfetched:
        yield from unfetched
        return
    if workshop.is_too_large(_facts(member)) and not (is_packaged or workshop.may_fetch):
        pytest.skip(TOO_LARGE)
    entry = replace(member.entry, status=Status())
    with nullcontext() if workshop.may_fetch else quiet():
        try:
            entry.fetch(progress=False)
            _builder(member)(weights=entry, progress=False)
        except FetchError:
            pytest.skip("its file is not in the cache: --dapi-fetch downloads it")
        except (CheckpointError, HashMismatchError, StateDictMismatchError) as error:
            yield str(error)


def _unfetched(member: Member) -> Iterator[str]:
    """Download each file of a member and of its assets, and return the errors."""
    for file in catalog.files(member.weights):
        try:
            as_entry(file).fetch(progress=False)
        except DapiError as error:
            yield str(error)


def head_is_a_layer(builder: Builder) -> Iterator[str]:
    """Look for the layers in the state dicts of the builder's models."""
    wanted, layers = set(builder.declaration.head), [""]
    for schema in _schemas(builder) if wanted else ():
        layers = [key.rpartition(".")[0] for key in schema]
        wanted -= {name for name in wanted if any(f"{k}.".startswith(f"{name}.") for k in layers)}
        if not wanted:
            return
    for name in sorted(wanted):
        yield f"head names {name!r}; the model has no such layer, its last is {layers[-1]!r}"


def _schemas(builder: Builder) -> Iterator[Iterable[str]]:
    """Yield the keys of the builder's models: some heads exist on request only."""
    workshop, function = builder.workshop, builder.function
    yield workshop.bare_facts(function).schema
    for enum in builder.declaration.weights:
        for member in enum:
            yield workshop.facts(function, member).schema
    for argument in _SIZES:
        with suppress(Exception), quiet():  # most builders take one of them
            yield function(weights=None, device="meta", **{argument: 2}).state_dict()


def state_dict_is_stable(builder: Builder) -> Iterator[str]:
    """Compare keys, types and shapes with the snapshot; write it when that is asked for."""
    snapshots = builder.workshop.snapshots
    if snapshots.folder is None:
        pytest.skip("no snapshot directory: inherit dapi.devkit.Conformance in a test file")
    found = _lines(builder.workshop.bare_facts(builder.function))
    if snapshots.update:
        snapshots.write(builder.name, found)
    kept = snapshots.read(builder.name)
    if kept is None:
        pytest.skip("there is no snapshot: --dapi-update-snapshots writes it")
    yield from _differences(kept, found)


def _lines(facts: Facts) -> Mapping[str, str]:
    """Write the type and the shape of each tensor as text."""
    return {
        key: " ".join((dtype, "x".join(map(str, shape)))).strip()
        for key, (dtype, shape) in facts.schema.items()
    }


def _differences(kept: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for key in dict.fromkeys((*kept, *found)):
        if key not in found:
            yield f"{key} was removed"
        elif key not in kept:
            yield f"{key} was added"
        elif kept[key] != found[key]:
            yield f"{key} was {kept[key]}, now {found[key]}"


def _facts(member: Member) -> Facts:
    return member.workshop.facts(_builder(member), member.weights)


def _builder(member: Member) -> Callable[..., Any]:
    builder = member.of.builder
    if builder is None:
        pytest.skip(f"the builder {member.of.for_builder} is not installed")
    return builder
