"""The terminal: its width and colors. A pipe or a file has neither."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from dapi._text.untrusted import printable

_MARKS = {"heading": "\x1b[1m", "status": "\x1b[33m", "state": "\x1b[33m"}
_END = "\x1b[0m"
_USUAL = {"cached", "ok", "trusted"}  # states that need no attention


def width() -> int | None:
    """Return the width of the terminal in characters; None for a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def marked(text: str, kind: str) -> str:
    """Return a heading in bold and a status in yellow, if colors are wanted."""
    is_plain = not text.strip() or (kind == "state" and text.strip() in _USUAL)
    mark = _MARKS.get(kind) if not is_plain and _is_colorful() else None
    return f"{mark}{text}{_END}" if mark else text


def filled(text: str) -> str:
    """Return a paragraph of help as wide as argparse makes its own."""
    from textwrap import fill  # listing does not need it

    return fill(printable(text), shutil.get_terminal_size().columns - 2)


def wrapped(text: str, stream: TextIO, indent: str = "") -> str:
    """Return a sentence in lines of the terminal, of which all but the first are indented.

    A pipe or a file gets one line. Words, which may be commands and paths, are never broken.
    """
    if not stream.isatty():
        return text
    from textwrap import fill  # a pipe does not need it

    columns = shutil.get_terminal_size().columns
    start = text[: len(text) - len(text.lstrip())]
    return start + fill(
        text.lstrip(),
        max(20, columns - len(start)),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def ellipsis() -> str:
    """Return the sign of omission that the terminal can show."""
    return "\u2026" if "utf" in (sys.stdout.encoding or "").casefold() else "."


def _is_colorful() -> bool:
    """Whether to color: NO_COLOR and FORCE_COLOR decide, then the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
