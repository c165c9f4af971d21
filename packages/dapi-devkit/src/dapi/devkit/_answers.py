"""Checks of answers: a distribution ships them, and models still match them.

Each function yields the problems of its subject, a sentence each.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dapi
from dapi import Weights, catalog
from dapi.devkit._building import TOO_LARGE
from dapi.devkit._subjects import Builder, Distribution, Member
from dapi.exceptions import PluginLoadError

_SHOWN = 3


def answers_are_carried(distribution: Distribution) -> Iterator[str]:
    """Look for the file of answers, and in it for each builder, and all weights in the wheel."""
    kept = catalog.answers(distribution.name)
    if not kept.found:
        yield "it has no answers"
        return
    for name in (*distribution.targets("dapi.models"), *_packaged(distribution)):
        if name not in kept.found and name not in kept.left_out:
            yield f"{name} has no answer, and states no reason"


def _packaged(distribution: Distribution) -> Iterator[str]:
    """List the weights whose files come with a package."""
    for point in distribution.plugin.entry_points:
        enum = _enum(point) if point.group == "dapi.weights" else None
        for member in enum or ():
            is_here = all(file.url.startswith("package:") for file in catalog.files(member))
            if is_here and member.status.state != "withdrawn":
                yield f"{point.name.rpartition('/')[2]}:{member.name}"


def _enum(point: catalog.EntryPoint) -> type[Weights] | None:
    try:
        return catalog.load_enum(point)
    except PluginLoadError:
        return None  # another check says so


def builder_answers(builder: Builder) -> Iterator[str]:
    """Run the model with synthetic weights, and compare."""
    if builder.workshop.is_too_large(builder.workshop.bare_facts(builder.function)):
        pytest.skip(TOO_LARGE)
    yield from _differences(f"{builder.distribution.name}/{builder.name}")


def member_answers(member: Member) -> Iterator[str]:
    """Run the model with its weights, and compare."""
    yield from _differences(member.qualified)


def _differences(name: str) -> Iterator[str]:
    found = dapi.check(name)
    if found.state == "unchecked":
        pytest.skip(found.reason)
    yield from map(str, found.differences[:_SHOWN])
