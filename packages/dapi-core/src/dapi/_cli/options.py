"""Common parts of commands: options, exit status and messages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from dapi._text.untrusted import printable

# The exit status after an error, or when doctor or verify found a problem.
FAILED = 1

# The exit status when the command line is wrong, as in argparse.
MISUSED = 2

# The exit status after Ctrl-C, as in shells: 128 plus the signal's number.
INTERRUPTED = 130


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """Add a command; ``run`` is called with its options and returns the exit status."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.set_defaults(run=run)
    return command


def say(text: str) -> None:
    """Print a sentence on standard error; only results go to standard output."""
    print(f"dapi: {printable(text)}", file=sys.stderr, flush=True)
