"""Steps from a file's keys to the model's."""

import pickle
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dapi.adapt import Channels, Drop, DropRows, Rename, StripPrefix

state_dicts = st.dictionaries(
    st.from_regex(r"[a-z]{1,3}(\.[a-z]{1,3}){0,2}", fullmatch=True), st.integers()
)


@given(state_dicts)
def test_strip_prefix_undoes_adding_it(state_dict):
    """Stripping a prefix that every key has gives back the keys, in order."""
    prefixed = {f"encoder.{key}": value for key, value in state_dict.items()}

    assert list(state_dict.items()) == list(StripPrefix("encoder.")(prefixed, {}).items())


@given(state_dicts)
def test_drop_splits_into_kept_and_dropped(state_dict):
    """What is dropped and what is kept make up the whole; nothing is renamed."""
    kept = Drop(r"a")(state_dict, {})

    assert {key for key in state_dict if not key.startswith("a")} == set(kept)
    assert all(state_dict[key] == value for key, value in kept.items())


def test_drop_unless_depends_on_config():
    """Keys are kept when the builder's argument asks for them."""
    state_dict = {"aux.weight": 1, "fc.weight": 2}

    assert state_dict == Drop(r"aux\.", unless="aux_logits")(state_dict, {"aux_logits": True})
    assert {"fc.weight": 2} == Drop(r"aux\.", unless="aux_logits")(
        state_dict, {"aux_logits": False}
    )


def test_rename_replaces_everywhere_it_matches():
    """Every key that the pattern matches is renamed, others are not."""
    assert {"n.weight": 1, "gamma.x": 2} == Rename(r"\.gamma$", ".weight")(
        {"n.gamma": 1, "gamma.x": 2}, {}
    )


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (StripPrefix("module."), {"": 2, "bn": 3}),
        (Rename(r"^module\.", ""), {"": 2, "bn": 3}),
        (Rename(r"^module\.bn\.", "norm."), {"": 1, "module": 2, "norm": 3}),
        (Rename("^", "outer."), {"outer": 1, "outer.module": 2, "outer.module.bn": 3}),
        (Rename(r"\.gamma$", ".weight"), {"": 1, "module": 2, "module.bn": 3}),
        (Drop(r"module\.bn\."), {"": 1, "module": 2, "module.bn": 3}),
        (DropRows(r"none", rows=()), {"": 1, "module": 2, "module.bn": 3}),
    ],
)
def test_versions_of_modules_follow_their_keys(step, expected):
    """A model that was wrapped has its own version again, not its wrapper's."""
    state_dict = OrderedDict({"module.bn.weight": 1, "module.bn.gamma": 2})
    state_dict._metadata = {"": 1, "module": 2, "module.bn": 3}

    assert expected == step(state_dict, {})._metadata


def test_state_dict_without_versions_stays_without():
    """A plain dict says nothing of them, and nothing is made up."""
    assert not hasattr(StripPrefix("a.")({"a.b": 1}, {}), "_metadata")


def test_drop_rows_keeps_the_others_in_order():
    """Of the tensors that match, the named rows go, and no other tensor is touched."""
    torch = pytest.importorskip("torch", reason="needs dapi-core[torch]")
    state_dict = {"aux.bias": torch.arange(6), "fc.bias": torch.arange(6)}

    found = DropRows(r"aux\.", rows=(1, 2, 5))(state_dict, {})

    assert [0, 3, 4] == found["aux.bias"].tolist()
    assert found["fc.bias"] is state_dict["fc.bias"]


def test_steps_are_values():
    """Steps compare, hash and pickle: entries that hold them do too."""
    steps = (StripPrefix("a."), Drop(r"b\."), Rename("c", "d"), DropRows(r"e\.", rows=(1,)))

    assert steps == pickle.loads(pickle.dumps(steps))
    assert 4 == len({*steps, StripPrefix("a.")})


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_channels_fits_one_module_to_the_number_in_the_config(count):
    """Its filters have that many channels; other tensors, and the versions, are unchanged."""
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 2), torch.nn.Conv2d(3, 5, 2))
    before = model.state_dict()
    after = Channels("0")(before, {"in_channels": count})

    assert (5, count, 2, 2) == after["0.weight"].shape
    assert all(after[key] is before[key] for key in ("0.bias", "1.weight", "1.bias"))
    assert before._metadata == after._metadata
    assert before == Channels("0")(before, {}) == Channels("0")(before, {"in_channels": 3})
