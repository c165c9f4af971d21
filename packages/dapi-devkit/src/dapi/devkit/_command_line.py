"""The command line: parsers with examples, and errors as text and as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

from dapi import catalog
from dapi.exceptions import DapiError

_MORE = "Exit statuses and JSON: docs/command-line.md"


def parser_of(
    command: str, text: str, *examples: str, page: str = "publishing"
) -> argparse.ArgumentParser:
    """Return the parser of a command, whose help ends in examples and a page to read."""
    lines = "".join(f"  {line}\n" for line in examples)
    return argparse.ArgumentParser(
        prog=f"dapi {command}",
        description=fill(text, get_terminal_size().columns - 2),
        epilog=f"examples:\n{lines}\nMore: docs/{page}.md\n{_MORE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def put_json(value: Any) -> None:
    """Print a result for programs."""
    print(json.dumps(value, indent=2, default=dict))


def say(text: str) -> None:
    """Print a sentence on standard error; only results go to standard output."""
    print(f"dapi: {catalog.printable(text)}", file=sys.stderr, flush=True)


def put_error(error: DapiError) -> None:
    """Print the one line of JSON that stands for a result after an error."""
    print(json.dumps({"error": {"code": error.code(), "message": str(error)}}), flush=True)
