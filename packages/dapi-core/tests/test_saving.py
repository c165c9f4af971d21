"""Saving and loading: a model comes back from its file alone, or says why it cannot."""

import json
import os
import pickle
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

import dapi
from dapi import Build, WeightEntry
from dapi._building import provenance
from dapi._loader import safetensors
from dapi._plugins import discovery
from dapi.exceptions import (
    ArgumentError,
    MissingFileError,
    NoWeightsError,
    RebuildError,
    SavingError,
)

torch = pytest.importorskip("torch")
nn = torch.nn

SOURCE = """
from __future__ import annotations
from typing import Literal, TypedDict
import torch
from torch import nn
from dapi import ContextParams, WeightEntry, Weights, register_model

class Net(nn.Module):
    def __init__(self, num_classes=4, widths=(5,)):
        super().__init__()
        self.eps = ContextParams.get(self, "eps", 1e-5)
        self.body = nn.Linear(3, widths[0])
        self.norm = nn.BatchNorm1d(widths[0])
        self.fc = nn.Linear(widths[0], num_classes)

class NetWeights(Weights):
    Digits_RefV1 = WeightEntry("https://example.org/net.safetensors", meta={"task": "demo"})

@register_model(weights=NetWeights, head=("fc",))
def acme_net(*, weights=None, progress=True, **config):
    model = Net(**config)
    if weights is None:
        model.scratch = nn.Linear(1, 1)
    return model

@register_model()
def acme_large(*, weights=None, num_classes=4, widths=(1,), copies=1, table=1, needs_values=False):
    model = nn.Sequential(*(nn.Linear(1, 1) for _ in range(copies)))
    model.scale = torch.ones(2).sum().item() if needs_values else 2.0
    model.fc = nn.Linear(5, num_classes)
    model.register_buffer("table", torch.ones(table, table), persistent=False)
    if needs_values:
        model.rows = nn.Parameter(torch.empty(table, table))
    return model

@register_model()
def acme_image(*, weights=None):
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Conv2d(4, 1, 1))
    return model.to(memory_format=torch.channels_last)

class Rich(nn.Module):
    def __init__(self):
        super().__init__()
        torch.rand(1)
        self.activation = torch.relu
        self.body = nn.Linear(3, 5)
        self.tied = nn.Linear(3, 5)
        self.tied.weight = self.body.weight
        self.norm = nn.BatchNorm1d(5)
        self.fc = nn.Linear(5, 4)
        self.twin = nn.Linear(5, 4)
        self.frozen = nn.Linear(1, 1).requires_grad_(False)

    def features(self, batch):
        return self.body(batch)

@register_model(head="fc")
def acme_rich(*, weights=None):
    return Rich()

class Config(TypedDict, total=False):
    id2label: dict[int, str]
    hidden_act: str
    attn_implementation: str

@register_model()
def acme_typed(
    *, weights: object = None, part: Literal["one", "two"] = "one", **config: Unpack[Config]
):
    model = nn.Linear(1, 1)
    model.id2label = config.get("id2label")
    model.attn_implementation = config.get("attn_implementation", "sdpa")
    return model

@register_model()
def acme_detector(*, weights=None, weights_backbone=None):
    model = nn.Linear(1, 1)
    model.is_trained = weights is not None or weights_backbone is not None
    if model.is_trained:
        model.register_buffer("mean", torch.ones(1))
    return model

@register_model()
def acme_lazy(*, weights=None):
    return nn.Sequential(nn.LazyLinear(2))

URL = None

@register_model()
def acme_fetching(*, weights=None):
    if URL:
        WeightEntry(URL, sha256="0" * 64).fetch()
    return nn.Linear(1, 1)

@register_model()
def acme_other(width=3, *, weights=None, activation=None):
    return nn.Linear(width, 2)
"""
POINTS = """[dapi.models]
acme_net = acme_nets:acme_net
acme_image = acme_nets:acme_image
acme_other = acme_nets:acme_other
acme_rich = acme_nets:acme_rich
acme_lazy = acme_nets:acme_lazy
acme_typed = acme_nets:acme_typed
acme_detector = acme_nets:acme_detector
acme_fetching = acme_nets:acme_fetching
acme_large = acme_nets:acme_large
[dapi.weights]
acme_net = acme_nets:NetWeights
"""


@pytest.fixture
def acme(advertise):
    """A distribution with builders."""
    metadata = advertise("acme-nets", POINTS, version="1.2", acme_nets=SOURCE)
    yield metadata
    sys.modules.pop("acme_nets", None)


