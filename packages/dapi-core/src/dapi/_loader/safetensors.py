"""The safetensors format: mapped where its tensors are aligned, read where they are not.

A kernel may round differently when a tensor does not start at a multiple of 64 bytes, as it does
in memory that torch allocates itself. Files that are written here have nearly all of theirs there.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from math import isinf
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from dapi._store import folders, mapping
from dapi._values.record import Record

if TYPE_CHECKING:
    from torch import Tensor

ALIGNMENT: Final = 64
# As in the library that defined the format.
_LARGEST_HEADER = 100_000_000
# Of a hostile header: each value costs time and memory. Half a million tensors have so many.
_MOST_VALUES = 5_000_000
_LARGEST_NUMBER = 2**64 - 1
# In characters: of a fraction that is none of a tensor's facts.
_LONGEST_NUMBER = 400

# Every digit as a zero: to search for 20 of them takes a regular expression 0.3 ms.
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
# Compiled when they are first used (re keeps them): few headers have such characters.
_SURROGATE = rb"\\u[dD][89a-fA-F]"
_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"

# By name in a header: the type in torch, if there is one, and how many bits an element has.
_TYPES = {
    "F64": ("float64", 64),
    "F32": ("float32", 32),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "F6_E2M3": ("", 6),
    "F6_E3M2": ("", 6),
    "F4": ("float4_e2m1fn_x2", 4),
    "C64": ("complex64", 64),
    "I64": ("int64", 64),
    "I32": ("int32", 32),
    "I16": ("int16", 16),
    "I8": ("int8", 8),
    "U64": ("uint64", 64),
    "U32": ("uint32", 32),
    "U16": ("uint16", 16),
    "U8": ("uint8", 8),
    "BOOL": ("bool", 8),
}


class Header(Record):
    """The header of a file.

    Attributes:
        metadata: Strings by key, for people and programs.
        tensors: By key: dtype, shape, and the offsets of the bytes, counted from ``start``.
        start: The offset in the file at which the bytes of the tensors begin.
    """

    metadata: Mapping[str, str]
    tensors: Mapping[str, tuple[str, tuple[int, ...], int, int]]
    start: int


def is_likely(head: bytes) -> bool:
    """Whether a file that begins so is of this format, perhaps a damaged one."""
    length = int.from_bytes(head[:8], "little")
    return length <= _LARGEST_HEADER and head[8:].lstrip().startswith(b"{")


def read_header(path: Path) -> Header:
    """Read and check the header of a file.

    Accepts what the reference implementation accepts, except for duplicate keys and headers of more
    than half a million tensors.

    Raises:
        ValueError: It is not a safetensors file, or is truncated, or contradicts itself.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        start = 8 + length
        if size < 8 or start > size or length > _LARGEST_HEADER:
            raise ValueError(
                "its header is truncated or too long: it is not a safetensors file, or damaged"
            )
        found = _parse(stream.read(length))
    metadata = found.pop("__metadata__", None)
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its metadata is not a map of strings")
    tensors = {key: checked(key, facts) for key, facts in found.items()}
    _check_places((place[2:] for place in tensors.values()), size - start)
    return Header(metadata, tensors, start)


