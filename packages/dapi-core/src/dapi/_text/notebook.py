"""HTML for notebooks: facts, tables and files; escaped, in one piece, in the page's colors.

Imported when something is displayed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dapi._text.untrusted import printable
from dapi._text.urls import redact

_ROWS, _ITEMS, _LETTERS = 100, 5, 200  # shown of a table, of a list and of a text
_LARGEST = 4_000_000  # bytes of a file: it becomes a part of the notebook
_TYPES = {
    "gif": "image/gif", "jpg": "image/jpeg", "png": "image/png", "svg": "image/svg+xml",
    "wav": "audio/wav", "webp": "image/webp",
}  # fmt: skip
_PARTS_OF_ONE = {"probability", "score", "share", "similarity"}  # columns that get bars


def card(
    title: str,
    facts: Mapping[str, Any],
    files: Mapping[str, Callable[[Path], object]] | None = None,
) -> str:
    """Return a title, what is known of it, and its pictures and sounds.

    Args:
        title: May be empty.
        facts: Short ones become a table of their names and values; lists of mappings, tables.
        files: As in ``dapi.tasks.Prediction``.
    """
    tables = {key: value for key, value in facts.items() if _is_table(value)}
    short = [
        f"<tr><th style='text-align:left'>{_text(key)}</th>{_cell('', value)}</tr>"
        for key, value in facts.items()
        if key not in tables and value not in (None, "", (), {}, [])
    ]
    parts = [f"<strong>{_text(title)}</strong>"] if title else []
    parts += [_embedded(suffix, write) for suffix, write in (files or {}).items()]
    parts += [f"<table>{''.join(short)}</table>"] if short else []
    for key, rows in tables.items():
        parts += [f"<div>{_text(key)}</div>", table(rows)]
    return f"<div style='overflow-x:auto'>{''.join(parts)}</div>"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a table, with the columns of the first."""
    columns = [*rows[0]] if rows else []
    head = "".join(f"<th style='text-align:left'>{_text(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(_cell(column, row.get(column)) for column in columns)}</tr>"
        for row in rows[:_ROWS]
    )
    more = f"<div>{len(rows) - _ROWS} more</div>" if len(rows) > _ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(column: str, value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = _text(_short(value))
    if column in _PARTS_OF_ONE and is_number and 0 <= value <= 1:
        block = "<span style='display:inline-block;"
        bar = f"{block}width:{6 * value:.2f}em;height:.6em;background:currentColor;opacity:.5'>"
        text = f"{block}min-width:4em'>{text}</span>{bar}</span>"
        is_number = False  # bars begin at one place
    align = "right" if is_number and column else "left"
    return f"<td style='text-align:{align}'>{text}</td>"


def _short(value: Any) -> str:
    """Return a value in words, the beginning of a long one."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, Mapping):
        return _short([f"{key}: {_short(item)}" for key, item in value.items()])
    if isinstance(value, list | tuple):
        more = [f"{len(value) - _ITEMS} more"] if len(value) > _ITEMS else []
        return ", ".join([*map(_short, value[:_ITEMS]), *more])
    return f"{value:,}" if isinstance(value, int) else str("" if value is None else value)


def _text(value: object) -> str:
    text = printable(redact(str(value)))  # before it is cut, which could leave half a password
    return escape(text if len(text) <= _LETTERS else f"{text[:_LETTERS]}...")


def _is_table(value: Any) -> bool:
    """Whether these are mappings with the same keys."""
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(each, Mapping) and [*each] == [*value[0]] for each in value)
    )


def _embedded(suffix: str, write: Callable[[Path], object]) -> str:
    """Return a picture or a sound; of another file, nothing."""
    kind = _TYPES.get(suffix.rpartition(".")[2])
    if kind is None:
        return ""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"file.{suffix.rpartition('.')[2]}")
        write(path)
        content = path.read_bytes()
    if len(content) > _LARGEST:
        return f"<div>{_text(suffix)}: {len(content):,} bytes, too large to show</div>"
    source = f"data:{kind};base64,{b64encode(content).decode()}"
    if kind.startswith("audio"):
        return f"<div><audio controls src='{source}'></audio></div>"
    return f"<div><img alt='{_text(suffix)}' src='{source}' style='max-width:100%'></div>"
