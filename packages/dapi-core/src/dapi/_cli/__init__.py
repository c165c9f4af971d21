"""The ``dapi`` command: one module for each noun. Only this package prints."""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dapi._cli import check, completion, doctor, env, models, predict, store, terminal
from dapi._cli.failures import FAILED, INTERRUPTED, MISUSED, print_error, status
from dapi._cli.options import Parser, UsageError, epilog, misused, say
from dapi._cli.waiting import word_for_torch
from dapi._plugins import discovery
from dapi._text.untrusted import printable
from dapi.exceptions import DapiError, DapiWarning

# The commands of core; distributions add others in the entry-point group dapi.commands.
_COMMANDS = (
    "list", "search", "show", "predict", "fetch", "verify", "trust", "cache", "doctor", "env",
    "check", "answers", "completion",
)  # fmt: skip

# Commands that people read about before they install their distributions.
_OWNERS = {
    "dapi-devkit": (
        "new", "describe", "convert", "entry-points", "catalogue", "snapshot", "breaking", "diff",
    ),
    "dapi-lock": ("lock", "sync", "audit", "sign", "bundle", "unbundle", "sbom", "card"),
    "dapi-export": ("export",),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name; by default sys.argv.

    Returns:
        The exit status: 0; 1 after an error or when ``doctor`` or ``verify`` found a problem;
        3 if DAPI_OFFLINE prevents a download, 4 if one fails, 5 if bytes do not match their hash.

    Raises:
        SystemExit: The command line is wrong (2), or only asks for help (0).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names may not be encodable
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _warnings_as_sentences(), word_for_torch():
            return _run(words)
    except UsageError as error:
        reason = terminal.wrapped(printable(error.reason), sys.stderr)
        print(f"{error.usage}{reason}", file=sys.stderr)
        if "--json" in words:
            print_error("usage", error.reason)
        raise SystemExit(MISUSED) from None
    except DapiError as error:
        say(str(error))
        if "--json" in words:
            print_error(error.code(), error)
        return status(error)
    except KeyboardInterrupt:
        print("dapi: interrupted. Completed work is kept.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as head, has ended
        sys.stderr.close()  # where Python would report that its last flush failed
        return FAILED


def _run(words: list[str]) -> int:
    if words and words[0] == completion.COMPLETE:
        return completion.complete(_parser(), words[1:])
    if words and words[0] not in _COMMANDS and not words[0].startswith("-"):
        command = discovery.extension("dapi.commands", words[0])
        if command is None:
            return misused(_unknown(words[0]), as_json="--json" in words)
        return _extension(command, words)
    parser = _parser()
    if not words:
        parser.print_help()
        return 0
    options = parser.parse_args(words)
    with discovery.one_look():  # a listing asks hundreds of times what is installed
        return int(options.run(options))


def _extension(command: Callable[[list[str]], int | None], words: list[str]) -> int:
    """Run a command of a distribution, whose own parser reports a wrong command line as text."""
    try:
        return int(command(words[1:]) or 0)
    except SystemExit as stop:
        if stop.code == MISUSED and "--json" in words:
            reason = f"the command line is wrong. For its options: dapi {words[0]} --help"
            print_error("usage", f"dapi {words[0]}: {reason}")
        raise


def _unknown(word: str) -> str:
    """Return the message for an unknown command."""
    for owner, words in _OWNERS.items():
        if word in words:
            return f"{word!r} is a command of {owner}. To install it: pip install {owner}"
    others = (point.name for point in discovery.entry_points("dapi.commands"))
    from dapi._text.similar import nearest

    near = " or ".join(map(repr, nearest(word, {*_COMMANDS, *others})))
    meant = f" Did you mean {near}?" if near else ""
    return f"{word!r} is not a command.{meant} To list all: dapi --help"


@contextmanager
def _warnings_as_sentences() -> Iterator[None]:
    """Print dapi's warnings like its errors, without a line of code."""
    usual = warnings.formatwarning

    def sentence(message: Any, category: type[Warning], *where: Any, **line: Any) -> str:
        if issubclass(category, DapiWarning):
            return f"dapi: {printable(str(message))}\n"
        return usual(message, category, *where, **line)

    warnings.formatwarning = sentence
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="dapi",
        description="Find, inspect, fetch and run models and their weights.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = discovery.versions().get(discovery.CORE, "unknown")
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for noun in (models, predict, store, doctor, env, check, completion):
        noun.add_commands(commands)
    points = discovery.entry_points("dapi.commands")
    more = ", ".join(f"{point.name} ({point.distribution})" for point in points)
    further = f"{terminal.filled(f'Further commands: {more}.')}\n\n" if more else ""
    parser.epilog = further + epilog("")
    return parser
