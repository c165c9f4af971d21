"""``dapi convert``: files of others as safetensors, equal to the bit; nothing in them is run."""

import argparse
import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
import torch

import dapi
from dapi import WeightEntry
from dapi._cli import main
from dapi.devkit import _convert
from dapi.devkit.conversion import arrays, worker
from dapi.devkit.exceptions import ProjectExistsError

STATE = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict()
OTHER = {"weight": torch.ones(2)}
LAYOUTS = pytest.mark.parametrize("layout", ["zip", "legacy"])


def save(path, content, layout="zip"):
    torch.save(content, path, _use_new_zipfile_serialization=layout == "zip")
    return path


def converted(path, take=None):
    """Convert in this process; return the tensors and the facts."""
    target = path.with_name("made.safetensors")
    facts = worker.convert(path, target, take)
    return WeightEntry.from_file(target).state_dict(), facts


def same(expected, found):
    assert expected.keys() == found.keys()
    for key, tensor in expected.items():
        assert (tensor.dtype, tensor.shape) == (found[key].dtype, found[key].shape)
        one, other = (each.contiguous().reshape(-1) for each in (tensor.data, found[key]))
        assert torch.equal(one.view(torch.uint8), other.view(torch.uint8)), key


def run(capsys, *words):
    status = main(["convert", *map(str, words)])
    return status, capsys.readouterr()


def test_file_that_holds_more_than_tensors(capsys, tmp_path):
    """Its tensors are written, verified and described; what was left out is named."""
    state = STATE.copy()
    state._metadata = {"": {"version": 2}}
    content = {"epoch": 3, "args": argparse.Namespace(lr=0.1), "state_dict": state}
    status, printed = run(capsys, save(tmp_path / "net.ckpt", content))

    assert 0 == status, printed.err
    target = tmp_path / "net.safetensors"
    same(STATE, WeightEntry.from_file(target).state_dict())
    assert hashlib.sha256(target.read_bytes()).hexdigest() in printed.out
    entry = eval(printed.out.partition("\n#")[0], vars(dapi))
    same(STATE, entry.state_dict())
    assert {"": 2} == dict(entry.build.code_version)
    assert "# Taken from state_dict." in printed.out
    assert "# Left out: args (argparse.Namespace)." in printed.out
    assert "not imported: argparse.Namespace." in printed.out
    assert 0o666 & ~umask() == target.stat().st_mode & 0o777
    assert {"net.ckpt", "net.safetensors"} == {path.name for path in tmp_path.iterdir()}


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_modules_beside_a_file_are_not_imported(capsys, tmp_path, monkeypatch):
    """Whoever unpacks an archive and converts what is in it is in its directory."""
    path = save(tmp_path / "net.pth", OTHER)
    for name in ("json", "torch", "resource"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a payload ran')")
    monkeypatch.chdir(tmp_path)
    status, printed = run(capsys, path.name)

    assert 0 == status, printed.err
    same(OTHER, WeightEntry.from_file(tmp_path / "net.safetensors").state_dict())


def test_tensors_are_aligned(tmp_path):
    """So that they can be mapped."""
    path = save(tmp_path / "net.pth", {"odd": torch.ones(3), "even": torch.ones(64)})
    converted(path)
    content = (tmp_path / "made.safetensors").read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])

    assert 0 == (start + header["even"]["data_offsets"][0]) % 64


def test_prints_json(capsys, tmp_path):
    """As the published schema says."""
    jsonschema = pytest.importorskip("jsonschema")
    path = save(tmp_path / "net.ckpt", {"model": {"ema": STATE, "raw": OTHER}, "epoch": 3})
    words = (path, "--json", "--output", tmp_path / "out.safetensors", "--take", "model", "raw")
    status, printed = run(capsys, *words)

    assert 0 == status, printed.err
    document = json.loads(printed.out)
    schema = json.loads(
        Path(__file__).parents[3].joinpath("docs/command-line.schema.json").read_text()
    )
    jsonschema.validate(document, {**schema, "$ref": "#/$defs/convert"})
    assert {"model.ema": "7 tensors", "epoch": "int"} == document["left_out"]
    assert (["model", "raw"], 1) == (document["take"], document["tensors"])
    if sys.platform == "linux":
        assert ["disk", "memory"] == document["limits"]


