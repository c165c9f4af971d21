"""Checkpoints: tensors only, verified before they are read, and clear errors for all else."""

import errno
import gc
import mmap
import os
import pickle
import random
import sys
import zipfile
from pathlib import Path

import pytest

import dapi
from dapi import File, WeightEntry, cache
from dapi.exceptions import (
    CheckpointError,
    DapiError,
    HashMismatchError,
    PlaceholderError,
    RebuildError,
    UnreadableFileError,
)

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}
NOISE = random.Random(0).randbytes(64)


def save(path, layout, state=STATE):
    path.mkdir(exist_ok=True)
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

    with pytest.raises(PlaceholderError, match="web page"):
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

    with pytest.raises(
        CheckpointError, match=rf"it contains [\w.]*{function.__name__}, but dapi reads only"
    ):
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


@pytest.mark.parametrize("content", [[STATE["weight"]], {"epoch": 3}, {1: STATE["weight"]}, 5])
def test_what_is_no_state_dict_is_refused(tmp_path, content):
    """Tensors by key, and nothing around them."""
    with pytest.raises(CheckpointError, match="dict of tensors"):
        WeightEntry.from_file(save(tmp_path, "zip", content)).state_dict()


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
# pickle asks every imported module for the type, and one of torch's warns when it is asked.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:FutureWarning")
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


def test_zip_with_two_lists_of_members_is_refused(tmp_path):
    """Python reads the list before the end, torch the one that the end points to."""
    real = save(tmp_path / "real", "zip", {"weight": torch.zeros(1 << 16)}).read_bytes()
    shown = save(tmp_path / "shown", "zip").read_bytes()
    assert shown[-98:].startswith(b"PK\x06\x06") and shown[-42:].startswith(b"PK\x06\x07")
    where = (len(real) - 98).to_bytes(8, "little")
    path = tmp_path / "net.pth"
    path.write_bytes(real + shown[:-34] + where + shown[-26:])
    with zipfile.ZipFile(path) as archive:
        assert all(member.file_size < 1 << 10 for member in archive.infolist())
    assert 1 << 16 == torch.load(path, weights_only=True)["weight"].numel()

    with pytest.raises(CheckpointError, match="several lists of its members"):
        WeightEntry.from_file(path).state_dict()


@pytest.mark.parametrize("where", ["before", "after"])
def test_zip_with_something_around_it_is_refused(tmp_path, where):
    """Readers differ in what they make of it."""
    path = save(tmp_path, "zip")
    content = path.read_bytes()
    path.write_bytes(b"PK\x03\x04" + content if where == "before" else content + b"more")

    with pytest.raises(CheckpointError, match="before or after it|follows it|several lists"):
        WeightEntry.from_file(path).state_dict()


@pytest.mark.parametrize("name", ["net.pth.tar", "net.th", "net.model", "net", "net.safetensors"])
@pytest.mark.parametrize("layout", ["safetensors", "zip", "legacy"])
def test_content_says_what_a_file_is(tmp_path, layout, name):
    """Whatever it is called: people name checkpoints in many ways, and some wrongly."""
    found = WeightEntry.from_file(save(tmp_path, layout).rename(tmp_path / name)).state_dict()

    assert all(torch.equal(STATE[key], found[key]) for key in STATE)


def test_safetensors_may_be_called_pth(tmp_path):
    """Torch would advise to load it without care."""
    path = save(tmp_path, "safetensors").rename(tmp_path / "net.pth")

    assert set(STATE) == set(WeightEntry.from_file(path).state_dict())


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_torchscript_archive_is_named(tmp_path):
    """One that torch wrote: its code is compressed, which is not what is wrong with it."""
    torch.jit.trace(torch.nn.Linear(3, 2), torch.rand(1, 3)).save(tmp_path / "net.pt")

    with pytest.raises(CheckpointError, match="TorchScript archive, which contains code"):
        WeightEntry.from_file(tmp_path / "net.pt").state_dict()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"<?xml version='1.0'?><Error/>", "an XML document"),
        (b"GGUF\x03", r"a GGUF file: name it \*.gguf, and run pip install 'dapi-devkit\[gguf\]'"),
        (pickle.dumps({"weight": [1.0]}), "a pickle that torch.save did not write"),
        (NOISE, "neither a safetensors file nor one of torch.save"),
        (b"PK\x03\x04", "it is truncated"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, content, reason):
    """As what it is, as far as its first bytes say."""
    path = tmp_path / "net.pth"
    path.write_bytes(content)

    with pytest.raises(CheckpointError, match=reason):
        WeightEntry.from_file(path).state_dict()