@pytest.fixture
def entry(acme, tmp_path):
    """Weights of a wider net, which need eps=0."""
    dapi.get_builder("acme_net")
    net = sys.modules["acme_nets"].Net(widths=(6,))
    path = tmp_path / "net.pth"
    torch.save(net.state_dict(), path)
    build = Build(config={"num_classes": 4, "widths": [6]}, context={"acme_nets:Net": {"eps": 0.0}})
    return WeightEntry.from_file(path, build=build)


def assert_same(one, other):
    expected, found = one.state_dict(), other.state_dict()
    assert list(expected) == list(found)
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_model_comes_back_after_a_new_head_and_training(entry, tmp_path):
    """With its arguments and overrides, and everything that was trained since."""
    model = dapi.get_model("acme_net", weights=entry, num_classes=9, new_head=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.fc(model.norm(model.body(torch.rand(4, 3)))).sum().backward()
    optimizer.step()
    path = tmp_path / "tuned.safetensors"
    dapi.save(model, path)
    (tmp_path / "net.pth").unlink()

    found = dapi.load(path)

    assert_same(model, found)
    assert (0.0, 9, True) == (found.eps, found.fc.out_features, found.training)
    assert path.as_uri() == dapi.weights_of(found).url
    dapi.save(found, path)  # over the very file that it came from
    assert_same(model, dapi.load(path))


def test_header_is_read_without_the_plugin(entry, tmp_path):
    """Strings that say what made the file."""
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_net", weights=entry), path)

    header = safetensors.read_header(path).metadata

    assert ("acme-nets", "1.2", "acme_net") == tuple(
        header[f"dapi.{key}"] for key in ("distribution", "version", "builder")
    )
    assert {"num_classes": 4, "widths": [6]} == json.loads(header["dapi.config"])
    assert {"acme_nets:Net": {"eps": 0.0}} == json.loads(header["dapi.context"])
    assert (str(entry), entry.sha256) == (header["dapi.weights"], header["dapi.sha256"])


def test_header_holds_no_secret(acme, tmp_path):
    """A file is published, and the address of the weights may have been a private one."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_net", weights=None)
    del model.scratch
    private = WeightEntry("https://me:password@example.org:8/a/net.pth?X-Amz-Signature=abc")
    provenance.record(model, replace(provenance.find(model), weights=private))
    dapi.save(model, path)

    header = safetensors.read_header(path).metadata
    assert "WeightEntry('https://example.org:8/a/net.pth?***')" == header["dapi.weights"]
    assert b"password" not in path.read_bytes() and b"Amz" not in path.read_bytes()


def test_weights_of_an_enum_are_remembered(acme, tmp_path):
    """A model that was loaded again still knows its member, and what it needs."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_net", weights=None)
    enum = sys.modules["acme_nets"].NetWeights
    del model.scratch
    provenance.record(model, replace(provenance.find(model), weights=enum.Digits_RefV1, config={}))
    dapi.save(model, path)

    found = dapi.load(path)

    assert dapi.weights_of(found) is enum.Digits_RefV1
    assert not hasattr(found, "scratch")


def test_model_from_scratch_comes_back(acme, tmp_path):
    """The builder sees weights=None again; arguments by position count too; so does the type."""
    path = tmp_path / "net.safetensors"
    for model in (
        dapi.get_model("acme_net", weights=None, num_classes=3),
        dapi.get_model("acme_net", weights=None, dtype=torch.float16),
        dapi.get_builder("acme_other")(7),
    ):
        dapi.save(model, path)
        assert_same(model, dapi.load(path))
        assert next(dapi.load(path).parameters()).dtype == next(model.parameters()).dtype
    assert torch.float64 == dapi.load(path, dtype=torch.float64).weight.dtype