@LAYOUTS
def test_every_type_and_layout_of_a_tensor(tmp_path, layout):
    """Views, shared and strange ones are what PyTorch's own reader makes of them."""
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        str(dtype).removeprefix("torch."): torch.tensor([0, 1, 1]).to(dtype)
        for dtype in (
            torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
            torch.int8, torch.uint8, torch.bool, torch.complex64,
        )
    }  # fmt: skip
    state |= {
        "base": base, "part": base[1:3, 2:], "turned": base.T, "spread": base[0].expand(2, 6),
        "again": base, "scalar": torch.tensor(3.0), "empty": torch.empty(0, 2),
        "parameter": torch.nn.Parameter(torch.ones(2)), "nan": torch.tensor([float("nan"), -0.0]),
    }  # fmt: skip
    state["named"] = torch.nn.Parameter(torch.ones(2))
    state["named"].origin = "somebody"
    if layout == "zip":
        state["float8"] = torch.ones(2).to(torch.float8_e4m3fn)
        state["uint16"] = torch.tensor([1, 65535], dtype=torch.uint16)
    found, _ = converted(save(tmp_path / "net.pth", {"model": state}, layout))

    same(state, found)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")
@LAYOUTS
def test_model_that_was_pickled_whole(tmp_path, layout):
    """Its parameters and buffers are found without its class, which may be gone."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.nothing = torch.nn.Linear(2, 3), None
            self.register_buffer("kept", torch.ones(2))
            self.register_buffer("hidden", torch.ones(2), persistent=False)
            self.register_parameter("absent", None)

    Net.__qualname__ = "Net"
    globals()["Net"] = Net
    net = Net()
    path = save(tmp_path / "net.pt", {"model": net, "names": {0: "a"}}, layout)
    del globals()["Net"]
    found, facts = converted(path)

    same(net.state_dict(), found)
    assert ["model"] == facts["take"]
    assert any(name.endswith(".Net") for name in facts["not_imported"])


def test_versions_that_would_be_lost_are_told(tmp_path):
    """Of modules that dispatch on them; not of a norm that has the new key."""
    state = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict()
    state._metadata[""]["version"] = 2

    assert {"": 2} == converted(save(tmp_path / "net.pth", state))[1]["versions"]


def test_directory_of_torch_distributed(tmp_path):
    """Equal to what its own reader gives; the number beside it is left out."""
    checkpoint = pytest.importorskip("torch.distributed.checkpoint")
    with pytest.warns(UserWarning):
        checkpoint.save({"model": STATE, "epoch": 3}, checkpoint_id=tmp_path / "saved")
    expected = {"model": {key: torch.zeros_like(value) for key, value in STATE.items()}}
    with pytest.warns(UserWarning):
        checkpoint.load(expected, checkpoint_id=tmp_path / "saved")
    found, facts = converted(tmp_path / "saved")

    same(expected["model"], found)
    assert ["model"] == facts["take"]
    assert ["epoch"] == list(facts["left_out"])


def sharded(folder, pieces, *, name="__0_0.distcp"):
    """Write a directory as several processes do: a tensor in pieces of rows."""
    from torch.distributed.checkpoint import filesystem, metadata

    folder.mkdir()
    chunks, places, begin = [], {}, 0
    with (folder / "__0_0.distcp").open("wb") as stream:
        for at, piece in pieces:
            torch.save(piece, stream)
            offsets = torch.Size((at, 0))
            chunks.append(metadata.ChunkStorageMetadata(offsets, piece.shape))
            info = filesystem._StorageInfo(name, begin, stream.tell() - begin)
            places[metadata.MetadataIndex("weight", offsets)] = info
            begin = stream.tell()
    tensor = metadata.TensorStorageMetadata(
        metadata.TensorProperties(torch.float32), torch.Size((4, 2)), chunks
    )
    facts = metadata.Metadata({"weight": tensor}, storage_data=places)
    (folder / ".metadata").write_bytes(pickle.dumps(facts))
    return folder


def test_pieces_of_a_tensor_are_put_together(tmp_path):
    """Where they belong; what they do not fill is an error."""
    whole = torch.arange(8.0).reshape(4, 2)
    found, _ = converted(sharded(tmp_path / "whole", [(2, whole[2:]), (0, whole[:2].clone())]))

    same({"weight": whole}, found)
    for name, pieces in {
        "holes": [(0, whole[:2].clone())],
        "overlap": [(0, whole[:2].clone()), (1, whole[2:].clone())],
    }.items():
        with pytest.raises(ValueError, match="do not fill it"):
            converted(sharded(tmp_path / name, pieces))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", ""])
def test_list_of_a_directory_names_only_files_in_it(tmp_path, name):
    """A hostile one leads nowhere else."""
    folder = sharded(tmp_path / "saved", [(0, torch.zeros(4, 2))], name=name)
    with pytest.raises(ValueError, match="not in the directory"):
        converted(folder)


def test_list_of_a_directory_runs_nothing(tmp_path, capfd):
    """PyTorch's own reader would: the list is a pickle."""
    (tmp_path / ".metadata").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="not one of torch.distributed.checkpoint"):
        converted(tmp_path)
    assert "" == capfd.readouterr().out


