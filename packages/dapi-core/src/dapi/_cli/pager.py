"""A pager for what is longer than the terminal, as Git shows its lists."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

_LESS = "FRX"  # quit if it fits, show colors, and leave the text on the screen

Command = Callable[[argparse.Namespace], int]


def paging(run: Command) -> Command:
    """Return a command that shows what it prints in a pager, on a terminal that is too short."""

    def paged(options: argparse.Namespace) -> int:
        if options.json or options.no_pager or not _is_attended():
            return run(options)
        with _paged():
            return run(options)

    return paged


def _is_attended() -> bool:
    """Whether somebody sees the output, and can press a key."""
    streams = (sys.stdin, sys.stdout)
    is_terminal = all(stream is not None and stream.isatty() for stream in streams)
    return is_terminal and os.environ.get("TERM") != "dumb"


class _Page(io.StringIO):
    """What is printed for a terminal."""

    encoding = property(lambda _: getattr(sys.__stdout__, "encoding", ""))

    def isatty(self) -> bool:
        """Return that it is read on one."""
        return True


@contextmanager
def _paged() -> Iterator[None]:
    """Show what is printed when it is complete; then the remarks, which would scroll away."""
    page, remarks = _Page(), _Page() if sys.stderr.isatty() else io.StringIO()
    try:
        with redirect_stdout(page), redirect_stderr(remarks):
            yield
    finally:
        _show(page.getvalue())
        sys.stderr.write(remarks.getvalue())


def _show(text: str) -> None:
    command = _command()
    if text.count("\n") < shutil.get_terminal_size().lines or not command:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    _pipe(command, text)


def _command() -> list[str]:
    """Return the pager that is wanted; none if there is no such program."""
    import shlex

    wanted = next(filter(None.__ne__, map(os.environ.get, ("DAPI_PAGER", "PAGER"))), "less")
    try:
        words = shlex.split(str(wanted))
    except ValueError:  # a quotation mark without its other
        return []
    return words if words and words[0] != "cat" and shutil.which(words[0]) else []


def _pipe(command: list[str], text: str) -> None:
    import signal
    import subprocess

    environment = {"LESS": _LESS, **os.environ}
    encoding = sys.stdout.encoding or "utf-8"
    # Ctrl-C is a key of the pager, which must not be left without its reader.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        subprocess.run(  # noqa: S603 - the user's own program, and no shell
            command, input=text.encode(encoding, "backslashreplace"), env=environment, check=False
        )
    finally:
        signal.signal(signal.SIGINT, before)
