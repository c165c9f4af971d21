"""The safetensors format: what others write and read, aligned, and nothing hostile."""

import json
import os

import pytest

from dapi import WeightEntry, _safetensors
from dapi.exceptions import CheckpointError

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

STATE = {
    "scalar": torch.tensor(3),
    "odd": torch.rand(3, 5),
    "even": torch.rand(16, 16),
    "half": torch.rand(7).to(torch.bfloat16),
    "none": torch.empty(0, 4),
    "flag": torch.tensor([True, False, True]),
    "view": torch.rand(4, 6).t(),
    "conjugate": torch.tensor([1 + 2j, 3 - 4j]).conj(),
}


def same(one, other):
    return set(one) == set(other) and all(
        one[key].dtype == other[key].dtype and torch.equal(one[key], other[key]) for key in one
    )


def test_files_are_exchanged_with_the_library(tmp_path):
    """What it writes we read, and the other way round."""
    safetensors_torch.save_file(
        {key: each.contiguous().resolve_conj() for key, each in STATE.items()},
        tmp_path / "theirs.safetensors",
    )
    _safetensors.write(tmp_path / "ours.safetensors", STATE, {"who": "we"})

    assert same(STATE, _safetensors.read(tmp_path / "theirs.safetensors").tensors)
    assert same(STATE, safetensors_torch.load_file(tmp_path / "ours.safetensors"))
    assert same(STATE, _safetensors.read(tmp_path / "ours.safetensors").tensors)
    assert {"who": "we"} == dict(_safetensors.read_header(tmp_path / "ours.safetensors").metadata)


@pytest.mark.parametrize("padding", range(0, 64, 8))
def test_every_tensor_is_aligned(tmp_path, padding):
    """Wherever it stands in the file: kernels round differently otherwise [2]."""
    path = tmp_path / "net.safetensors"
    safetensors_torch.save_file(
        {key: each.contiguous().resolve_conj() for key, each in STATE.items()},
        path,
        {"pad": "x" * padding},
    )

    found = _safetensors.read(path).tensors

    assert all(each.data_ptr() % 64 == 0 for each in found.values())
    assert same(STATE, found)


def test_writing_to_a_tensor_does_not_reach_the_file(tmp_path):
    """A published file is mapped privately [8]."""
    path = tmp_path / "net.safetensors"
    _safetensors.write(path, STATE, {})
    content = path.read_bytes()
    for tensor in _safetensors.read(path).tensors.values():
        tensor.zero_()

    assert content == path.read_bytes()


def test_file_that_is_mapped_is_replaced_whole(tmp_path):
    """Writing over it leaves those who mapped it with what they had [8]."""
    path = tmp_path / "net.safetensors"
    _safetensors.write(path, STATE, {})
    found = _safetensors.read(path).tensors
    _safetensors.write(path, {key: each * 0 for key, each in found.items()}, {})

    assert same(STATE, found)
    assert [path] == list(tmp_path.iterdir())


def place(begin, end, shape=(4,), dtype="U8"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


HOSTILE = {
    "key twice": '{"a": %s, "a": %s}' % ((json.dumps(place(0, 4)),) * 2),
    "overlap": json.dumps({"a": place(0, 4), "b": place(2, 6)}),
    "hole": json.dumps({"a": place(0, 4), "b": place(6, 8, (2,))}),
    "larger than the file": json.dumps({"a": place(0, 1 << 40, (1 << 40,))}),
    "negative": json.dumps({"a": place(-4, 0)}),
    "size is not of the shape": json.dumps({"a": place(0, 8)}),
    "unknown type": json.dumps({"a": place(0, 4, dtype="Q4")}),
    "not a number": json.dumps({"a": place(0, 4, (4.0,))}),
    "no map": "[]",
    "no JSON": "{",
    "too many keys": json.dumps({str(n): place(0, 0, (0,)) for n in range(200_002)}),
    "nested too deeply": "[" * 100_000,
    "metadata is a list": json.dumps({"__metadata__": ["a"]}),
    "metadata is no text": json.dumps({"__metadata__": {"a": 1}}),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_header_is_refused(tmp_path, text):
    """Before anything is mapped or allocated."""
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + b"12345678")

    with pytest.raises(CheckpointError, match="net.safetensors"):
        WeightEntry.from_file(path).state_dict()


@pytest.mark.skipif(os.name == "nt", reason="there is no umask")
def test_writing_honours_the_umask(tmp_path):
    """Who keeps files to themselves keeps models to themselves."""
    before = os.umask(0o077)
    try:
        _safetensors.write(tmp_path / "own.safetensors", STATE, {})
    finally:
        os.umask(before)

    assert 0o600 == (tmp_path / "own.safetensors").stat().st_mode & 0o777


def test_tensor_of_a_foreign_type_is_refused(tmp_path):
    """By its key; no file is left behind."""
    with pytest.raises(TypeError, match="phase is of torch.complex128"):
        _safetensors.write(
            tmp_path / "a.safetensors", {"phase": torch.zeros(2, dtype=torch.complex128)}, {}
        )
    assert [] == list(tmp_path.iterdir())
