"""Hashing: the sha256 of a file that is still being written.

A thread of its own reads what has been written in order, so that hashing, which takes half of the
time of a fast download, costs none where a second core is free.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread

_BLOCK = 1 << 20

# So far behind the front the thread is woken; smaller files are hashed at their end.
_STEP = 4 << 20


class FrontHash:
    """Follows the front of a file: the end of what is written without a gap."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb", buffering=0)
        self._hash, self._hashed, self._front = sha256(), 0, 0
        self._wake, self._is_over = Event(), False
        self._thread: Thread | None = None

    def advance(self, front: int) -> None:
        """Say how far the file is written without a gap."""
        self._front = front
        if front - self._hashed < _STEP:
            return
        if self._thread is None:
            self._thread = Thread(target=self._follow, name="dapi-hash", daemon=True)
            self._thread.start()
        self._wake.set()

    def digest(self) -> str:
        """Return the hash of the whole file, which is written now."""
        self._stop()
        while self._read():
            pass
        return self._hash.hexdigest()

    def close(self) -> None:
        """Let go of the file."""
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
        block = self._stream.read(_BLOCK)
        self._hash.update(block)
        self._hashed += len(block)
        return bool(block)
