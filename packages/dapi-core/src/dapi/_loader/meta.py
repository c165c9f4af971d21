"""Meta: the tensors of a model that are still without values after it was loaded."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from dapi._loader.walk import Part

_LEAVES = frozenset((str, bytes, int, float, bool, type(None), type, BuiltinFunctionType))
_CONTAINERS = frozenset((dict, OrderedDict, set, list, tuple))
_CODE = (FunctionType, ModuleType, type)


def on_meta(parts: Iterable[Part]) -> list[str]:
    """Name the parameters and buffers that are on meta."""
    return [
        prefix + name
        for prefix, module in parts
        for members in (module._parameters, module._buffers)
        for name, tensor in members.items()
        if tensor is not None and tensor.is_meta
    ]


def is_held_by(model: nn.Module) -> bool:
    """Whether a model holds a tensor on meta, or that device, wherever it keeps it.

    A constructor may derive a tensor from a parameter, or ask it for its device, and keep that in
    a dict, an object or a closure. Code is not searched: it refers to everything.
    """
    import torch

    seen: set[int] = set()
    level: list[Any] = [model]
    while level:
        # One call for a whole level, without the dozen empty dicts that each module has: a call
        # for each object took three times as long.
        found = [each for each in gc.get_referents(*level) if type(each) not in _LEAVES]
        full = {id(each): each for each in found if type(each) not in _CONTAINERS or each}
        fresh = [each for key, each in full.items() if key not in seen]
        seen.update(full)
        closed = {
            kind
            for kind in set(map(type, fresh))
            if issubclass(kind, (*_CODE, torch.Tensor, torch.device))
        }
        level = [each for each in fresh if type(each) not in closed]
        for each in fresh if closed else ():
            if isinstance(each, torch.Tensor):
                if each.is_meta:
                    return True
                level.append(vars(each))
            elif isinstance(each, torch.device):
                if each.type == "meta":
                    return True
            elif isinstance(each, FunctionType):
                level.append((each.__closure__, each.__defaults__, each.__kwdefaults__, vars(each)))
    return False
