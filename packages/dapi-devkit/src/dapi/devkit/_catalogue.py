"""``dapi catalogue``: the installed weights as one page for a browser."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from dapi import catalog
from dapi.devkit._command_line import parser_of, put_json
from dapi.devkit._page import described, installed, page
from dapi.exceptions import InputError


def main(arguments: Sequence[str]) -> int:
    """Run ``dapi catalogue``."""
    options = _parser().parse_args(arguments)
    found = installed()
    if options.json:
        put_json(described(found))
    elif options.output == "-":
        sys.stdout.write(page(found))
    else:
        path = Path(options.output).absolute()
        _write(path, page(found))
        print(f"{catalog.counted(len(found), 'set')} of weights: {path}")
        if options.open:
            webbrowser.open(path.as_uri())
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as cause:
        reason = f"cannot be written to ({cause.strerror})"
        raise InputError(str(path), reason, expected="a file in an existing directory") from cause


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "catalogue",
        "Write a page that shows the installed weights: to filter, sort and plot.",
        "dapi catalogue --open",
        "dapi catalogue --output weights.html",
        page="catalogue",
    )
    parser.add_argument(
        "--output",
        default="catalogue.html",
        metavar="FILE",
        help="where to write the page (default: %(default)s; - for standard output)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--json", action="store_true", help="print the page's data instead")
    return parser
