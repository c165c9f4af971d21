"""Placement: what torch's own ``load_state_dict`` would have made, whoever has a say in it."""

import copy
from collections import OrderedDict
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dapi._loader.construction import CannotDeferError, construct
from dapi._loader.placement import Placement, Target
from dapi._loader.walk import walk

torch = pytest.importorskip("torch", reason="needs dapi-core[torch]")
nn = torch.nn


class Pair(torch.Tensor):
    """Two tensors as one, which has no memory of its own."""

    @staticmethod
    def __new__(cls, one, other):
        made = torch.Tensor._make_wrapper_subclass(cls, one.shape, dtype=one.dtype)
        made.one, made.other = one, other
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        if function in (torch.ops.aten.detach.default, torch.ops.aten.clone.default):
            return cls(function(args[0].one), function(args[0].other))
        args = [each.one if isinstance(each, cls) else each for each in args]
        return function(*args, **(kwargs or {}))


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


class Moved(nn.Sequential):
    """Renames what is under it by a method of its own, and has a parameter of its own."""

    def __init__(self, *modules):
        super().__init__(*modules)
        self.scale = nn.Parameter(torch.zeros(2))

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        for key in [key for key in state_dict if key.startswith(f"{prefix}layer")]:
            state_dict[key.replace("layer", "", 1)] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *rest)


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
        st.sampled_from([nn.Sequential, Renaming, Moved]), st.lists(inner, min_size=1, max_size=3)
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
    return model, *Placement(walk(model), frame, Target()).load(state)


def assert_same(one, other, without=()):
    """The state dicts, but for some keys, ties, and how often each module was told of it."""
    state = other.state_dict(keep_vars=True)
    assert list(one.state_dict()) == list(state)
    ties = {}
    for key, value in one.state_dict(keep_vars=True).items():
        assert key in without or same(value, state[key]), key
        assert ties.setdefault(id(value), id(state[key])) == id(state[key]), key
    for name, module in one.named_modules():
        assert getattr(module, "loaded", 0) == getattr(other.get_submodule(name), "loaded", 0)


def same(one, other):
    if not isinstance(one, torch.Tensor):
        return one == other
    kind = (type(one), one.dtype, one.stride(), one.requires_grad)
    return torch.equal(one, other) and kind == (
        *(type(other), other.dtype),
        *(other.stride(), other.requires_grad),
    )


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
    found, no_values, strange = place(lambda: plant(tree), state)

    assert missing == no_values
    assert sorted(unexpected) == sorted(strange)  # torch changed their order after 2.6
    assert_same(expected, found, without=missing)


@pytest.mark.parametrize(("version", "missing"), [(1, []), (2, ["0.weight"])])
def test_nested_modules_are_told_their_version(version, missing):
    """What wrote the checkpoint decides what is renamed."""
    state = OrderedDict({"0.kernel": torch.ones(2, 2), "0.bias": torch.ones(2)})
    state._metadata = {"": {"version": 1}, "0": {"version": version}}

    assert missing == place(lambda: nn.Sequential(Renamed(2, 2)), state)[1]


class Absolute(nn.Module):
    """Hooks know where the module is in the model."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.inner.register_load_state_dict_pre_hook(self._rename)
        self.inner.register_load_state_dict_post_hook(self._forgive)

    @staticmethod
    def _rename(module, state_dict, prefix, *rest):
        state_dict["inner.weight"] = state_dict.pop("inner.kernel") * (prefix == "inner.")

    @staticmethod
    def _forgive(module, incompatible_keys):
        module.forgiven = "inner.bias" in incompatible_keys.missing_keys


class Resized(nn.Module):
    """Makes what it holds as large, and of the type, as the file's."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 4))
        self.register_buffer("queue", torch.zeros(5, 4))

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        weight = torch.zeros_like(state_dict[f"{prefix}weight"])
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.queue = torch.zeros_like(state_dict[f"{prefix}queue"])
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Growing(nn.Linear):
    """Gets its bias when a file has one."""

    def __init__(self):
        super().__init__(2, 2, bias=False)

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        self.bias = nn.Parameter(torch.zeros(2))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Finishing(nn.Module):
    """Ties, freezes, tags and doubles parameters, and makes an optimizer of them, when loaded."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 2))
        self.one, self.other = nn.Linear(2, 2), nn.Linear(2, 2)
        self.one.register_load_state_dict_post_hook(lambda *_: self._double())
        self.register_load_state_dict_post_hook(lambda *_: self._finish())

    def _double(self):
        with torch.no_grad():
            self.weight.mul_(2)

    def _finish(self):
        self.other.weight = self.one.weight
        self.one.bias.requires_grad_(False)
        self.other.bias.tag = "no decay"
        self.optimizer = torch.optim.SGD(self.parameters(), lr=0.1)


class Refilling(nn.Module):
    """Replaces a module, computes with gradients, and looks at the keys that it is given."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(2, 2))
        self.seen = []

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        self.seen += [torch.is_grad_enabled(), sorted(state_dict)]
        self.inner = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Refilled(nn.Module):
    """Has such a module between others."""

    def __init__(self):
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(2, 2), Refilling(), nn.Linear(2, 2)


