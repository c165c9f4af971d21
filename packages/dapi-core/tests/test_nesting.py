"""Nested checkpoints: a file that holds more than a state dict is read where its entry says."""

import pickle
from collections import OrderedDict
from dataclasses import replace

import pytest

import dapi
from dapi import Build, WeightEntry, Weights, adapt
from dapi._loader import aligned
from dapi.adapt import StripPrefix, Take
from dapi.exceptions import (
    CheckpointError,
    NestedCheckpointError,
    StateDictMismatchError,
    WeightsDeclarationError,
)

torch = pytest.importorskip("torch")

STATE = {"weight": torch.arange(6.0).reshape(3, 2), "bias": torch.ones(3)}
OTHER = {key: value + 1 for key, value in STATE.items()}
MOMENTS = {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}


def entry(tmp_path, content, *steps):
    torch.save(content, tmp_path / "net.ckpt")
    return WeightEntry.from_file(tmp_path / "net.ckpt", build=Build(adapt=steps))


LAYOUTS = {
    "Lightning": (
        {"epoch": 3, "state_dict": STATE, "hyper_parameters": {"lr": 0.1}, "optimizer": [MOMENTS]},
        Take("state_dict"),
    ),
    "timm": ({"epoch": 3, "model_ema": STATE, "optimizer": MOMENTS}, Take("model_ema")),
    "BasicSR": ({"params_ema": STATE}, Take("params_ema")),
    "fairseq": (
        {"args": None, "model": STATE, "optimizer_history": [{}], "last_optimizer_state": MOMENTS},
        Take("model"),
    ),
    "two levels": ({"model": {"ema": STATE, "decay": 0.9}}, Take("model", "ema")),
    "beside others": ({**STATE, "epoch": 3}, Take()),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_error_has_the_step_that_reads_the_file(tmp_path, layout):
    """And with it the entry gives the tensors, equal to the bit, and a model."""
    content, step = LAYOUTS[layout]
    with pytest.raises(NestedCheckpointError) as caught:
        entry(tmp_path, content).state_dict()
    assert step.keys == caught.value.keys
    assert f"Build(adapt={step!r})" in str(caught.value)

    found = entry(tmp_path, content, step)

    assert STATE.keys() == found.state_dict().keys()
    assert all(torch.equal(STATE[key], value) for key, value in found.state_dict().items())
    assert torch.equal(STATE["bias"], dapi.build_model(torch.nn.Linear, 2, 3, weights=found).bias)


def test_error_counts_the_tensors_and_names_the_rest(tmp_path):
    """A caller chooses without opening the file."""
    content = {"state_dict": STATE, "epoch": 3, "small": {"weight": torch.ones(1)}}
    with pytest.raises(
        NestedCheckpointError,
        match=r"its key 'state_dict' holds 2 tensors, its key 'small' holds 1 tensor; also epoch "
        r"\(int\).*Build\(adapt=Take\('state_dict'\)\), or Take\('small'\)",
    ) as caught:
        entry(tmp_path, content).state_dict()
    assert {("state_dict",): 2, ("small",): 1} == caught.value.tensors
    assert {"epoch": "int"} == caught.value.others
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))


def test_members_of_an_enum_are_read_by_their_step(download, tmp_path):
    """As entries are."""
    path = tmp_path / "net.ckpt"
    torch.save({"model": STATE}, path)

    class NetWeights(Weights):
        """Weights of a net."""

        A_RefV1 = WeightEntry("https://localhost:1/a.ckpt", build=Build(adapt=Take("model")))

    download(NetWeights.A_RefV1.files[0], path.read_bytes())
    assert STATE.keys() == NetWeights.A_RefV1.state_dict().keys()


def test_later_steps_see_the_tensors_that_were_taken(tmp_path):
    """Lightning's keys begin with the name of an attribute."""
    content = {"state_dict": {f"net.{key}": value for key, value in STATE.items()}}
    found = entry(tmp_path, content, Take("state_dict"), StripPrefix("net."))

    assert torch.equal(STATE["bias"], dapi.build_model(torch.nn.Linear, 2, 3, weights=found).bias)


