"""Annotations: what a builder is annotated with can be evaluated, though nobody imported it."""

import functools
import inspect
import sys
import typing
from fractions import Fraction
from importlib import import_module

import pytest

import dapi
from dapi._catalog import builders

FAMILY = """
from __future__ import annotations
from typing import TYPE_CHECKING, Any, TypeAlias
from dapi import register_model
if TYPE_CHECKING:
    from absent_framework import Absent
    from fractions import Fraction
    Number: TypeAlias = "Fraction | int"

@register_model()
def annotated(*, weights: None = None, size: Number = 1, {more}**config: Any) -> Fraction: ...
"""


@pytest.fixture
def family(tmp_path, monkeypatch):
    """A function that imports a module with an annotated builder, and returns the builder."""
    monkeypatch.setattr(builders, "_registered", {})
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(more=""):
        (tmp_path / "annotated_family.py").write_text(FAMILY.format(more=more))
        return import_module("annotated_family").annotated

    yield write
    sys.modules.pop("annotated_family", None)


def test_names_that_only_type_checkers_import_are_resolved(family):
    """typing.get_type_hints works on every builder, and an alias is followed."""
    builder = family()
    expected = {
        "weights": type(None),
        "size": Fraction | int,
        "config": typing.Any,
        "return": Fraction,
    }

    assert expected == typing.get_type_hints(builder)
    assert Fraction is inspect.get_annotations(builder)["return"]
    assert not hasattr(sys.modules["annotated_family"], "Fraction")


def test_help_shows_them_as_they_were_written(family):
    """A signature imports nothing."""
    assert "Fraction" == inspect.signature(family()).return_annotation


def test_name_of_what_is_not_installed_stays_a_string(family):
    """The others are still resolved; who evaluates it gets Python's own error."""
    builder = family(more="other: Absent = None, ")

    annotations = dict(builder.__annotations__)
    assert ("Absent", Fraction) == (annotations["other"], annotations["return"])
    with pytest.raises(NameError, match="Absent"):
        typing.get_type_hints(builder)


def test_without_the_source_only_the_modules_own_names_are_resolved(family, monkeypatch):
    """In a frozen application, say."""
    builder = family()

    def absent(module):
        raise OSError("source code not available")

    monkeypatch.setattr(inspect, "getsource", absent)
    assert {"Fraction", typing.Any} <= set(dict(builder.__annotations__).values())


def test_names_are_those_of_the_function_inside_a_decorator(family):
    """A decorator of another module around the body changes nothing."""
    inside = inspect.unwrap(family())

    @functools.wraps(inside)
    def around(**config):
        return inside(**config)

    builder = dapi.register_model(name="around")(around)
    assert Fraction is typing.get_type_hints(builder)["return"]
