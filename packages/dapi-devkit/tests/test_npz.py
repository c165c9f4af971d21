"""Files of numpy: arrays by name as tensors, equal to numpy's own reading; no pickles."""

import io
import zipfile

import pytest

from dapi import WeightEntry
from dapi.exceptions import CheckpointError

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")

ARRAYS = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "in columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(3, dtype=">i4"),
    "half": np.ones(3, np.float16),
    "truth": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "empty": np.zeros((0, 3), np.float32),
    "scalar": np.array(3, np.int64),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_what_numpy_reads(tmp_path, save):
    """To the bit, in their shape and order, whatever their layout."""
    save(tmp_path / "net.npz", **ARRAYS)
    found = WeightEntry.from_file(tmp_path / "net.npz").state_dict()

    with np.load(tmp_path / "net.npz", allow_pickle=False) as expected:
        assert list(expected) == list(found)
        for key in expected:
            assert expected[key].shape == tuple(found[key].shape)
            assert expected[key].astype(found[key].numpy().dtype).tobytes() == (
                found[key].numpy().tobytes()
            )


def refused(path, match):
    with pytest.raises(CheckpointError, match=match):
        WeightEntry.from_file(path).state_dict()


class Payload:
    def __reduce__(self):
        return print, ("a payload ran",)


def test_objects_are_refused_and_not_unpickled(tmp_path, capsys):
    """An array of objects is a pickle."""
    np.savez(tmp_path / "net.npz", weight=np.array([Payload()], dtype=object))

    refused(tmp_path / "net.npz", "Python objects")
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.array(["text"]), "torch does not have"),
        (np.zeros(2, [("a", "<f4"), ("b", "<i4")]), "torch does not have"),
        (np.zeros(2, "V2"), "torch does not have"),
        (np.array(["2026-01-01"], "datetime64[D]"), "torch does not have"),
    ],
)
def test_arrays_of_other_things_are_refused(tmp_path, array, match):
    """The error names the key and the type."""
    np.savez(tmp_path / "net.npz", weight=array)

    refused(tmp_path / "net.npz", match)


def header(shape, kind="<f4"):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY\x09\x00",
        header((2,)) + b"1234",
        header((1 << 62,)) + b"1234",
        header((1 << 62, 4)),
        header((-1,)) + b"1234",
        header((-1, -1)) + b"1234",
        header("__import__('os').system('echo a payload ran')"),
        header((1,), "|O"),
        header((0,), "|V0"),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"(" * 1000,
    ],
)
def test_damaged_or_hostile_array_is_refused(tmp_path, content, capfd):
    """Before memory for its shape is taken."""
    with zipfile.ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("weight.npy", content)

    refused(tmp_path / "net.npz", "net.npz")
    assert "" == capfd.readouterr().out


def test_what_unpacks_to_far_more_is_refused(tmp_path):
    """Before it is unpacked: a small file could fill the memory."""
    with zipfile.ZipFile(tmp_path / "net.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", header((1 << 25,)) + bytes(4 << 25))

    refused(tmp_path / "net.npz", r"unpack to 134,217,\d+ bytes")


def test_names_that_occur_twice_or_are_no_arrays(tmp_path):
    """The error names the array and the reason."""
    stream = io.BytesIO()
    np.save(stream, np.ones(2))
    for names, match in {("a.npy", "a"): "two arrays", ("a.npy", "run.py"): "'run.py'"}.items():
        with zipfile.ZipFile(tmp_path / "net.npz", "w") as archive:
            for name in names:
                archive.writestr(name, stream.getvalue())
        match = match if "py" in match else "not an array"
        refused(tmp_path / "net.npz", match)
