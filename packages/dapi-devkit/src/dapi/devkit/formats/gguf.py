"""GGUF, the format of llama.cpp: tensors by key; quantized ones as float32.

The header is parsed here: the reader of the ``gguf`` package believes the lengths in it, and an
array that claims 2**60 items would keep it busy until the memory is full. That package dequantizes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from dapi.exceptions import MissingDependencyError

if TYPE_CHECKING:
    from torch import Tensor

_MAGIC: Final = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT: Final = 32  # where the header gives no other
_MOST_DIMENSIONS: Final = 8
_DEEPEST: Final = 4  # arrays of arrays

_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<B", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
# Types that torch has, by number.
_PLAIN = {
    0: "float32",
    1: "float16",
    24: "int8",
    25: "int16",
    26: "int32",
    27: "int64",
    28: "float64",
    30: "bfloat16",
}


class _Place(NamedTuple):
    """Where a tensor is, counted from the first; its shape is in torch's order."""

    shape: tuple[int, ...]
    kind: int
    begin: int
    size: int


class _Header:
    """Reads a header, and nothing behind the end of the file."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size

    def take(self, length: int) -> bytes:
        if length > self.left():
            raise ValueError("its header is truncated, or damaged")
        return self._stream.read(length)

    def left(self) -> int:
        return self._size - self._stream.tell()

    def number(self, form: str = "<Q") -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self) -> str:
        return self.take(self.number()).decode()

    def value(self, kind: int, depth: int = 0) -> Any:
        """Read a value; of an array, read over it."""
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.take(self.number())
        if kind != _ARRAY or depth > _DEEPEST:
            raise ValueError("its header has a value of an unknown type")
        inner, count = self.number("<I"), self.number()
        if inner in _SCALARS:
            self.take(count * struct.calcsize(_SCALARS[inner]))
            return None
        for _ in range(count):
            self.value(inner, depth + 1)
        return None


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by key.

    Raises:
        ValueError: It is damaged, or its tensors overlap.
        MissingDependencyError: A tensor is quantized, and the gguf package is not installed.
        NotImplementedError: That package does not dequantize it.
    """
    with path.open("rb") as stream:
        places, start = _places(_Header(stream, path.stat().st_size))
        tensors = {}
        for key, place in places.items():
            stream.seek(start + place.begin)
            tensors[key] = _tensor(key, place, stream.read(place.size))
    return tensors


def _places(header: _Header) -> tuple[dict[str, _Place], int]:
    """Return the place of each tensor by its key, and where the first one begins."""
    if header.take(len(_MAGIC)) != _MAGIC:
        raise ValueError("it is not a GGUF file")
    version = header.number("<I")
    if version not in _VERSIONS:
        raise ValueError(f"it is GGUF of version {version}, or big-endian; 2 and 3 are read")
    count, facts = header.number(), header.number()
    alignment = _ALIGNMENT
    for _ in range(facts):
        name, kind = header.text(), header.number("<I")
        value = header.value(kind)
        if name == "general.alignment":
            alignment = value
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise ValueError("its alignment is not a power of two")
    places: dict[str, _Place] = {}
    for _ in range(count):
        name = header.text()
        if name in places:
            raise ValueError(f"its header has the key {name!r} twice")
        places[name] = _place(name, header)
    start = -(-header._stream.tell() // alignment) * alignment
    _check(places.values(), header._size - start)
    return places, start


def _place(name: str, header: _Header) -> _Place:
    dimensions = header.number("<I")
    if dimensions > _MOST_DIMENSIONS:
        raise ValueError(f"its header gives {name!r} {dimensions} dimensions")
    shape = tuple(reversed([header.number() for _ in range(dimensions)]))
    kind, begin = header.number("<I"), header.number()
    block, size = _sizes(name, kind)
    if (shape[-1] if shape else 1) % block:
        raise ValueError(f"the rows of {name!r} are not whole blocks of its type")
    return _Place(shape, kind, begin, prod(shape) // block * size)


def _sizes(name: str, kind: int) -> tuple[int, int]:
    """Return how many elements a block of a type has, and how many bytes."""
    import torch

    if kind in _PLAIN:
        return 1, torch.empty(0, dtype=getattr(torch, _PLAIN[kind])).element_size()
    constants = _package().constants
    try:
        block, size = constants.GGML_QUANT_SIZES[constants.GGMLQuantizationType(kind)]
    except (KeyError, ValueError) as cause:
        raise ValueError(f"{name!r} is of the unknown type {kind}") from cause
    return int(block), int(size)


def _check(places: Iterable[_Place], length: int) -> None:
    """Refuse tensors that overlap, from which a small file could make endless ones."""
    reached = 0
    for place in sorted(places, key=lambda place: (place.begin, place.size)):
        if place.begin < reached:
            raise ValueError("its tensors overlap")
        reached = place.begin + place.size
    if reached > length:
        raise ValueError("it ends before its tensors do")


def _tensor(key: str, place: _Place, content: bytes) -> Tensor:
    import torch

    if len(content) < place.size:
        raise ValueError("it ends before its tensors do")
    if place.kind in _PLAIN:
        dtype = getattr(torch, _PLAIN[place.kind])
        if not content:
            return torch.empty(place.shape, dtype=dtype)
        return torch.frombuffer(bytearray(content), dtype=dtype).reshape(place.shape)
    import numpy as np

    kind = _package().constants.GGMLQuantizationType(place.kind)
    rows = np.frombuffer(content, np.uint8).reshape(prod(place.shape[:-1]), -1)
    try:
        values = _package().dequantize(rows, kind)
    except NotImplementedError as cause:
        raise NotImplementedError(
            f"{key!r} is quantized as {kind.name}, which the gguf package does not dequantize"
        ) from cause
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).reshape(place.shape)


def _package() -> Any:
    try:
        import gguf
        import gguf.constants
    except ImportError as cause:
        raise MissingDependencyError(
            "Quantized tensors of GGUF files need the gguf package", requirement="dapi-devkit[gguf]"
        ) from cause
    return gguf