def test_arrays_of_numpy_are_named(tmp_path):
    """With what reads them."""
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
        archive.writestr("weight.npy", b"")

    with pytest.raises(CheckpointError, match="an .npz file.*pip install dapi-devkit"):
        WeightEntry.from_file(tmp_path / "net.pth").state_dict()


@pytest.mark.parametrize("content", [{"a": Payload()}, {"a": {1, 2}}, pickle.loads, b"\x80\x02]."])
@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_advice_to_run_what_a_file_holds_is_never_passed_on(tmp_path, layout, content):
    """Torch's own error says that ``weights_only=False`` will likely succeed."""
    path = save(tmp_path, layout, content)
    if content == b"\x80\x02].":  # a file that breaks off in the middle of its pickle
        path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(CheckpointError) as caught:
        WeightEntry.from_file(path).state_dict()
    assert "weights_only" not in str(caught.value)
    assert "likely" not in str(caught.value)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 9\n" % (b"0" * 64)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors", "net.model"])
def test_pointer_of_git_lfs_is_named_with_the_remedy(tmp_path, name):
    """Whoever checked a repository out without it has small text files."""
    path = tmp_path / name
    path.write_bytes(POINTER)

    with pytest.raises(DapiError, match=r"(?s)Git LFS pointer.*git lfs pull"):
        WeightEntry.from_file(path).state_dict()
    if name == "net.safetensors":
        with pytest.raises(RebuildError, match="Git LFS pointer, not the file.*git lfs pull"):
            dapi.load(path)


class TestUnpinned:
    """A file without a full hash is kept unless it is to blame."""

    @pytest.fixture
    def publish(self, download):
        """Put content into the cache under a URL without a hash."""

        def put(content, name="net.pth"):
            entry = WeightEntry(f"https://localhost:1/{name}")
            download(entry.files[0], content)
            return entry

        return put

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"<!DOCTYPE html>Please log in", "a web page"),
            (b"/annex/objects/SHA256E-s9--00", "git-annex pointer"),
            (NOISE, "it is damaged"),
        ],
    )
    def test_file_that_is_none_is_removed_with_its_reason(self, publish, content, reason):
        """And the error says that the next call downloads it again."""
        entry = publish(content)

        with pytest.raises(CheckpointError, match=rf"{reason}.*downloads it again") as caught:
            entry.state_dict()
        assert not caught.value.path.exists()
        assert cache.find(entry.files[0]) is None

    @pytest.mark.parametrize("name", ["net.pth.tar", "net.th", "net.model", "net"])
    def test_answer_in_place_of_a_file_is_not_kept(self, publish, name):
        """Whatever people call files of torch: none of these suffixes is another format."""
        entry = publish(b'{"error": "quota exceeded"}', name)

        with pytest.raises(CheckpointError, match="downloads it again"):
            entry.state_dict()
        assert cache.find(entry.files[0]) is None

    def test_file_that_others_may_read_is_kept(self, publish):
        """A distribution that is installed later may know the format."""
        entry = publish(b"\x89HDF", "net.h5")

        with pytest.raises(CheckpointError, match="'h5'"):
            entry.state_dict()
        assert cache.find(entry.files[0]) is not None

    @pytest.mark.parametrize(
        "cause",
        [
            MemoryError(),
            OSError(errno.EIO, "Input/output error"),
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        ],
        ids=lambda cause: type(cause).__name__,
    )
    def test_file_is_kept_when_the_machine_gives_out(self, publish, tmp_path, monkeypatch, cause):
        """It is not downloaded again, and the error blames what is to blame."""

        def fail(*args, **options):
            raise cause

        entry = publish(save(tmp_path, "legacy").read_bytes())
        with monkeypatch.context() as context:
            context.setattr(torch, "load", fail)
            with pytest.raises(UnreadableFileError, match="could not be read on this machine"):
                entry.state_dict()

        assert set(STATE) == set(entry.state_dict())

    @pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory")
    @pytest.mark.parametrize("layout", ["zip", "legacy", "safetensors"])
    def test_file_is_kept_when_memory_is_short(self, publish, tmp_path, monkeypatch, layout):
        """As torch itself says it."""
        import resource

        monkeypatch.setenv("DAPI_MMAP", "0")
        path = save(tmp_path, layout, {"weight": torch.zeros(1 << 26)})
        entry = publish(path.read_bytes(), path.name)
        gc.collect()  # torch.save of 2.6 keeps the tensor in a cycle
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), limits[1]))
        try:
            with pytest.raises(UnreadableFileError, match="memory"):
                entry.state_dict()
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)

        assert cache.find(entry.files[0]) is not None

    def test_nothing_is_removed_offline(self, publish, monkeypatch):
        """Nobody could bring it back."""
        entry = publish(NOISE)
        monkeypatch.setenv("DAPI_OFFLINE", "1")

        for _ in range(2):
            with pytest.raises(CheckpointError, match="it is damaged"):
                entry.state_dict()


