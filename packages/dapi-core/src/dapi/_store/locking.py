"""Locking: one download for many processes and threads, and the identity of owners.

A lock only saves bandwidth: each process writes to its own file, so the bytes are right even where
locks do nothing (some network file systems). The kernel releases a lock when its owner exits.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import IO, NamedTuple

from dapi._store import access, folders
from dapi._store.settings import Settings
from dapi._values import notices
from dapi.exceptions import CacheError, CacheWarning


class Owner(NamedTuple):
    """A process on a machine, in a form that fits into a file's name."""

    machine: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.machine}-{self.pid}-{self.started}-{os.urandom(4).hex()}"

    @property
    def is_here(self) -> bool:
        """Whether its process would be seen from here."""
        return self.machine == _machine()

    @property
    def is_dead(self) -> bool:
        """Whether its process has certainly ended."""
        if not self.is_here or os.name == "nt":  # there, asking sends a signal
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return self.started != _started(self.pid)


def myself() -> Owner:
    """Return this process."""
    return Owner(_machine(), os.getpid(), _my_start(os.getpid()))


def owner_of(text: str) -> Owner | None:
    """Parse an owner; None if the text does not name one."""
    machine, _, rest = text.partition("-")
    pid, _, rest = rest.partition("-")
    if machine == "free" or not pid.isdigit():
        return None
    return Owner(machine, int(pid), rest.partition("-")[0])


@lru_cache(maxsize=1)
def _machine() -> str:
    """Identify the scope in which process numbers are unique: a host's boot, and a container."""
    from socket import gethostname

    parts = [gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115 - not a path
    except OSError:
        pass
    return sha256("".join(parts).encode()).hexdigest()[:8]


@lru_cache(maxsize=1)
def _my_start(pid: int) -> str:
    return _started(pid)


def _started(pid: int) -> str:
    """Return the start time of a process, since numbers are reused; 0 where it is unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"


@contextmanager
def turn(
    key: str,
    *,
    is_done: Callable[[], bool],
    state: Callable[[], tuple[str, object]],
    tell: Callable[[str], None],
    settings: Settings,
) -> Iterator[None]:
    """Wait until no other process downloads ``key``, or it is complete, or the other one stalls.

    Args:
        key: The key of the download.
        is_done: Returns whether the file is complete.
        state: Returns who downloads it, and a value that changes with the progress.
        tell: Called at each poll with the process that is waited for.
        settings: How long to wait.

    Raises:
        CacheError: The cache cannot be written.
    """
    path = folders.root() / "locks" / key
    try:
        stream = _open(path)
    except OSError as cause:
        raise CacheError(path.parent, reason=cause.strerror or str(cause)) from cause
    with stream:
        is_held = _wait(stream, is_done, state, tell, settings)
        try:
            yield
        finally:
            # Who waits holds the same file; who comes later makes another. Both look again at
            # the cache first, so that this costs at most a second download after a failed one.
            if is_held:
                _end(stream, path)


@contextmanager
def attempt(key: str) -> Iterator[bool]:
    """Take the lock of ``key`` if it is free; yield whether it was taken.

    Raises:
        OSError: The cache cannot be written.
    """
    path = folders.root() / "locks" / key
    with _open(path) as stream:
        is_held = _try_lock(stream)
        try:
            yield is_held
        finally:
            if is_held:
                _end(stream, path)


def _open(path: Path) -> IO[bytes]:
    access.make_folder(path.parent)
    try:
        return access.open_file(path, "ab")
    except PermissionError:  # another user's file, in a shared cache: it can be locked nevertheless
        return access.open_file(path, "rb")


def _end(stream: IO[bytes], path: Path) -> None:
    """Remove a lock that is held; it stays where another user made it and only he may remove it."""
    if os.name == "nt":
        return
    import fcntl

    with suppress(OSError):
        path.unlink()
    with suppress(OSError):  # a process that was forked meanwhile would keep the lock
        fcntl.flock(stream, fcntl.LOCK_UN)


def _wait(
    stream: IO[bytes],
    is_done: Callable[[], bool],
    state: Callable[[], tuple[str, object]],
    tell: Callable[[str], None],
    settings: Settings,
) -> bool:
    seen, since = None, time.monotonic()
    while not _try_lock(stream):
        if is_done():
            return False
        who, progress = state()
        tell(f"Waiting for {who}.")
        if progress != seen:
            seen, since = progress, time.monotonic()
        elif time.monotonic() - since > settings.patience:
            text = f"{who} made no progress for {settings.patience:g} s; continuing without it."
            notices.warn(text, CacheWarning)
            return False
        time.sleep(settings.poll)
    return True


def _try_lock(stream: IO[bytes]) -> bool:
    """Take the lock if it is free; continue without one where locks are not supported."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
    return True