def test_model_that_was_cast_in_part_comes_back(acme, tmp_path):
    """Each tensor in the type that it had, to the bit; a type that is asked for is for all."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_net", weights=None)
    model.body.to(torch.bfloat16)
    model.fc.double().weight.data /= 3
    dapi.save(model, path)

    found = dapi.load(path)

    assert_same(model, found)
    assert [p.dtype for p in model.parameters()] == [p.dtype for p in found.parameters()]
    assert {torch.float16} == {p.dtype for p in dapi.load(path, dtype=torch.float16).parameters()}


def test_what_cannot_come_back_is_not_saved(acme, tmp_path):
    """A foreign model, an argument that JSON does not have, another suffix."""
    path = tmp_path / "net.safetensors"
    with pytest.raises(SavingError, match="Linear cannot be saved: it was not made by a builder"):
        dapi.save(nn.Linear(1, 1), path)
    with pytest.raises(SavingError, match="not made by a builder"):
        dapi.save(dapi.build_model(nn.Linear, 1, 1), path)
    with pytest.raises(SavingError, match="argument 'activation' is <class"):
        dapi.save(dapi.get_model("acme_other", weights=None, activation=nn.ReLU), path)
    with pytest.raises(SavingError, match="argument 'activation' is inf"):
        dapi.save(dapi.get_model("acme_other", weights=None, activation=float("inf")), path)
    with pytest.raises(SavingError, match="does not end in .safetensors"):
        dapi.save(dapi.get_model("acme_other", weights=None), tmp_path / "net.pth")
    assert not path.exists()


def test_state_without_all_its_numbers_is_not_saved(acme, tmp_path):
    """On meta, or sparse: the first such key is named, and no file is left behind."""
    sparse = dapi.get_model("acme_other", weights=None)
    sparse.register_buffer("mask", torch.eye(3).to_sparse())
    for model, key in (
        (dapi.get_model("acme_other", weights=None, device="meta"), "weight"),
        (sparse, "mask"),
    ):
        with pytest.raises(SavingError, match=f"{key} in its state is not a dense tensor"):
            dapi.save(model, tmp_path / "net.safetensors")
    assert [] == list(tmp_path.glob("*net.safetensors*"))


def test_builder_that_is_gone_is_named(acme, tmp_path, monkeypatch):
    """A file whose distribution was removed says which it was."""
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_other", weights=None), path)
    (acme / "entry_points.txt").write_text("")
    monkeypatch.setattr("dapi._plugins.discovery._cached", discovery._NOTHING)
    monkeypatch.setattr("dapi._catalog.builders._registered", {})

    with pytest.raises(RebuildError, match="No model named 'acme-nets/acme_other'") as refused:
        dapi.load(path)
    assert "saved with acme-nets==1.2; acme-nets is not installed" in str(refused.value)
    assert "pip install acme-nets==1.2. " in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("distribution", "a b"), ("distribution", "--index-url"), ("version", "1 --pre"),
     ("version", "1; rm -rf x"), ("version", "")],
)  # fmt: skip
def test_file_cannot_put_words_into_a_command(acme, tmp_path, key, value):
    """What a file names is shown as a command only where it is a distribution and a version."""
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_other", weights=None), path)
    content = safetensors.read(path)
    changed = {"dapi.builder": "absent", f"dapi.{key}": value}
    safetensors.write(path, content.tensors, {**content.metadata, **changed})

    with pytest.raises(RebuildError) as refused:
        dapi.load(path)
    assert "pip install" not in str(refused.value)


def test_builder_that_no_longer_fits_is_named(acme, tmp_path):
    """What is missing is told, and the versions then and now."""
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_net", weights=None), path)
    content = safetensors.read(path)
    content.tensors["fc.weight"] = torch.ones(77, 5)
    words_by_version = {"1.2": "acme_net 1.2 makes a different", "1.1": "of version 1.1, now 1.2"}
    for version, words in words_by_version.items():
        safetensors.write(path, content.tensors, {**content.metadata, "dapi.version": version})
        with pytest.raises(RebuildError, match=rf"{words}.*fc.weight is \(77, 5\)"):
            dapi.load(path)


def test_file_of_others_is_refused(tmp_path):
    """Only what dapi.save wrote says how to be built."""
    path = tmp_path / "net.safetensors"
    with pytest.raises(FileNotFoundError):
        dapi.load(path)
    for metadata in ({}, {"dapi.builder": "os:system"}):
        safetensors.write(path, {"a": torch.ones(1)}, metadata)
        with pytest.raises(RebuildError, match="dapi.save did not write it"):
            dapi.load(path)
    torch.save({"a": torch.ones(1)}, path)
    with pytest.raises(RebuildError, match="not a safetensors file.*from_file") as caught:
        dapi.load(path)
    assert "load_file" not in str(caught.value)  # the library could not read it either


@pytest.mark.parametrize("path", ["acme_net", "acme_net:Digits_RefV1", Path("absent")])
def test_file_that_is_not_there_is_named(acme, path):
    """A name of a model is none of a file; the error says what takes one."""
    with pytest.raises(MissingFileError, match="does not exist.* for a name: dapi.get_model"):
        dapi.load(path)


def test_directory_that_is_not_there_is_named(acme, tmp_path, monkeypatch):
    """The error has the command that creates it, and not the name of a temporary file."""
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "models" / "net.safetensors", Path("models", "net.safetensors")):
        with pytest.raises(FileNotFoundError, match="not exist.*: mkdir -p .*models$") as caught:
            dapi.save(dapi.get_model("acme_net", weights=None), path)
        assert path.parent == caught.value.path
    (tmp_path / "models").mkdir()
    dapi.save(dapi.get_model("acme_net", weights=None), path)


def test_what_is_no_path_is_refused_in_words(acme):
    """A member, a model in the place of the path, or nothing."""
    enum = type(dapi.list_weights("acme_net")[0])
    with pytest.raises(ArgumentError, match="dapi.load does not accept path=.* dapi.get_model"):
        dapi.load(enum.Digits_RefV1)
    with pytest.raises(
        ArgumentError, match="dapi.save does not accept path=.*a model, then the path"
    ):
        dapi.save("net.safetensors", nn.Linear(1, 1))
    with pytest.raises(ArgumentError, match="WeightEntry.from_file does not accept path=None"):
        WeightEntry.from_file(None)


def test_header_cannot_name_code(tmp_path):
    """Only names of registered builders are looked up."""
    path = tmp_path / "net.safetensors"
    header = dict.fromkeys(("config", "context", "code_version"), "{}")
    header |= {"distribution": "os", "builder": "system", "weights": ""}
    safetensors.write(path, {"a": torch.ones(1)}, {f"dapi.{k}": v for k, v in header.items()})

    with pytest.raises(RebuildError, match="No model named 'os/system'"):
        dapi.load(path)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("context", '{"acme_unseen:Thing": {}}', "overrides acme_unseen:Thing, of a module that"),
        ("context", '{"acme_nets:Net": 3}', "overrides acme_nets:Net with 3"),
        ("config", '{"weights": "acme_net"}', "it names weights among the arguments"),
        ("config", "[" * 100_000, "dapi.save did not write it"),
    ],
)
def test_header_imports_and_fetches_nothing(acme, tmp_path, monkeypatch, key, value, reason):
    """A module is not imported because a file names it; no other weights come into it."""
    (tmp_path / "acme_unseen.py").write_text("raise SystemExit('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_net", weights=None), path)
    tensors, metadata = safetensors.read(path).tensors, safetensors.read_header(path).metadata
    safetensors.write(path, tensors, {**metadata, f"dapi.{key}": value})

    with pytest.raises(RebuildError, match=reason):
        dapi.load(path)


def test_layout_of_a_model_that_was_cast_in_part_comes_back(acme, tmp_path):
    """Each tensor in the type it had, and laid out as its builder does."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_builder("acme_image")()
    model[0].half()
    dapi.save(model, path)

    found = dapi.load(path)

    assert_same(model, found)
    assert model[0].weight.stride() == found[0].weight.stride() == (12, 1, 6, 3)


