"""Checks of answers: a distribution ships them, and models still match them.

Each function yields the problems of its subject, a sentence each.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dapi
from dapi import catalog
from dapi.devkit._building import TOO_LARGE
from dapi.devkit._subjects import Builder, Distribution, Member

_SHOWN = 3


def answers_are_carried(distribution: Distribution) -> Iterator[str]:
    """Look for the file of answers, and for each builder in it."""
    kept = catalog.answers(distribution.name)
    if not kept.found:
        yield "it has no answers"
        return
    for name in distribution.targets("dapi.models"):
        if name not in kept.found and name not in kept.left_out:
            yield f"{name} has no answer, and states no reason"


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