def _parse(text: bytes) -> dict[str, Any]:
    if sum(map(text.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ValueError(f"its header has more than {_MOST_VALUES:,} values")
    try:
        found = json.loads(
            text.decode(),
            object_pairs_hook=_object,
            parse_int=_number if _has_odd_number(text) else int,
            parse_float=_nothing,
            parse_constant=_refuse,
        )
        _check_escapes(text)
    except RecursionError as cause:
        raise ValueError("its header is nested too deeply") from cause
    except (json.JSONDecodeError, UnicodeDecodeError) as cause:
        raise ValueError(f"its header is not JSON ({cause})") from cause
    if not isinstance(found, dict):
        raise ValueError("its header is not a map of keys")
    return found


def _has_odd_number(text: bytes) -> bool:
    """Whether a number may be negative, or of more than 64 bits; it may also be part of a key."""
    zeros = text.translate(_ZEROS)
    return b"-0" in zeros or b"0" * 20 in zeros


def _check_escapes(text: bytes) -> None:
    """Refuse a lone UTF-16 surrogate, which is not text."""
    if b"\\u" in text:
        rest = text.replace(b"\\\\", b"")
        if re.search(_SURROGATE, re.sub(_PAIR, b"", rest)):
            raise ValueError("its header has half a character")


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """Return a JSON object; a tensor's as a tuple of three, which takes a fifth of the memory."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"its header has the key {key!r} twice")
    dtype, shape = found.get("dtype"), found.get("shape")
    if isinstance(dtype, str) and isinstance(shape, list) and "data_offsets" in found:
        return (dtype, tuple(shape), found["data_offsets"])
    return found


def _number(digits: str) -> object:
    """Return a number of 64 bits; to look at its length first costs nothing."""
    number = int(digits) if len(digits) <= len(str(_LARGEST_NUMBER)) else -1
    return number if 0 <= number <= _LARGEST_NUMBER and digits != "-0" else _nothing(digits)


def _nothing(digits: str) -> object:
    """Replace a number that describes no tensor: a header may contain other values."""
    if len(digits) > _LONGEST_NUMBER or isinf(float(digits)):
        raise ValueError(f"its header has a number that is too large, or too long: {digits[:20]}")
    return ...


def _refuse(name: str) -> None:
    raise ValueError(f"its header has {name}, which JSON does not have")


def checked(key: str, facts: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Return dtype, shape, begin and end of a tensor, after checking that they agree."""
    try:
        dtype, shape, (begin, end) = facts  # as JSON, it may also be an array of the three
        bits = _TYPES[dtype][1]
        if not isinstance(facts, tuple | list) or not isinstance(shape, tuple | list):
            raise TypeError("no array")
        if not all(type(n) is int for n in (*shape, begin, end)):
            raise TypeError("no number of 64 bits")
    except (KeyError, TypeError, ValueError) as cause:
        raise ValueError(f"its header describes {key!r} in a way that is not known") from cause
    if (end - begin) * 8 != _count(shape) * bits:
        raise ValueError(f"its header gives {key!r} a size that is not that of its shape")
    return dtype, tuple(shape), begin, end


def _count(shape: Iterable[int]) -> int:
    """Return how many elements a shape has; of more than there can be anywhere, too many."""
    count = 1
    for length in shape:
        count *= length
        if count > _LARGEST_NUMBER:
            break
    return count


def _check_places(places: Iterable[Iterable[int]], length: int) -> None:
    """Refuse tensors that overlap, leave holes, or end elsewhere than the file."""
    reached = 0
    for begin, end in sorted(tuple(place) for place in places):
        if begin != reached:
            raise ValueError("its tensors overlap, or leave holes between them")
        reached = end
    if reached != length:
        raise ValueError(f"its tensors take {reached} bytes, but it has {length}")


class Content(Record):
    """The content of a file.

    Attributes:
        metadata: Strings by key.
        tensors: By key, on the CPU. Writing to them never changes the file.
        unmapped: The number of bytes that had to be read, because they are not aligned.
    """

    metadata: Mapping[str, str]
    tensors: dict[str, Tensor]
    unmapped: int


def read(path: Path, *, may_map: bool = False) -> Content:
    """Read a file; or map it, and read only the tensors that are not aligned.

    Args:
        path: The file.
        may_map: Whether the file stays unmodified while its tensors are in use.

    Raises:
        ValueError: As ``read_header``.
        NotImplementedError: A tensor is of a type that this torch does not have.
    """
    return read_tensors(path, read_header(path), may_map=may_map)


def read_tensors(path: Path, header: Header, *, may_map: bool) -> Content:
    """Read the tensors of a file that has a header."""
    mapped = _map(path) if may_map else None
    tensors, unmapped = {}, 0
    with path.open("rb", buffering=0) as stream:
        for key, (dtype, shape, begin, end) in header.tensors.items():
            start, stop = header.start + begin, header.start + end
            is_aligned = begin == end or start % ALIGNMENT == 0
            memory = mapped[start:stop] if mapped is not None and is_aligned else None
            tensors[key] = _make(key, dtype, shape, memory)
            if memory is None:
                _fill(tensors[key], stream, start)
                unmapped += end - begin
    return Content(header.metadata, tensors, unmapped)


def _map(path: Path) -> Any:
    """Map a file; None where the system cannot, as on some network and user file systems."""
    import torch

    size = path.stat().st_size
    try:
        return torch.UntypedStorage.from_file(str(path), shared=False, nbytes=size)
    except RuntimeError as cause:
        if not mapping.is_impossible(cause):
            raise
    return None


def _make(key: str, dtype: str, shape: tuple[int, ...], memory: Any) -> Tensor:
    """Make a tensor over some memory, or over memory of its own."""
    import torch

    name, bits = _TYPES[dtype]
    torch_type = getattr(torch, name, None) if name else None
    if torch_type is None:
        raise NotImplementedError(
            f"{key!r} is of the type {dtype}, which torch {torch.__version__} does not have"
        )
    if bits == 4:  # torch counts pairs of them
        if shape[-1] % 2:
            raise ValueError(f"{key!r} is of the type {dtype}, and its rows end within a byte")
        shape = (*shape[:-1], shape[-1] // 2)
    # On the CPU, whatever the default device is: the bytes of the file are read into its memory.
    if memory is None:
        return torch.empty(shape, dtype=torch_type, device="cpu")
    empty: Any = torch.empty(0, dtype=torch_type, device="cpu")
    placed: Tensor = empty.set_(memory, 0, shape)
    return placed


def _fill(tensor: Tensor, stream: Any, begin: int) -> None:
    """Read the bytes of a tensor; not by copying mapped ones: that costs a fault for each 4 KB."""
    stream.seek(begin)
    view, done = memoryview(_bytes(tensor)), 0
    while done < len(view):
        count = stream.readinto(view[done:])
        if not count:
            raise ValueError("it ends before its tensors do")
        done += count


def _bytes(tensor: Tensor) -> Any:
    """Return the memory of a contiguous tensor as a buffer; numpy need not be there."""
    size = tensor.numel() * tensor.element_size()
    return (ctypes.c_char * size).from_address(tensor.data_ptr())


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a file beside ``path``, then rename it: a mapped file must not be written to.

    Tensors whose length keeps the next one aligned are written first.

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
            "dtype": type_name(key, tensor),
            "shape": _shape(tensor),
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


def _shape(tensor: Tensor) -> list[int]:
    in_pairs = "float4" in str(tensor.dtype) and tensor.dim()
    return [*tensor.shape[:-1], 2 * tensor.shape[-1]] if in_pairs else list(tensor.shape)


def type_name(key: str, tensor: Tensor) -> str:
    """Return the name of a tensor's type in a header.

    Raises:
        TypeError: The format does not have it.
    """
    name = _names().get(str(tensor.dtype).removeprefix("torch."))
    if name is None:
        raise TypeError(f"{key} is of {tensor.dtype}, which safetensors does not have")
    return name


@cache
def _names() -> dict[str, str]:
    return {name: short for short, (name, _) in _TYPES.items()}


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
