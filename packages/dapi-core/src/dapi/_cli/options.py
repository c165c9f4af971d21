"""Common parts of commands: options and messages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from dapi._cli import pager, terminal
from dapi._cli.examples import epilog
from dapi._text.untrusted import printable
from dapi.exceptions import nearest


class UsageError(Exception):
    """The command line is wrong."""

    def __init__(self, usage: str, reason: str) -> None:
        super().__init__(usage, reason)
        self.usage, self.reason = usage, reason


class Parser(argparse.ArgumentParser):
    """A parser that suggests the option that is meant, and lets the command report errors."""

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError."""
        raise UsageError(self.format_usage(), f"{self.prog}: {message}")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown options where they were passed: a command knows its own."""
        known, rest = super().parse_known_args(args, namespace)
        for word in rest:
            if word.startswith("-") and word != "-":
                self.error(f"unknown option {word}.{self._suggestion(word)}")
        return known, rest

    def _suggestion(self, word: str) -> str:
        near = nearest(word.partition("=")[0], self._option_string_actions)
        meant = f" Did you mean {near[0]}?" if near else ""
        return f"{meant} To list all: {self.prog} --help"


def add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    *,
    of: str = "",
    aliases: Sequence[str] = (),
    is_long: bool = False,
) -> argparse.ArgumentParser:
    """Add a command; ``run`` is called with its options and returns the exit status.

    ``of`` is the command whose action it is. What ``is_long`` is shown in a pager.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        aliases=aliases,
        help=text,
        description=terminal.filled(text),
        epilog=epilog(f"{of} {name}".lstrip()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    if is_long:
        text = "print to the terminal, without a pager"
        command.add_argument("--no-pager", action="store_true", help=text)
    command.set_defaults(run=pager.paging(run) if is_long else run)
    return command


def say(text: str) -> None:
    """Print a sentence on standard error; only results go to standard output."""
    print(terminal.wrapped(f"dapi: {printable(text)}", sys.stderr), file=sys.stderr, flush=True)
