"""Partial: a file on its way, written by one owner only, and what of it is there.

Its name tells its owner. When that process has died, another one takes the file over and goes on
where it ended. Beside it lie notes: whose bytes these are (an ETag) and which ranges are written.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import IO

from dapi._store import folders, locking, records
from dapi._store.hashing import FrontHash
from dapi._store.progress import share
from dapi._store.settings import Settings
from dapi.exceptions import CacheError

# Notes are written each time that this part of the file has come, and not more often.
_NOTES, _LEAST_NOTE = 64, 1 << 16

# Room that is left on the disk, for records and for others.
_SPARE = 1 << 20


class Partial:
    """A private file that is filled in ranges, and hashed as far as it is whole.

    Safe for several threads of its owner. Made by ``create``.

    Attributes:
        path: Where it is.
        version: What names the bytes it holds, such as an ETag; None when nothing does.
        total: How long it will be; None when nobody knows.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.version: str | None = None
        self.total: int | None = None
        self._key, self._lock, self._stream = key, RLock(), path.open("r+b", buffering=0)
        self._done: list[tuple[int, int]] = []
        self._hash, self._noted = FrontHash(path), 0
        self._read_notes()

    @property
    def count(self) -> int:
        """How many bytes are there."""
        return sum(stop - start for start, stop in self._done)

    def missing(self) -> list[tuple[int, int | None]]:
        """List the ranges that are not there; the last one is open if no total is known."""
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
        """Put a block in its place.

        Raises:
            CacheError: The disk is full, or fails.
        """
        with self._lock:
            try:
                self._stream.seek(offset)
                view = memoryview(block)
                while view:
                    view = view[self._stream.write(view) :]
            except OSError as cause:
                raise failure(cause, self.total) from cause
            self._done = _joined([*self._done, (offset, offset + len(block))])
            if self._done[0][0] == 0:
                front = self._done[0][1]
                self._hash.advance(front, block if offset + len(block) == front else b"")
            self._note()

    def expect(self, total: int | None, version: str | None) -> None:
        """Say how long the file will be and what names its bytes; checks the room for it.

        Raises:
            CacheError: The disk has not enough room.
        """
        self.total, self.version = total, version
        left = (total or 0) - self.count
        if left > 0 and left > shutil.disk_usage(self.path.parent).free - _SPARE:
            raise failure(OSError(errno.ENOSPC, "there is not enough room"), total)

    def clone(self, share: Callable[[IO[bytes]], bool]) -> bool:
        """Let ``share`` fill the whole file at once; false when it cannot."""
        if not share(self._stream):
            return False
        self.total = os.fstat(self._stream.fileno()).st_size
        self._done = [(0, self.total)]
        return True

    def restart(self) -> None:
        """Forget all that is there."""
        with self._lock:
            self._stream.truncate(0)
            self._hash.close()
            self._hash, self._done, self._noted = FrontHash(self.path), [], 0
            self.version, self.total = None, None
            self._notes.unlink(missing_ok=True)

    def digest(self) -> str:
        """Return the sha256 of the whole."""
        return self._hash.digest()

    def release(self, *, worth_keeping: int) -> None:
        """Leave what is there to whoever asks next, or remove it when it is not worth it."""
        if self.count < worth_keeping or not self.path.exists():
            self.discard()
            return
        self._write_notes()
        self._close()
        _rename(self.path, _path(self._key, "free"))

    def discard(self) -> None:
        """Remove it, unless it was published."""
        self._close()
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def sync(self) -> None:
        """Let it reach the disk."""
        os.fsync(self._stream.fileno())

    @property
    def _notes(self) -> Path:
        return _notes_of(self.path)

    def _note(self) -> None:
        count = self.count
        if count - self._noted >= max(_LEAST_NOTE, (self.total or 0) // _NOTES):
            self._write_notes()
            self._noted = count

    def _write_notes(self) -> None:
        known = {"done": self._done, "version": self.version, "total": self.total}
        with suppress(OSError):  # then it is not resumed
            records.write(self._notes, known)

    def _read_notes(self) -> None:
        known = records.read(self._notes)
        size = self.path.stat().st_size
        ranges = [(int(a), min(int(b), size)) for a, b in known.get("done", ())]
        self._done = _joined([(a, b) for a, b in ranges if 0 <= a < b])
        self.version, self.total = known.get("version"), known.get("total")
        self._noted = self.count
        if self._done and self._done[0][0] == 0:
            self._hash.advance(self._done[0][1])

    def _close(self) -> None:
        self._hash.close()
        self._stream.close()


def create(key: str, settings: Settings) -> Partial:
    """Make a partial file for ``key``, going on where a dead owner ended if there is one.

    Raises:
        CacheError: The cache cannot be written.
    """
    folder = folders.blobs()
    path = _path(key, str(locking.myself()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not _take_over(key, path, settings):
            path.touch(mode=0o600)
        return Partial(path, key)
    except OSError as cause:
        raise failure(cause, None) from cause


def failure(cause: OSError, needed: int | None) -> CacheError:
    """Describe why the cache cannot be written, and how much room is needed."""
    reason, folder = cause.strerror or str(cause), folders.blobs()
    if cause.errno in (errno.ENOSPC, errno.EDQUOT):
        with suppress(OSError):
            reason += f" ({shutil.disk_usage(folder).free:,} bytes are free)"
        if needed:
            reason += f", {needed:,} bytes are needed"
    return CacheError(folder, reason=reason)


def progress(key: str) -> tuple[int, int | None]:
    """Return how many bytes of ``key`` an unfinished download has, and of how many if known."""
    found: list[tuple[int, int | None]] = []
    for path in _notes(key):
        known = records.read(path)
        with suppress(KeyError, TypeError, ValueError):  # a damaged note says nothing
            total = known.get("total") and int(known["total"])
            found.append((sum(int(stop) - int(start) for start, stop in known["done"]), total))
    return max(found, key=lambda pair: pair[0], default=(0, None))


def state(key: str, wanted: str) -> tuple[str, object]:
    """Tell who downloads ``key`` and how far it is, and a value that changes while it gets on.

    Args:
        key: As of ``create``.
        wanted: What the file is for.
    """
    for path in _of(key):
        owner = locking.owner_of(path.name.removeprefix(f"partial-{key}-"))
        with suppress(OSError):
            status = path.stat()
            where = "" if owner is None or owner.is_here else " on another machine"
            who = f"process {owner.pid}{where}" if owner else "another process"
            value = (path.name, status.st_size, status.st_mtime_ns)
            return f"{who}, which fetches {wanted} ({share(*progress(key))})", value
    return f"another process, which is about to fetch {wanted}", None


def sweep(settings: Settings, *, now: bool = False) -> Iterator[Path]:
    """Remove what nobody will resume: the old leftovers of dead owners, or all of theirs now."""
    age = 0.0 if now else settings.keep
    for path in _of("*"):
        owner = locking.owner_of("-".join(path.name.rsplit("-", 4)[1:]))
        is_free = owner is None or owner.is_dead or _idle(path) > settings.abandoned
        if is_free and _idle(path) >= age:
            path.unlink(missing_ok=True)
            _notes_of(path).unlink(missing_ok=True)
            yield path
    for path in _notes("*"):
        if not _bare(path).exists() and _idle(path) >= max(age, settings.abandoned):
            path.unlink(missing_ok=True)
            yield path


def _take_over(key: str, mine: Path, settings: Settings) -> bool:
    """Claim the fullest leftover of ``key`` by renaming it, and remove the others."""
    found = [(path, move) for path in _of(key) if (move := _way_to_claim(path, key, settings))]
    found.sort(key=lambda pair: _size(pair[0]), reverse=True)
    taken = False
    for path, move in found:
        if taken:
            path.unlink(missing_ok=True)
            _notes_of(path).unlink(missing_ok=True)
        else:
            taken = move(path, mine)
    _remove_orphans(key, mine)
    return taken


def _remove_orphans(key: str, mine: Path) -> None:
    """Remove notes of dead owners whose file is gone: a kill may come between the two."""
    for path in _notes(key):
        owner = locking.owner_of(_bare(path).name.removeprefix(f"partial-{key}-"))
        is_mine = _bare(path) == mine
        if not is_mine and not _bare(path).exists() and (owner is None or owner.is_dead):
            path.unlink(missing_ok=True)


def _way_to_claim(path: Path, key: str, settings: Settings) -> Callable[[Path, Path], bool] | None:
    """Return how a leftover may be taken over; None while its owner may still write to it."""
    owner = locking.owner_of(path.name.removeprefix(f"partial-{key}-"))
    if owner is None or owner.is_dead:
        return _rename
    # Its owner may wake up and write on, so that only a copy is safe.
    return _copy if _idle(path) > settings.abandoned else None


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
        shutil.copyfile(_notes_of(path), _notes_of(mine))
        shutil.copyfile(path, mine)
    except OSError:
        return False
    path.unlink(missing_ok=True)
    _notes_of(path).unlink(missing_ok=True)
    return True


def _of(key: str) -> list[Path]:
    return [p for p in folders.blobs().glob(f"partial-{key}-*") if ".json" not in p.name]


def _notes(key: str) -> list[Path]:
    """List the notes about partial files, those that were about to be written included."""
    folder = folders.blobs()  # the name of what is being written begins with a dot
    return [p for dot in ("", ".") for p in folder.glob(f"{dot}partial-{key}-*.json*")]


def _bare(notes: Path) -> Path:
    """Return the partial file that some notes are about."""
    return notes.with_name(notes.name.removeprefix(".").partition(".json")[0])


def _path(key: str, owner: str) -> Path:
    name = owner if owner != "free" else f"free-{os.urandom(4).hex()}"
    return folders.blobs() / f"partial-{key}-{name}"


def _notes_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _idle(path: Path) -> float:
    """Return for how many seconds nothing was written to a file."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


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
