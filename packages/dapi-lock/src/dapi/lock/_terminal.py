"""The terminal: sentences on standard error, results on standard output, one line of progress."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from dapi.catalog import counted, printable

# Seconds between two lines of progress without a terminal.
_INTERVAL = 10.0


def say(text: str) -> None:
    """Print a sentence on standard error; only results go to standard output."""
    print(f"dapi: {printable(text)}", file=sys.stderr, flush=True)


def put(text: str) -> None:
    """Print a line of a result, which may contain untrusted text."""
    print(printable(text))


def put_json(value: Any) -> None:
    """Print a result for programs."""
    print(json.dumps(value, indent=2))


def put_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows with the same keys as a table."""
    cells = [[*rows[0]], *([str(value) for value in row.values()] for row in rows)] if rows else []
    cells = [[printable(cell) for cell in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())


def amount(size: float) -> str:
    """Return a number of bytes in a suitable unit.

    >>> amount(999), amount(1_200_000)
    ('999 B', '1.2 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.{0 if unit == 'B' else 1}f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


class Progress:
    """One line about many files: rewritten on a terminal, every ten seconds in a log.

    Args:
        verb: The action, as in ``Downloading``.
        files: The number of files.
        size: Their total size in bytes.
        enabled: False to print nothing.
    """

    def __init__(self, verb: str, files: int, size: int, *, enabled: bool) -> None:
        self._verb, self._files, self._size, self._enabled = verb, files, size, enabled
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._began = time.monotonic()
        self._due = self._began + (0.2 if self._is_terminal else _INTERVAL)

    def show(self, files: int, size: int) -> None:
        """Print the number of finished files and bytes, if it is time to."""
        now = time.monotonic()
        if not self._enabled or now < self._due:
            return
        self._due = now + (0.2 if self._is_terminal else _INTERVAL)
        rate = amount(size / max(now - self._began, 1e-3))
        text = (
            f"{self._verb}: {files} of {counted(self._files, 'file')}, "
            f"{amount(size)} of {amount(self._size)}, {rate}/s"
        )
        if self._is_terminal:
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)
        else:
            say(text)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled and self._is_terminal:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
