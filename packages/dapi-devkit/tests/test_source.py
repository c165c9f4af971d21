"""Source code of entries: it means what the entry is, and is laid out as ruff does."""

import doctest

import pytest

import dapi
from dapi import Asset, Build, File, Lines, Status, WeightEntry, lazy
from dapi.adapt import Drop, StripPrefix
from dapi.devkit import _entry_points, _source, _stub
from dapi.devkit._source import entry_source, imports

WORDS = File("https://example.org/words.txt", size=3)
ENTRIES = {
    "a url": WeightEntry("https://example.org/a.pth"),
    "several files": WeightEntry((File("https://example.org/1.pth", size=1), WORDS)),
    "an asset": WeightEntry(
        "https://example.org/a.pth",
        assets={"words": WORDS},
        transforms=lazy("acme:Tokens", words=Asset("words")),
    ),
    "all that building needs": WeightEntry(
        "https://example.org/a.pth",
        mirrors=("https://example.org/b.pth",),
        build=Build(
            config={"num_classes": 3, "shape": [3, 3]},
            context={"acme:Norm": {"eps": 0.0}},
            adapt=(StripPrefix("module."), Drop(r"aux\.", unless="aux_logits")),
        ),
        status=Status("deprecated", reason='It is "old".'),
    ),
    "metadata": WeightEntry(
        "https://example.org/a.pth",
        latest=True,
        meta={
            "categories": Lines("acme:categories.txt"),
            "metrics": [{"dataset": "Grün", "name": "acc@1", "value": 1.5, "source": None}],
            "datasets": [],
            "long": ["a text that is long enough to be broken"] * 4,
        },
    ),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_source_means_the_entry(entry):
    """Run after its imports, it makes an equal entry."""
    source = entry_source(entry)
    names = {}

    exec("\n".join(imports(source)), names)

    assert entry == eval(source, names)


def test_source_of_all_that_is_installed_fits():
    """No entry of ours is broken over more than its indentation, or too long where it could be."""
    for weights in dapi.list_weights():
        lines = entry_source(weights.value, indent="    ", before=f"{weights.name} = ").split("\n")
        assert all(line.startswith("    ") for line in lines[1:])
        assert all(len(line) <= 100 for line in lines if line.rstrip(",").endswith(("]", "}", ")")))


def test_source_leaves_out_what_is_the_default():
    """A short entry stays short."""
    assert 'WeightEntry(url="https://example.org/a.pth")' == entry_source(ENTRIES["a url"])


@pytest.mark.parametrize("module", [_entry_points, _source, _stub])
def test_examples_give_what_they_show(module):
    """What docstrings show of the interpreter is what it prints."""
    assert 0 == doctest.testmod(module).failed
