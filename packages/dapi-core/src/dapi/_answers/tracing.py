"""Tracing: the tensors in nested values, the modules inside a model, and its calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from math import hypot
from typing import TYPE_CHECKING, Any

from dapi._answers import leaves as _leaves
from dapi._answers import synthetic
from dapi._answers.leaves import Leaf
from dapi._values import nested

if TYPE_CHECKING:
    from torch import Tensor, nn

_MOST_MODULES = 16  # inside a model that are noted
_PART = 1 << 24  # elements of a tensor whose norm is computed at a time


def inside(model: nn.Module, prefix: str = "", depth: int = 1) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules of a model at depth one and two that compute with parameters.

    A list of modules does not count as a level, since it is never called.
    """
    from torch import nn

    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from inside(child, f"{prefix}{name}.", depth)
            continue
        if next(child.parameters(), None) is not None or next(child.buffers(), None) is not None:
            yield f"{prefix}{name}", child
        if depth < 2:
            yield from inside(child, f"{prefix}{name}.", depth + 1)


def thinned(leaves: list[Leaf]) -> list[Leaf]:
    """Keep evenly spaced items, so that an answer stays small."""
    if len(leaves) <= _MOST_MODULES:
        return leaves
    last = len(leaves) - 1
    return [leaves[place * last // (_MOST_MODULES - 1)] for place in range(_MOST_MODULES)]


def norms(named_tensors: Iterable[tuple[str, Tensor]]) -> dict[str, float | str]:
    """Return the l2 norm of the tensors below each module, as ``grouped`` has them.

    One that is not finite is a string, as in JSON.
    """
    named = {name: _norm(each.detach()) for name, each in named_tensors}
    found: dict[str, float] = {}
    for name, group in grouped(named).items():
        found[group] = (found.get(group, 0.0) ** 2 + named[name] ** 2) ** 0.5
    return {name: _leaves.rounded(norm, 12) for name, norm in found.items()}


def _norm(tensor: Tensor) -> float:
    """Compute an l2 norm in float64, by parts: a whole copy would take twice the memory again."""
    import torch

    parts = torch.split(tensor.flatten(), _PART) if tensor.numel() > _PART else (tensor,)
    return hypot(*(float(each.double().norm()) for each in parts))


def grouped(names: Iterable[str]) -> dict[str, str]:
    """Return the module that each tensor is below: at depth two, or one if there are many."""
    found: dict[str, str] = {}
    kept = list(names)
    for depth in (2, 1):
        found = {name: ".".join(name.split(".")[:depth]) for name in kept}
        if len(set(found.values())) <= _MOST_MODULES:
            break
    return found


def loss(output: Any) -> Tensor:
    """Weight the model's outputs with different numbers, so that no gradient cancels out."""
    import torch

    total = torch.zeros((), dtype=torch.float64)
    for place, each in enumerate(tensors(output)):
        if each.is_floating_point() and each.requires_grad:
            weights = synthetic.uniform(f"loss.{place}", each.shape, each.dtype)
            total = total + (each * weights).sum()
    return total


def twice(tensor: Tensor) -> Tensor:
    """Make a batch of two of one input, the second one mirrored: batch norm needs several."""
    import torch

    if tensor.ndim == 0 or tensor.shape[0] != 1:
        return tensor.clone()
    return torch.cat([tensor, tensor.flip(-1) if tensor.ndim > 1 else tensor])


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Map each tensor in a value, and keep the types of its containers."""
    return nested.mapped(lambda leaf: change(leaf) if _leaves.is_tensor(leaf) else leaf, value)


def tensors(value: Any) -> Iterator[Tensor]:
    return (leaf for _, leaf in _leaves.walk(value) if _leaves.is_tensor(leaf))


def bytes_of(tensor: Tensor) -> bytes:
    from ctypes import string_at  # numpy need not be installed

    whole = tensor.detach().cpu().contiguous()
    size = whole.numel() * whole.element_size()
    return string_at(whole.data_ptr(), size) if size else b""


def calls(handle: Callable[..., Any]) -> AbstractContextManager[Any]:
    """Let all calls of functions of torch go through ``handle``."""
    from torch.overrides import TorchFunctionMode

    class Calls(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            return handle(func, args, dict(kwargs or {}))

    return Calls()
