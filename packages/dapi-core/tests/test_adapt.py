"""Steps from a file's keys to the model's."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from dapi.adapt import Drop, Rename, StripPrefix

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


def test_steps_are_values():
    """Steps compare, hash and pickle: entries that hold them do too."""
    steps = (StripPrefix("a."), Drop(r"b\."), Rename("c", "d"))

    assert steps == pickle.loads(pickle.dumps(steps))
    assert 3 == len({*steps, StripPrefix("a.")})
