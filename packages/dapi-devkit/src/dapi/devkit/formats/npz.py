"""The .npz format of numpy: arrays by name. Object arrays, which are pickles, are refused."""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from dapi.exceptions import MissingDependencyError

if TYPE_CHECKING:
    from torch import Tensor

_SUFFIX: Final = ".npy"
# Of a compressed file: weights hardly become smaller, and a small file could unpack to anything.
_MOST_TIMES: Final = 20
_HARMLESS: Final = 64 << 20


def read(path: Path) -> dict[str, Tensor]:
    """Return the arrays of a file as tensors, by name.

    Raises:
        ValueError: It is damaged, or holds something else than arrays of numbers.
        MissingDependencyError: numpy is not installed.
    """
    tensors: dict[str, Tensor] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check(members, path.stat().st_size)
        for member in members:
            key = member.filename.removesuffix(_SUFFIX)
            if key in tensors:
                raise ValueError(f"it has two arrays named {key!r}")
            with archive.open(member) as stream:
                tensors[key] = _tensor(key, stream, member.file_size)  # type: ignore[arg-type]
    return tensors


def _check(members: list[zipfile.ZipInfo], size: int) -> None:
    odd = next((each.filename for each in members if not each.filename.endswith(_SUFFIX)), None)
    if odd is not None:
        raise ValueError(f"it holds {odd!r}, which is not an array")
    if not {member.compress_type for member in members} <= {
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    }:
        raise ValueError("its members are compressed in another way than numpy's")
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(_HARMLESS, _MOST_TIMES * size):
        raise ValueError(f"its members unpack to {unpacked:,} bytes, more than weights would")


def _tensor(key: str, stream: BinaryIO, size: int) -> Tensor:
    import torch

    try:
        import numpy as np
    except ImportError as cause:
        raise MissingDependencyError("An .npz file needs numpy", requirement="numpy") from cause

    shape, in_columns, dtype = _header(stream)
    count = prod(shape)
    if dtype.hasobject:
        raise ValueError(f"{key!r} holds Python objects, which would be unpickled")
    if stream.tell() + count * dtype.itemsize != size:
        raise ValueError(f"its header gives {key!r} a size that is not that of its shape")
    flat = np.frombuffer(bytearray(stream.read()), dtype, count)
    array = flat.reshape(shape[::-1]).T if in_columns else flat.reshape(shape)
    try:
        return torch.from_numpy(array.astype(dtype.newbyteorder("="), order="C", copy=False))
    except TypeError as cause:
        raise ValueError(f"{key!r} is of the type {dtype}, which torch does not have") from cause


def _header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, Any]:
    from numpy.lib import format as npy

    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in readers:
        raise ValueError(f"it has an array of format {version}, which is not known")
    found: tuple[tuple[int, ...], bool, Any] = readers[version](stream)
    return found
