"""Loading: what does not fit is one error that names the file, the entry and the differences."""

import dataclasses

import pytest

import dapi
from dapi import Build, WeightEntry, _store
from dapi._catalog import builders
from dapi._loader import safetensors
from dapi.exceptions import CheckpointError, StateDictMismatchError

torch = pytest.importorskip("torch")
nn = torch.nn


class Tied(nn.Module):
    """One parameter under two names, and one buffer."""

    def __init__(self):
        super().__init__()
        self.inside = nn.Linear(4, 4, bias=False)
        self.outside = nn.Linear(4, 4, bias=False)
        self.outside.weight = self.inside.weight
        self.register_buffer("mean", torch.zeros(4))


@pytest.fixture(params=["read", "mapped"])
def load(tmp_path, request):
    """Write a state dict to a file, and load it into a model; from the cache, it is mapped."""

    def run(constructor, state, layout="zip"):
        if layout == "safetensors":
            path = tmp_path / "net.safetensors"
            safetensors.write(path, state, {})
        else:
            path = tmp_path / "net.pth"
            torch.save(state, path, _use_new_zipfile_serialization=layout == "zip")
        entry = WeightEntry.from_file(path)
        if request.param == "mapped":
            entry = dataclasses.replace(entry, url=f"https://localhost:1/{path.name}")
            _store.add(path, entry.files[0], wanted=path.name)
        return dapi.build_model(constructor, weights=entry)

    return run


def linear():
    return nn.Linear(3, 2)


STATE = linear().state_dict()
BAD = {
    "missing": ({"bias": STATE["bias"]}, "1 key is missing: weight"),
    "left over": ({**STATE, "wieght": STATE["bias"]}, "1 key is unexpected: wieght"),
    "shape": (
        {**STATE, "bias": torch.ones(5)},
        r"bias is \(5,\) in the file and \(2,\) in the model",
    ),
    "type": (
        {**STATE, "bias": torch.ones(2, dtype=torch.int64)},
        "bias is torch.int64 in the file and torch.float32 in the model",
    ),
    "all at once": (
        {"bias": torch.ones(5), "wieght": STATE["weight"]},
        r"missing: weight\..*unexpected: wieght\. Was weight renamed to wieght\?.*bias is \(5,\)",
    ),
    "a prefix": (
        {f"model.{key}": value for key, value in STATE.items()},
        r"To remove their prefix: add StripPrefix\('model\.'\) to Build\(adapt=\.\.\.\)",
    ),
    "another model": (nn.Conv2d(3, 2, 1).state_dict(), r"weight is \(2, 3, 1, 1\) in the file"),
}


@pytest.mark.parametrize("layout", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize(("state", "message"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_told(load, state, message, layout):
    """With the file, the entry, and the first differences."""
    with pytest.raises(StateDictMismatchError, match=message) as caught:
        load(linear, state, layout)
    assert caught.value.path.is_file() and f"(file: {caught.value.path})" in str(caught.value)
    assert "WeightEntry(" in str(caught.value)


def test_one_key_is_enough_for_tied_parameters(load):
    """A file that was written without duplicates holds one of them [5]."""
    for key, layout in (("inside.weight", "zip"), ("outside.weight", "safetensors")):
        value = torch.rand(4, 4)
        found = load(Tied, {key: value, "mean": torch.ones(4)}, layout)
        assert found.inside.weight is found.outside.weight
        assert torch.equal(value, found.outside.weight)


def test_tied_parameters_with_two_values_are_refused(load):
    """torch would take the one that comes last [5]."""
    state = {**Tied().state_dict(), "outside.weight": torch.rand(4, 4)}
    with pytest.raises(StateDictMismatchError, match="are one parameter of the model, and differ"):
        load(Tied, state)


def test_what_a_step_did_not_take_from_the_file_is_copied(tmp_path):
    """It may be a constant of the step's module, which no model may train."""
    path, constant = tmp_path / "net.pth", torch.zeros(2)
    torch.save({"weight": STATE["weight"]}, path)

    def change(state, config):
        state["bias"] = constant
        return state

    for step in (change, lambda state, config: {**state, "bias": constant}):
        entry = WeightEntry.from_file(path, build=Build(adapt=(step,)))
        found = dapi.build_model(linear, weights=entry)
        with torch.no_grad():
            found.bias.add_(1)

        assert not constant.any()


def test_step_that_makes_no_tensor_is_told(tmp_path):
    """As what does not fit the model's parameter."""
    path = tmp_path / "net.pth"
    torch.save(STATE, path)
    step = lambda state, config: {**state, "bias": [0, 0]}  # noqa: E731
    entry = WeightEntry.from_file(path, build=Build(adapt=(step,)))

    with pytest.raises(StateDictMismatchError, match="bias is list in the file"):
        dapi.build_model(linear, weights=entry)


def test_nothing_is_left_without_values(load):
    """A module that claims a key and does not load it is found out [6]."""

    class Forgetful(nn.Linear):
        def _load_from_state_dict(self, state_dict, prefix, *rest):
            pass

    found = load(lambda: Forgetful(3, 2), STATE)

    assert not found.weight.is_meta
    with pytest.raises(StateDictMismatchError, match="has no values after loading"):
        load(lambda: nn.Linear(3, 2, device="meta").requires_grad_(False) and _on_meta(), {})


def _on_meta():
    class Empty(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scale", torch.ones(2, device="meta"), persistent=False)

    return Empty()


def test_dtype_and_device_are_refused_as_near_misses(monkeypatch):
    """What every builder takes is known to the check of misspelt arguments."""
    monkeypatch.setattr(builders, "_registered", {})

    @dapi.register_model()
    def tiny_linear(*, weights=None, **config):
        return nn.Linear(2, 2, **config)

    assert torch.float64 == tiny_linear(dtype=torch.float64).weight.dtype
    with pytest.raises(TypeError, match="Did you mean 'device'"):
        tiny_linear(devcie="cpu")


@pytest.mark.parametrize("content", ["namespace", "numpy"])
def test_what_is_no_tensor_is_named(load, content):
    """The type that a file may not hold is in the error [13]."""
    import argparse

    numpy = pytest.importorskip("numpy")
    held = argparse.Namespace(lr=1) if content == "namespace" else numpy.float64(1).dtype
    with pytest.raises(CheckpointError, match="Namespace" if content == "namespace" else "dtype"):
        load(linear, {**STATE, "args": held})


def test_torchscript_is_named(tmp_path):
    """An archive with code is not a state dict."""
    import zipfile

    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/constants.pkl", b"")
    with pytest.raises(CheckpointError, match="TorchScript"):
        WeightEntry.from_file(path).state_dict()
