"""Placement: what torch's own ``load_state_dict`` would have made, whoever has a say in it."""

import copy
from collections import OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dapi._construction import construct
from dapi._placement import Placement, Target

torch = pytest.importorskip("torch", reason="needs dapi-core[torch]")
nn = torch.nn


class Renamed(nn.Linear):
    """Was written with another name for its weight, before its second version."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version", 1) < 2 and f"{prefix}kernel" in state_dict:
            state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}kernel")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class Renaming(nn.Sequential):
    """Renames what is under it, by a hook."""

    def __init__(self, *modules):
        super().__init__(*modules)
        self.register_load_state_dict_pre_hook(self._rename)

    @staticmethod
    def _rename(module, state_dict, prefix, *rest):
        for key in [key for key in state_dict if key.startswith(f"{prefix}layer")]:
            state_dict[key.replace("layer", "", 1)] = state_dict.pop(key)


class Counting(nn.Linear):
    """Counts, after it was loaded, how often."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.loaded = 0
        self.register_load_state_dict_post_hook(self._count)

    @staticmethod
    def _count(module, incompatible_keys):
        module.loaded += 1


class Remembering(nn.Linear):
    """Has a state that is no tensor."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.state = 0

    def get_extra_state(self):
        return {"state": self.state}

    def set_extra_state(self, state):
        self.state = state["state"]


class Overriding(nn.Module):
    """Has a load_state_dict of its own."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        bare = {f"inner.{key}": value for key, value in state_dict.items()}
        return super().load_state_dict(bare, strict=strict, assign=assign)


class Twice(nn.Module):
    """One module under two names."""

    def __init__(self):
        super().__init__()
        self.one = self.other = nn.Linear(2, 2)


class Buffers(nn.Module):
    """A buffer that is in the file, one that is not, and one that is None."""

    def __init__(self):
        super().__init__()
        self.register_buffer("kept", torch.zeros(2))
        self.register_buffer("steps", torch.arange(2), persistent=False)
        self.register_buffer("none", None)
        self.register_parameter("bias", None)


KINDS = {
    "linear": lambda: nn.Linear(2, 2),
    "norm": lambda: nn.BatchNorm1d(2),
    "instance norm": lambda: nn.InstanceNorm1d(2, affine=True, track_running_stats=True),
    "scalar": lambda: nn.PReLU(),
    "renamed": lambda: Renamed(2, 2),
    "counting": lambda: Counting(2, 2),
    "remembering": lambda: Remembering(2, 2),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
    "twice": Twice,
    "buffers": Buffers,
    "recurrent": lambda: nn.GRU(2, 2),
}
trees = st.recursive(
    st.sampled_from(sorted(KINDS)),
    lambda inner: st.tuples(
        st.sampled_from([nn.Sequential, Renaming]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


def plant(tree):
    """Construct the model that a tree stands for."""
    if isinstance(tree, str):
        return KINDS[tree]()
    kind, inner = tree
    return kind(*map(plant, inner))


def filled(state):
    """Fill a state dict with numbers, none of which a constructor would have taken."""
    for index, value in enumerate(state.values()):
        if isinstance(value, torch.Tensor):
            value.copy_(torch.arange(value.numel()).reshape(value.shape) + 10 * index + 1)
        else:
            value["state"] = index + 1
    return state


def place(make, state):
    """Construct without values, and load."""
    model, frame = construct(make)
    placement = Placement(model, frame, Target())
    placement.load(state)
    return model, placement


def assert_same(one, other, without):
    """The state dicts, but for some keys, and how often each module was told of it."""
    state = other.state_dict()
    assert list(one.state_dict()) == list(state)
    for key, value in one.state_dict().items():
        same = torch.equal if isinstance(value, torch.Tensor) else dict.__eq__
        assert key in without or same(value, state[key]), key
    for name, module in one.named_modules():
        assert getattr(module, "loaded", 0) == getattr(other.get_submodule(name), "loaded", 0)


@st.composite
def cases(draw):
    """Draw a model and a state dict, of which some keys are missing, renamed or left over."""
    tree = draw(trees)
    state = filled(copy.deepcopy(plant(tree).state_dict()))
    for key in draw(st.lists(st.sampled_from(sorted(state)), unique=True, max_size=2)):
        value = state.pop(key)
        others = [f"{key}x", f"layer{key}", f"x.{key}", key.replace("weight", "kernel")]
        for other in draw(st.lists(st.sampled_from(others), max_size=1)):
            state[other] = value
    if draw(st.booleans()):
        del state._metadata  # as from a safetensors file
    return tree, state


@settings(deadline=None, max_examples=100)
@given(cases())
def test_placed_model_equals_what_torch_loads(case):
    """Whatever modules it is made of; and the same keys are missing and left over."""
    tree, state = case
    expected = plant(tree)
    missing, unexpected = expected.load_state_dict(state, strict=False)
    found, placement = place(lambda: plant(tree), state)

    assert sorted(missing) == sorted(placement.missing)
    assert sorted(unexpected) == sorted(placement.unexpected)
    assert_same(expected, found, without=missing)


@pytest.mark.parametrize(("version", "missing"), [(1, []), (2, ["0.weight"])])
def test_nested_modules_are_told_their_version(version, missing):
    """What wrote the checkpoint decides what is renamed."""
    state = OrderedDict({"0.kernel": torch.ones(2, 2), "0.bias": torch.ones(2)})
    state._metadata = {"": {"version": 1}, "0": {"version": version}}

    _, placement = place(lambda: nn.Sequential(Renamed(2, 2)), state)

    assert missing == placement.missing


def test_load_state_dict_of_the_outermost_module_is_called():
    """As a user of the model would call it; torch calls no other."""
    state = filled(nn.Linear(2, 2).state_dict())
    found, placement = place(Overriding, state)

    assert not placement.missing
    assert torch.equal(state["weight"], found.inner.weight)
    _, nested = place(lambda: nn.Sequential(Overriding()), {"0.inner.weight": state["weight"]})
    assert ["0.inner.bias"] == nested.missing


def test_scalar_that_was_written_as_a_list_of_one_is_read():
    """As PyTorch 0.3 wrote it; torch still reads that."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(0.0))

    found, _ = place(Scaled, {"scale": torch.tensor([2.0])})

    assert torch.tensor(2.0) == found.scale


def test_differing_shapes_are_an_error():
    """Nothing is broadcast."""
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        place(lambda: nn.Linear(2, 2), {"weight": torch.ones(1, 2), "bias": torch.ones(2)})


def test_most_modules_need_no_walk_by_torch(monkeypatch):
    """Where all keys fit, torch loads only what has a say."""
    loaded, original = [], nn.Module.load_state_dict
    monkeypatch.setattr(
        nn.Module,
        "load_state_dict",
        lambda self, *args, **options: loaded.append(self) or original(self, *args, **options),
    )
    make = lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), Renamed(2, 2))  # noqa: E731
    found, _ = place(make, make().state_dict())

    assert [found[2]] == loaded
