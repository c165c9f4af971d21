"""``dapi describe``: what can be read off a checkpoint, and how it fits a builder."""

import hashlib
import json
import pickle
from importlib import import_module
from pathlib import Path

import pytest
import torch

import dapi
from dapi import WeightEntry
from dapi._catalog import builders
from dapi._cli import main
from dapi.adapt import StripPrefix, Take
from dapi.devkit._description import describe, package_url
from dapi.devkit._source import imports

PACKAGE = Path(import_module("dapi.vision").__file__).parent
DIGITS = PACKAGE / "models" / "data" / "resnet20_digits_v1.safetensors"


def run(capsys, *words):
    status = main(["describe", *map(str, words)])
    return status, capsys.readouterr().out


def test_prints_a_ready_entry(capsys):
    """Pasted into a module it loads, with the transforms of the builder's own weights."""
    status, printed = run(capsys, DIGITS, "--model", "resnet20")
    names = {}
    exec("\n".join(imports(printed)), names)

    entry = eval(printed.partition("\n#")[0], names)

    assert 0 == status
    assert "# It matches resnet20." in printed
    assert "package:dapi.vision/models/data/resnet20_digits_v1.safetensors#dapi-vision" == entry.url
    assert 269434 == entry.meta["num_params"]
    assert "image-classification" == entry.meta["task"]
    assert entry.transforms() and entry.fetch() == DIGITS


def test_prints_facts_as_json(capsys):
    """For a program: hash, size, format, and how much the file holds."""
    status, printed = run(capsys, DIGITS, "--json", "--url", "https://example.org/a.safetensors")

    facts = json.loads(printed)
    assert 0 == status
    assert hashlib.sha256(DIGITS.read_bytes()).hexdigest() == facts["sha256"]
    assert DIGITS.stat().st_size == facts["bytes"]
    assert ("safetensors", 116) == (facts["format"], facts["tensors"])
    assert "https://example.org/a.safetensors" == facts["url"]
    assert "misfit" not in facts


def test_tells_the_keys_that_a_builder_would_miss_or_has_left_over(capsys, tmp_path):
    """Both, and shapes that differ; the exit status is 1."""
    state = WeightEntry.from_file(DIGITS).state_dict()
    state["stray"] = state.pop("fc.bias")
    state["fc.weight"] = torch.zeros(3, 64)
    torch.save(dict(state), tmp_path / "odd.pth")

    status, printed = run(capsys, tmp_path / "odd.pth", "--model", "resnet20")

    assert 1 == status
    assert "# fc.bias of resnet20 is missing from the file." in printed
    assert "# stray of the file is not in resnet20." in printed
    assert "# fc.weight is [3, 64] in the file and [10, 64] in resnet20." in printed


def test_argument_that_the_weights_fix(capsys, tmp_path):
    """``--config`` becomes part of the entry, and other classes have other names."""
    state = WeightEntry.from_file(DIGITS).state_dict()
    state["fc.weight"], state["fc.bias"] = torch.zeros(3, 64), torch.zeros(3)
    torch.save(dict(state), tmp_path / "three.pth")

    words = ("--model", "resnet20", "--config", "num_classes=3", "--json")
    status, printed = run(capsys, tmp_path / "three.pth", *words)
    found = describe(tmp_path / "three.pth", model="resnet20", config={"num_classes": 3})

    assert 0 == status, printed
    assert {"in_channels": 1, "num_classes": 3} == dict(found.entry.build.config)
    assert not found.entry.postprocess
    assert "categories" not in found.entry.meta


def test_argument_that_the_builder_needs(capsys, tmp_path, monkeypatch):
    """It is asked for; nothing tells it where the builder has no weights yet."""
    monkeypatch.setattr(builders, "_registered", {})

    @dapi.register_model()
    def needy_net(*, weights=None, progress=True, size, **config):
        return torch.nn.Linear(size, 1)

    torch.save(torch.nn.Linear(2, 1).state_dict(), tmp_path / "net.pth")
    words = ["describe", str(tmp_path / "net.pth"), "--model", "needy_net"]

    assert 1 == main(words)
    assert "'size'. Give the arguments that the weights fix: --config" in capsys.readouterr().err
    assert 0 == main([*words, "--config", "size=2"])
    assert 'build=Build(config={"size": 2})' in capsys.readouterr().out


