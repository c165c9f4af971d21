"""Leaves: the parts of a value in an answer, one for each tensor and one for its texts.

For each tensor it has the dtype, the shape, the number of finite values, their mean, standard
deviation and l2 norm, and evenly spaced samples; for integers, booleans and texts the values
themselves, or their hash if they are many.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

SAMPLES = 32  # samples of a stage's output
FEW = 4  # samples of an inner module's output

_SHORT = 64  # the maximum number of integers or texts that are kept verbatim
_MANY = 6  # the maximum number of separate leaves of a stage

Leaf = Mapping[str, Any]


def canonical(value: Any) -> str:
    """Return canonical JSON: answers that are equal are equal text."""
    return json.dumps(value, separators=(",", ":"), default=dict, allow_nan=False)


def describe(at: str, value: Any, samples: int = SAMPLES) -> list[Leaf]:
    """Describe a value: a leaf for each tensor in it, and one for all texts of one place."""
    tensors, plain = dict[str, list[Any]](), dict[str, list[Any]]()
    for path, leaf in walk(value):
        (tensors if is_tensor(leaf) else plain).setdefault(path, []).append(leaf)
    if len(tensors) > _MANY:  # group them by their type
        every = [each for found in tensors.values() for each in found]
        tensors = {}
        for each in every:
            kind = str(each.dtype).removeprefix("torch.")
            tensors.setdefault(f"[*].{kind}", []).append(each)
    leaves = [_of_tensor(at + path, _joined(found), samples) for path, found in tensors.items()]
    return leaves + [_of_plain(at + path, values, samples) for path, values in plain.items()]


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a value with their paths; items of a list share one, except tensors."""
    if isinstance(value, Mapping | list | tuple) and not value:
        yield path, "nothing"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from walk(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            is_apart = isinstance(value, tuple) or is_tensor(item)
            yield from walk(item, f"{path}[{place if is_apart else '*'}]")
    elif value is None or isinstance(value, bool | int | float | str) or is_tensor(value):
        yield path, value


def is_tensor(value: Any) -> bool:
    return hasattr(value, "requires_grad") and not isinstance(value, type)


def _joined(tensors: list[Tensor]) -> Tensor:
    import torch

    if len(tensors) == 1:
        return tensors[0]
    return torch.cat([each.flatten() for each in tensors])


def _of_plain(at: str, values: list[Any], samples: int) -> Leaf:
    import torch

    numbers = [each for each in values if isinstance(each, float)]
    if numbers and all(isinstance(each, int | float) for each in values):
        tensor = torch.tensor(values, dtype=torch.float64)
        return {**_of_tensor(at, tensor, samples, digits=8), "dtype": "float"}
    return {"at": at, "shape": [len(values)], **_exact(values)}


def _exact(values: list[Any]) -> dict[str, Any]:
    values = [rounded(each, 17) if isinstance(each, float) else each for each in values]
    if len(values) <= _SHORT:
        return {"values": values}
    return {"values": values[:FEW], "sha256": sha256(canonical(values).encode()).hexdigest()[:16]}


def _of_tensor(at: str, tensor: Tensor, samples: int, digits: int = 0) -> Leaf:
    import torch

    if tensor.is_quantized:
        tensor = tensor.dequantize()
    dtype = str(tensor.dtype).removeprefix("torch.")
    head = {"at": at, "dtype": dtype, "shape": list(tensor.shape)}
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    flat = tensor.detach().flatten()
    if not tensor.is_floating_point():
        return {**head, **_exact(flat.tolist())}
    flat = flat.double()
    finite = flat[flat.isfinite()]
    digits = digits or (12 if dtype == "float64" else 8)
    deviation = float(finite.std(correction=0)) if len(finite) else 0.0
    mean = float(finite.mean()) if len(finite) else 0.0
    return {
        **head,
        "count": len(finite),
        "mean": rounded(mean, digits),
        "std": rounded(deviation, digits),
        "l2": rounded(float(finite.norm()), digits),
        "samples": [rounded(each, digits) for each in _strided(flat, samples)],
    }


def _strided(flat: Tensor, samples: int) -> list[float]:
    import torch

    count = min(samples, len(flat))
    places = torch.arange(count) * (len(flat) - 1) // max(count - 1, 1)
    values: list[float] = flat[places].tolist()
    return values


def rounded(value: float, digits: int) -> float | str:
    """Round to the compared digits; JSON has no infinity."""
    rounded = float(f"{value:.{digits}g}")
    return rounded if rounded - rounded == 0 else str(rounded)