def replace_layer(model):
    model.body = nn.Identity()


def change_eps(model):
    model.norm.eps = 0.5


def sparsify(model):
    from torch.nn.utils import prune

    prune.l1_unstructured(model.fc, "weight", amount=1)


def normalize_weights(model):
    torch.nn.utils.parametrizations.weight_norm(model.fc)


def change_activation(model):
    model.activation = torch.tanh


def patch_forward(model):
    model.fc.forward = lambda batch: batch


def patch_method(model):
    model.features = lambda batch: batch


def adapt_layer(model):
    model.body = type("Linear", (nn.Linear,), {"__module__": "acme_adapters"})(3, 5)


def tie(model):
    model.twin.weight = model.fc.weight


def untie(model):
    model.tied.weight = nn.Parameter(model.body.weight.detach().clone())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (replace_layer, "body is a Identity, not a Linear"),
        (change_eps, r"norm.eps is 0.5, not 1e-05"),
        (sparsify, "fc.weight_orig is left over"),
        (normalize_weights, "fc is a ParametrizedLinear, not a Linear"),
        (change_activation, "activation is '.*tanh', not '.*relu'"),
        (patch_forward, "fc.forward was replaced"),
        (patch_method, "features was replaced"),
        (adapt_layer, "body is a acme_adapters.Linear, not a torch.nn.modules.linear.Linear"),
        (tie, "fc.weight and twin.weight are one parameter"),
        (untie, "body.weight and tied.weight are not one parameter"),
    ],
)
def test_model_that_was_changed_by_hand_is_not_saved(acme, tmp_path, change, what):
    """Loading would refuse it, or make another model of it without a word."""
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"before")
    model = dapi.get_model("acme_rich", weights=None)
    change(model)

    with pytest.raises(SavingError, match=f"differs from the model of acme_rich: .*{what}"):
        dapi.save(model, path)
    assert b"before" == path.read_bytes()


