"""Weights of several files, each with a part of the model: a lock keeps their prefixes."""

import json
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

import dapi
from dapi.exceptions import DapiError
from dapi.lock import locked, read

SOURCE = """
class PairWeights(Weights):
    Digits_RefV1 = WeightEntry(
        (
            File({url}/left/net.safetensors", sha256="{left}", size={size}, prefix="{prefix}"),
            File({url}/right/net.safetensors", sha256="{right}", size={size}, prefix="1."),
        ),
        meta={{"license": "MIT"}}, latest=True,
    )

@register_model(weights=PairWeights)
def pair(*, weights=None, progress=True):
    from torch.nn import Linear, Sequential
    return Sequential(Linear(4, 2), Linear(4, 2))
"""
NAMES = {"dapi.models": "pair = acme_zoo:pair", "dapi.weights": "pair = acme_zoo:PairWeights"}


def body(value):
    return save({"weight": torch.full((2, 4), value), "bias": torch.full((2,), value)})


@pytest.fixture
def release(zoo):
    """Install a release with a model of two files of the same name."""
    parts = {side: body(value) for side, value in (("left", 1.0), ("right", 2.0))}
    for side, content in parts.items():
        zoo.server.serve(f"/{side}/net.safetensors", content)

    def write(prefix="0."):
        zoo.release()
        entry_points = next(zoo.site.glob("*.dist-info")) / "entry_points.txt"
        text = entry_points.read_text()
        for group, line in NAMES.items():
            text = text.replace(f"[{group}]", f"[{group}]\n{line}")
        entry_points.write_text(text)
        facts = {side: sha256(content).hexdigest() for side, content in parts.items()}
        url = f'"https://localhost:{zoo.server.server_port}'
        source = SOURCE.format(url=url, size=len(parts["left"]), prefix=prefix, **facts)
        module = zoo.site / "acme_zoo.py"
        module.write_text(module.read_text() + source)
        sys.modules.pop("acme_zoo", None)
        dapi.refresh()

    write()
    return write


@pytest.mark.usefixtures("release", "project")
def test_prefix_is_locked(run):
    """It is in the lock, in the bill of materials, and in what the lock gives to core."""
    status, printed = run("lock", "pair")
    assert 0 == status and "dapi.lock: 1 entry, 2 files" in printed

    (weights,) = read("dapi.lock").weights
    assert [("net.safetensors", "0."), ("net.safetensors", "1.")] == [
        (file.name, file.prefix) for file in weights.files
    ]
    assert ["0.", "1."] == [file.file.prefix for file in weights.files]
    assert 0 == run("sbom", "--output", "sbom.json")[0]
    (model,) = [each for each in json.loads(Path("sbom.json").read_text())["components"]
                if each["type"] == "machine-learning-model"]  # fmt: skip
    found = [
        each["value"]
        for part in model["components"]
        for each in part["properties"]
        if each["name"] == "dapi:prefix"
    ]
    assert ["0.", "1."] == found
    with dapi.use_lock("dapi.lock"):
        entry = dapi.get_weights("pair:Digits_RefV1").value
        bound = dapi.catalog.bound_lock()
        assert [*entry.files] == [bound.locked(file, "pair") for file in entry.files]


@pytest.mark.usefixtures("release", "project")
def test_files_of_one_name_are_all_there(run):
    """In the directory of the locked files, and in the model."""
    run("lock", "pair")

    folder = locked("pair").fetch(progress=False)
    assert {"0.net.safetensors", "1.net.safetensors"} == {path.name for path in folder.iterdir()}
    with dapi.use_lock("dapi.lock"):
        model = dapi.get_model("pair", progress=False)
    assert [1.0, 2.0] == [layer.bias[0].item() for layer in model]


@pytest.mark.usefixtures("release", "project")
def test_lock_of_before_is_read(run):
    """Its files have no prefix: the model is built as ever, and the lock is stale."""
    run("lock", "pair")
    path = Path("dapi.lock")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("prefix = ")))

    assert ["", ""] == [file.prefix for file in read(path).weights[0].files]
    with dapi.use_lock(path):
        model = dapi.get_model("pair", progress=False)
    assert [1.0, 2.0] == [layer.bias[0].item() for layer in model]
    status, printed = run("lock", "--check")
    assert 1 == status and "net.safetensors prefix none -> 0." in printed


@pytest.mark.usefixtures("project")
def test_changed_prefix_is_reported(release, run):
    """The lock is stale, and says why."""
    run("lock", "pair")
    release(prefix="2.")

    status, printed = run("lock", "--check")
    assert 1 == status and "net.safetensors prefix 0. -> 2." in printed


@pytest.mark.usefixtures("release", "project")
def test_lock_with_a_prefix_of_no_keys_is_refused(run):
    """A lock may be written by a stranger."""
    run("lock", "pair")
    path = Path("dapi.lock")
    path.write_text(path.read_text().replace('prefix = "0."', 'prefix = "../"'))

    with pytest.raises(DapiError, match="a prefix of keys"):
        read(path)
