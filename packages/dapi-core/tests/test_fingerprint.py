"""A saved model and a later release of its distribution: the same model again, or an error."""

import sys
import warnings
from base64 import b64encode
from zlib import compress

import pytest

import dapi
from dapi._catalog import builders
from dapi._loader import safetensors
from dapi._saving import fingerprint
from dapi.exceptions import ChangedWeightsWarning, OutdatedWeightsWarning, RebuildError

torch = pytest.importorskip("torch")
nn = torch.nn

SOURCE = """
from __future__ import annotations
from torch import nn
from dapi import Build, ContextParams, Status, WeightEntry, Weights, lazy, register_model

class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.eps = {eps}

class Net(nn.Module):
    def __init__(self, num_classes, depth, slope):
        super().__init__()
        self.norm = Norm()
        self.body = nn.Sequential(*(nn.Linear(3, 3) for _ in range(depth)))
        self.act = {act}
        self.{extra} = 1
        self.fc = nn.Linear(3, num_classes)

class LeafWeights(Weights):
    Leaves_RefV2 = WeightEntry(
        "package:leafnet_data/leaves.safetensors",
        transforms=lazy("leafnet:transforms", {transforms}),
        build=Build(config={{"num_classes": 4}}, context={context}),
        status={status},
        latest=True,
    )

@register_model(weights=LeafWeights, head=("fc",))
def leafnet(
    *, weights: LeafWeights | WeightEntry | None = None, progress: bool = True,
    num_classes: int = 4, depth: int = 1, slope: float = {slope}{more}
) -> Net:
    return Net(num_classes, depth, slope)
"""
FIRST = {
    "eps": "1e-5",
    "act": "nn.LeakyReLU(slope)",
    "extra": "extra",
    "transforms": "size=8",
    "context": "{}",
    "status": "Status()",
    "slope": "0.1",
    "more": "",
}
POINTS = "[dapi.models]\nleafnet = leafnet:leafnet\n[dapi.weights]\nleafnet = leafnet:LeafWeights\n"
# The recipe of docs/publishing.md for a default that changes.
ASKS = 'ContextParams.get(self, "eps", 1e-3)'
CONTEXT = '{"leafnet:Norm": {"eps": 1e-5}}'


@pytest.fixture
def release(advertise, monkeypatch, tmp_path):
    """Install a version of leafnet in place of the former: ``release("0.2.0", eps=...)``."""

    def publish(version, **changes):
        sys.modules.pop("leafnet", None)
        monkeypatch.setattr(builders, "_registered", {})
        source = SOURCE.format(**{**FIRST, **changes})
        advertise("acme-leaf", POINTS, version=version, folder=f"leaf-{version}", leafnet=source)

    data = tmp_path / "leaf-0.1.0" / "leafnet_data"
    data.mkdir(parents=True)
    (data / "__init__.py").touch()
    publish("0.1.0")
    model = dapi.get_model("leafnet", weights=None)
    safetensors.write(data / "leaves.safetensors", model.state_dict(), {})
    yield publish
    sys.modules.pop("leafnet", None)
    sys.modules.pop("leafnet_data", None)


@pytest.fixture
def tuned(release, tmp_path):
    """A model that was trained further from published weights, and saved at 0.1.0."""
    path = tmp_path / "tuned.safetensors"
    dapi.save(dapi.get_model("leafnet", num_classes=2, new_head=True), path)
    return path


@pytest.fixture
def scratch(release, tmp_path):
    """A model that was trained from scratch, and saved at 0.1.0."""
    path = tmp_path / "scratch.safetensors"
    dapi.save(dapi.get_model("leafnet", weights=None), path)
    return path


def test_changed_default_of_a_layer_is_that_of_the_source_weights(release, tuned):
    """Published weights got a context for it: what was trained from them is built with it too."""
    release("0.2.0", eps=ASKS, context=CONTEXT)

    assert 1e-3 == dapi.get_model("leafnet", weights=None).norm.eps
    assert 1e-5 == dapi.get_model("leafnet").norm.eps == dapi.load(tuned).norm.eps
    dapi.save(dapi.load(tuned), tuned)
    release("0.3.0", eps=ASKS.replace("1e-3", "1e-2"))  # whose weights carry no context any more
    assert 1e-5 == dapi.load(tuned).norm.eps


def test_changed_default_of_a_layer_is_refused_where_no_weights_know_the_former(release, scratch):
    """The error names the attribute, both values, both versions, and how to have the former."""
    release("0.2.0", eps=ASKS, context=CONTEXT)

    with pytest.raises(RebuildError) as refused:
        dapi.load(scratch)
    assert "version 0.1.0, now 0.2.0. norm.eps is 0.001, not 1e-05" in str(refused.value)
    assert "pip install acme-leaf==0.1.0. " in str(refused.value)
    norm = sys.modules["leafnet"].Norm
    with dapi.ContextParams(norm, eps=1e-5):
        assert 1e-5 == dapi.load(scratch).norm.eps
    with pytest.warns(ChangedWeightsWarning, match="norm.eps is 0.001, not 1e-05"):
        assert 1e-3 == dapi.load(scratch, accept_changes=True).norm.eps