def test_a_forward_that_only_runs_otherwise_is_saved(acme, tmp_path):
    """In another precision, the model is the same; what changes its result is refused."""
    model = dapi.get_model("acme_rich", weights=None)
    model.fc.forward = torch.autocast("cpu")(model.fc.forward)
    dapi.save(model, tmp_path / "net.safetensors")
    assert torch.equal(model.fc.weight, dapi.load(tmp_path / "net.safetensors").fc.weight)

    model.fc.forward = torch.func.vmap(model.fc.forward)
    with pytest.raises(SavingError, match="fc.forward was replaced"):
        dapi.save(model, tmp_path / "net.safetensors")


def test_a_sharded_model_is_gathered_first(acme, tmp_path):
    """The error names the call that gathers it."""
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        model = dapi.get_model("acme_rich", weights=None)
        fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
        with pytest.raises(SavingError, match="spread over several processes.*full_state_dict"):
            dapi.save(model, tmp_path / "net.safetensors")
    finally:
        distributed.destroy_process_group()


def test_head_that_was_replaced_by_hand_names_the_arguments(entry, tmp_path):
    """The builder makes such a head itself."""
    for weights, remedy in ((entry, "num_classes=9, new_head=True"), (None, "num_classes=9,")):
        model = dapi.get_model("acme_net", weights=weights)
        model.fc = nn.Linear(model.fc.in_features, 9)
        with pytest.raises(SavingError, match=f"Build it with {remedy}"):
            dapi.save(model, tmp_path / "net.safetensors")


@pytest.mark.parametrize("change", [sparsify, normalize_weights])
def test_head_of_the_same_size_is_no_matter_of_arguments(entry, tmp_path, change):
    """No argument of the builder would make it."""
    model = dapi.get_model("acme_net", weights=entry)
    change(model)

    with pytest.raises(SavingError, match="Save it before such changes"):
        dapi.save(model, tmp_path / "net.safetensors")


class Adapted(nn.Module):
    """A layer beside the model, which PEFT's models can merge into it."""

    def __init__(self, model):
        super().__init__()
        self.base_model, self.adapter = model, nn.Linear(1, 1)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.base_model, name)

    def merge_and_unload(self):
        return self.base_model


def test_model_with_adapters_is_to_be_merged(acme, tmp_path):
    """The model behind is what the builder makes, once the adapters are part of its weights."""
    path = tmp_path / "net.safetensors"
    model = Adapted(dapi.get_model("acme_rich", weights=None))

    with pytest.raises(SavingError, match=r"Adapted cannot .* Save model.merge_and_unload\(\), or"):
        dapi.save(model, path)
    assert not path.exists()
    dapi.save(model.merge_and_unload(), path)


def test_wrapped_model_is_saved_without_what_wraps_it(acme, tmp_path):
    """Compiled, parallel or averaged, in any order, in whole and in part."""
    path = tmp_path / "net.safetensors"
    plain = dapi.get_model("acme_rich", weights=None)
    averaged = torch.optim.swa_utils.AveragedModel(plain)
    part = dapi.get_model("acme_rich", weights=None)
    part.load_state_dict(plain.state_dict())
    part.norm = torch.compile(nn.DataParallel(part.norm))
    for model in (
        torch.compile(plain),
        nn.DataParallel(torch.compile(plain)),
        torch.compile(nn.DataParallel(averaged)),
        part,
    ):
        dapi.save(model, path)
        assert_same(plain, dapi.load(path))
    assert dapi.load(path).norm.training


def test_what_changes_no_result_is_saved(acme, tmp_path):
    """How several processes run a model, what it remembers, and notes of its owner."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_rich", weights=None)
    model.norm.inplace = True
    model.seen = {"steps": 3}
    model.class_names = ["a", "b"]
    dapi.save(nn.SyncBatchNorm.convert_sync_batchnorm(model), path)

    assert nn.BatchNorm1d is type(dapi.load(path).norm)


def test_module_that_learns_its_shape_comes_back(acme, tmp_path):
    """Its class and its shape are those of its first input."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_lazy", weights=None)
    model(torch.ones(1, 3))
    dapi.save(model, path)
    found = dapi.load(path)

    assert_same(model, found)
    assert torch.equal(model(torch.ones(1, 3)), found(torch.ones(1, 3)))


