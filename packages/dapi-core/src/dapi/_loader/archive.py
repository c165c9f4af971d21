"""Check the zip archives that torch writes before torch reads them.

Readers differ in where they look for a zip's central directory. An archive with several could show
a small file to this check and gigabytes to torch, so only one directory, at the end, is accepted.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")


def check(path: Path) -> None:
    """Refuse an archive with several directories, compressed members, or code.

    Raises:
        ValueError: The archive is refused; the message says why.
        zipfile.BadZipFile: It is damaged.
    """
    size = path.stat().st_size
    count = _check_end(path, size)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    names = {member.filename for member in members}
    _check_kind(names)
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its members are compressed")
    if any(member.file_size != member.compress_size for member in members):
        raise ValueError("its members are of two sizes each")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members are larger than the file")
    if not len(names) == len(members) == count:
        raise ValueError("it has two members of one name")


def _check_kind(names: set[str]) -> None:
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner:
        raise ValueError("it is a TorchScript archive, which contains code: save its state_dict()")
    if "archive_format" in inner:
        raise ValueError("it is an exported program, which contains code: save its state_dict()")
    if names and all(name.endswith(".npy") for name in names):
        raise ValueError("it is an .npz file: name it *.npz, and run pip install dapi-devkit")
    if "data.pkl" not in inner:
        raise ValueError("it is a zip that torch.save did not write")


def _check_end(path: Path, size: int) -> int:
    """Return how many members the one list of a zip has; refuse where there could be another."""
    with path.open("rb") as stream:
        stream.seek(max(0, size - _END.size - _LOCATOR.size - _END64.size))
        tail = stream.read()
    if len(tail) < _END.size:
        raise zipfile.BadZipFile("it is truncated")
    signature, *disks, _, count, length, start, comment = _END.unpack(tail[-_END.size :])
    if signature != b"PK\x05\x06":
        raise zipfile.BadZipFile("it is truncated, or other data follows it")
    stop = size - _END.size
    locator = tail[-_END.size - _LOCATOR.size : -_END.size]
    if locator.startswith(b"PK\x06\x07") and len(locator) == _LOCATOR.size:
        stop -= _LOCATOR.size + _END64.size
        _, disk, place, all_disks = _LOCATOR.unpack(locator)
        signature, further, *_, disk64, start_disk, _, count, length, start = _END64.unpack(
            tail[: _END64.size]
        )
        disks += [disk, all_disks - 1, disk64, start_disk]
        if (signature, further, place) != (b"PK\x06\x06", _END64.size - 12, stop):
            raise ValueError("it has several lists of its members")
    if comment or any(disks) or start + length != stop:
        raise ValueError("it has several lists of its members, or something before or after it")
    found: int = count
    return found
