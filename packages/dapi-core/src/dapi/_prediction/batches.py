"""Batches: inputs of the same shape, run through a model at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from dapi._values.nested import mapped


def outputs(run: Callable[[Any], Sequence[Any]], prepared: Sequence[Any]) -> list[Any]:
    """Return the output of each prepared input, in their order.

    Inputs of different shapes are not padded, which would change the results of some models: each
    shape is a batch of its own.
    """
    groups: dict[Hashable, list[int]] = {}
    for number, each in enumerate(prepared):
        groups.setdefault(_shape(each), []).append(number)
    found: dict[int, Any] = {}
    for numbers in groups.values():
        group = [prepared[number] for number in numbers]
        of_group = run(mapped(_joined, *group) if len(group) > 1 else group[0])
        found.update(zip(numbers, of_group, strict=True))
    return [found[number] for number in range(len(prepared))]


def _shape(value: Any) -> Hashable:
    """Return what inputs of one batch have in common."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return tuple(value.shape), value.dtype, getattr(value, "device", None)
    if isinstance(value, Mapping):
        return tuple((key, _shape(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_shape, value))
    return id(value)  # nothing is known of it


def _joined(*tensors: Any) -> Any:
    import torch

    return torch.cat(tensors)
