"""Tensors inside of values: dicts, lists, tuples and the outputs of models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

Tensors: TypeAlias = dict[str, Tensor]


def named(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a value with a name each; all else is left out."""
    if isinstance(value, Tensor):
        yield name or "output", value
        return
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        fields = getattr(value, "_fields", range(len(value)))
        is_one = len(value) == 1
        items = [
            ("" if is_one else str(key), item) for key, item in zip(fields, value, strict=True)
        ]
    else:
        return
    for key, item in items:
        first = "output" if key.isdigit() and not name else name
        yield from named(item, "_".join(filter(None, (first, key))))


def mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """Return a value with each tensor replaced."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [mapped(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def resized(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor of another shape, whose values repeat; rows of a batch are not equal."""
    for dim, size in enumerate(shape):
        places = torch.arange(size) % tensor.shape[dim]
        tensor = tensor.index_select(dim, places)
    if tensor.ndim > 1 and len(tensor) > 1:
        tensor = torch.stack([row.roll(place, -1) for place, row in enumerate(tensor)])
    return tensor


def equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape, type and values."""
    return one.dtype == other.dtype and torch.equal(one, other)
