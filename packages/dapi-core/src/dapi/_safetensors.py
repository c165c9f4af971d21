"""The safetensors format: mapped where its tensors are aligned, read where they are not.

A kernel may round differently when a tensor does not start at a multiple of 64 bytes, as it does
in memory that torch allocates itself. Files that are written here have nearly all of theirs there.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from math import prod
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from dapi._store import folders

if TYPE_CHECKING:
    from torch import Tensor

ALIGNMENT: Final = 64
# Of a hostile header: what one costs to parse.
_LARGEST_HEADER = 100_000_000
_MOST_KEYS = 200_000

_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


class Header(NamedTuple):
    """What stands before the tensors.

    Attributes:
        metadata: Strings by key, for people and programs.
        tensors: By key: dtype, shape, and where its bytes are, counted from ``start``.
        start: Where in the file the bytes of the tensors begin.
    """

    metadata: Mapping[str, str]
    tensors: Mapping[str, tuple[str, tuple[int, ...], int, int]]
    start: int


def read_header(path: Path) -> Header:
    """Read and check what a file says of its tensors.

    Raises:
        ValueError: It is not a safetensors file, or is cut, or contradicts itself.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = 8 + int.from_bytes(stream.read(8), "little")
        if size < 8 or start > size or start > _LARGEST_HEADER:
            raise ValueError("its header is cut or too long: it is no safetensors file, or damaged")
        text = stream.read(start - 8)
    try:
        found = json.loads(text, object_pairs_hook=_without_duplicates)
    except RecursionError as cause:
        raise ValueError("its header is nested too deeply") from cause
    if not isinstance(found, dict) or len(found) > _MOST_KEYS:
        raise ValueError("its header is no map of keys, or has too many")
    metadata = found.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its metadata is no map of strings")
    tensors = {key: _checked(key, facts) for key, facts in found.items()}
    _check_places((place[2:] for place in tensors.values()), size - start)
    return Header(metadata, tensors, start)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"its header has the key {key!r} twice")
    return found


def _checked(key: str, facts: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Return dtype, shape, begin and end of a tensor, after checking that they agree."""
    import torch

    try:
        dtype, shape, (begin, end) = facts["dtype"], facts["shape"], facts["data_offsets"]
        itemsize = getattr(torch, _TYPES[dtype]).itemsize
        numbers = [*shape, begin, end]
        agree = all(type(n) is int and n >= 0 for n in numbers)
        agree = agree and end - begin == prod(shape) * itemsize
    except (AttributeError, KeyError, TypeError, ValueError) as cause:
        raise ValueError(f"its header describes {key!r} in a way that is not known") from cause
    if not agree:
        raise ValueError(f"its header gives {key!r} a size that is not that of its shape")
    return dtype, tuple(shape), begin, end


def _check_places(places: Iterable[Iterable[int]], length: int) -> None:
    """Refuse tensors that overlap, leave holes, or end elsewhere than the file."""
    reached = 0
    for begin, end in sorted(tuple(place) for place in places):
        if begin != reached:
            raise ValueError("its tensors overlap, or leave holes between them")
        reached = end
    if reached != length:
        raise ValueError(f"its tensors take {reached} bytes, but it has {length}")


class Content(NamedTuple):
    """What a file holds.

    Attributes:
        metadata: Strings by key.
        tensors: By key. Writing to them never reaches the file.
        unmapped: How many bytes of them had to be read, because they are not aligned.
    """

    metadata: Mapping[str, str]
    tensors: dict[str, Tensor]
    unmapped: int


def read(path: Path) -> Content:
    """Map a file, and read what of it is not aligned.

    Raises:
        ValueError: As ``read_header``.
    """
    import torch

    header = read_header(path)
    size, start = path.stat().st_size, header.start
    mapped: Any = torch.UntypedStorage.from_file(str(path), shared=False, nbytes=size)
    with path.open("rb", buffering=0) as stream:
        tensors = {
            key: _tensor(mapped, stream, start + begin, start + end, dtype, shape)
            for key, (dtype, shape, begin, end) in header.tensors.items()
        }
    places = [(start + begin, end - begin) for _, _, begin, end in header.tensors.values()]
    unmapped = sum(length for begin, length in places if begin % ALIGNMENT)
    return Content(header.metadata, tensors, unmapped)


def _tensor(
    mapped: Any,
    stream: Any,
    begin: int,
    end: int,
    dtype: str,
    shape: tuple[int, ...],
) -> Tensor:
    import torch

    torch_type = getattr(torch, _TYPES[dtype])
    if begin == end or begin % ALIGNMENT == 0:
        empty: Any = torch.empty(0, dtype=torch_type)
        placed: Tensor = empty.set_(mapped[begin:end], 0, shape)
        return placed
    # Not a copy of the mapped bytes: reading them costs no page fault for each 4 KB.
    tensor = torch.empty(shape, dtype=torch_type)
    stream.seek(begin)
    view, done = memoryview(_bytes(tensor)), 0
    while done < end - begin:
        count = stream.readinto(view[done:])
        if not count:
            raise ValueError("it ends before its tensors do")
        done += count
    return tensor


def _bytes(tensor: Tensor) -> Any:
    """Return the memory of a contiguous tensor as a buffer; numpy need not be there."""
    size = tensor.numel() * tensor.element_size()
    return (ctypes.c_char * size).from_address(tensor.data_ptr())


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a file beside ``path``, then put it there: a file that is mapped is not written to.

    The tensors whose length keeps the next one aligned come first.

    Raises:
        TypeError: A tensor is of a type that the format does not have.
        OSError: The directory cannot be written.
    """
    ordered = sorted(tensors.items(), key=_place)
    facts: dict[str, Any] = {"__metadata__": dict(metadata)}
    reached = 0
    for key, tensor in ordered:
        end = reached + tensor.numel() * tensor.element_size()
        facts[key] = {
            "dtype": _type_name(key, tensor),
            "shape": list(tensor.shape),
            "data_offsets": [reached, end],
        }
        reached = end
    text = json.dumps(facts, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as stream:
        try:
            _write_all(stream, text, [tensor for _, tensor in ordered])
            os.replace(stream.name, path)
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise


def _place(item: tuple[str, Tensor]) -> tuple[bool, int]:
    length = item[1].numel() * item[1].element_size()
    return length % ALIGNMENT != 0, -item[1].element_size()


def _type_name(key: str, tensor: Tensor) -> str:
    name = _names().get(str(tensor.dtype).removeprefix("torch."))
    if name is None:
        raise TypeError(f"{key} is of {tensor.dtype}, which safetensors does not have")
    return name


@cache
def _names() -> dict[str, str]:
    return {name: short for short, name in _TYPES.items()}


def _write_all(stream: Any, text: bytes, tensors: Iterable[Tensor]) -> None:
    target: BinaryIO = stream
    Path(stream.name).chmod(0o666 & ~folders.umask())
    target.write(len(text).to_bytes(8, "little"))
    target.write(text)
    for tensor in tensors:
        host = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        target.write(_bytes(host))
    target.flush()
    os.fsync(target.fileno())
