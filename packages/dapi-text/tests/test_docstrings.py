"""The examples in docstrings are true."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import dapi.text.models

FAMILIES = [
    module.name
    for module in pkgutil.iter_modules(dapi.text.models.__path__)
    if not module.name.startswith("_")
]


@pytest.mark.parametrize("family", FAMILIES)
def test_examples_of_a_family(family):
    """Each family's first builder has one, which builds a model."""
    module = import_module(f"dapi.text.models.{family}")
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tests
    assert sum(runner.run(test).failed for test in tests) == 0