def test_nested_file_is_described_with_the_step_that_reads_it(capsys, tmp_path):
    """And a prefix of all its keys, as a wrapper leaves it; the entry loads."""
    state = WeightEntry.from_file(DIGITS).state_dict()
    nested = {"state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 3}
    torch.save(nested, tmp_path / "net.ckpt")
    status, printed = run(capsys, tmp_path / "net.ckpt", "--model", "resnet20")
    _, facts = run(capsys, tmp_path / "net.ckpt", "--json")
    names = {}
    exec("\n".join(imports(printed)), names)
    entry = eval(printed.partition("\n#")[0], names)

    assert 0 == status
    assert (Take("state_dict"), StripPrefix("module.")) == entry.build.adapt
    assert torch.equal(state["fc.bias"], dapi.get_builder("resnet20")(weights=entry).fc.bias)
    assert "# The file holds more than these tensors" in printed
    assert ["state_dict"] == json.loads(facts)["take"]


def test_checkpoint_in_several_files_is_described_by_its_index(capsys, tmp_path):
    """The entry has each file with its hash."""
    state = WeightEntry.from_file(DIGITS).state_dict()
    for name, keys in (("one.pth", list(state)[:50]), ("two.pth", list(state)[50:])):
        torch.save({key: state[key] for key in keys}, tmp_path / name)
    names = dict(zip(state, ["one.pth"] * 50 + ["two.pth"] * 66, strict=True))
    (tmp_path / "net.bin.index.json").write_text(json.dumps({"weight_map": names}))

    status, printed = run(capsys, tmp_path / "net.bin.index.json", "--model", "resnet20")

    assert 0 == status, printed
    assert 2 == printed.count("File(") == printed.count("sha256=")
    assert "# It matches resnet20." in printed


class Bomb:
    def __reduce__(self):
        return Path.write_text, (Path("exploded"), "")


def test_unpickles_tensors_only(capsys, tmp_path, monkeypatch):
    """A file that would run code when it is unpickled is refused, and runs none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bomb.pth").write_bytes(pickle.dumps({"weight": Bomb()}, protocol=2))

    assert 1 == main(["describe", "bomb.pth"])
    assert not (tmp_path / "exploded").exists()
    assert "bomb.pth" in capsys.readouterr().err


def test_file_that_is_not_there(capsys):
    """The error is a sentence, as of every command."""
    assert 1 == main(["describe", "absent.safetensors"])
    assert "dapi: The file absent.safetensors does not exist" in capsys.readouterr().err


def test_package_url_of_a_file_in_a_package(tmp_path):
    """Only what can be imported has one; it says what to install to have the file."""
    (tmp_path / "a.pth").touch()

    assert (
        "package:dapi.vision/models/data/resnet20_digits_v1.safetensors#dapi-vision"
        == package_url(DIGITS)
    )
    assert "package:pytest/__init__.py#pytest" == package_url(Path(pytest.__file__))
    assert package_url(tmp_path / "a.pth") is None


def test_package_that_no_distribution_has_is_told(acme, capsys):
    """Its address cannot say what to install: the author is asked to."""
    acme()
    file = Path(import_module("acme_plants").__file__).with_name("net.safetensors")
    status, printed = run(capsys, file)

    assert 0 == status
    assert 'url="package:acme_plants/net.safetensors",' in printed
    assert "# No installed distribution has the file." in printed


@pytest.fixture
def saved(tmp_path):
    """A model for five classes, trained from weights, as ``dapi.save`` writes it."""
    model = dapi.get_model("resnet20_v2", num_classes=5, new_head=True)
    dapi.save(model, tmp_path / "five.safetensors")
    return tmp_path / "five.safetensors"


@pytest.mark.parametrize("words", [(), ("--model", "resnet20_v2")])
def test_what_dapi_save_noted_is_read(capsys, saved, words):
    """The builder, its arguments, and the weights that it started from; no names of classes."""
    status, printed = run(capsys, saved, *words)

    assert 0 == status, printed
    assert 'build=Build(config={"in_channels": 1, "num_classes": 5})' in printed
    assert "categories" not in printed and "postprocess" not in printed
    assert "# It matches dapi-vision/resnet20_v2." in printed
    assert "num_classes=5), from resnet20_v2:Digits_RefV1" in printed
    assert "guess" not in printed


def test_what_is_a_guess_is_told(capsys):
    """A file that says nothing of its training: the transforms are only the likeliest."""
    _, printed = run(capsys, DIGITS, "--model", "resnet20")
    _, facts = run(capsys, DIGITS, "--model", "resnet20", "--json")

    guess = (
        "# Its transforms, postprocess and categories are a guess: those of resnet20:Digits_RefV2."
    )
    assert guess in printed
    assert json.loads(facts)["is_guess"]
    assert ["transforms", "postprocess", "categories"] == json.loads(facts)["taken"]


def test_notes_that_cannot_be_used_are_told(capsys, saved):
    """Such as of a builder that is not installed: the file is described without them."""
    saved.write_bytes(saved.read_bytes().replace(b'"resnet20_v2"', b'"resnet20_v9"'))
    status, printed = run(capsys, saved)

    assert 0 == status
    assert "# The record of dapi.save in the file cannot be used." in printed
    assert "No model named 'dapi-vision/resnet20_v9' is installed" in printed
