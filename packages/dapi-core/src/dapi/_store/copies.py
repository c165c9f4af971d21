"""Copies: the tensors of a blob in a form that can be mapped; made on demand, free to be removed.

A blob that cannot be mapped is read. When that happens a second time, a copy is written, which is
mapped from then on: a model that is loaded once costs no extra time or disk space. A copy whose
status is unchanged since it was written is trusted; otherwise it is hashed again. A cache that
others can write to has no copies.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from dapi._store import access, folders, records, settings, verification
from dapi.exceptions import CacheError

# Names of copies, of their records, and of unfinished ones.
_NAME = r"\.?([0-9a-f]{64})\.(safetensors|json)([-.][^/]*)?"

# The fraction of the disk that must stay free after a copy was made.
_SPARE = 0.1


def find(blob: Path) -> Path | None:
    """Return the intact copy of a blob; None if there is none or copies are not allowed."""
    if not _may_have_one(blob):
        return None
    path = _path(blob.name)
    return path if _is_intact(path) else None


def is_worthwhile(blob: Path) -> bool:
    """Record that a blob was read; return whether a copy should be made now.

    False the first time, for a file outside the cache, with ``DAPI_COPIES=0``, if the disk is
    nearly full, and if the cache is read-only or others can write to it.
    """
    if not _may_have_one(blob):
        return False
    record = _record(_path(blob.name))
    with suppress(OSError):
        if records.read(record):
            usage = shutil.disk_usage(folders.root())
            return usage.free - blob.stat().st_size > usage.total * _SPARE
        records.write(record, {"read": True})
    return False


def _is_intact(path: Path) -> bool:
    """Return whether a copy is unchanged since it was written."""
    try:
        status = path.lstat()
        known = records.read(_record(path)) if access.is_ours(status) else {}
        if known.get("stat") == verification.line(status):
            return True
        if "sha256" not in known:
            return False
        digest, state = verification.examine(path)
        if digest != known["sha256"]:
            records.write(_record(path), {"read": True})  # so that it is not hashed at each lookup
            return False
        records.write(_record(path), {**known, "stat": state})  # the cache was moved
    except OSError:
        return False
    return True


def _is_closed() -> bool:
    try:
        return access.is_closed(folders.root(), "copies")
    except CacheError:  # the user has no home directory
        return False


def _may_have_one(blob: Path) -> bool:
    """Whether a file is a blob (its name is its hash), and copies are allowed in its cache.

    They are allowed where no other user can plant one.
    """
    if not (settings.allows("DAPI_COPIES") and settings.allows("DAPI_MMAP")):
        return False  # a copy is made to be mapped
    if blob.parent.name != "blobs":
        return False
    return blob.parent.parent in folders.roots() and _is_closed()


def make(blob: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make the copy of a blob, unless another process is making it.

    Failing to write a copy is not an error: the blob is read as before.
    """
    from dapi._store import locking

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
    """Return the size of a blob's copy in bytes; 0 if there is none."""
    try:
        return _path(digest).lstat().st_size
    except OSError:
        return 0


def remove(digest: str) -> Path:
    """Remove the copy of a blob and its record; return the path of the copy.

    Raises:
        OSError: The cache cannot be written.
    """
    path = _path(digest)
    path.unlink(missing_ok=True)
    _record(path).unlink(missing_ok=True)
    _remove_remains(path)
    return path


def damaged() -> Iterator[Path]:
    """Hash the copies, and yield those that changed since they were written.

    They are marked so that loading does not use them.
    """
    for path in folders.listing("copies"):
        if re.fullmatch(_NAME, path.name) and path.suffix == ".safetensors" and path.name[0] != ".":
            known = records.read(_record(path)) if _is_closed() else {}
            try:
                is_intact = verification.examine(path)[0] == known.get("sha256")
            except OSError:
                is_intact = not os.path.lexists(path)  # another process removed it
            if not is_intact:
                with suppress(OSError):  # so that loading does not use it
                    records.write(_record(path), {"read": True})
                yield path


def sweep() -> Iterator[Path]:
    """Remove the copies of blobs that are no longer in any cache, and yield their paths."""
    for path in folders.listing("copies"):
        match = re.fullmatch(_NAME, path.name)
        blobs = [root / "blobs" / match[1] for root in folders.roots()] if match else ()
        if match and not any(map(Path.exists, blobs)):
            path.unlink(missing_ok=True)
            yield path


def _remove_remains(path: Path) -> None:
    """Remove the unfinished files of processes that were killed while writing."""
    for remains in access.files(path.parent):
        if remains.name.startswith(f".{path.name}-"):
            remains.unlink(missing_ok=True)


def _path(digest: str) -> Path:
    return folders.root() / "copies" / f"{digest}.safetensors"


def _record(path: Path) -> Path:
    return path.with_suffix(".json")
