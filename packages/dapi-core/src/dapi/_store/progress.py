"""Progress: a bar for each file that is fetched, on a terminal only."""

from __future__ import annotations

import logging
import sys
from typing import Any

_log = logging.getLogger("dapi")


def say(text: str, *, enabled: bool) -> None:
    """Say a sentence above the bars, on a terminal; log it everywhere."""
    _log.info(text)
    if enabled and _is_terminal():
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


class Progress:
    """A progress bar in bytes, drawn with tqdm when standard error is a terminal.

    Several at once, of several threads, are drawn below each other; each goes when it is done.

    Args:
        label: What stands before the bar.
        enabled: False for silence.
    """

    def __init__(self, label: str, *, enabled: bool) -> None:
        self._bar: Any = None
        if enabled and _is_terminal():
            from tqdm import tqdm

            self._bar = tqdm(
                desc=label, unit="B", unit_scale=True, unit_divisor=1024, leave=None,
                dynamic_ncols=True,
            )  # fmt: skip

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def expect(self, total: int | None) -> None:
        """Say how many bytes there will be; None when nobody knows."""
        if self._bar is not None:
            self._bar.total = total

    def advance(self, size: int) -> None:
        """Say that ``size`` more bytes have come."""
        if self._bar is not None:
            self._bar.update(size)

    def restart(self) -> None:
        """Say that what has come was discarded."""
        if self._bar is not None:
            self._bar.n = 0
            self._bar.refresh()
