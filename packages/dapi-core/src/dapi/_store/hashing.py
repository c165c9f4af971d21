"""Hashing: the sha256 of a file that is still being written.

The thread that writes a block hashes it, while it is still in the processor's cache and while more
bytes arrive from the network. Only where the processor limits a download, and a core is free, does
a second thread hash the file instead: that halves the time, but it reads the file again, and costs
a tenth more work.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from hashlib import sha256
from io import FileIO
from threading import Event, Thread, get_ident

_BLOCK, _LEAST = 1 << 20, 1 << 12

# The thread is woken when it is so far behind the front.
_STEP = 4 << 20

# Hashing moves to a thread if the writer ran for this fraction of the time that 16 MB took. It runs
# for less of it when it waits for the network, or shares its core.
_WINDOW, _ALONE = 16 << 20, 0.75


class FrontHash:
    """Hashes a file up to its front: the end of the bytes written without a gap."""

    def __init__(self, stream: FileIO) -> None:
        self._stream = stream  # another one than it is written through
        self._hash, self._hashed, self._front = sha256(), 0, 0
        self._buffer: memoryview | None = None
        self._wake, self._is_over = Event(), False
        self._thread: Thread | None = None
        self._since = self._now()

    def advance(self, front: int, block: bytes | memoryview = b"") -> None:
        """Move the front; ``block`` is the data that ends there, if the caller still has it."""
        self._front = front
        is_next = self._thread is None and self._hashed + len(block) == front
        if is_next and not self._is_limit():
            self._hash.update(block)
            self._hashed = front
            return
        if front - self._hashed < _STEP:
            return
        if self._thread is None:
            self._thread = Thread(target=self._follow, name="dapi-hash", daemon=True)
            self._thread.start()
        self._wake.set()

    def _is_limit(self) -> bool:
        """Whether the writer limits the download, and a core is probably free for a thread.

        Load averages do not tell: they lag by a minute, and count the cores of other containers.
        """
        writer, front, wall, cpu = self._since
        if self._front - front < _WINDOW and writer == get_ident():
            return False
        self._since = now = self._now()
        if writer != now[0]:  # another connection's: their times cannot be compared
            return False
        return now[3] - cpu > _ALONE * (now[2] - wall) and _cores() > 1

    def _now(self) -> tuple[int, int, float, float]:
        return get_ident(), self._front, time.monotonic(), time.thread_time()

    def digest(self) -> str:
        """Return the hash of the whole file, which must be complete."""
        self._stop()
        while self._read():
            pass
        return self._hash.hexdigest()

    def close(self) -> None:
        """Stop the thread and close the file."""
        self._stop()
        self._stream.close()

    def _stop(self) -> None:
        self._is_over = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        with suppress(OSError):  # digest() meets it again, and raises
            while not self._is_over:
                self._wake.wait()
                self._wake.clear()
                while self._front - self._hashed >= _BLOCK and not self._is_over:
                    self._read()

    def _read(self) -> bool:
        if self._buffer is None:  # to clear a megabyte takes longer than to hash a small file
            size = min(_BLOCK, max(_LEAST, self._front - self._hashed))
            self._buffer = memoryview(bytearray(size))
        self._stream.seek(self._hashed)
        count = self._stream.readinto(self._buffer) or 0
        self._hash.update(self._buffer[:count])
        self._hashed += count
        return count > 0


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
