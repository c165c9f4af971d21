"""Warnings that point at the caller's line, once in a process where that is enough."""

from __future__ import annotations

import sys
import warnings

from dapi._text.untrusted import printable
from dapi._text.urls import redact

_said: set[str] = set()


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the first frame outside of dapi and of its distributions.

    Control characters are removed, since parts of the message may be untrusted.
    """
    # warnings.warn does this itself since Python 3.12, by its argument skip_file_prefixes.
    depth, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "dapi":
        depth, frame = depth + 1, frame.f_back
    warnings.warn(printable(redact(message)), category, stacklevel=depth)


def warn_once(message: str, category: type[Warning]) -> None:
    """Warn, but give the same message only once in a process."""
    if message not in _said:
        warn(message, category)
        _said.add(message)  # not before: a warning that raises has not been heard
