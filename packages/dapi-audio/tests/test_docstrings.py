"""The examples in docstrings are run."""

import doctest
import importlib
import pkgutil
import re

import pytest

import dapi
import dapi.audio
import dapi.audio.models

MODULES = [
    module.name
    for package in (dapi.audio, dapi.audio.models)
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name):
    """Of every module; those of a decorated builder are found, too."""
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for example in finder.find(module, globs=vars(module).copy()):
        runner.run(example)

    assert runner.failures == 0


def test_examples_are_found():
    """The walk above sees a class and a builder."""
    module = importlib.import_module("dapi.audio.models.wav2vec2")
    found = doctest.DocTestFinder().find(module)

    assert "dapi.audio.models.wav2vec2.wav2vec2_base" in {t.name for t in found if t.examples}


@pytest.mark.parametrize("name", dapi.list_models(distribution="dapi-audio"))
def test_builder_says_what_it_takes_and_returns(name):
    """By itself: an editor shows no other builder's docstring."""
    doc = " ".join(dapi.get_builder(name).__doc__.split())

    assert not re.search("(Arguments|[Ii]nput).* (are|as) (those )?of ``|called as ``", doc)
    assert re.search("takes|turns", doc) and re.search("returns|estimates|finds", doc)
