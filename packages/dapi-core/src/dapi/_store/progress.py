"""Progress: a bar for each download on a terminal and in a notebook, and lines in a log."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from dapi._store import disk
from dapi._text.untrusted import printable

_log = logging.getLogger("dapi")

# Seconds between two lines about one download: a log shows progress and stays short.
_INTERVAL = 10.0


def share(count: int, total: int | None) -> str:
    """Return how much of a file is there, as text.

    >>> share(120_000_000, 480_000_000), share(120_000_000, None)
    ('25% of 480.0 MB', '120.0 MB')
    """
    return f"{100 * count // total}% of {disk.amount(total)}" if total else disk.amount(count)


class Lines:
    """Lines on standard error about a long operation, one every ten seconds.

    A terminal shows the first line immediately. Elsewhere, an operation of less than ten seconds
    prints nothing.

    Args:
        enabled: False prints nothing.
        at_once: Whether to print the first line immediately.
    """

    def __init__(self, *, enabled: bool, at_once: bool = False) -> None:
        self._enabled, self._due = enabled, time.monotonic()
        self._due += 0.0 if at_once else _INTERVAL
        self.count = 0

    def say(self, text: Callable[[], str]) -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        if self._enabled and now >= self._due:
            self._due = now + _INTERVAL
            self.count += 1
            _write(text())


def waiting(*, enabled: bool) -> Callable[[str], None]:
    """Return a function that reports the process that this one waits for.

    The first call is logged; a terminal shows it immediately, then a line every ten seconds.
    """
    lines = Lines(enabled=enabled, at_once=_is_terminal())
    is_logged = False

    def tell(text: str) -> None:
        nonlocal is_logged
        if not is_logged:
            _log.info(text)
            is_logged = True
        lines.say(lambda: text)

    return tell


def _write(text: str) -> None:
    text = printable(text)
    with suppress(OSError, ValueError):  # a closed pipe must not end a download
        if _is_terminal():
            from tqdm import tqdm

            tqdm.write(text, file=sys.stderr)  # above the bars
        elif sys.stderr is not None:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - a log that would be silent


def _is_terminal() -> bool:
    with suppress(ValueError):  # it was closed
        return sys.stderr is not None and sys.stderr.isatty()
    return False


class Progress:
    """The progress of a download in bytes: a bar on a terminal or in a notebook, lines elsewhere.

    The bars of several threads are drawn below each other; each disappears when it is complete.

    Args:
        label: The text before the bar.
        enabled: False prints nothing.
    """

    def __init__(self, label: str, *, enabled: bool) -> None:
        self._label, self._began = label, time.monotonic()
        self._bar: Any = None
        self._draw = _drawing() if enabled else None
        self._lines = Lines(enabled=enabled and self._draw is None)
        self._count = 0
        self._total: int | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._lines.count and failure is None:
            seconds = time.monotonic() - self._began
            _write(f"{self._label}: {disk.amount(self._count)} after {seconds:.0f} s")

    def expect(self, total: int | None, there: int = 0) -> None:
        """Set the total number of bytes (None if unknown), and the number that is complete."""
        self._total, self._count = total, there
        if self._draw is None:
            return
        if self._bar is not None:  # one in a notebook takes no other total
            self._bar.leave = False
            self._bar.close()
        self._bar = self._draw(
            desc=self._label, total=total, initial=there, unit="B", unit_scale=True,
            unit_divisor=1024, leave=None, dynamic_ncols=True,
        )  # fmt: skip

    def advance(self, size: int) -> None:
        """Add ``size`` bytes."""
        self._count += size
        if self._bar is not None:
            self._bar.update(size)
        else:
            self._lines.say(lambda: f"{self._label}: {share(self._count, self._total)}")

    def restart(self) -> None:
        """Start again from zero."""
        self.expect(self._total)


def _drawing() -> Any:
    """Return the class of tqdm that draws bars here; None where only lines can be written."""
    if _is_terminal():
        from tqdm import tqdm

        return tqdm
    if "IPython" not in sys.modules:
        return None
    try:
        with warnings.catch_warnings():  # about widgets that are not installed: lines do
            warnings.simplefilter("ignore")
            fitting: Any = import_module("tqdm.autonotebook").tqdm
        is_notebook: bool = fitting.__module__ == "tqdm.notebook"
        if is_notebook:
            fitting.status_printer(None, 1).close()  # widgets that are installed need not work
    except Exception:  # noqa: BLE001 - as above
        return None
    return fitting if is_notebook else None