def test_safetensors_keeps_its_header(tmp_path):
    """A file of ``dapi.save`` stays one."""
    model = dapi.get_model("resnet20_v2")
    dapi.save(model, tmp_path / "net.safetensors")
    found, _ = converted(tmp_path / "net.safetensors")

    same(model.state_dict(), found)
    same(model.state_dict(), dapi.load(tmp_path / "made.safetensors").state_dict())


def test_formats_that_dapi_core_reads(tmp_path):
    """Arrays of numpy, and an index of several files."""
    np = pytest.importorskip("numpy")
    np.savez(tmp_path / "net.npz", **{key: value.numpy() for key, value in STATE.items()})
    same(dict(STATE), converted(tmp_path / "net.npz")[0])

    for name in ("0.weight", "0.bias"):
        save(tmp_path / f"{name}.bin", {name: STATE[name]})
    names = {name: f"{name}.bin" for name in ("0.weight", "0.bias")}
    (tmp_path / "net.bin.index.json").write_text(json.dumps({"weight_map": names}))
    same({name: STATE[name] for name in names}, converted(tmp_path / "net.bin.index.json")[0])


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_of_numpy_in_a_pickle(tmp_path, protocol):
    """As of detectron2's zoo: equal to the bit; arrays of objects are left out."""
    np = pytest.importorskip("numpy")
    numbers = {
        "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "in columns": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        "half": np.ones(3, np.float16),
        "truth": np.array([True, False]),
        "empty": np.zeros((0, 3), np.int64),
        "scalar": np.array(3, np.int32),
    }
    objects = {"objects": np.array([Bomb()], object), "number": np.float64(3)}
    content = {"model": {**numbers, **objects}, "__author__": "somebody"}
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(content, protocol))
    found, facts = converted(tmp_path / "net.pkl")

    same({key: torch.from_numpy(value) for key, value in numbers.items()}, found)
    assert {"__author__", "model.objects", "model.number"} == facts["left_out"].keys()


def test_arrays_of_python_2(tmp_path):
    """Their bytes are text there."""
    content = (
        b"\x80\x02}q\x00U\x01wcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
        b"U\x01b\x87R(K\x01K\x01\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x04\xdb\x0f\x49\x40tbs."
    )
    (tmp_path / "net.pkl").write_bytes(content)

    assert torch.equal(torch.tensor([torch.pi]), converted(tmp_path / "net.pkl")[0]["w"])


