"""Tables and trees on the terminal, or JSON."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dapi._cli import terminal
from dapi._cli.options import say
from dapi._text.untrusted import printable
from dapi._text.urls import redact
from dapi._values.frozen import to_json


def print_rows(
    options: argparse.Namespace,
    rows: list[dict[str, Any]],
    *,
    empty: str,
    columns: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> None:
    """Print rows as JSON, or their columns as a table; print ``empty`` if there are none."""
    if options.json:
        print_json(rows)
    elif rows:
        tell_hidden(print_table(list(map(columns, rows))))
    elif empty:
        tell(empty)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(without_secrets(value), indent=2))


def print_line(value: Any) -> None:
    """Print a value as one line of JSON, at once: the next may take long."""
    print(json.dumps(_finite(value), default=dict), flush=True)


def _finite(value: Any) -> Any:
    """Replace numbers that JSON does not have by null.

    >>> _finite({"scores": [0.5, math.nan, -math.inf]})
    {'scores': [0.5, None, None]}
    """
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def without_secrets(value: Any) -> Any:
    """Return dicts, lists and scalars without the secrets of URLs, whose anchors are kept."""
    if isinstance(value, str):
        return redact(value, anchors=True)
    if isinstance(value, Mapping):
        return {redact(str(key)): without_secrets(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return list(map(without_secrets, value))
    return to_json(value)


def print_table(rows: list[dict[str, Any]], indent: str = "") -> list[str]:
    """Print rows: as wide as they are, or on a terminal within its width.

    Returns:
        The columns that are left out, because the terminal has no room for them.
    """
    rows = without_secrets(rows)
    # A pipe gets all columns, so that scripts find the same ones in every table.
    room = terminal.width()
    names = [name for name in rows[0] if room is None or any(_cell(name, r[name]) for r in rows)]
    cells = {
        name: [printable(name), *(printable(_cell(name, row[name])) for row in rows)]
        for name in names
    }
    widths = {name: max(map(len, column)) for name, column in cells.items()}
    numeric = {name for name in names if all(_is_number(row[name]) for row in rows)}
    if room is not None:
        widths = _fitting(widths, numeric, room - len(indent))
    for number in range(len(rows) + 1):
        line = []
        for name, width in widths.items():
            cell = _cut(cells[name][number], width, name)
            cell = cell.rjust(width) if name in numeric else cell.ljust(width)
            line.append(terminal.marked(cell, name if number else "heading"))
        print((indent + "  ".join(line)).rstrip())
    return [name for name in names if name not in widths]


def tell_hidden(names: list[str]) -> None:
    """Tell which columns a table lacks."""
    if names:
        say(f"This terminal has no room for: {', '.join(names)}. To see all: --json")


def print_heading(text: str) -> None:
    """Print the heading of a table."""
    print(terminal.marked(printable(text), "heading"))


def _fitting(widths: dict[str, int], numeric: set[str], room: int) -> dict[str, int]:
    """Return the columns and widths that fit: expendable columns go, and texts are cut."""
    first = next(iter(widths))
    least = {
        name: width if name in numeric else min(width, _NAME if name == first else _TEXT)
        for name, width in widths.items()
    }
    for name in _EXPENDABLE:
        if sum(least.values()) + 2 * (len(least) - 1) <= room:
            break
        if name != first:
            least.pop(name, None)
    spare = room - sum(least.values()) - 2 * (len(least) - 1)
    least[first] = max(min(_TEXT, widths[first]), least[first] + min(0, spare))
    spare = max(0, spare)
    for name in least:  # the first needs it most
        more = min(spare, widths[name] - least[name])
        least[name], spare = least[name] + more, spare - more
    return least


def _cut(text: str, width: int, name: str) -> str:
    """Shorten a text; of a path or URL, the end says most."""
    if len(text) <= width:
        return text
    if name == "status":  # without the replacement, which JSON has
        text = text.partition(",")[0]
    if len(text) <= width:
        return text
    dots = terminal.ellipsis()
    kept = width - len(dots)
    return dots + text[-kept:] if name in ("path", "url") else text[:kept] + dots


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


# The columns that a narrow table does without, the least important first.
_EXPENDABLE = (
    "gflops", "latest", "task", "distribution", "cached", "license", "mib", "best", "weights",
    "sha256", "remedy", "params", "metric", "status", "dataset",
)  # fmt: skip

# To how many characters texts are cut at most; names of weights, in the first column, to more.
_TEXT, _NAME = 12, 34


def put(text: str) -> None:
    """Print a line, which may contain untrusted text."""
    print(printable(text))


def tell(text: str, indent: str = "") -> None:
    """Print a sentence, which may contain untrusted text, in lines of the terminal."""
    print(terminal.wrapped(printable(text), sys.stdout, indent))


def _cell(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list):
        return ", ".join(_cell("", item) for item in value)
    if isinstance(value, int):
        return _rounded(value) if name == "params" else f"{value:,}"
    return str("" if value is None else value)


def _rounded(count: int) -> str:
    """Return a count of parameters with its unit.

    >>> _rounded(25_557_032), _rounded(644_812_894), _rounded(11_307_321_344), _rounded(512)
    ('25.6M', '644.8M', '11.3B', '512')
    """
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)


def print_facts(name: str, facts: Mapping[str, Any], indent: str = "") -> None:
    """Print facts: short ones in one line, the others below it."""
    plain: dict[str, Any] = to_json(facts)
    nested = {key: value for key, value in plain.items() if isinstance(value, dict | list)}
    short = [
        f"{key} {_cell('', value) or '-'}" for key, value in plain.items() if key not in nested
    ]
    put(indent + "  ".join([name, *short]))
    for key, value in nested.items():
        if isinstance(value, list) and _is_table(value):
            print_table(value, indent + "  ")
        else:
            print_tree({key: value}, indent + "  ")


def _is_table(rows: list[Any]) -> bool:
    """Whether these are dicts with the same keys."""
    return bool(rows) and all(isinstance(row, dict) and [*row] == [*rows[0]] for row in rows)


def print_tree(value: Any, indent: str = "") -> None:
    """Print nested dicts and lists, long lists shortened."""
    pairs: Iterable[tuple[str, Any]] = value.items() if isinstance(value, dict) else _items(value)
    for key, item in pairs:
        if isinstance(item, dict | list) and item:
            put(f"{indent}{key}")
            print_tree(item, indent + "  ")
        else:
            shown = _cell("", item) if item or item == 0 else "-"
            tell(f"{indent}{key}  {shown}", "    ")


def _items(values: list[Any], shown: int = 5) -> list[tuple[str, Any]]:
    pairs = [("-", value) for value in values[:shown]]
    return pairs + ([("...", f"{len(values) - shown} more")] if len(values) > shown else [])