def test_what_is_trained_comes_back(acme, tmp_path):
    """Frozen and thawed parameters stay so; the file itself is as ever."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_rich", weights=None)
    model.norm.requires_grad_(False)
    model.frozen.requires_grad_(True)
    dapi.save(model, path)

    found = dapi.load(path)

    trained = [name for name, each in found.named_parameters() if each.requires_grad]
    assert trained == [name for name, each in model.named_parameters() if each.requires_grad]
    assert "norm.weight" not in trained
    assert "frozen.weight" in trained


def test_model_with_pretrained_backbone_comes_back(acme, tmp_path):
    """Its layers are those of a network that was trained; nothing is fetched for it."""
    path = tmp_path / "net.safetensors"
    backbone = WeightEntry("https://example.org/backbone.pth")
    model = dapi.get_model("acme_detector", weights=None, weights_backbone=backbone)
    dapi.save(model, path)

    found = dapi.load(path)

    assert_same(model, found)
    assert (True, None) == (found.is_trained, provenance.find(found).weights)


def test_numbers_as_keys_of_an_argument_come_back(acme, tmp_path):
    """JSON has text only: the builder's own type says what they were."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_typed", weights=None, id2label={0: "cat", 1: "dog"})
    dapi.save(model, path)

    assert {0: "cat", 1: "dog"} == dapi.load(path).id2label


def test_saving_leaves_no_trace(acme, tmp_path):
    """The model that it is compared with draws random numbers, and uses up none of them."""
    model = dapi.get_model("acme_rich", weights=None)
    before = torch.get_rng_state()
    dapi.save(model, tmp_path / "net.safetensors")

    assert torch.equal(before, torch.get_rng_state())


def test_how_a_model_runs_is_not_saved(acme, tmp_path):
    """It is of the machine, and a file may not say it."""
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_typed", weights=None, attn_implementation="eager"), path)

    assert {} == json.loads(safetensors.read_header(path).metadata["dapi.config"])
    assert "sdpa" == dapi.load(path).attn_implementation


def test_names_of_a_new_head_are_the_callers(acme, tmp_path):
    """Those of the old head are gone, after saving and loading too."""
    dapi.get_builder("acme_net")
    enum = sys.modules["acme_nets"].NetWeights
    source = tmp_path / "net.pth"
    torch.save(sys.modules["acme_nets"].Net().state_dict(), source)
    named = replace(
        WeightEntry.from_file(source),
        meta={"categories": ("a", "b", "c", "d"), "task": "demo"},
        postprocess=dapi.lazy("collections:OrderedDict", categories=("a", "b", "c", "d"), k=1),
    )
    model = dapi.get_model("acme_net", weights=named, num_classes=2, new_head=True)
    path = tmp_path / "tuned.safetensors"
    dapi.save(model, path)
    saved = dapi.load(path)
    provenance.record(saved, replace(provenance.find(saved), weights=named))

    for tuned in (model, saved):
        weights = dapi.weights_of(tuned)
        with pytest.raises(NoWeightsError, match=r"no names yet. Name them: .*categories=\[...\]"):
            weights.postprocess()
        assert {"k": 1, "categories": ["x", "y"]} == weights.postprocess(categories=["x", "y"])
        assert {"task": "demo"} == weights.meta
        assert weights.postprocess == pickle.loads(pickle.dumps(weights.postprocess))
    assert named == dapi.weights_of(dapi.get_model("acme_net", weights=named))
    assert enum.Digits_RefV1.meta["task"] == "demo"


