"""timm's names: known for exactly the files that timm's own table points to."""

from collections import defaultdict

import pytest

import dapi

OURS = [w for w in dapi.list_weights() if type(w).__module__.startswith("dapi.vision.")]


def test_names_are_those_of_the_same_file():
    """For every entry: a name of timm's if timm's table has the same URL, and no other."""
    pytest.importorskip("timm")
    from timm.models import list_pretrained
    from timm.models._registry import get_pretrained_cfg

    theirs = defaultdict(set)
    for name in list_pretrained():
        theirs[get_pretrained_cfg(name).url].add(name)
    every = set().union(*theirs.values())

    expected = {str(w): theirs[w.url] for w in OURS if w.url in theirs}
    found = {str(w): {*w.meta.get("known_as", ())} & every for w in OURS}
    assert len(expected) > 30
    assert expected == {name: names for name, names in found.items() if names}
