"""FrozenDict: read-only at every depth, and still a value."""

import copy
import json
import pickle
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dapi import FrozenDict, Lines


class Point(NamedTuple):
    """A value of somebody's metadata that is a tuple, too."""

    x: int
    y: list


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_frozen_dict_is_a_value(items):
    """It equals, hashes, pickles and copies by what it holds, and turns back into JSON."""
    frozen = FrozenDict(items)

    assert frozen == FrozenDict(items)
    assert hash(frozen) == hash(FrozenDict(items))
    assert frozen == pickle.loads(pickle.dumps(frozen)) == copy.deepcopy(frozen)
    assert items == json.loads(json.dumps(frozen.to_dict()))


@pytest.mark.parametrize(
    "write",
    [
        lambda meta: meta.__setitem__("a", 1),
        lambda meta: meta.update(a=1),
        lambda meta: meta["deep"].__setitem__("b", 1),
        lambda meta: meta["list"].append(1),
        lambda meta: setattr(meta, "_items", {}),
    ],
    ids=["item", "update", "nested", "list", "attribute"],
)
def test_frozen_dict_refuses_every_write(write):
    """Nothing in it can be changed, however deep."""
    meta = FrozenDict({"deep": {"b": 0}, "list": [0]})

    with pytest.raises((TypeError, AttributeError)):
        write(meta)


def test_frozen_dict_does_not_follow_its_source():
    """Changing the dict that it was made from changes nothing."""
    source = {"a": {"b": 1}}
    frozen = FrozenDict(source)
    source["a"]["b"] = 2

    assert 1 == frozen["a"]["b"]


def test_frozen_dict_leaves_other_values_alone():
    """Only mappings, lists and tuples are rewritten; a named tuple stays one."""
    marker, point = object(), Point(1, [2])

    frozen = FrozenDict({"marker": marker, "point": point, "plain": (1, [2])})
    assert frozen["marker"] is marker and frozen["point"] is point
    assert (1, (2,)) == frozen["plain"]


def test_frozen_dict_is_read_like_a_dict():
    """Keys, values, pairs, their order and their text; two are joined, the later one counts."""
    plain = {"b": 1, "a": "x"}
    frozen = FrozenDict(plain)

    assert [*plain] == [*frozen] == [*frozen.keys()]
    assert [*plain.values()] == [*frozen.values()] and [*plain.items()] == [*frozen.items()]
    assert repr(plain) == repr(frozen)
    assert {"b": 2, "a": "x"} == frozen | FrozenDict({"b": 2})
    assert copy.copy(frozen) is frozen


def test_what_json_lacks_becomes_text():
    """The type of metadata is nobody's promise: an odd value does not break a listing."""
    assert {"odd": "(1+2j)"} == FrozenDict({"odd": 1 + 2j}).to_dict()


def test_frozen_metadata_becomes_plain_json():
    """Lists of nested metadata, and names that are kept in a file, are lists in JSON."""
    meta = FrozenDict({"metrics": [{"value": 76.1}], "labels": Lines("dapi:adapt.py")})

    plain = json.loads(json.dumps(meta.to_dict()))
    assert [{"value": 76.1}] == plain["metrics"]
    assert list(meta["labels"]) == plain["labels"]
