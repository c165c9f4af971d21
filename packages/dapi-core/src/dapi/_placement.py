"""Placement: from a state dict into the parameters and buffers that a constructor made.

Most modules have no say in how they are loaded: what they hold is paired with the state dict by
key. One that has (it renames or converts what older versions of it wrote) is left to torch, with
all that is under it; torch assigns, and what it assigned is put where the constructor's was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._construction import CannotDeferError, Deferral, fill
from dapi._safetensors import ALIGNMENT

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Target(NamedTuple):
    """Where a model shall be, and in which floating-point type; None leaves it as it is."""

    device: torch.device | str | None = None
    dtype: torch.dtype | None = None

    def move(self, model: nn.Module) -> None:
        """Move what is not there yet."""
        if self.device is not None or self.dtype is not None:
            model.to(device=self.device, dtype=self.dtype)


class Placement:
    """One state dict on its way into one model that was constructed without values.

    Args:
        model: What was constructed.
        frame: How.
        target: Where it shall be in the end.

    Attributes:
        missing: Keys of the model that the state dict does not have.
        unexpected: Keys of the state dict that the model does not have.
    """

    def __init__(self, model: nn.Module, frame: Deferral, target: Target) -> None:
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self._model, self._frame, self._target = model, frame, target
        self._rest: dict[str, Any] = {}
        self._versions: Mapping[str, dict[str, Any]] | None = None
        self._values: dict[int, tuple[Any, Tensor]] = {}
        self._taken: set[int] = set()

    def load(self, state_dict: Mapping[str, Tensor]) -> None:
        """Place what fits, and note which keys do not.

        Raises:
            CannotDeferError: The model must be constructed with values.
            RuntimeError: Shapes differ.
        """
        self._check_memory()
        self._rest = dict(state_dict)
        self._versions = getattr(state_dict, "_metadata", None)
        self._load(self._model, "")
        self.unexpected += self._rest
        for parameter, value in self._values.values():
            self._put(parameter, value)

    def _check_memory(self) -> None:
        """Refuse parameters that share their memory: what they would be given is apart."""
        distinct = [each for each in self._model.parameters() if each.is_meta]
        if len({each.untyped_storage()._cdata for each in distinct}) < len(distinct):
            raise CannotDeferError("two parameters share their memory")

    def _load(self, module: nn.Module, prefix: str) -> None:
        if _has_say(module) or not self._fits(module, prefix):
            self._let_torch_load(module, prefix)
            return
        for name, old in _parameters(module):
            self._values[id(old)] = old, self._rest.pop(prefix + name).data
        for name, old in _buffers(module):
            _copy(self._rest.pop(prefix + name), old)
        for name, child in module._modules.items():
            if child is not None:
                self._load(child, f"{prefix}{name}.")

    def _fits(self, module: nn.Module, prefix: str) -> bool:
        """Whether all that a module itself holds is there, in its shape."""
        return all(
            getattr(self._rest.get(prefix + name), "shape", None) == old.shape
            for name, old in chain(_parameters(module), _buffers(module))
        )

    def _let_torch_load(self, module: nn.Module, prefix: str) -> None:
        from torch.nn import Module

        constructed = _Constructed(module)
        # torch asks only the outermost module for a load_state_dict of its own.
        load = module.load_state_dict if not prefix else partial(Module.load_state_dict, module)
        missing, unexpected = load(self._take(module, prefix), strict=False, assign=True)
        self.missing += (prefix + key for key in missing)
        self.unexpected += (prefix + key for key in unexpected)
        for old, new in constructed.put_back():
            self._values[id(old)] = old, new.data

    def _take(self, module: nn.Module, prefix: str) -> OrderedDict[str, Any]:
        """Take a submodule's state dict out of the whole."""
        keys = [key for key in self._rest if key.startswith(prefix)]
        part = OrderedDict((key.removeprefix(prefix), self._rest.pop(key)) for key in keys)
        if self._versions is not None:
            names = [name for name, _ in module.named_modules(remove_duplicate=False)]
            paths = {name: f"{prefix}{name}".rstrip(".") for name in names}
            versions = {
                n: self._versions[path] for n, path in paths.items() if path in self._versions
            }
            part._metadata = versions  # type: ignore[attr-defined]  # torch keeps it there
        return part

    def _put(self, old: Any, value: Tensor) -> None:
        if old.is_meta:
            fill(old, self._prepare(old, value))
        else:
            _copy(value, old)

    def _prepare(self, old: Tensor, value: Tensor) -> Tensor:
        """Return what copying into the parameter would have made of it, copying if need be."""
        import torch

        device = torch.device(self._target.device or self._frame.device(old))  # type: ignore[arg-type]
        dtype = old.dtype
        if self._target.dtype is not None and dtype.is_floating_point:
            if torch.promote_types(value.dtype, dtype) != dtype:
                value = value.to(dtype)  # as if the model had been loaded first, and then cast
            dtype = self._target.dtype
        if old.stride() != value.stride():
            return torch.empty_like(old, dtype=dtype, device=device).copy_(value)
        placed = value.to(device=device, dtype=dtype)
        return placed if self._may_stay(placed) else placed.clone()

    def _may_stay(self, tensor: Tensor) -> bool:
        """Whether a tensor has memory of its own, where kernels expect it."""
        storage = tensor.untyped_storage()
        is_own = storage.nbytes() == tensor.nbytes and storage.data_ptr() not in self._taken
        self._taken.add(storage.data_ptr())
        return is_own and (tensor.device.type != "cpu" or tensor.data_ptr() % ALIGNMENT == 0)


