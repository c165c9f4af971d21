"""Copies: what a blob holds, in a form that can be mapped. Made here, and made again when gone.

A blob that cannot be mapped is read. When that happens for the second time, a copy is made that is
mapped from then on: who loads a model once and never again pays nothing for it, neither time nor
room. A copy is trusted while its stat is that of when it was written.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from dapi._store import folders, locking, records, settings, verification

# The room that is left on the disk for others after a copy was made, as a part of all there is.
_SPARE = 0.1


def find(blob: Path) -> Path | None:
    """Return the intact copy of a blob; None when there is none, or shall be none."""
    path = _path(blob.name)
    if not _may_have_one(blob):
        return None
    try:
        is_intact = records.read(_record(path)).get("stat") == verification.stat_line(path)
    except OSError:
        return None
    return path if is_intact else None


def is_worthwhile(blob: Path) -> bool:
    """Note that a blob was read; whether a copy of it shall be made now.

    False for a file that is in no cache, the first time, when ``DAPI_COPIES=0`` forbids copies,
    when the disk has little room, and when the cache cannot be written.
    """
    if not _may_have_one(blob):
        return False
    record = _record(_path(blob.name))
    with suppress(OSError):
        if records.read(record):
            return _has_room(blob)
        records.write(record, {"read": True})
    return False


def _may_have_one(blob: Path) -> bool:
    """Whether a file's name is its hash (one in no cache may have any), and copies are allowed."""
    return _is_allowed() and blob.parent in [root / "blobs" for root in folders.roots()]


def _is_allowed() -> bool:
    return settings.allows("DAPI_COPIES") and settings.allows("DAPI_MMAP")  # made to be mapped


def _has_room(blob: Path) -> bool:
    usage = shutil.disk_usage(folders.root())
    return usage.free - blob.stat().st_size > usage.total * _SPARE


def make(blob: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make the copy of a blob, unless another process is at it.

    What cannot be written or expressed is no error: the blob is read as before.
    """
    path = _path(blob.name)
    with suppress(OSError, TypeError, ValueError), locking.attempt(f"copy-{blob.name}") as is_mine:
        if is_mine:
            _remove_remains(path)
            write(path)
            records.write(_record(path), {"read": True, "stat": verification.stat_line(path)})


def size(digest: str) -> int:
    """Return how many bytes the copy of a blob takes; 0 when there is none."""
    try:
        return _path(digest).stat().st_size
    except OSError:
        return 0


def remove(digest: str) -> Path:
    """Remove the copy of a blob, and what was noted of it; return where it was.

    Raises:
        OSError: The cache cannot be written.
    """
    path = _path(digest)
    path.unlink(missing_ok=True)
    _record(path).unlink(missing_ok=True)
    _remove_remains(path)
    return path


def sweep() -> Iterator[Path]:
    """Remove the copies of blobs that are in no cache any more, and yield where they were."""
    for path in (folders.root() / "copies").glob("*"):
        digest = path.name.lstrip(".")[:64]
        if not any((root / "blobs" / digest).exists() for root in folders.roots()):
            path.unlink(missing_ok=True)
            yield path


def _remove_remains(path: Path) -> None:
    """Remove what a process left that was killed while it wrote."""
    for remains in path.parent.glob(f".{path.name}-*"):
        remains.unlink(missing_ok=True)


def _path(digest: str) -> Path:
    return folders.root() / "copies" / f"{digest}.safetensors"


def _record(path: Path) -> Path:
    return path.with_suffix(".json")