@pytest.mark.parametrize("layout", ["safetensors", "zip", "legacy"])
@pytest.mark.parametrize("device", ["meta", "default meta"])
def test_state_dict_is_in_memory_whatever_the_default_device(tmp_path, layout, device):
    """A device context, or torch's default device, is where models are made, not files read."""
    entry = WeightEntry.from_file(save(tmp_path, layout))
    try:
        if device == "meta":
            with torch.device("meta"):
                found = entry.state_dict()
        else:
            torch.set_default_device("meta")
            found = entry.state_dict()
    finally:
        torch.set_default_device(None)

    assert all(torch.equal(STATE[key], found[key]) for key in STATE)


def test_unknown_format_is_told(tmp_path):
    """A suffix that nobody reads is an error that names it."""
    path = tmp_path / "net.h5"
    path.write_bytes(b"\x89HDF")

    with pytest.raises(CheckpointError, match="'h5'"):
        WeightEntry.from_file(path).state_dict()


def test_format_of_a_distribution_is_used(tmp_path, advertise):
    """A distribution may say how its format is read."""
    advertise(
        "acme-formats",
        "[dapi.formats]\nstack = acme_stack:read\n",
        acme_stack="import torch\n"
        "def read(path):\n    return {'size': torch.tensor(path.stat().st_size)}\n",
    )
    path = tmp_path / "net.stack"
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


def test_key_in_two_files_is_named_with_both(tmp_path):
    """Which of the two values is meant, nobody can tell."""
    paths = [tmp_path / "one.safetensors", tmp_path / "other.safetensors"]
    safetensors_torch.save_file(STATE, paths[0])
    safetensors_torch.save_file({"bias": STATE["bias"]}, paths[1])

    with pytest.raises(
        CheckpointError,
        match=r"one\.safetensors and other\.safetensors both have the key 'bias'.*prefix=",
    ):
        WeightEntry(tuple(File(path.as_uri()) for path in paths)).state_dict()


def test_each_file_has_its_prefix(tmp_path):
    """Networks with the same keys, a file each, become the parts of one model."""
    parts = {name: torch.nn.BatchNorm1d(2) for name in ("one", "other")}
    files = []
    for name, part in parts.items():
        torch.nn.init.normal_(part.weight)
        torch.save(part.state_dict(), tmp_path / f"{name}.bin")
        files.append(File((tmp_path / f"{name}.bin").as_uri(), prefix=f"{name}."))
    found = WeightEntry(files).state_dict()

    whole = torch.nn.ModuleDict(parts).state_dict()
    assert list(whole) == list(found)
    assert all(torch.equal(whole[key], found[key]) for key in whole)
    assert [2, 2] == [found._metadata[name]["version"] for name in parts]


def test_files_of_one_name_are_told_apart_by_their_prefixes(tmp_path):
    """Other people name their files alike, in a folder each."""
    files = []
    for name in ("one", "other"):
        path = tmp_path / name / "model.safetensors"
        path.parent.mkdir()
        safetensors_torch.save_file(STATE, path)
        files.append(File(path.as_uri(), prefix=f"{name}."))

    found = {path.name for path in WeightEntry(files).fetch().iterdir()}
    assert {"one.model.safetensors", "other.model.safetensors"} == found


def test_versions_of_several_files_are_kept(tmp_path):
    """What modules dispatch on, each file knows of its own modules."""
    files = []
    for name in ("one", "other"):
        part = torch.nn.ModuleDict({name: torch.nn.BatchNorm1d(2)}).state_dict()
        torch.save(part, tmp_path / f"{name}.bin")
        files.append(File((tmp_path / f"{name}.bin").as_uri()))
    found = WeightEntry(tuple(files)).state_dict()

    assert [2, 2] == [found._metadata[name]["version"] for name in ("one", "other")]
