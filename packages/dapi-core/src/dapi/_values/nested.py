"""Nested: values in mappings, lists and tuples, as models take and return them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any


def mapped(change: Callable[..., Any], value: Any, *others: Any) -> Any:
    """Call a function with each leaf of a value; the containers keep their types.

    A mapping that is not made from keywords, such as a tokenizer's, becomes a dict. Of several
    values of one structure, ``change`` receives the leaves at the same place.
    """
    if isinstance(value, Mapping):
        items = {
            key: mapped(change, item, *(each[key] for each in others))
            for key, item in value.items()
        }
        with suppress(TypeError):
            return items if type(value) is dict else type(value)(**items)
        return items
    if isinstance(value, list | tuple):
        found = [mapped(change, *each) for each in zip(value, *others, strict=True)]
        return type(value)(*found) if hasattr(value, "_fields") else type(value)(found)
    return change(value, *others)
