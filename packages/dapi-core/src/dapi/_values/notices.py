"""Warnings that point at the caller's own line, and are said once where once is enough."""

from __future__ import annotations

import sys
import warnings

from dapi._text.untrusted import printable
from dapi._text.urls import redact

_said: set[str] = set()


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the first frame outside of dapi and of its distributions.

    Strangers wrote some of the message: what controls a terminal is left out.
    """
    depth, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "dapi":
        depth, frame = depth + 1, frame.f_back
    warnings.warn(printable(redact(message)), category, stacklevel=depth)


def warn_once(message: str, category: type[Warning]) -> None:
    """Warn, but say the same sentence only once in a process."""
    if message not in _said:
        warn(message, category)
        _said.add(message)  # not before: a warning that raises has not been heard