def test_versions_of_modules_are_taken_along(tmp_path):
    """Modules dispatch on them."""
    state = torch.nn.BatchNorm1d(2).state_dict()
    found = entry(tmp_path, {"model": state}, Take("model")).state_dict()

    assert {"": {"version": 2}} == dict(found._metadata)


@pytest.mark.parametrize("take", [(), (Take("model"),)], ids=["alone", "nested"])
@pytest.mark.parametrize("versions", ["none", {"": 3}, {"": {"version": "2"}}], ids=repr)
def test_versions_that_torch_did_not_write_are_refused(tmp_path, versions, take):
    """A file may set any attribute of its dict; torch and the steps read this one."""
    state = OrderedDict(STATE)
    state._metadata = versions
    written = entry(tmp_path, {"model": state} if take else state, *take)

    with pytest.raises(CheckpointError, match=r"_metadata|no attribute"):
        dapi.build_model(torch.nn.Linear, 2, 3, weights=written)
    (file,) = written.files
    parts = (replace(file, prefix="a."), replace(file, prefix="b."))
    with pytest.raises(CheckpointError):
        WeightEntry(parts, build=written.build).state_dict()


def test_what_is_missing_under_the_key_is_still_an_error(tmp_path):
    """Leaving out the rest of a file never makes loading less strict."""
    found = entry(tmp_path, {"model": {"weight": STATE["weight"]}}, Take("model"))

    with pytest.raises(StateDictMismatchError, match="1 key is missing: bias"):
        dapi.build_model(torch.nn.Linear, 2, 3, weights=found)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (("ema",), "has no key 'ema'.*its keys are 'model', 'epoch'"),
        (("epoch",), "no tensors by key"),
        ((), "no tensors by key"),
        (("model", "weight", "x"), "has no key 'x'"),
    ],
)
def test_path_that_leads_to_no_tensors(tmp_path, keys, reason):
    """The keys that exist are named."""
    with pytest.raises(CheckpointError, match=reason):
        entry(tmp_path, {"model": STATE, "epoch": 3}, Take(*keys)).state_dict()


def test_take_is_the_first_step():
    """Others see only tensors by key."""
    with pytest.raises(WeightsDeclarationError, match="Put it first"):
        Build(adapt=(StripPrefix("net."), Take("model")))


def test_copy_of_other_tensors_of_the_file_is_not_used(download, tmp_path, monkeypatch):
    """Two entries take different parts of one file, which is copied for one of them."""
    monkeypatch.setattr(aligned, "WORTHWHILE", 1)
    path = tmp_path / "net.ckpt"
    torch.save({"raw": STATE, "ema": OTHER}, path, _use_new_zipfile_serialization=False)
    entries = [
        WeightEntry("https://localhost:1/net.ckpt", build=Build(adapt=Take(key)))
        for key in ("raw", "ema")
    ]
    download(entries[0].files[0], path.read_bytes())
    blob = entries[0].fetch()
    for _ in range(3):
        found = [each.state_dict()["weight"] for each in entries]
        assert torch.equal(STATE["weight"], found[0]) and torch.equal(OTHER["weight"], found[1])
    assert (
        aligned.read(blob, Take("raw")) is not None or aligned.read(blob, Take("ema")) is not None
    )


def test_endlessly_nested_file_ends(tmp_path):
    """One mapping under many names, many times over: each is looked at once."""
    nested = STATE
    for _ in range(40):
        nested = {str(number): nested for number in range(20)}

    with pytest.raises(CheckpointError, match="dict of tensors"):
        entry(tmp_path, nested).state_dict()


def test_take_is_a_value():
    """It compares, hashes, pickles and prints as it is written."""
    assert Take("model", "ema") == pickle.loads(pickle.dumps(Take("model", "ema")))
    assert 2 == len({Take("model"), Take("model"), Take()})
    assert Take("model", "ema") == eval(repr(Take("model", "ema")), vars(adapt))


def test_take_keeps_what_quantized_layers_put_beside_tensors():
    """Their packed parameters and their type are part of the state dict."""
    content = OrderedDict({"fc._packed_params.dtype": torch.qint8, "bias": STATE["bias"], "n": 1})

    assert ["fc._packed_params.dtype", "bias"] == list(Take()(content, {}))
