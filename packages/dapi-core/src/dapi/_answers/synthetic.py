"""Synthetic weights, derived by hash from the names of tensors.

No random generator is used, since none guarantees the same stream across versions and machines.
SHAKE-256 does.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import shake_256
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

# Buffers of normalization layers, which a file of weights would fill.
LEARNT_BUFFERS = ("weight", "bias", "running_mean", "running_var")


def uniform(name: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return numbers in (-1, 1) derived from a name; exact in float32 and in float64."""
    import torch

    count = prod(shape)
    if not count:
        return torch.empty(tuple(shape), dtype=dtype)
    source = shake_256(f"dapi-answers-1:{name}".encode())
    whole = torch.frombuffer(bytearray(source.digest(2 * count)), dtype=torch.int16)
    return whole.to(dtype).add_(0.5).div_(32768).reshape(tuple(shape))


def fill(model: nn.Module, dtype: torch.dtype) -> None:
    """Set the parameters of a model in place, including those on meta.

    Tied parameters stay tied. Buffers that a constructor computes, such as tables of positions,
    keep their values: they belong to the code's behavior.
    """
    from torch import nn

    made: dict[int, tuple[nn.Parameter, nn.Parameter]] = {}  # keeps old ones alive
    for prefix, module in model.named_modules():
        for key, old in module._parameters.items():
            if old is None:
                continue
            if id(old) not in made:
                kind = dtype if old.is_floating_point() else old.dtype
                value = _value(f"{prefix}.{key}", key, old.shape, kind)
                made[id(old)] = old, nn.Parameter(value, requires_grad=old.requires_grad)
            module._parameters[key] = made[id(old)][1]
        for key, buffer in module._buffers.items():
            if key in LEARNT_BUFFERS and buffer is not None and buffer.is_floating_point():
                module._buffers[key] = _value(f"{prefix}.{key}", key, buffer.shape, dtype)
    model.to(dtype)


def _value(name: str, key: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Scale numbers so that activations keep their size through the layers."""
    numbers = uniform(name, shape, dtype)
    if prod(shape) > max(shape, default=1):
        gain = 2 if len(shape) > 2 else 1  # most convolutions are followed by a ReLU
        return numbers.mul_((3 * gain / prod(shape[1:])) ** 0.5)
    if key.endswith("bias") or key == "running_mean":
        return numbers.mul_(0.1)
    return numbers.mul_(0.5).add_(1)