@pytest.mark.parametrize(
    ("kind", "shape", "content"),
    [("f4", (3,), b"1234"), ("f4", (1 << 62,), b"1234"), ("f8", (), b""), ("f4", (), b"12345")],
)
def test_hostile_arrays_are_refused(kind, shape, content):
    """Their bytes must be those of their shape."""
    array = arrays.Array()
    array.__setstate__((1, shape, arrays.Kind(kind), False, content))

    with pytest.raises(ValueError, match="not those of its shape"):
        array.load()


def test_several_state_dicts_need_a_choice(tmp_path):
    """The error has the options; with one, that is taken."""
    path = save(tmp_path / "net.ckpt", {"model": STATE, "ema": STATE.copy()})
    with pytest.raises(ValueError, match=r"--take model \(7 tensors\) or --take ema \(7 tensors\)"):
        converted(path)
    assert ["ema"] == converted(path, ["ema"])[1]["take"]
    with pytest.raises(ValueError, match="no tensors there. To choose: --take model"):
        converted(path, ["absent"])


class Bomb:
    def __reduce__(self):
        return os.system, ("echo a payload ran",)


def test_choice_is_a_command_whatever_the_keys_are(tmp_path):
    """A stranger wrote the keys; whoever copies the command runs nothing of theirs."""
    path = save(tmp_path / "net.ckpt", {"model": OTHER, "ema; touch x": OTHER.copy()})
    with pytest.raises(ValueError, match=r"--take 'ema; touch x' \(1 tensor\)"):
        converted(path)


@LAYOUTS
def test_code_in_a_file_is_not_run(capfd, tmp_path, layout):
    """The tensors beside it are still written, and the function is named."""
    path = save(tmp_path / "net.ckpt", {"model": STATE, "bomb": Bomb()}, layout)
    found, facts = converted(path)

    assert "" == capfd.readouterr().out
    assert ["posix.system"] == facts["not_imported"]
    assert {"bomb": "posix.system"} == facts["left_out"]
    same(STATE, found)


def archive(path, pickled, **numbers):
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("net/data.pkl", pickled)
        for key, content in numbers.items():
            target.writestr(f"net/data/{key.strip('_')}", content)
    return path


def tensor(size, stride, offset=0, count=4, kind="FloatStorage", key="0"):
    """Return the pickle of a state dict with one tensor."""
    storage = f"((S'storage'\nctorch\n{kind}\nS'{key}'\nS'cpu'\nI{count}\ntQ"
    shape = "".join("(" + "".join(f"I{n}\n" for n in each) + "t" for each in (size, stride))
    made = f"ctorch._utils\n_rebuild_tensor_v2\n{storage}I{offset}\n{shape}I00\nNtR"
    return f"(dS'weight'\n{made}s.".encode()


