"""Tables and trees on the terminal, or JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dapi._text.untrusted import printable
from dapi._text.urls import redact
from dapi._values.frozen import to_json


def print_rows(
    options: argparse.Namespace, rows: list[dict[str, Any]], *, empty: str, indent: str = ""
) -> None:
    """Print rows as a table or as JSON; print ``empty`` if there are none."""
    if options.json:
        print_json(rows)
    elif rows:
        _print_table(without_secrets(rows), indent)
    elif empty:
        put(empty)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(without_secrets(value), indent=2))


def without_secrets(value: Any) -> Any:
    """Return dicts, lists and scalars without the secrets of URLs."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): without_secrets(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return list(map(without_secrets, value))
    return to_json(value)


def _print_table(rows: list[dict[str, Any]], indent: str) -> None:
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    cells = [list(map(printable, row)) for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(indent + "  ".join(padded).rstrip())


def put(text: str) -> None:
    """Print a line, which may contain untrusted text."""
    print(printable(text))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,}" if isinstance(value, int) else str("" if value is None else value)


def print_facts(name: str, facts: Mapping[str, Any], indent: str = "") -> None:
    """Print facts: short ones in one line, the others below it."""
    plain: dict[str, Any] = to_json(facts)
    nested = {key: value for key, value in plain.items() if isinstance(value, dict | list)}
    short = [f"{key} {_cell(value) or '-'}" for key, value in plain.items() if key not in nested]
    put(indent + "  ".join([name, *short]))
    for key, value in nested.items():
        if isinstance(value, list) and _is_table(value):
            _print_table(value, indent + "  ")
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
            shown = _cell(item) if item or item == 0 else "-"
            put(f"{indent}{key}  {shown}")


def _items(values: list[Any], shown: int = 5) -> list[tuple[str, Any]]:
    pairs = [("-", value) for value in values[:shown]]
    return pairs + ([("...", f"{len(values) - shown} more")] if len(values) > shown else [])
