"""Criteria: read the arguments of a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dapi._values import names as _names
from dapi.exceptions import ArgumentError


def number(text: str) -> float:
    """Read a number such as 30M.

    Raises:
        ValueError: It is not a number.

    >>> number("30M"), number("1.5k"), number("80")
    (30000000.0, 1500.0, 80.0)
    """
    unit = _UNITS.get(text[-1:])
    return float(text[:-1]) * unit if unit else float(text)


def checked_text(name: str, value: Any, expected: str) -> str | None:
    """Return a text, or None."""
    if value is None or isinstance(value, str):
        return value
    raise ArgumentError("dapi.search", name, value, expected=expected)


def _read_names(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = _names.one_or_several("dapi.search", name, value)
    return tuple(map(_names.normalize, names)) if name == "distribution" else names


def _read_bounds(name: str, value: Any) -> Mapping[str, float] | None:
    """Read metrics and their bounds."""
    if value is None:
        return None
    expected = f"a dict of metrics and values: {name}={{'acc@1': 80}}"
    if not isinstance(value, Mapping) or not all(isinstance(metric, str) for metric in value):
        raise ArgumentError("dapi.search", name, value, expected=expected)
    try:
        return {metric: _as_float(bound) for metric, bound in value.items()}
    except _NO_NUMBER:
        raise ArgumentError("dapi.search", name, str(value), expected=expected) from None


def _read_count(name: str, value: Any) -> float | None:
    """Read a number of parameters."""
    try:
        return None if value is None else _as_float(value)
    except _NO_NUMBER:
        expected = "a number, as in 30_000_000 or '30M'"
        raise ArgumentError("dapi.search", name, value, expected=expected) from None


def _read_number(name: str, value: Any) -> float | None:
    try:
        return None if value is None else _as_float(value, units=False)
    except _NO_NUMBER:
        raise ArgumentError("dapi.search", name, value, expected="a number, as in 4.1") from None


def _as_float(value: Any, *, units: bool = True) -> float:
    if isinstance(value, bool):
        raise TypeError("true and false are not numbers")
    found = number(value) if units and isinstance(value, str) else float(value)
    if found != found:
        raise ValueError("NaN is neither more nor less than anything")
    return found


# The errors of float().
_NO_NUMBER = (OverflowError, TypeError, ValueError)

_UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}
READERS: dict[str, Callable[[str, Any], Any]] = {
    "task": _read_names,
    "dataset": _read_names,
    "license": _read_names,
    "allow_license": _read_names,
    "distribution": _read_names,
    "min_metric": _read_bounds,
    "max_metric": _read_bounds,
    "max_params": _read_count,
    "max_gflops": _read_number,
}