HOSTILE = {
    "behind its numbers": (tensor((5,), (1,)), "behind its numbers"),
    "behind them by steps": (tensor((2, 2), (3, 1)), "behind its numbers"),
    "behind them at once": (tensor((1,), (1,), offset=1 << 60), "behind its numbers"),
    "more numbers than there are": (tensor((8,), (1,), count=8), "ends before its tensors"),
    "numbers that are missing": (tensor((4,), (1,), key="../0"), "lacks the numbers"),
    "no state dict": (b"N.", "no tensors by key"),
    "no tensors": (b"(dS'a'\nI1\ns.", "no tensors by key"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archive_is_refused(tmp_path, what):
    """No memory outside of the file's numbers is read."""
    pickled, reason = HOSTILE[what]
    with pytest.raises(ValueError, match=reason):
        converted(archive(tmp_path / "net.pth", pickled, _0=struct.pack("<4f", 1, 2, 3, 4)))


def test_archive_is_what_the_hostile_ones_are_like(tmp_path):
    """Without anything wrong it is read."""
    path = archive(tmp_path / "net.pth", tensor((4,), (1,)), _0=struct.pack("<4f", 1, 2, 3, 4))

    assert [1, 2, 3, 4] == converted(path)[0]["weight"].tolist()


def test_module_nested_in_itself_ends(tmp_path):
    """Whoever follows it would never be done."""
    parts = "".join(f"S'{part}'\n(d" for part in ("_parameters", "_buffers"))
    inner = "(S'a'\ng0\nS'b'\ng0\nd"
    module = f"cacme\nNet\n)Rp0\n({parts}S'_modules'\n{inner}d"
    path = archive(tmp_path / "net.pth", f"{module}b.".encode())

    with pytest.raises(ValueError, match="nested endlessly"):
        converted(path)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_torchscript_is_refused(tmp_path):
    """It is code."""
    torch.jit.trace(torch.nn.Linear(3, 2), torch.rand(1, 3)).save(tmp_path / "net.pt")
    with pytest.raises(ValueError, match="TorchScript archive, which is code"):
        converted(tmp_path / "net.pt")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory")
def test_memory_is_bounded(capsys, tmp_path):
    """A file of 200 bytes that claims 64 GB ends in an error, and nothing is left behind."""
    pickled = tensor((1 << 34,), (0,))
    path = archive(tmp_path / "net.pth", pickled, _0=struct.pack("<4f", 1, 2, 3, 4))
    status, printed = run(capsys, path)

    assert 1 == status
    assert "far more memory than its size explains" in printed.err
    assert ["net.pth"] == [each.name for each in tmp_path.iterdir()]


@pytest.mark.parametrize("seconds", [1, pytest.param(15, marks=pytest.mark.slow)])
def test_time_is_bounded(capsys, tmp_path, seconds):
    """A key whose hash takes for ever: a tuple of tuples, each twice in the next."""
    nested = b"(I1\nI2\nt" + b"".join(b"p%d\n(g%d\ng%d\nt" % (n, n, n) for n in range(60))
    path = archive(tmp_path / "net.pth", b"(" + nested + b"I1\nd.")
    status, printed = run(capsys, path, "--seconds", seconds)

    assert 1 == status
    assert f"took longer than {seconds} s" in printed.err
    assert ["net.pth"] == [each.name for each in tmp_path.iterdir()]


def test_file_that_exists_is_not_replaced_unasked(capsys, tmp_path):
    """With --output it is; a wrong suffix is refused."""
    path = save(tmp_path / "net.pth", OTHER)
    (tmp_path / "net.safetensors").write_text("mine")

    assert 1 == main(["convert", str(path)])
    assert "mine" == (tmp_path / "net.safetensors").read_text()
    assert 0 == main(["convert", str(path), "--output", str(tmp_path / "net.safetensors")])
    same(OTHER, WeightEntry.from_file(tmp_path / "net.safetensors").state_dict())
    with pytest.raises(SystemExit):
        main(["convert", str(path), "--output", "net.pth"])
    assert 1 == main(["convert", str(tmp_path / "absent.pth")])
    assert "does not exist" in capsys.readouterr().err


def interrupted(capsys, tmp_path, words, act):
    """Convert, and act after the conversion began."""
    codes = []
    thread = Thread(target=lambda: codes.append(main(["convert", *map(str, words)])))
    thread.start()
    while thread.is_alive() and not any(tmp_path.glob(".net.safetensors-*")):
        sleep(0.01)
    act()
    thread.join()
    return codes[0], capsys.readouterr()


@pytest.mark.parametrize("words", [(), ("--output", "net.safetensors")])
def test_file_that_appears_meanwhile_is_kept(capsys, tmp_path, monkeypatch, words):
    """Also with --output: what may be replaced is what was there when the command began."""
    save(tmp_path / "net.pth", OTHER)
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "net.safetensors"
    appears = lambda: target.write_text("mine")  # noqa: E731
    status, printed = interrupted(capsys, tmp_path, ("net.pth", *words), appears)

    assert (1, "mine") == (status, target.read_text())
    assert "net.safetensors exists, and nothing is written over it" in printed.err
    assert {"net.pth", "net.safetensors"} == {path.name for path in tmp_path.iterdir()}


def test_file_that_changes_meanwhile_is_kept(capsys, tmp_path):
    """Somebody else wrote there."""
    path, target = save(tmp_path / "net.pth", OTHER), tmp_path / "net.safetensors"
    target.write_text("old")
    changes = lambda: target.write_text("mine")  # noqa: E731
    status, _ = interrupted(capsys, tmp_path, (path, "--output", target), changes)

    assert (1, "mine") == (status, target.read_text())


def test_two_conversions_to_one_file(capsys, tmp_path):
    """One of them writes it, and the other says that it exists."""
    words = ["convert", str(save(tmp_path / "net.pth", OTHER))]
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(main, [words, words]))

    assert [0, 1] == sorted(codes)
    assert "exists, and nothing is written over it" in capsys.readouterr().err
    same(OTHER, WeightEntry.from_file(tmp_path / "net.safetensors").state_dict())
    assert {"net.pth", "net.safetensors"} == {path.name for path in tmp_path.iterdir()}


def test_file_system_without_links(tmp_path, monkeypatch):
    """A file is put in its place, and one that is there is kept."""
    monkeypatch.setattr(os, "link", refuse_links)
    made, target = tmp_path / "made", tmp_path / "target"
    made.write_text("new")
    _convert._place(made, target, ())
    assert "new" == target.read_text()

    made.write_text("newer")
    with pytest.raises(ProjectExistsError):
        _convert._place(made, target, ())
    assert "new" == target.read_text()


def refuse_links(*_):
    raise PermissionError(1, "Operation not permitted")


def test_worker_starts_without_the_limits_of_a_platform(tmp_path):
    """As on Windows, which has no module resource; the result says what is limited."""
    job = {
        "source": str(save(tmp_path / "net.pth", OTHER)),
        "target": str(tmp_path / "made.safetensors"),
        "take": None,
    }
    code = (
        "import sys; sys.modules['resource'] = None\n"
        "from dapi.devkit.conversion import worker; worker.main(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, json.dumps(job)], check=True)

    facts = json.loads((tmp_path / "made.json").read_text())
    assert ([], 1) == (facts["limits"], facts["tensors"])
    same(OTHER, WeightEntry.from_file(tmp_path / "made.safetensors").state_dict())
    said = _convert._remarks(tmp_path, facts)
    assert "Not limited on this platform: memory and disk." == said[-1]


def test_file_that_cannot_be_written(capsys, tmp_path):
    """A missing directory, and a directory in the place of the file, are named."""
    path = save(tmp_path / "net.pth", OTHER)
    (tmp_path / "made.safetensors").mkdir()

    status, printed = run(capsys, path, "--output", tmp_path / "made.safetensors")
    assert (1, True) == (status, "made.safetensors exists" in printed.err)
    status, printed = run(capsys, path, "--output", tmp_path / "absent" / "net.safetensors")
    assert (1, True) == (status, "expected a file in an existing directory" in printed.err.lower())
    assert {"net.pth", "made.safetensors"} == {each.name for each in tmp_path.iterdir()}


def test_current_directory_is_written_beside_itself(capsys, tmp_path, monkeypatch):
    """The file has the whole name of the directory, which may have dots."""
    folder = tmp_path / "step-1.5"
    folder.mkdir()
    torch.save(OTHER, folder / "part.bin")
    (folder / "all.index.json").write_text(json.dumps({"weight_map": {"weight": "part.bin"}}))
    monkeypatch.chdir(folder)

    status, printed = run(capsys, ".")

    assert 0 == status, printed.err
    same(OTHER, WeightEntry.from_file(tmp_path / "step-1.5.safetensors").state_dict())


@LAYOUTS
def test_truncated_anywhere_is_an_error(tmp_path, layout):
    """Or, behind the last number, nothing."""
    content = save(tmp_path / "net.pth", OTHER, layout).read_bytes()
    for length in range(0, len(content) - 1, 7):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(Exception):  # noqa: B017 - the process says which, if it is its own
            converted(tmp_path / "cut.pth")


def test_failed_move_leaves_no_empty_file(tmp_path):
    """Without links, the place is taken by an empty file before the output is moved there."""
    made, target = tmp_path / "made", tmp_path / "model.safetensors"
    made.mkdir()  # it can neither be linked, nor be moved to the place of a file

    with pytest.raises(OSError, match="made"):
        _convert._place(made, target, ())
    assert not target.exists()
