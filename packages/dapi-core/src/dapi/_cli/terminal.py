"""The terminal: its width and colours. A pipe or a file has neither."""

from __future__ import annotations

import os
import shutil
import sys

_MARKS = {"heading": "\x1b[1m", "status": "\x1b[33m", "state": "\x1b[33m"}
_END = "\x1b[0m"


def width() -> int | None:
    """Return the width of the terminal in characters; None for a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def marked(text: str, kind: str) -> str:
    """Return a heading in bold and a status in yellow, if colours are wanted."""
    mark = _MARKS.get(kind) if text.strip() and _is_colourful() else None
    return f"{mark}{text}{_END}" if mark else text


def ellipsis() -> str:
    """Return the sign of omission that the terminal can show."""
    return "\u2026" if "utf" in (sys.stdout.encoding or "").casefold() else "."


def _is_colourful() -> bool:
    """Whether to colour: NO_COLOR and FORCE_COLOR decide, then the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
