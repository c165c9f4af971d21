"""The safetensors format: what others write and read, aligned, and nothing hostile."""

import copy
import json
import os
import random
import time

import pytest

from dapi import WeightEntry
from dapi._loader import safetensors as _safetensors
from dapi.exceptions import CheckpointError, UnreadableFileError

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")
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
@pytest.mark.parametrize("may_map", [True, False])
def test_every_tensor_is_aligned(tmp_path, padding, may_map):
    """Wherever it stands in the file: kernels round differently otherwise [2]."""
    path = tmp_path / "net.safetensors"
    safetensors_torch.save_file(
        {key: each.contiguous().resolve_conj() for key, each in STATE.items()},
        path,
        {"pad": "x" * padding},
    )

    found = _safetensors.read(path, may_map=may_map).tensors

    assert all(each.data_ptr() % 64 == 0 for each in found.values())
    assert same(STATE, found)


def test_writing_to_a_tensor_does_not_reach_the_file(tmp_path):
    """A published file is mapped privately [8]."""
    path = tmp_path / "net.safetensors"
    _safetensors.write(path, STATE, {})
    content = path.read_bytes()
    for tensor in _safetensors.read(path, may_map=True).tensors.values():
        tensor.zero_()

    assert content == path.read_bytes()


def test_file_that_is_mapped_is_replaced_whole(tmp_path):
    """Writing over it leaves those who mapped it with what they had [8]."""
    path = tmp_path / "net.safetensors"
    _safetensors.write(path, STATE, {})
    found = _safetensors.read(path, may_map=True).tensors
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
    "too many values": json.dumps({"a": {**place(0, 8, (8,)), "more": [1] * 5_000_000}}),
    "half a character": '{"__metadata__": {"a": "\\ud800"}}',
    "product of many numbers": json.dumps({"a": place(0, 8, [2**63] * 100_000)}),
    "long number": '{"a": {"dtype": "U8", "shape": [%s], "data_offsets": [0, 8]}}' % ("9" * 4000),
    "infinite": '{"a": {"dtype": "U8", "shape": [Infinity], "data_offsets": [0, 8]}}',
    "half a byte": json.dumps({"a": place(0, 8, (17,), "F4")}),
    "pairs that are cut": json.dumps({"a": place(0, 8, (16, 1), "F4")}),
    "nested too deeply": "[" * 100_000,
    "metadata is an empty list": json.dumps({"__metadata__": []}),
    "metadata is a list": json.dumps({"__metadata__": ["a"]}),
    "metadata is no text": json.dumps({"__metadata__": {"a": 1}}),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_header_is_refused(tmp_path, text):
    """Before anything is mapped or allocated."""
    if "[16, 1]" in text and not hasattr(torch, "float4_e2m1fn_x2"):
        pytest.skip("this PyTorch refuses the type itself")
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + b"12345678")

    with pytest.raises(CheckpointError, match="net.safetensors"):
        WeightEntry.from_file(path).state_dict()


@pytest.mark.parametrize("digits", ["9" * 1_400_000, "0." + "1" * 1_400_000, "9" * 4000 + "," * 1])
def test_long_numbers_cost_nothing(tmp_path, digits):
    """They are refused by their length, as by the library that defined the format."""
    text = '{"a": {"dtype": "U8", "shape": [%s1], "data_offsets": [0, 8]}}' % (
        digits if "," not in digits else digits * 350
    )
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + b"12345678")

    began = time.process_time()
    with pytest.raises(ValueError, match="a number that is too large, or too long"):
        _safetensors.read_header(path)
    assert time.process_time() - began < 1  # of up to 24 s


def test_header_of_many_tensors_is_read(tmp_path):
    """More than any published file has in one."""
    path = tmp_path / "net.safetensors"
    text = json.dumps({str(n): place(0, 0, (0,)) for n in range(200_001)})
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode())

    assert 200_001 == len(_safetensors.read_header(path).tensors)


def test_header_of_the_largest_length_is_read(tmp_path):
    """The library that defined the format allows a hundred million bytes, and no more."""
    path = tmp_path / "net.safetensors"
    for length in (100_000_000, 100_000_001):
        path.write_bytes(length.to_bytes(8, "little") + b"{}".ljust(length))
        if length == 100_000_000:
            assert {} == _safetensors.read_header(path).tensors
    with pytest.raises(ValueError, match="too long"):
        _safetensors.read_header(path)


def test_tensor_may_be_given_as_an_array(tmp_path):
    """As the library that defined the format allows; and one may be called like a fact."""
    path = tmp_path / "net.safetensors"
    facts = {"dtype": ["U8", [2], [0, 2]], "shape": place(2, 4, (2,)), "more": place(4, 4, (0,))}
    text = json.dumps({"data_offsets": {**place(4, 5, (1,)), "other": [1.5, -1]}, **facts})
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + bytes(range(5)))

    found = _safetensors.read(path).tensors

    assert [0, 1] == found["dtype"].tolist() and [2, 3] == found["shape"].tolist()
    assert [4] == found["data_offsets"].tolist() and [] == found["more"].tolist()


SMALL = ["float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn_x2"]


@pytest.mark.parametrize("may_map", [True, False])
@pytest.mark.parametrize("name", SMALL)
def test_small_types_are_exchanged_with_the_library(tmp_path, name, may_map):
    """Those of this torch, scales of quantized models among them."""
    if not hasattr(torch, name):
        pytest.skip(f"this torch has no {name}")
    state = {"a": torch.arange(24, dtype=torch.uint8).reshape(4, 6).view(getattr(torch, name))}
    safetensors_torch.save_file(state, tmp_path / "theirs.safetensors")
    _safetensors.write(tmp_path / "ours.safetensors", state, {})

    found = [
        _safetensors.read(tmp_path / "theirs.safetensors", may_map=may_map).tensors["a"],
        _safetensors.read(tmp_path / "ours.safetensors", may_map=may_map).tensors["a"],
        safetensors_torch.load_file(tmp_path / "ours.safetensors")["a"],
    ]

    assert [state["a"].dtype] * 3 == [each.dtype for each in found]
    assert all(torch.equal(each.view(torch.uint8), state["a"].view(torch.uint8)) for each in found)


