"""The formats of ``torch.save``, a zip and a legacy one, and plain pickles; read by ``inert``."""

from __future__ import annotations

import pickle
import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from dapi.devkit.conversion.arrays import Array
from dapi.devkit.conversion.inert import Inert, Reader, Storage, Stored

if TYPE_CHECKING:
    from torch import Tensor

LEGACY: Final = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# Not those of quantized numbers, which mean nothing alone.
_TYPE: Final = re.compile(r"bool|b?float\d+(_\w+)?|complex\d+|u?int(8|16|32|64)")
_CODE: Final = {
    "constants.pkl": "it is a TorchScript archive, which is code",
    "archive_format": "it is an exported program, which is code",
}


class Pickled:
    """A file of ``torch.save``, or of ``pickle.dump``.

    Attributes:
        tree: Its content: dicts, lists, plain values, and stand-ins.
        unknown: The names in it that were replaced.

    Args:
        path: The file.

    Raises:
        ValueError: It is not such a file, or is damaged, or hostile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, bytes] = {}
        with path.open("rb") as stream:
            head = stream.read(64)
            stream.seek(0)
            if head.startswith(b"PK\x03\x04"):
                self.tree, reader, self._bytes_of = _zip(path)
            elif LEGACY in head:
                self.tree, reader, self._bytes_of = _legacy(stream, path)
            else:
                self.tree, reader = _unpickle(stream)
                self._bytes_of = _nothing
        self.unknown = list(reader.unknown)

    def load(self, stored: Stored | Array) -> Tensor:
        """Return a tensor."""
        import torch

        if isinstance(stored, Array):
            return stored.load()

        dtype = getattr(torch, stored.dtype, None) if _TYPE.fullmatch(stored.dtype) else None
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"it has a tensor of the type {stored.dtype!r}, which is not read")
        numbers = self._numbers(stored.storage, dtype)
        if 0 in stored.size:
            return torch.empty(stored.size, dtype=dtype)
        steps = zip(stored.size, stored.stride, strict=True)
        last = stored.offset + sum((length - 1) * step for length, step in steps)
        if last >= len(numbers):
            raise ValueError("it has a tensor that reaches behind its numbers")
        return numbers.as_strided(stored.size, stored.stride, stored.offset).contiguous()

    def _numbers(self, storage: Storage, dtype: Any) -> Tensor:
        import torch

        width = torch.empty(0, dtype=getattr(torch, storage.dtype or "uint8")).element_size()
        if storage.key not in self._read:
            self._read.clear()  # tensors that share their numbers follow each other
            self._read[storage.key] = self._bytes_of(storage, width)
        content = self._read[storage.key]
        begin, end = storage.begin * width, (storage.begin + storage.length) * width
        if end > len(content):
            raise ValueError("it ends before its tensors do")
        if begin == end:
            return torch.empty(0, dtype=dtype)
        return torch.frombuffer(bytearray(content[begin:end]), dtype=dtype)


def _unpickle(stream: BinaryIO) -> tuple[Any, Reader]:
    reader = Reader(stream)
    return reader.load(), reader


def _nothing(storage: Storage, _: int) -> bytes:
    raise ValueError(f"it lacks the numbers {storage.key!r}")


def _zip(path: Path) -> tuple[Any, Reader, Callable[[Storage, int], bytes]]:
    archive = zipfile.ZipFile(path)  # open until the process ends
    members = archive.infolist()
    inner = {member.filename.partition("/")[2]: member for member in members}
    code = next((reason for name, reason in _CODE.items() if name in inner), None)
    if code:
        raise ValueError(code)
    if "data.pkl" not in inner or len(inner) < len(members):
        raise ValueError("it is a zip that torch.save did not write")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its members are compressed")
    if "byteorder" in inner and archive.read(inner["byteorder"]) != sys.byteorder.encode():
        raise ValueError("its numbers are in the byte order of another machine")
    with archive.open(inner["data.pkl"]) as stream:
        tree, reader = _unpickle(stream)  # type: ignore[arg-type]

    def bytes_of(storage: Storage, _: int) -> bytes:
        member = inner.get(f"data/{storage.key}")
        if member is None:
            raise ValueError(f"it lacks the numbers {storage.key!r}")
        return archive.read(member)

    return tree, reader, bytes_of


def _legacy(stream: BinaryIO, path: Path) -> tuple[Any, Reader, Callable[[Storage, int], bytes]]:
    """Read the format before PyTorch 1.6: five pickles, then the numbers of each storage."""
    _unpickle(stream)  # the magic number
    _unpickle(stream)  # the version of the format
    machine, _ = _unpickle(stream)
    if isinstance(machine, Mapping) and machine.get("little_endian") is not (
        sys.byteorder == "little"
    ):
        raise ValueError("its numbers are in the byte order of another machine")
    tree, reader = _unpickle(stream)
    keys, _ = _unpickle(stream)
    if not isinstance(keys, list):
        raise pickle.UnpicklingError("its list of numbers is none")
    places = _places(stream, keys, reader, path.stat().st_size)

    def bytes_of(storage: Storage, _: int) -> bytes:
        if storage.key not in places:
            raise ValueError(f"it lacks the numbers {storage.key!r}")
        begin, length = places[storage.key]
        with path.open("rb") as file:
            file.seek(begin)
            return file.read(length)

    return tree, reader, bytes_of


def _places(
    stream: BinaryIO, keys: list[Any], reader: Reader, size: int
) -> dict[str, tuple[int, int]]:
    """Return where the numbers of each storage begin, and how many bytes they have."""
    import torch

    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        storage = reader.storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise ValueError("it has numbers that no tensor refers to")
        width = torch.empty(0, dtype=getattr(torch, storage.dtype or "uint8")).element_size()
        count = int.from_bytes(stream.read(8), "little")
        begin, length = stream.tell(), count * width
        if begin + length > size:
            raise ValueError("it ends before its tensors do")
        places[key] = begin, length
        stream.seek(length, 1)
    return places


def kind(value: object) -> str:
    """Describe a value of a tree by its type alone: its text could be endless.

    >>> kind({"lr": 0.1}), kind(3)
    ('dict of 1', 'int')
    """
    if isinstance(value, Inert):
        return f"{value.module}.{value.name}"[:100] if value.name else "object"
    if isinstance(value, type):
        return f"class {getattr(value, 'module', '')}.{getattr(value, 'name', '')}"[:100]
    if isinstance(value, dict | list | tuple):
        name = "dict" if isinstance(value, dict) else type(value).__name__
        return f"{name} of {len(value)}"
    return "tensor" if isinstance(value, Stored) else type(value).__name__.lower()