@pytest.mark.parametrize(
    ("builder", "key", "value", "reason"),
    [
        ("acme_net", "config", '{"widths": "evil-org/evil"}', "acme_net declares no such value"),
        ("acme_net", "config", '{"other": {"a": 1}}', "acme_net declares no such value"),
        ("acme_net", "config", '{"trust_remote_code": true}', "which only a caller may pass"),
        ("acme_net", "config", '{"device": 0}', "which only a caller may pass"),
        ("acme_net", "config", '{"num_classes": NaN}', "dapi.save did not write it"),
        ("acme_net", "config", f'{{"num_classes": {"9" * 99}}}', "dapi.save did not write it"),
        pytest.param(
            "acme_net",
            "config",
            f'{{"widths": [{"[]," * 2_000_000}1]}}',
            "dapi.save did not write",
            id="long",
        ),
        ("acme_other", "config", '{"wide": 3}', "'wide', which acme_other does not accept"),
        ("acme_typed", "config", '{"attn_implementation": "a/b"}', "which only a caller may pass"),
        ("acme_typed", "config", '{"hidden_act": 3}', "acme_typed declares no such value"),
        ("acme_typed", "config", '{"id2label": {"x": "y"}}', "declares no such value"),
        ("acme_typed", "config", '{"id2label": {"0": ["y"]}}', "declares no such value"),
        ("acme_typed", "config", '{"part": "third"}', "declares no such value"),
        ("acme_typed", "config", '{"more": 3}', "'more', which acme_typed does not accept"),
        ("acme_detector", "config", '{"weights_backbone": "IMAGENET1K_V1"}', "no such value"),
        ("acme_net", "context", '{"torch.nn:Linear": {"a": 1}}', "overrides torch.nn:Linear"),
        ("acme_net", "context", '{"acme_nets:register_model": {"a": 1}}', "it overrides"),
        ("acme_net", "context", '{"acme_nets:Net": {"eps": "os:system"}}', "overrides eps of acme"),
        ("acme_net", "code_version", '{"": "1"}', "dapi.save did not write it"),
        ("acme_net", "requires_grad", '{"fc.weight": 1}', "dapi.save did not write it"),
    ],
)
def test_header_says_only_what_the_builder_declares(acme, tmp_path, builder, key, value, reason):
    """Arguments, overrides and versions are a closed list, with values of their types."""
    path = tmp_path / "net.safetensors"
    backbone = {"weights_backbone": None} if builder == "acme_detector" else {}
    dapi.save(dapi.get_model(builder, weights=None, **backbone), path)
    content = safetensors.read(path)
    safetensors.write(path, content.tensors, {**content.metadata, f"dapi.{key}": value})

    with pytest.raises(RebuildError, match=reason):
        dapi.load(path)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ('{"num_classes": 1000000000}', "the number 1000000000, but has only 26 numbers"),
        ('{"num_classes": 10000000}', "larger than the tensors that it holds"),
        ('{"widths": [1, -1000000000]}', "the number 1000000000, but has only 26 numbers"),
        ('{"copies": 10000000}', "larger than the tensors that it holds"),
        ('{"table": 5000}', "larger than the tensors that it holds"),
        ('{"table": 5000, "needs_values": true}', "larger than the tensors that it holds"),
    ],
)
def test_file_asks_for_no_more_than_it_holds(acme, tmp_path, config, reason):
    """A small file cannot make a builder take memory or time for a model of any size."""
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_large", weights=None), path)
    content = safetensors.read(path)
    safetensors.write(path, content.tensors, {**content.metadata, "dapi.config": config})

    with pytest.raises(RebuildError, match=reason):
        dapi.load(path)


def test_value_that_a_file_may_not_give_is_not_saved(acme, tmp_path):
    """What loading would refuse is not written."""
    model = dapi.get_model("acme_other", weights=None, activation="relu")
    with pytest.raises(SavingError, match="activation='relu', but acme_other declares no such"):
        dapi.save(model, tmp_path / "net.safetensors")


def test_weights_of_another_builder_are_not_looked_up(acme, advertise, tmp_path):
    """That would import their distribution because a file names it."""
    points = "[dapi.models]\nevil = evil_nets:net\n[dapi.weights]\nevil = evil_nets:NetWeights\n"
    advertise("evil-nets", points, version="1", evil_nets="raise SystemExit('it was imported')")
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_net", weights=None, num_classes=3), path)
    content = safetensors.read(path)
    content.tensors.pop("scratch.weight")
    content.tensors.pop("scratch.bias")
    safetensors.write(
        path, content.tensors, {**content.metadata, "dapi.weights": "evil:Digits_RefV1"}
    )

    assert 3 == dapi.load(path).fc.out_features


def test_saving_and_loading_forbid_fetching(acme, tmp_path, server):
    """Even to a builder that wants to."""
    path = tmp_path / "net.safetensors"
    sys.modules.pop("acme_nets", None)
    model = dapi.get_model("acme_fetching", weights=None)
    dapi.save(model, path)
    module = sys.modules["acme_nets"]
    module.URL = server.serve("/backbone.pth", b"bytes")

    with pytest.raises(RebuildError, match="offline|OFFLINE"):
        dapi.load(path)
    with pytest.raises(SavingError, match="offline|OFFLINE"):
        dapi.save(model, path)
    assert [] == server.asked


