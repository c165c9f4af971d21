"""Saving and loading: a model comes back from its file alone, or says why it cannot."""

import json
import sys
from dataclasses import replace

import pytest

import dapi
from dapi import Build, WeightEntry, _discovery, _provenance, _safetensors
from dapi.exceptions import RebuildError, SavingError

torch = pytest.importorskip("torch")
nn = torch.nn

SOURCE = """
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
def acme_image(*, weights=None):
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Conv2d(4, 1, 1))
    return model.to(memory_format=torch.channels_last)

@register_model()
def acme_other(width=3, *, weights=None, activation=None):
    return nn.Linear(width, 2)
"""
POINTS = """[dapi.models]
acme_net = acme_nets:acme_net
acme_image = acme_nets:acme_image
acme_other = acme_nets:acme_other
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
    dapi.save(found, path)  # over the very file that is mapped
    assert_same(model, dapi.load(path))


def test_header_is_read_without_the_plugin(entry, tmp_path):
    """Strings that say what made the file."""
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_net", weights=entry), path)

    header = _safetensors.read_header(path).metadata

    assert ("acme-nets", "1.2", "acme_net") == tuple(
        header[f"dapi.{key}"] for key in ("distribution", "version", "builder")
    )
    assert {"num_classes": 4, "widths": [6]} == json.loads(header["dapi.config"])
    assert {"acme_nets:Net": {"eps": 0.0}} == json.loads(header["dapi.context"])
    assert (str(entry), entry.sha256) == (header["dapi.weights"], header["dapi.sha256"])


def test_weights_of_an_enum_are_remembered(acme, tmp_path):
    """A model that was loaded again still knows its member, and what it needs."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_net", weights=None)
    enum = sys.modules["acme_nets"].NetWeights
    del model.scratch
    _provenance.record(
        model, replace(_provenance.find(model), weights=enum.Digits_RefV1, config={})
    )
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
        with pytest.raises(SavingError, match=f"{key} in its state is no dense tensor"):
            dapi.save(model, tmp_path / "net.safetensors")
    assert [] == list(tmp_path.glob("*net.safetensors*"))


def test_builder_that_is_gone_is_named(acme, tmp_path, monkeypatch):
    """A file whose distribution was removed says which it was."""
    path = tmp_path / "net.safetensors"
    dapi.save(dapi.get_model("acme_other", weights=None), path)
    (acme / "entry_points.txt").write_text("")
    monkeypatch.setattr("dapi._discovery._cached", _discovery._NOTHING)
    monkeypatch.setattr("dapi._registry._builders", {})

    with pytest.raises(RebuildError, match="No model named 'acme-nets/acme_other'"):
        dapi.load(path)


def test_builder_that_no_longer_fits_is_named(acme, tmp_path):
    """What is missing is told, and the versions then and now."""
    path = tmp_path / "net.safetensors"
    model = dapi.get_model("acme_net", weights=None)
    model.fc = nn.Linear(5, 77)
    dapi.save(model, path)

    with pytest.raises(RebuildError, match=r"was of version 1.2, now 1.2.*fc.weight is \(77, 5\)"):
        dapi.load(path)


def test_file_of_others_is_refused(tmp_path):
    """Only what dapi.save wrote says how to be built."""
    path = tmp_path / "net.safetensors"
    with pytest.raises(FileNotFoundError):
        dapi.load(path)
    for metadata in ({}, {"dapi.builder": "os:system"}):
        _safetensors.write(path, {"a": torch.ones(1)}, metadata)
        with pytest.raises(RebuildError, match="dapi.save did not write it"):
            dapi.load(path)
    path.write_bytes(b"\x80\x04N.")
    with pytest.raises(RebuildError):
        dapi.load(path)


def test_header_cannot_name_code(tmp_path):
    """Only names of registered builders are looked up."""
    path = tmp_path / "net.safetensors"
    header = dict.fromkeys(("config", "context", "code_version"), "{}")
    header |= {"distribution": "os", "builder": "system", "weights": ""}
    _safetensors.write(path, {"a": torch.ones(1)}, {f"dapi.{k}": v for k, v in header.items()})

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
    tensors, metadata = _safetensors.read(path).tensors, _safetensors.read_header(path).metadata
    _safetensors.write(path, tensors, {**metadata, f"dapi.{key}": value})

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
