"""Copies: what a blob holds, in a form that can be mapped. Made here, and made again when gone.

A blob that cannot be mapped is read. When that happens for the second time, a copy is made that is
mapped from then on: who loads a model once and never again pays nothing for it, neither time nor
room. A copy is trusted while its stat is that of when it was written, else it is hashed again. In a
cache that others can write to there are none.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from dapi._store import access, folders, locking, records, settings, verification
from dapi.exceptions import CacheError

# What dapi names its copies, their records, and those that it had begun to write.
_NAME = re.compile(r"\.?([0-9a-f]{64})\.(safetensors|json)([-.][^/]*)?")

# The room that is left on the disk for others after a copy was made, as a part of all there is.
_SPARE = 0.1


def find(blob: Path) -> Path | None:
    """Return the intact copy of a blob; None when there is none, or shall be none."""
    if not _may_have_one(blob):
        return None
    path = _path(blob.name)
    return path if _is_intact(path) else None


def is_worthwhile(blob: Path) -> bool:
    """Note that a blob was read; whether a copy of it shall be made now.

    False for a file that is in no cache, the first time, when ``DAPI_COPIES=0`` forbids copies,
    when the disk has little room, and when the cache cannot be written, or others can write there.
    """
    if not _may_have_one(blob):
        return False
    record = _record(_path(blob.name))
    with suppress(OSError):
        if records.read(record):
            return _has_room(blob)
        records.write(record, {"read": True})
    return False


def _is_intact(path: Path) -> bool:
    """Return whether a copy still holds what was written to it."""
    try:
        status = path.lstat()
        known = records.read(_record(path)) if access.is_ours(status) else {}
        if known.get("stat") == verification.line(status):
            return True
        if "sha256" not in known:
            return False
        digest, state = verification.examine(path)
        if digest != known["sha256"]:
            records.write(_record(path), {"read": True})  # so that it is not hashed each time
            return False
        records.write(_record(path), {**known, "stat": state})  # it was moved with its cache
    except OSError:
        return False
    return True


def _is_closed() -> bool:
    try:
        return access.is_closed(folders.root(), "copies")
    except CacheError:  # the user has no cache
        return False


def _may_have_one(blob: Path) -> bool:
    """Whether a file's name is its hash (one in no cache may have any), and copies are allowed.

    They are where nobody else can plant one.
    """
    if blob.parent.name != "blobs" or not _is_allowed():
        return False
    return blob.parent.parent in folders.roots() and _is_closed()


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
            access.make_folder(path.parent)
            _remove_remains(path)
            write(path)
            if os.name != "nt":  # there, a file that is read-only cannot be replaced
                path.chmod(0o444 & ~folders.umask())
            digest, state = verification.examine(path)
            records.write(_record(path), {"read": True, "stat": state, "sha256": digest})


def size(digest: str) -> int:
    """Return how many bytes the copy of a blob takes; 0 when there is none."""
    try:
        return _path(digest).lstat().st_size
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


def damaged() -> Iterator[Path]:
    """Hash the copies again, and yield those that are not what was written to them.

    These are not used any more.
    """
    for path in folders.listing("copies"):
        if _NAME.fullmatch(path.name) and path.suffix == ".safetensors" and path.name[0] != ".":
            known = records.read(_record(path)) if _is_closed() else {}
            try:
                is_intact = verification.examine(path)[0] == known.get("sha256")
            except OSError:
                is_intact = not os.path.lexists(path)  # it was removed meanwhile
            if not is_intact:
                with suppress(OSError):  # so that it is not used meanwhile
                    records.write(_record(path), {"read": True})
                yield path


def sweep() -> Iterator[Path]:
    """Remove the copies of blobs that are in no cache any more, and yield where they were."""
    for path in folders.listing("copies"):
        match = _NAME.fullmatch(path.name)
        blobs = [root / "blobs" / match[1] for root in folders.roots()] if match else ()
        if match and not any(map(Path.exists, blobs)):
            path.unlink(missing_ok=True)
            yield path


def _remove_remains(path: Path) -> None:
    """Remove what a process left that was killed while it wrote."""
    for remains in access.files(path.parent):
        if remains.name.startswith(f".{path.name}-"):
            remains.unlink(missing_ok=True)


def _path(digest: str) -> Path:
    return folders.root() / "copies" / f"{digest}.safetensors"


def _record(path: Path) -> Path:
    return path.with_suffix(".json")