def test_changed_default_of_an_argument_is_that_of_the_file(release, scratch, tuned):
    """A default in the builder's signature is for new models: a saved one has its own."""
    release("0.2.0", slope="0.3")

    for path in (scratch, tuned):
        found = dapi.load(path)
        assert 0.1 == found.act.negative_slope
    dapi.save(found, path)
    assert 0.1 == dapi.load(path).act.negative_slope
    assert 0.3 == dapi.get_model("leafnet").act.negative_slope


@pytest.mark.parametrize("layer", ["nn.SiLU", "type('Faster', (nn.SiLU,), {})"])
def test_replaced_layer_is_refused(release, scratch, layer):
    """An activation has no keys, and changes every result; so has a subclass of it."""
    release("0.2.0", act=f"{layer}()")

    with pytest.raises(RebuildError, match="act is SiLU, not LeakyReLU"):
        dapi.load(scratch)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": "other"},
        {"more": ", added: int = 3"},
        {"act": "type('Faster', (nn.LeakyReLU,), {})(slope)"},
        {"eps": "float('1e-5')"},
    ],
)
def test_harmless_change_is_none(release, scratch, tuned, change):
    """An attribute or argument that is new or gone, a class of another name: no error, no word."""
    release("0.2.0", **change)

    for path in (scratch, tuned):
        assert "Net" == type(dapi.load(path)).__name__


def test_file_without_a_record_is_loaded(release, scratch):
    """An earlier dapi wrote none: nothing can be compared, and nothing is refused."""
    content = safetensors.read(scratch)
    newer = ("dapi.modules", "dapi.defaults", "dapi.transforms", "dapi.postprocess")
    former = {key: text for key, text in content.metadata.items() if key not in newer}
    assert len(former) < len(content.metadata)
    safetensors.write(scratch, content.tensors, former)
    release("0.2.0", eps="1e-3")

    assert 1e-3 == dapi.load(scratch).norm.eps


def test_changed_transforms_of_the_source_weights_are_told(release, tmp_path):
    """The model is as it was; what prepares its input is not, which nothing else would say."""
    path = tmp_path / "same-head.safetensors"
    dapi.save(dapi.get_model("leafnet"), path)
    release("0.2.0", transforms="size=16")

    with pytest.warns(ChangedWeightsWarning, match=r"size=8\) became .*size=16\)"):
        dapi.load(path)


@pytest.mark.parametrize(("state", "word"), [("deprecated", "are dep"), ("withdrawn", "were with")])
def test_weights_that_a_saved_model_derives_from_were_taken_back(release, tuned, state, word):
    """Whoever loads it is told, with the reason and the replacement."""
    status = f"Status({state!r}, reason='They leaked labels of {state}.', replacement='leafnet:X')"
    release("0.2.0", status=status)

    with pytest.warns(OutdatedWeightsWarning, match=f"tuned.*RefV2, which {word}.*leaked labels"):
        dapi.load(tuned)


@pytest.mark.parametrize(
    "text",
    ["x", b64encode(b"no zlib").decode(), b64encode(compress(b"[[1, 2]]")).decode(),
     b64encode(compress(b'[[{"eps": 1}, 5]]')).decode(), b64encode(compress(b"[")).decode(),
     b64encode(compress(b"[" * 99_999)).decode(),
     b64encode(compress(b" " * (9 << 20) + b"[]")).decode()],
)  # fmt: skip
def test_damaged_record_is_refused(release, scratch, text):
    """A file is a stranger's: what cannot be read is an error in words, also when it is huge."""
    content = safetensors.read(scratch)
    safetensors.write(scratch, content.tensors, {**content.metadata, "dapi.modules": text})

    with pytest.raises(RebuildError):
        dapi.load(scratch)


def test_what_depends_on_the_machine_is_not_recorded():
    """Paths and devices differ from machine to machine, and change no result."""
    model = nn.Linear(1, 1)
    model.folder, model.where, model.note = "/home/me", "cuda:0", "same"
    found = fingerprint.read(fingerprint.record(model))[""]

    assert {"layer": "Linear", "in_features": 1, "out_features": 1, "note": "same"} == found


def test_record_is_small_and_equal_to_itself():
    """Modules of equal traits are recorded once, and comparing finds no difference."""
    model = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.GELU()) for _ in range(100)))
    text = fingerprint.record(model)
    changed = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.GELU("tanh")) for _ in range(100)))

    assert len(text) < 2_000
    assert [] == list(fingerprint.differences(fingerprint.read(text), model))
    assert 100 == len(list(fingerprint.differences(fingerprint.read(text), changed)))


def test_loading_says_nothing_where_nothing_changed(release, tuned, scratch):
    """No warning, and the same model."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 2 == dapi.load(tuned).fc.out_features
        assert 4 == dapi.load(scratch).fc.out_features
