"""Checkpoints: tensors only, verified before they are read, and clear errors for all else."""

import mmap
import os
import pickle
import zipfile

import pytest

import dapi
from dapi import File, WeightEntry
from dapi.exceptions import CheckpointError, HashMismatchError

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


def save(path, layout, state=STATE):
    if layout == "safetensors":
        path = path / "net.safetensors"
        safetensors_torch.save_file(state, path)
    else:
        path = path / "net.pth"
        torch.save(state, path, _use_new_zipfile_serialization=layout == "zip")
    return path


@pytest.mark.parametrize("layout", ["safetensors", "zip", "legacy"])
def test_state_dict_is_what_was_saved(tmp_path, layout):
    """Every layout that weights are published in gives back the tensors."""
    found = WeightEntry.from_file(save(tmp_path, layout)).state_dict()

    assert list(STATE) == sorted(found, key=list(STATE).index)
    assert all(torch.equal(STATE[key], found[key]) for key in STATE)


@pytest.mark.parametrize("layout", ["safetensors", "zip", "legacy"])
@pytest.mark.parametrize("keep", [0, 10, 120, -1])
def test_truncated_file_is_told(tmp_path, layout, keep):
    """A truncated checkpoint names the file and the entry; the process lives."""
    path = save(tmp_path, layout)
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(CheckpointError, match=rf"WeightEntry\(.*\(file: {path}\)"):
        WeightEntry.from_file(path).state_dict()


def test_web_page_is_recognized(tmp_path):
    """What a captive portal serves instead of a file is called what it is."""
    path = tmp_path / "net.pth"
    path.write_text("<!DOCTYPE html><html>Please log in</html>")

    with pytest.raises(CheckpointError, match="web page"):
        WeightEntry.from_file(path).state_dict()


class Payload:
    """Calls a function when it is unpickled."""

    def __init__(self, function=print):
        self.function = function

    def __reduce__(self):
        return self.function, ("echo a payload ran",)


@pytest.mark.parametrize("layout", ["zip", "legacy"])
@pytest.mark.parametrize("function", [print, os.system])
def test_pickled_code_never_runs(tmp_path, layout, function, capfd):
    """A pickle that would run code is refused with the code's name, and does not run."""
    path = save(tmp_path, layout, {"weight": Payload(function)})

    with pytest.raises(CheckpointError, match=rf"it holds [\w.]*{function.__name__}, and only"):
        WeightEntry.from_file(path).state_dict()
    assert "" == capfd.readouterr().out


def test_plain_pickle_is_refused(tmp_path):
    """A file that only pretends to be a checkpoint is refused."""
    path = tmp_path / "net.pth"
    path.write_bytes(pickle.dumps(Payload()))

    with pytest.raises(CheckpointError):
        WeightEntry.from_file(path).state_dict()


def test_deflated_zip_is_refused(tmp_path):
    """A small compressed file could unpack to anything."""
    path = save(tmp_path, "zip")
    bomb = tmp_path / "bomb.pth"
    with (
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.namelist():
            target.writestr(member, source.read(member))

    with pytest.raises(CheckpointError, match="compressed"):
        WeightEntry.from_file(bomb).state_dict()


@pytest.mark.parametrize(
    "content", [[STATE["weight"]], {"state_dict": STATE, "epoch": 3}, {1: STATE["weight"]}, 5]
)
def test_what_is_no_state_dict_is_refused(tmp_path, content):
    """Tensors by key, and nothing around them."""
    with pytest.raises(CheckpointError, match="dict of tensors"):
        WeightEntry.from_file(save(tmp_path, "zip", content)).state_dict()


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_quantized_tensors_are_read(tmp_path, layout):
    """So is what quantized layers put beside them: packed parameters, and their type."""
    tensor = torch._make_per_tensor_quantized_tensor(torch.tensor([[3]], dtype=torch.int8), 0.5, 0)
    packed = {"fc._packed_params._packed_params": (tensor, None)}
    state_dict = {"weight": tensor, **packed, "fc._packed_params.dtype": torch.qint8}
    found = WeightEntry.from_file(save(tmp_path, layout, state_dict)).state_dict()

    assert state_dict.keys() == found.keys()
    assert torch.equal(tensor.int_repr(), found["weight"].int_repr())
    assert torch.qint8 == found["fc._packed_params.dtype"]


def test_nothing_is_read_before_its_hash_is_checked(tmp_path, monkeypatch):
    """A file that is not what its entry says is not even opened as a checkpoint."""
    path = save(tmp_path, "zip")
    entry = WeightEntry.from_file(path)
    save(tmp_path, "zip", {"weight": Payload()})
    monkeypatch.setattr(torch, "load", lambda *args, **options: pytest.fail("it was read"))

    with pytest.raises(HashMismatchError, match="net.pth"):
        entry.state_dict()


def test_unknown_format_is_told(tmp_path):
    """A suffix that nobody reads is an error that names it."""
    path = tmp_path / "net.gguf"
    path.write_bytes(b"GGUF")

    with pytest.raises(CheckpointError, match="'gguf'"):
        WeightEntry.from_file(path).state_dict()


def test_format_of_a_distribution_is_used(tmp_path, advertise):
    """A distribution may say how its format is read."""
    advertise(
        "acme-formats",
        "[dapi.formats]\nnpz = acme_npz:read\n",
        acme_npz="import torch\n"
        "def read(path):\n    return {'size': torch.tensor(path.stat().st_size)}\n",
    )
    path = tmp_path / "net.npz"
    path.write_bytes(b"12345")

    assert 5 == WeightEntry.from_file(path).state_dict()["size"].item()


def test_what_a_distribution_read_is_not_shared_with_it(tmp_path, advertise):
    """It may keep what it read, or map the file: training does not reach that."""
    advertise(
        "acme-formats",
        "[dapi.formats]\nkept = acme_kept:read\n",
        acme_kept="import torch\nKEPT = {'weight': torch.zeros(2, 2), 'bias': torch.zeros(2)}\n"
        "def read(path):\n    return KEPT\n",
    )
    path = tmp_path / "net.kept"
    path.write_bytes(b"12345")
    one, other = (
        dapi.build_model(torch.nn.Linear, 2, 2, weights=WeightEntry.from_file(path))
        for _ in range(2)
    )
    with torch.no_grad():
        one.weight.add_(1)

    assert not other.weight.any()
    assert not WeightEntry.from_file(path).state_dict()["weight"].any()


@pytest.mark.skipif(os.name == "nt", reason="torch has no such option there")
def test_writing_never_reaches_a_file_that_others_would_share(tmp_path):
    """Even where somebody told torch to map files so."""
    path = tmp_path / "net.pth"
    torch.save(STATE, path)
    content = path.read_bytes()
    with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        for tensor in WeightEntry.from_file(path).state_dict().values():
            tensor.zero_()

    assert content == path.read_bytes()


def test_several_files_make_one_state_dict(tmp_path):
    """A checkpoint in parts is read as one."""
    files = []
    for key, tensor in STATE.items():
        path = tmp_path / f"{key}.safetensors"
        safetensors_torch.save_file({key: tensor}, path)
        files.append(File(path.as_uri()))

    assert set(STATE) == set(WeightEntry(tuple(files)).state_dict())
