"""Progress: a bar for long downloads, on a terminal only."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Progress:
    """A progress bar in bytes, drawn with tqdm when standard error is a terminal.

    Args:
        label: What stands before the bar.
        total: How many bytes there will be; None when nobody knows.
        enabled: False for silence.
    """

    def __init__(self, label: str, total: int | None, *, enabled: bool) -> None:
        self._bar: Any = None
        if enabled and sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(desc=label, total=total, unit="B", unit_scale=True, unit_divisor=1024)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, size: int) -> None:
        """Say that ``size`` more bytes have come."""
        if self._bar is not None:
            self._bar.update(size)
