"""Entries of weights as source code, laid out as ``ruff format`` does, at 100 columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from dapi import Asset, Lines, WeightEntry, Weights, adapt, catalog

_WIDTH = 100
_ORDER = (
    "url", "sha256", "size", "mirrors", "transforms", "postprocess", "assets", "meta", "latest",
    "status", "build",
)  # fmt: skip


class _Fixed(tuple[Any, ...]):
    """A tuple that stays one: elsewhere lists are tuples because they were frozen."""


def entry_source(entry: WeightEntry, *, indent: str = "", before: str = "") -> str:
    """Return the call that makes an entry, without default arguments.

    Args:
        entry: Its transforms and postprocess are lazy, or not declared.
        indent: The indentation of its lines, except the first.
        before: The text before it in its first line.

    >>> print(entry_source(WeightEntry("https://example.org/a.pth", size=3)))
    WeightEntry(url="https://example.org/a.pth", size=3)
    """
    return _render(entry, indent, len(indent) + len(before))


def imports(source: str) -> list[str]:
    """Return the imports that the source of an entry needs."""
    called = set(re.findall(r"\b(\w+)\(", source))
    own = sorted(
        called & {"Asset", "Build", "File", "Lines", "Status", "WeightEntry"} | {"Weights"}
    )
    steps = sorted(called & vars(adapt).keys())
    lines = [f"from dapi import {', '.join([*own, *(called & {'lazy'})])}"]
    return lines + ([f"from dapi.adapt import {', '.join(steps)}"] if steps else [])


def _render(value: Any, indent: str, column: int) -> str:
    """Write a value in one line if it fits behind ``column``, and on several otherwise."""
    opening, parts, closing = _parts(value)
    if not opening:
        return str(parts[0][1])
    flat = opening + ", ".join(key + _render(part, "", -(10**6)) for key, part in parts) + closing
    if column + len(flat) + 1 <= _WIDTH and not _explodes(value):
        return flat
    deeper = f"{indent}    "
    lines = [f"{deeper}{k}{_render(part, deeper, len(deeper + k))}," for k, part in parts]
    return "\n".join((opening, *lines, indent + closing.lstrip(",")))


def _explodes(value: Any) -> bool:
    """Whether a value has one item per line even if it is short, for people to fill in."""
    return isinstance(value, WeightEntry) and len(list(_arguments(value))) > 3


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """Split a value into its opening, its parts with their keys, and its closing."""
    if isinstance(value, Weights):
        value = value.value
    if isinstance(value, catalog.Lazy | Lines | Asset) or is_dataclass(value):
        return _call_parts(value)
    if isinstance(value, Mapping):
        return "{", [(f"{_quoted(key)}: ", each) for key, each in value.items()], "}"
    if isinstance(value, _Fixed):
        return "(", [("", each) for each in value], ",)" if len(value) == 1 else ")"
    if isinstance(value, list | tuple):
        return "[", [("", each) for each in value], "]"
    return "", [("", _quoted(value))], ""


def _call_parts(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    if isinstance(value, catalog.Lazy):
        return "lazy(", [("", value.target), *_keywords(value.kwargs)], ")"
    name = f"{type(value).__name__}("
    if isinstance(value, Lines | Asset):
        return name, [("", value.reference if isinstance(value, Lines) else value.name)], ")"
    if isinstance(value, adapt.Take):
        return name, [("", key) for key in value.keys], ")"
    return name, _keywords(dict(_arguments(value))), ")"


def _keywords(arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(f"{name}=", value) for name, value in arguments.items()]


def _arguments(value: Any) -> Iterator[tuple[str, Any]]:
    """List the fields of a dataclass that are not their defaults."""
    known = {field.name: field for field in fields(value)}
    names = _ORDER if isinstance(value, WeightEntry) else tuple(known)
    for name in names:
        factory = known[name].default_factory
        default = known[name].default if factory is MISSING else factory()
        found = getattr(value, name)
        if found != default:
            yield name, _Fixed(found) if isinstance(found, tuple) else found


def _quoted(value: Any) -> str:
    """Write a plain value; strings in double quotes, unless these would have to be escaped."""
    if not isinstance(value, str) or ('"' in value and "'" not in value):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