class _Constructed:
    """What a module and those under it hold, until torch assigns something else."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        modules = list(module.modules())
        self._modules = {id(each) for each in modules}
        self._parameters = [(each, *item) for each in modules for item in each._parameters.items()]
        self._buffers = [(each, *item) for each in modules for item in each._buffers.items()]

    def put_back(self) -> Iterator[tuple[nn.Parameter, Tensor]]:
        """Put it back; copy into the buffers, and yield each parameter with what it shall get.

        Raises:
            CannotDeferError: A module is no more.
        """
        if any(id(each) not in self._modules for each in self._module.modules()):
            raise CannotDeferError("a module was replaced while it was loaded")
        for module, name, old in self._buffers:
            new = module._buffers.get(name)
            if old is not None and new is not None and new is not old:
                _copy(new, old)
                module._buffers[name] = old
        for module, name, old in self._parameters:
            new = module._parameters.get(name)
            if old is not None and new is not None and new is not old:
                setattr(module, name, old)  # some modules take note of what is set
                yield old, new


def _parameters(module: nn.Module) -> Iterator[tuple[str, Any]]:
    return ((name, each) for name, each in module._parameters.items() if each is not None)


def _buffers(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Name the buffers that belong into a state dict."""
    others = module._non_persistent_buffers_set
    named = module._buffers.items()
    return ((name, each) for name, each in named if each is not None and name not in others)


def _copy(value: Tensor, tensor: Any) -> None:
    """Copy into a tensor that others may hold too."""
    import torch

    with torch.no_grad():
        tensor.copy_(value)


def _has_say(module: nn.Module) -> bool:
    """Whether a module has hooks, or methods of its own, for when it is loaded."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    # That of batch normalisation adds a key which its first version did not write, and no more.
    readers = nn.Module._load_from_state_dict, _NormBase._load_from_state_dict
    kind, own = type(module), vars(module)
    return bool(
        module._load_state_dict_pre_hooks
        or module._load_state_dict_post_hooks
        or kind._load_from_state_dict not in readers
        or kind.load_state_dict is not nn.Module.load_state_dict
        or kind.set_extra_state is not nn.Module.set_extra_state
        or not own.keys().isdisjoint(("_load_from_state_dict", "load_state_dict"))
    )
