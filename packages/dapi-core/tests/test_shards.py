"""Checkpoints in several local files, by the index beside them."""

import json

import pytest

from dapi import WeightEntry
from dapi.exceptions import CheckpointError, MissingFileError

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

STATE = {"a.weight": torch.arange(6.0), "b.weight": torch.ones(2), "a.bias": torch.zeros(1)}
NAMES = {"a.weight": "one.safetensors", "b.weight": "two.safetensors", "a.bias": "one.safetensors"}


def index(folder, names=NAMES):
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return path


@pytest.fixture
def folder(tmp_path):
    for name in set(NAMES.values()):
        part = {key: STATE[key] for key in STATE if NAMES[key] == name}
        safetensors_torch.save_file(part, tmp_path / name)
    index(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["model.safetensors.index.json", "."])
def test_index_or_directory_gives_all_tensors(folder, name):
    """The entry has each file with its hash, and reads them as one state dict."""
    entry = WeightEntry.from_file(folder / name)

    assert ["one.safetensors", "two.safetensors"] == [file.name for file in entry.files]
    assert all(file.is_pinned and file.size for file in entry.files)
    found = entry.state_dict()
    assert STATE.keys() == found.keys()
    assert all(torch.equal(STATE[key], found[key]) for key in STATE)


def test_directory_may_name_its_index_otherwise(folder):
    """As before a model is published; of several, the one of safetensors counts."""
    (folder / "model.safetensors.index.json").rename(folder / "net.safetensors.index.json")
    (folder / "a.bin.index.json").write_text('{"weight_map": {"a.weight": "absent.bin"}}')

    assert STATE.keys() == WeightEntry.from_file(folder).state_dict().keys()


def test_index_that_is_too_large_is_not_read(folder):
    """A hostile one does not fill the memory."""
    with (folder / "model.safetensors.index.json").open("wb") as index:
        index.truncate((64 << 20) + 1)
    with pytest.raises(CheckpointError, match="it is too large"):
        WeightEntry.from_file(folder)


@pytest.mark.parametrize("name", ["../one.safetensors", "/etc/passwd", "..", "", "a\\b", 3, None])
def test_index_names_only_files_beside_it(folder, name):
    """A hostile one leads nowhere else."""
    with pytest.raises(CheckpointError, match="weight_map"):
        WeightEntry.from_file(index(folder, {"a.weight": name}))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": 3}', "[" * 9**5]
)
def test_index_that_is_none(folder, text):
    """It is named."""
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"index\.json"):
        WeightEntry.from_file(folder)


def test_missing_shard_is_named(folder):
    """Before anything is read."""
    (folder / "two.safetensors").unlink()
    with pytest.raises(MissingFileError, match=r"two\.safetensors"):
        WeightEntry.from_file(folder)


def test_name_that_no_file_can_have_is_missing(folder):
    """A name that is too long is one of a missing file, not an error of the system."""
    with pytest.raises(MissingFileError, match="nnn"):
        WeightEntry.from_file(index(folder, {"a.weight": "n" * 5000}))


def test_directory_without_an_index(tmp_path):
    """It is no checkpoint; of torch.distributed.checkpoint, the error says what reads it."""
    with pytest.raises(MissingFileError, match=r"model\.safetensors\.index\.json does not exist"):
        WeightEntry.from_file(tmp_path)
    (tmp_path / ".metadata").touch()
    with pytest.raises(CheckpointError, match="dapi convert .*pip install dapi-devkit"):
        WeightEntry.from_file(tmp_path)