def test_type_that_torch_does_not_have_is_not_the_file_s_fault(tmp_path):
    """It is kept, and the type is named."""
    path = tmp_path / "net.safetensors"
    text = json.dumps({"a": place(0, 3, (4,), "F6_E2M3")})
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + b"123")

    assert "F6_E2M3" == _safetensors.read_header(path).tensors["a"][0]
    with pytest.raises(UnreadableFileError, match="'a' is of the type F6_E2M3, which torch"):
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


class Fuzz:
    """Makes headers that are nearly right, from a seed: values, places and bytes are changed."""

    VALUES = (
        None, True, -1, 0, 1, 2, 3, 4, 8, 12, 24, 4.0, 2**40, 2**63, 2**64 - 1, 2**64, 10**25, "",
        "F32", "U8", "F4", "F6_E2M3", "F8_E8M0", "Q4", "dtype", "\ud800", "é", [], {}, [4], [0, 4],
        [2, 2], [1, 4, 1], [0, 2**63, 2], {"a": "b"}, ["U8", [4], [0, 4]],
        place(0, 4), place(0, 2, (2, 2), "F4"), place(0, 0, (0,)),
    )  # fmt: skip
    KEYS = ("x", "", "é", "\ud800", "dtype", "__metadata__", "data_offsets")
    PIECES = (
        b" ", b"\n", b"\0", b"-", b"0", b".0", b"e2", b",", b'"', b"\\u00e9", b"\\ud800", b"NaN",
        b"-0", b"]", b"}", b"\\", b"\xef\xbb\xbf",
    )  # fmt: skip
    HEADERS = (
        {"a": place(0, 16, (2, 2), "F32"), "b": place(16, 24, (8,))},
        {
            "__metadata__": {"format": "pt"},
            "a": place(0, 2, (), "BF16"),
            "b": ["I8", [0, 3], [2, 2]],
            "c": place(2, 24, (22,), "F8_E8M0"),
        },
        {
            "dtype": place(0, 8, (8,)),
            "shape": place(8, 16, (8,)),
            "data_offsets": {**place(16, 24, (8,)), "more": [1.5, {"x": None}]},
        },
        {"a": place(0, 24, (4, 12), "F4"), "__metadata__": None},
        {"a": place(0, 24, (4, 8), "F6_E3M2")},
    )

    def __init__(self, seed):
        self.random = random.Random(seed)

    def file(self):
        """Return the bytes of a file."""
        tree = copy.deepcopy(self.random.choice(self.HEADERS))
        for _ in range(self.random.choice((0, 1, 1, 2))):
            self.change_value(tree)
        text = json.dumps(tree, ensure_ascii=self.random.random() < 0.8)
        head = text.encode("utf-8", "surrogatepass")
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            head = self.change_bytes(head)
        length = self.rarely((0, len(head) - 1, len(head) + 1, 2**63), otherwise=len(head))
        size = self.rarely(range(30), otherwise=24)
        return max(0, length).to_bytes(8, "little") + head + bytes(range(size))

    def rarely(self, choices, *, otherwise):
        return self.random.choice(choices) if self.random.random() < 0.03 else otherwise

    def change_value(self, tree):
        """Replace, remove, copy or add a value somewhere."""
        found = list(self.holders(tree))
        if not found:
            return
        holder, key = self.random.choice(found)
        other = copy.deepcopy(self.random.choice(self.VALUES))
        how = self.random.randrange(4)
        if how == 0:
            holder[key] = other
        elif how == 1:
            del holder[key]
        elif isinstance(holder, list):
            holder.insert(key, other)
        else:
            value = copy.deepcopy(holder[key]) if how == 2 else other
            holder[self.random.choice(self.KEYS)] = value

    def holders(self, tree):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in items:
            yield tree, key
            if isinstance(value, dict | list):
                yield from self.holders(value)

    def change_bytes(self, head):
        at, how = self.random.randrange(len(head) + 1), self.random.randrange(3)
        if how == 0:
            return head[:at] + bytes([self.random.randrange(256)]) + head[at + 1 :]
        if how == 1:
            return head[:at] + self.random.choice(self.PIECES) + head[at:]
        return head[:at] + head[at + self.random.randrange(1, 6) :]


def as_theirs(content):
    try:
        found = safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        return error
    return {key: (each["dtype"], each["shape"], bytes(each["data"])) for key, each in found}


def as_ours(content, path):
    path.write_bytes(content)
    try:
        header = _safetensors.read_header(path)
    except ValueError as error:
        return error
    body = content[header.start :]
    return {
        key: (dtype, list(shape), body[begin:end])
        for key, (dtype, shape, begin, end) in header.tensors.items()
    }


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_same_files_are_accepted_as_by_the_library(tmp_path, count):
    """And the same is read from them; only keys that occur twice are refused here alone."""
    fuzz, accepted = Fuzz(seed=12), 0
    for _ in range(count):
        content = fuzz.file()
        theirs, ours = as_theirs(content), as_ours(content, tmp_path / "net.safetensors")
        accepted += isinstance(ours, dict)
        if isinstance(theirs, dict):
            assert theirs == ours or " twice" in str(ours), content
        else:
            assert isinstance(ours, ValueError), (content, theirs)

    assert count / 20 < accepted < count / 2