# What a mutation puts in place of a part of a header.
_SEEDS = (
    None, True, False, 0, 1, -1, 3, 2**63, 10**18, 0.5, 1e308, "", "a", "evil-org/evil@main",
    "os:system", "acme_nets:Net", "evil:Digits_RefV1", "acme_net:Digits_RefV1", "weights",
    "device", "attn_implementation", "__class__", "num_classes", "fc.weight", "\x00", "\ud800",
    [], [[]], {}, {"a": 1}, {"0": "a"}, "[" * 2000, "NaN", "9" * 5000,
)  # fmt: skip


def mutated(value, random):
    """Return JSON with one part changed: replaced, removed, added, or moved."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.2:
        return random.choice(_SEEDS)
    changed = value.copy()
    places = list(changed) if isinstance(changed, dict) else range(len(changed))
    place, action = random.choice(places), random.randrange(4)
    if action == 0:
        changed.pop(place)
    elif action == 1 and isinstance(changed, dict):
        changed[str(random.choice(_SEEDS))] = random.choice(_SEEDS)
    elif action == 2 and isinstance(changed, dict):
        changed[str(random.choice(_SEEDS))] = changed.pop(place)
    else:
        changed[place] = mutated(changed[place], random)
    return changed


def mutated_facts(corpus, random):
    """Return a header with one to three changes, some of them in the text of its JSON."""
    facts = dict(random.choice(corpus))
    for _ in range(random.randint(1, 3)):
        key = random.choice([*facts, "dtype", "new_head"])
        text = facts.get(key, "")
        if text[:1] == "{" and random.random() < 0.7:
            try:
                facts[key] = json.dumps(mutated(json.loads(text), random))
            except ValueError:
                facts.pop(key)
        elif random.random() < 0.5:
            facts[key] = str(random.choice(_SEEDS))
        else:
            at = random.randrange(len(text) + 1)
            facts[key] = text[:at] + random.choice('{}[]":,0e-/ax') + text[at + 1 :]
        if random.random() < 0.05:
            facts.pop(random.choice(list(facts)), None)
    return facts


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_mutated_header_is_loaded_or_refused(acme, advertise, tmp_path, monkeypatch, count):
    """By a RebuildError, without an import, a connection, a process or another file."""
    points = "[dapi.models]\nevil = evil_nets:net\nnet = evil_nets:net\n"
    points += "[dapi.weights]\nevil = evil_nets:NetWeights\n"
    advertise("evil-nets", points, version="1", evil_nets="raise ImportError('it is imported')")
    corpus = json.loads((Path(__file__).parent / "data" / "headers.json").read_text())
    states = {
        name: safetensors_text(dapi.get_model(name, weights=None, **few))
        for name, few in {
            "acme_net": {},
            "acme_rich": {},
            "acme_typed": {},
            "acme_detector": {"weights_backbone": None},
            "acme_other": {},
        }.items()
    }
    for where, name in ((socket, "socket"), (subprocess, "Popen"), (os, "system")):
        monkeypatch.setattr(where, name, lambda *args, **kwargs: pytest.fail("it came out"))
    random, path = Random(12), tmp_path / "fuzz" / "net.safetensors"
    path.parent.mkdir()
    modules, loaded = set(sys.modules), 0
    for _ in range(count):
        facts = mutated_facts(corpus, random)
        tensors, data = states.get(facts.get("builder"), states["acme_net"])
        metadata = {f"dapi.{key}": value for key, value in facts.items()}
        text = json.dumps({**tensors, "__metadata__": metadata}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data)
        try:
            loaded += isinstance(dapi.load(path), nn.Module)
        except RebuildError:
            continue
    assert count / 20 < loaded < count
    assert {
        name for name in set(sys.modules) - modules if name.startswith(("evil", "acme"))
    } == set()
    assert [path] == list(path.parent.iterdir())


def safetensors_text(model):
    """Return what a file's header says of the tensors, and their bytes."""
    tensors, data = {}, b""
    for key, tensor in model.state_dict().items():
        begin, data = len(data), data + tensor.contiguous().numpy().tobytes()
        kind = "I64" if tensor.dtype == torch.int64 else "F32"
        tensors[key] = {"dtype": kind, "shape": [*tensor.shape], "data_offsets": [begin, len(data)]}
    return tensors, data
