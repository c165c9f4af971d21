"""GGUF: tensors as the gguf package itself reads them; hostile headers are refused."""

import random
import struct
import time

import pytest

from dapi import WeightEntry
from dapi.exceptions import CheckpointError, MissingDependencyError, UnreadableFileError

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")

ROWS = np.random.default_rng(0).standard_normal((4, 256)).astype(np.float32)


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def fact(name, kind, content):
    return text(name) + struct.pack("<I", kind) + content


def tensor(name, shape, kind, offset):
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
    return text(name) + sizes + struct.pack("<IQ", kind, offset)


def file(path, *, facts=(), tensors=(), data=b"", count=None, facts_count=None, version=3):
    """Write a file by hand."""
    counts = (
        len(tensors) if count is None else count,
        len(facts) if facts_count is None else facts_count,
    )
    head = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join((*facts, *tensors))
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


def read(path):
    return WeightEntry.from_file(path).state_dict()


def test_plain_tensors_need_no_package(tmp_path):
    """Numbers that torch has are read as they are; shapes are in torch's order."""
    values = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    path = file(
        tmp_path / "net.gguf",
        facts=[
            fact("general.name", 8, text("net")),
            fact("tokens", 9, struct.pack("<IQ", 8, 2) + text("a") + text("b")),
            fact("scores", 9, struct.pack("<IQ3f", 6, 3, 1, 2, 3)),
        ],
        tensors=[tensor("weight", (2, 3), 0, 0), tensor("norm", (2,), 30, 32)],
        data=values.numpy().tobytes() + bytes(8) + b"\x80\x3f\x00\x40",
    )

    found = read(path)
    assert torch.equal(values, found["weight"])
    assert torch.equal(torch.tensor([1, 2], dtype=torch.bfloat16), found["norm"])


def test_tensors_are_what_the_gguf_package_reads(tmp_path):
    """To the bit: plain ones as they are, quantized ones as that package dequantizes them."""
    gguf = pytest.importorskip("gguf", reason="needs dapi-devkit[gguf]")
    kinds = gguf.GGMLQuantizationType
    writer = gguf.GGUFWriter(tmp_path / "net.gguf", "llama")
    writer.add_array("tokens", ["a", "b"])
    writer.add_tensor("plain", ROWS)
    writer.add_tensor("half", ROWS.astype(np.float16))
    for kind in (kinds.Q4_0, kinds.Q5_1, kinds.Q8_0, kinds.BF16, kinds.TQ2_0):
        writer.add_tensor(kind.name, gguf.quantize(ROWS, kind), raw_dtype=kind)
    for kind in (kinds.Q4_K, kinds.Q6_K, kinds.IQ4_XS):
        width = gguf.constants.GGML_QUANT_SIZES[kind][1]
        noise = random.Random(1).randbytes(4 * width)
        packed = np.frombuffer(noise, np.uint8).reshape(4, width)
        writer.add_tensor(kind.name, packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = read(tmp_path / "net.gguf")

    for each in gguf.GGUFReader(tmp_path / "net.gguf").tensors:
        expected = gguf.dequantize(each.data, each.tensor_type).reshape(each.shape[::-1])
        assert (
            expected.astype(np.float32).tobytes() == found.pop(each.name).float().numpy().tobytes()
        )
    assert not found


def test_quantized_tensors_without_the_package(tmp_path, monkeypatch):
    """The error names the extra to install."""
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    path = file(tmp_path / "net.gguf", tensors=[tensor("weight", (1, 32), 2, 0)], data=bytes(18))

    with pytest.raises(MissingDependencyError, match=r"pip install 'dapi-devkit\[gguf\]'"):
        read(path)


def test_kind_that_the_package_does_not_dequantize(tmp_path):
    """The file is not to blame: a newer package may."""
    pytest.importorskip("gguf", reason="needs dapi-devkit[gguf]")
    path = file(tmp_path / "net.gguf", tensors=[tensor("weight", (1, 256), 15, 0)], data=bytes(292))

    with pytest.raises(UnreadableFileError, match="'weight' is quantized as Q8_K"):
        read(path)


MANY = 1 << 60
HOSTILE = {
    "nothing": {"count": MANY},
    "facts": {"facts_count": MANY},
    "array": {"facts": [fact("a", 9, struct.pack("<IQ", 0, MANY))]},
    "array of texts": {"facts": [fact("a", 9, struct.pack("<IQ", 8, MANY))]},
    "array of arrays": {"facts": [fact("a", 9, struct.pack("<IQ", 9, 1) * 100)]},
    "unknown value": {"facts": [fact("a", 99, b"")]},
    "long text": {"facts": [struct.pack("<Q", MANY)]},
    "alignment": {"facts": [fact("general.alignment", 4, struct.pack("<I", 3))]},
    "no alignment": {"facts": [fact("general.alignment", 8, text("x"))]},
    "version": {"version": 1},
    "big-endian": {"version": 3 << 24},
    "dimensions": {"tensors": [tensor("w", (1,) * 9, 0, 0)]},
    "too long": {"tensors": [tensor("w", (MANY, MANY), 0, 0)]},
    "too long by none": {"tensors": [tensor("w", (0, 1 << 63, 1 << 63), 0, 0)]},
    "behind the end": {"tensors": [tensor("w", (1,), 0, 1 << 63)]},
    "twice": {"tensors": [tensor("w", (1,), 0, 0), tensor("w", (1,), 0, 32)], "data": bytes(64)},
    "overlap": {"tensors": [tensor("a", (2,), 0, 0), tensor("b", (2,), 0, 0)], "data": bytes(8)},
    "no text": {"tensors": [struct.pack("<Q", 1) + b"\xff" + bytes(20)]},
    "half blocks": {"tensors": [tensor("w", (1, 33), 2, 0)], "data": bytes(64)},
    "unknown type": {"tensors": [tensor("w", (1,), 999, 0)], "data": bytes(64)},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_header_is_refused_at_once(tmp_path, what):
    """Counts are believed no further than the file reaches."""
    if what in ("half blocks", "unknown type"):
        pytest.importorskip("gguf", reason="needs dapi-devkit[gguf]")
    start = time.monotonic()
    with pytest.raises(CheckpointError):
        read(file(tmp_path / "net.gguf", **HOSTILE[what]))
    assert time.monotonic() - start < 10


def test_truncated_anywhere_is_refused(tmp_path):
    """An error, and the process lives."""
    facts = [fact("general.name", 8, text("net"))]
    whole = file(
        tmp_path / "net.gguf", facts=facts, tensors=[tensor("w", (4,), 0, 0)], data=bytes(16)
    ).read_bytes()
    for length in range(4, len(whole)):
        (tmp_path / "cut.gguf").write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            read(tmp_path / "cut.gguf")
