"""Hashing: the sha256 of a file that is still being written.

Hashing takes half of the time of a fast download. If a core is free, a thread hashes the file
while it is written, which saves that time. On a busy machine each block is hashed by the thread
that wrote it, while the block is still in the processor's cache: another thread would cost more.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from io import FileIO
from threading import Event, Thread

_BLOCK, _LEAST = 1 << 20, 1 << 12

# The thread is woken when it is so far behind the front; smaller files are hashed at the end.
_STEP = 4 << 20


class FrontHash:
    """Hashes a file up to its front: the end of the bytes written without a gap."""

    def __init__(self, stream: FileIO) -> None:
        self._stream = stream  # another one than it is written through
        self._hash, self._hashed, self._front = sha256(), 0, 0
        self._buffer: memoryview | None = None
        self._wake, self._is_over = Event(), False
        self._thread: Thread | None = None
        self._is_busy = _is_busy()

    def advance(self, front: int, block: bytes | memoryview = b"") -> None:
        """Move the front; ``block`` is the data that ends there, if the caller still has it."""
        self._front = front
        if self._thread is None and self._hashed + len(block) == front and self._is_busy:
            self._hash.update(block)
            self._hashed = front
            self._stream.seek(front)
            return
        if front - self._hashed < _STEP:
            return
        if self._thread is None:
            self._thread = Thread(target=self._follow, name="dapi-hash", daemon=True)
            self._thread.start()
        self._wake.set()

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
        count = self._stream.readinto(self._buffer) or 0
        self._hash.update(self._buffer[:count])
        self._hashed += count
        return count > 0


def _is_busy() -> bool:
    """Whether all cores have something to do."""
    try:
        return os.getloadavg()[0] >= (os.cpu_count() or 1)
    except (AttributeError, OSError):  # a system without load averages
        return False
