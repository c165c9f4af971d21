"""lazy: a factory by value."""

import copy
import pickle
import sys

import pytest

from dapi import Asset, File, lazy
from dapi.exceptions import WeightsDeclarationError


def test_lazy_imports_nothing_until_called():
    """Declaring a factory does not import its module."""
    sys.modules.pop("colorsys", None)
    factory = lazy("colorsys:rgb_to_hsv", r=0, g=0, b=0)

    assert "colorsys" not in sys.modules
    assert (0.0, 0.0, 0) == factory()
    assert "colorsys" in sys.modules


def test_lazy_is_a_value():
    """It compares, hashes, pickles, copies and prints by value."""
    factory = lazy("fractions:Fraction", numerator=1)

    assert factory == lazy("fractions:Fraction", numerator=1)
    assert factory != lazy("fractions:Fraction", numerator=2)
    assert factory == pickle.loads(pickle.dumps(factory)) == copy.deepcopy(factory)
    assert 1 == len({factory, lazy("fractions:Fraction", numerator=1)})
    assert "lazy('fractions:Fraction', numerator=1)" == repr(factory)


def test_lazy_call_overrides_arguments():
    """A caller may replace what was declared."""
    assert 0.5 == lazy("fractions:Fraction", numerator=1, denominator=4)(denominator=2)


def test_lazy_cannot_be_changed():
    """A declared factory stays as it was declared."""
    with pytest.raises(AttributeError, match="read-only"):
        lazy("fractions:Fraction").target = "os:system"


def test_lazy_fetches_files_into_paths(tmp_path):
    """A File among the arguments arrives as a local path."""
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("a\nb\n")
    factory = lazy("pathlib:Path.read_text", self=Asset("vocabulary"))

    assert "a\nb\n" == factory.bind({"vocabulary": File(vocabulary.as_uri())})()


@pytest.mark.parametrize("target", ["fractions", "fractions:", ":Fraction", ""])
def test_lazy_without_attribute_is_an_error(target):
    """A target is a module and an attribute."""
    with pytest.raises(WeightsDeclarationError, match="module:attribute"):
        lazy(target)
