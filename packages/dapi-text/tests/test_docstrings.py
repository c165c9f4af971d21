"""The examples in docstrings are true."""

import doctest
import pkgutil
import re
from importlib import import_module

import pytest

import dapi
import dapi.text.models

FAMILIES = [
    module.name
    for module in pkgutil.iter_modules(dapi.text.models.__path__)
    if not module.name.startswith("_")
]


def failures(module):
    """How many examples of a module fail; there is at least one."""
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tests
    return sum(runner.run(test).failed for test in tests)


@pytest.mark.parametrize("family", FAMILIES)
def test_examples_of_a_family(family):
    """Each family's first builder has one, which builds a model."""
    assert failures(import_module(f"dapi.text.models.{family}")) == 0


def test_examples_of_postprocessing():
    """What becomes of an output is shown."""
    assert failures(import_module("dapi.text.postprocess")) == 0


@pytest.mark.parametrize("name", dapi.list_models(distribution="dapi-text"))
def test_builder_says_what_it_takes_and_returns(name):
    """By itself: an editor shows no other builder's docstring."""
    doc = " ".join(dapi.get_builder(name).__doc__.split())

    assert not re.search("([Aa]rguments|[Ii]nput).* (are|as) (otherwise )?(those )?of ``", doc)
    assert "alled with ``input_ids``" in doc
    assert re.search("(whose|its|the) ``(last_hidden_state|logits)``", doc)
