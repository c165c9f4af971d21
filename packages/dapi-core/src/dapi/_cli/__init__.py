"""The ``dapi`` command: one module for each noun. Only this package prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dapi import _discovery
from dapi._cli import health, models, store
from dapi._cli.options import FAILED, INTERRUPTED
from dapi.exceptions import DapiError

# Those of core; a distribution adds others in the entry-point group dapi.commands.
_COMMANDS = ("list", "search", "show", "fetch", "verify", "trust", "cache", "doctor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name; by default that of the process.

    Returns:
        The exit status: 0, or 1 after an error or when ``doctor`` or ``verify`` found a problem.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and words[0] not in _COMMANDS and not words[0].startswith("-"):
            command = _discovery.extension("dapi.commands", words[0])
            if command is not None:
                return int(command(words[1:]) or 0)
        options = _parser().parse_args(words)
        return int(options.run(options))
    except DapiError as error:
        print(f"dapi: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("dapi: interrupted. What was fetched so far is kept.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        sys.stderr.close()
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dapi", description="Find, inspect and fetch models and their weights."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for noun in (models, store, health):
        noun.add_commands(commands)
    _add_extensions(parser)
    return parser


def _add_extensions(parser: argparse.ArgumentParser) -> None:
    points = _discovery.entry_points("dapi.commands")
    if points:
        more = (f"{point.name} ({point.distribution})" for point in points)
        parser.epilog = f"Further commands: {', '.join(more)}."