WILFUL = {
    Refilled: filled(Refilled().state_dict()) | {"middle.inner.1.weight": torch.ones(2)},
    Absolute: {"inner.kernel": torch.ones(2, 2), "inner.bias": torch.ones(2)},
    Resized: {"weight": torch.rand(3, 1).half(), "queue": torch.rand(1, 4)},
    Growing: {"weight": torch.rand(2, 2).half(), "bias": torch.rand(2).half()},
    Finishing: filled(Finishing().state_dict()),
}


@pytest.mark.parametrize(("kind", "state"), WILFUL.items(), ids=[kind.__name__ for kind in WILFUL])
def test_what_modules_do_while_they_are_loaded_is_left(kind, state):
    """It is what they would have done in the plain way, to what the model has in the end."""
    expected = kind()
    missing, unexpected = expected.load_state_dict(state, strict=False)
    found, *keys = place(kind, state)

    assert [missing, unexpected] == keys
    assert_same(expected, found)
    if kind is Refilled:
        assert expected.middle.seen == found.middle.seen
    if kind is Finishing:
        assert "no decay" == found.other.bias.tag
        [group] = found.optimizer.param_groups
        assert {id(each) for each in group["params"]} == {id(each) for each in found.parameters()}


def test_load_state_dict_of_the_outermost_module_is_called():
    """As a user of the model would call it; torch calls no other."""
    state = filled(nn.Linear(2, 2).state_dict())
    found, missing, _ = place(Overriding, state)

    assert not missing
    assert torch.equal(state["weight"], found.inner.weight)
    nested = {"0.inner.weight": state["weight"]}
    assert ["0.inner.bias"] == place(lambda: nn.Sequential(Overriding()), nested)[1]


def test_what_a_module_puts_into_the_state_dict_stays_its_own():
    """A parameter gets a copy of a default that the module keeps, not the default itself."""

    class Defaulting(nn.Linear):
        default = torch.ones(2, 2)

        def _load_from_state_dict(self, state_dict, prefix, *rest):
            state_dict.setdefault(f"{prefix}weight", self.default)
            super()._load_from_state_dict(state_dict, prefix, *rest)

    found, missing, _ = place(lambda: Defaulting(2, 2), {"bias": torch.zeros(2)})
    with torch.no_grad():
        found.weight.zero_()

    assert not missing
    assert Defaulting.default.all()


def test_model_that_wants_the_tensors_themselves_gets_them():
    """Its load_state_dict assigns, so that it has the file's type."""

    class Assigning(nn.Linear):
        def load_state_dict(self, state_dict, strict=True, assign=False):
            return super().load_state_dict(state_dict, strict=strict, assign=True)

    state = nn.Linear(2, 2).half().state_dict()
    expected = Assigning(2, 2)
    expected.load_state_dict(state)
    found, *_ = place(lambda: Assigning(2, 2), state)

    assert_same(expected, found)


def test_load_state_dict_may_return_nothing():
    """Then it has checked the keys itself."""

    class Silent(nn.Linear):
        def load_state_dict(self, state_dict, strict=True):
            super().load_state_dict(state_dict, strict=strict)

    state = filled(nn.Linear(2, 2).state_dict())
    found, *keys = place(lambda: Silent(2, 2), state)

    assert [(), ()] == keys
    assert torch.equal(state["weight"], found.weight)


@pytest.mark.parametrize("value", [torch.ones(1, 2), torch.ones(1, 2, 2)])
def test_other_shapes_are_for_torch_to_refuse(value):
    """Nothing is broadcast."""
    with pytest.raises(CannotDeferError):
        place(lambda: nn.Linear(2, 2), {"weight": value, "bias": torch.ones(2)})


@pytest.mark.parametrize("lazily", [torch.conj, torch._neg_view])
def test_numbers_are_stored_as_they_are(lazily):
    """A file may hold them as conjugates, or negatives, of what is stored."""

    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3, dtype=torch.complex64))

    value = lazily(torch.randn(3, dtype=torch.complex64))
    found, *_ = place(Complex, {"weight": value})

    assert not found.weight.is_conj() and not found.weight.is_neg()
    assert torch.equal(value, found.weight)


def test_tensors_of_another_class_are_copied():
    """A parameter is of torch's own class, whose methods do not fit the memory of another."""
    state = nn.Linear(2, 2).state_dict()
    found, *_ = place(lambda: nn.Linear(2, 2), {k: Pair(v, v) for k, v in state.items()})

    assert all(same(nn.Parameter(state[key]), value) for key, value in found.named_parameters())
    assert not torch._C._dispatch_keys(found.weight).has(torch._C.DispatchKey.Python)


def test_no_hook_is_left_behind():
    """Neither after loading, nor after what could not be loaded."""
    model, frame = construct(lambda: nn.Linear(2, 2))
    for shape in ((3, 2), (2, 2)):
        with suppress(CannotDeferError):
            Placement(walk(model), frame, Target()).load({"weight": torch.ones(shape)})

        assert not model._load_state_dict_pre_hooks
