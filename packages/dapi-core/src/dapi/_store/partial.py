"""Partial: an incomplete download, written by one owner, with the ranges that it holds.

The file name contains the owner. When that process has died, another one claims the file, and
``download`` resumes it. Notes beside it record the version of the bytes (an ETag) and the written
ranges.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import IO

from dapi._store import access, folders, locking, records
from dapi._store.hashing import FrontHash
from dapi._store.progress import share
from dapi._store.settings import Settings

# Notes are written after each such fraction of the file, at least this number of bytes apart.
_NOTES, _LEAST_NOTE = 64, 1 << 16

_NAME = re.compile(r"partial-[0-9a-z]+-[0-9a-z]+(-[0-9a-z]+)+")
_NOTES_NAME = re.compile(r"\.?partial-[0-9a-z]+-[0-9a-z-]+\.json(\.[0-9a-f]+)?")

# Bytes left free on the disk, for records and for other programs.
_SPARE = 1 << 20


class Partial:
    """A private file that is filled range by range, and hashed up to its first gap.

    Safe for several threads of its owner. Made by ``create``.

    Attributes:
        path: Its path.
        version: The version of the bytes that it holds, such as an ETag; None if unknown.
        total: Its final size in bytes; None if unknown.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.version: str | None = None
        self.total: int | None = None
        self._key, self._lock, self._stream = key, RLock(), access.open_file(path, "r+b")
        if not _is_own(os.fstat(self._stream.fileno())):
            self._stream.close()
            raise OSError(f"others can write to {path}, or it has another name (a hard link)")
        self._done: list[tuple[int, int]] = []
        self._notes = _notes_of(path)
        self._hash, self._noted = self._new_hash(), 0
        self._read_notes()

    @property
    def count(self) -> int:
        """The number of bytes written."""
        return sum(stop - start for start, stop in self._done)

    def missing(self) -> list[tuple[int, int | None]]:
        """List the ranges still to be written; the last is open-ended if the total is unknown."""
        with self._lock:
            gaps: list[tuple[int, int | None]] = []
            position = 0
            for start, stop in self._done:
                if start > position:
                    gaps.append((position, start))
                position = stop
            if self.total is None or position < self.total:
                gaps.append((position, self.total))
            return gaps

    def write(self, offset: int, block: bytes | memoryview) -> None:
        """Write a block at its offset.

        Raises:
            CacheError: The disk is full, or writing failed.
        """
        with self._lock:
            try:
                self._stream.seek(offset)
                view = memoryview(block)
                while view:
                    view = view[self._stream.write(view) :]
            except OSError as cause:
                raise folders.failure(cause, self.total) from cause
            self._done = _joined([*self._done, (offset, offset + len(block))])
            if self._done[0][0] == 0:
                front = self._done[0][1]
                self._hash.advance(front, block if offset + len(block) == front else b"")
            if self.count - self._noted >= max(_LEAST_NOTE, (self.total or 0) // _NOTES):
                self._write_notes()
                self._noted = self.count

    def fill(self, blocks: Iterable[bytes], total: int | None) -> None:
        """Write all bytes of the file in order.

        Raises:
            CacheError: The disk is full, or writing failed.
        """
        self.expect(total, None)
        offset = 0
        for block in blocks:
            self.write(offset, block)
            offset += len(block)

    def expect(self, total: int | None, version: str | None) -> None:
        """Set the final size and the version of the bytes; check that the disk has space for them.

        Raises:
            CacheError: The disk does not have enough space.
        """
        self.total, self.version = total, version
        left = (total or 0) - self.count
        if left > 0 and left > shutil.disk_usage(self.path.parent).free - _SPARE:
            raise folders.failure(OSError(errno.ENOSPC, "not enough disk space"), total)

    def clone(self, share: Callable[[IO[bytes]], bool]) -> bool:
        """Let ``share`` fill the whole file; return False if it cannot."""
        if not share(self._stream):
            return False
        self.total = os.fstat(self._stream.fileno()).st_size
        self._done = [(0, self.total)]
        return True

    def restart(self) -> None:
        """Discard the content and its notes."""
        with self._lock:
            self._stream.truncate(0)
            self._hash.close()
            self._hash, self._done, self._noted = self._new_hash(), [], 0
            self.version, self.total = None, None
            self._notes.unlink(missing_ok=True)

    def digest(self) -> str:
        """Return the sha256 of the whole file."""
        return self._hash.digest()

    def release(self, *, worth_keeping: int) -> None:
        """Give the file up: keep it for the next download to resume, or remove a small one."""
        if self.count < worth_keeping or not self.path.exists():
            self.discard()
            return
        self._write_notes()
        self._close()
        _rename(self.path, _path(self._key, f"free-{os.urandom(4).hex()}"))

    def publish(self, path: Path) -> os.stat_result:
        """Make the file read-only, rename it to ``path``, and return its status there.

        Raises:
            OSError: It cannot be renamed, or another process replaced it meanwhile.
        """
        if os.name == "nt":  # there, a file that is open or read-only cannot be replaced
            self._close()
            os.replace(self.path, path)
            return path.stat()
        os.fchmod(self._stream.fileno(), 0o444 & ~folders.umask())
        os.replace(self.path, path)
        if not access.is_same(self._stream, path):
            raise OSError(f"another process replaced {path.name} while it was published")
        return os.fstat(self._stream.fileno())

    def discard(self) -> None:
        """Remove it, unless it was published or released."""
        self._close()
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def sync(self) -> None:
        """Flush the file to the disk."""
        os.fsync(self._stream.fileno())

    def _write_notes(self) -> None:
        known = {"done": self._done, "version": self.version, "total": self.total}
        with suppress(OSError):  # without notes the file is not resumed
            records.write(self._notes, known)

    def _read_notes(self) -> None:
        known = records.read(self._notes)
        size = os.fstat(self._stream.fileno()).st_size
        try:
            ranges = [(int(a), min(int(b), size)) for a, b in known.get("done", ())]
        except (TypeError, ValueError):  # damaged: none of the bytes are known to be right
            known, ranges = {}, []
        self._done = _joined([(a, b) for a, b in ranges if 0 <= a < b])
        version, total = known.get("version"), known.get("total")
        self.version = version if isinstance(version, str) else None
        self.total = total if isinstance(total, int) else None
        self._noted = self.count
        if self._done and self._done[0][0] == 0:
            self._hash.advance(self._done[0][1])

    def _new_hash(self) -> FrontHash:
        stream = access.open_file(self.path, "rb")
        if not os.path.sameopenfile(stream.fileno(), self._stream.fileno()):
            stream.close()
            raise OSError(f"another process replaced {self.path}")
        return FrontHash(stream)

    def _close(self) -> None:
        self._hash.close()
        self._stream.close()


def _is_own(status: os.stat_result) -> bool:
    """Return whether a file belongs to this user and has no other name (hard link)."""
    return access.is_regular(status) and status.st_nlink == 1 and access.is_ours(status)


def create(key: str, settings: Settings) -> Partial:
    """Make a partial file for ``key``, going on where a dead owner ended if there is one.

    Raises:
        CacheError: The cache cannot be written.
    """
    try:
        path = _path(key, str(locking.myself()))
        access.make_folder(path.parent)
        if not _take_over(key, path, settings):
            access.open_file(path, "xb", permissions=0o600).close()
        return Partial(path, key)
    except OSError as cause:
        raise folders.failure(cause, None) from cause


def progress(key: str) -> tuple[int, int | None]:
    """Return how many bytes of ``key`` an unfinished download has, and of how many if known."""
    found: list[tuple[int, int | None]] = []
    for path in _listed(key)[1]:
        known = records.read(path)
        with suppress(KeyError, TypeError, ValueError):  # a damaged note is ignored
            total = known.get("total") and int(known["total"])
            found.append((sum(int(stop) - int(start) for start, stop in known["done"]), total))
    return max(found, key=lambda pair: pair[0], default=(0, None))


def state(key: str, wanted: str) -> tuple[str, object]:
    """Return who downloads ``key`` and how far, and a value that changes with the progress."""
    for path in _listed(key)[0]:
        owner = _owner(path)
        with suppress(OSError):
            status = path.lstat()
            where = "" if owner is None or owner.is_here else " on another machine"
            who = f"process {owner.pid}{where}" if owner else "another process"
            value = (path.name, status.st_size, status.st_mtime_ns)
            return f"{who}, which fetches {wanted} ({share(*progress(key))})", value
    return f"another process, which is about to fetch {wanted}", None


def sweep(settings: Settings, *, now: bool = False) -> Iterator[Path]:
    """Remove the partial files of dead owners: those that expired, or all of them."""
    keep = 0.0 if now else settings.keep
    files, notes = _listed()
    for path in files:
        _, age = _size_and_age(path)
        is_free = not is_alive(path) or age > settings.abandoned
        if is_free and age >= keep and _remove(path):
            yield path
    for path in notes:
        is_old = _size_and_age(path)[1] >= max(keep, settings.abandoned)
        if is_old and not _bare(path).exists() and _remove(path):
            yield path


def is_alive(path: Path) -> bool:
    """Return whether the owner of a partial file may still write to it."""
    owner = _owner(path)
    return owner is not None and not owner.is_dead


def listing() -> list[tuple[str, Path]]:
    """List the partial files of the cache, each with its key."""
    return [(path.name.split("-")[1], path) for path in _listed()[0]]


def _take_over(key: str, mine: Path, settings: Settings) -> bool:
    """Claim the fullest leftover of ``key``, if there is one, and remove the others."""
    files, notes = _listed(key)
    taken = False
    for path in sorted(files, key=_size_and_age, reverse=True):
        move = _way_to_claim(path, settings)
        if move and taken:
            _remove(path)
        elif move:
            taken = move(path, mine)
    for path in notes:  # a kill can separate them from their file
        bare = _bare(path)
        if bare != mine and not bare.exists() and not is_alive(bare):
            _remove(path)
    return taken


def _way_to_claim(path: Path, settings: Settings) -> Callable[[Path, Path], bool] | None:
    """Return how a partial file may be claimed; None while its owner may still write to it.

    One of another user is never claimed: that user may have it open.
    """
    try:
        status = path.lstat()
    except OSError:
        return None
    if not _is_own(status):
        return None
    if not is_alive(path):
        return _rename
    # Its owner may wake up and write on, so that only a copy is safe.
    return _copy if time.time() - status.st_mtime > settings.abandoned else None


def _rename(path: Path, mine: Path) -> bool:
    try:
        path.rename(mine)
    except OSError:  # another process was faster
        return False
    with suppress(OSError):
        _notes_of(path).rename(_notes_of(mine))
    return True


def _copy(path: Path, mine: Path) -> bool:
    try:
        for source, target in ((_notes_of(path), _notes_of(mine)), (path, mine)):
            with (
                access.open_file(source, "rb") as old,
                access.open_file(target, "xb", permissions=0o600) as new,
            ):
                shutil.copyfileobj(old, new)
    except OSError:
        _remove(mine)
        return False
    _remove(path)
    return True


def _remove(path: Path) -> bool:
    """Remove a partial file and its notes; return whether it could be."""
    try:
        path.unlink(missing_ok=True)
        _notes_of(path).unlink(missing_ok=True)
    except OSError:  # another user's, in a shared cache
        return False
    return True


def _listed(key: str = "") -> tuple[list[Path], list[Path]]:
    """List the partial files of ``key``, or of all, and the notes about such files.

    Notes that were about to be written are listed, too. Any other name is not dapi's.
    """
    prefix = f"partial-{key}-" if key else "partial-"
    found = folders.listing("blobs", (prefix, f".{prefix}"))
    files = [path for path in found if _NAME.fullmatch(path.name)]
    return files, [path for path in found if _NOTES_NAME.fullmatch(path.name)]


def _bare(notes: Path) -> Path:
    """Return the partial file that some notes are about."""
    return notes.with_name(notes.name.removeprefix(".").partition(".json")[0])


def _owner(path: Path) -> locking.Owner | None:
    return locking.owner_of(path.name.split("-", 2)[2])


def _path(key: str, owner: str) -> Path:
    return folders.blobs() / f"partial-{key}-{owner}"


def _notes_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _size_and_age(path: Path) -> tuple[int, float]:
    """Return the size of a file, and for how many seconds nothing was written to it."""
    try:
        status = path.lstat()
    except OSError:
        return 0, 0.0
    return status.st_size, time.time() - status.st_mtime


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort ranges and join those that touch.

    >>> _joined([(4, 6), (0, 2), (2, 4), (8, 9)])
    [(0, 6), (8, 9)]
    """
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined
