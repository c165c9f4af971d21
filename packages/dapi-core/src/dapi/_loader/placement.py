"""Placement: the tensors of a state dict become the memory of the parameters on meta.

Most modules only copy their tensors, which needs nothing of ``load_state_dict``: torch would scan
the keys again for each module, and handle each placed tensor as if it were copied. A module with
its own ``_load_from_state_dict`` is called as torch calls it: it renames and converts the keys of
its older versions. Just before torch copies into the parameters of such a module, those on meta
receive the tensors that it would copy; torch then copies each into itself, which it recognizes as
nothing to do. A model with hooks, or with its own ``load_state_dict``, is left to torch as a whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dapi._loader.construction import CannotDeferError, Deferral, fill
from dapi._loader.safetensors import ALIGNMENT
from dapi._loader.target import Target
from dapi._loader.walk import tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

    from dapi._loader.walk import Part


class Placement:
    """Places one state dict into one model that was constructed with parameters on meta.

    Args:
        parts: The modules of the model.
        frame: The parameters that were moved to meta.
        target: The final device and type of the model.
    """

    def __init__(self, parts: Sequence[Part], frame: Deferral, target: Target) -> None:
        import torch

        self._parts, self._frame = parts, frame
        self._device = None if target.device is None else torch.device(target.device)
        is_cast = target.dtype is not None and not _casts_by_itself(parts)
        self._dtype = target.dtype if is_cast else None
        self._placed: dict[int, Tensor] = {}
        self._emptied: set[int] = set()
        self._free: set[int] = set()

    def load(self, state_dict: Mapping[str, Tensor]) -> tuple[Sequence[str], Sequence[str]]:
        """Load, and return the keys that are missing and those that are left over.

        Raises:
            CannotDeferError: The model must be constructed with values.
        """
        self._free = {memory(value) for value in state_dict.values()}
        if not _is_left_to_torch(self._parts, state_dict):
            return _Keys(self, state_dict).load(self._parts[0][1])
        hooks = [
            each.register_load_state_dict_pre_hook(self.place)  # type: ignore[no-untyped-call]
            for _, each in self._parts
        ]
        try:
            return copy_into(self._parts[0][1], state_dict)
        finally:
            for hook in hooks:
                hook.remove()

    def place(
        self,
        module: nn.Module,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        *others: Any,
    ) -> None:
        """Place the tensors that torch is about to copy into a module; the last hook it calls."""
        if local_metadata.get("assign_to_params_buffers"):
            return  # a model's own load_state_dict wants the tensors themselves
        for name, parameter in module._parameters.items():
            value = state_dict.get(prefix + name)
            if parameter is not None and value is not None and self.put(parameter, value):
                state_dict[prefix + name] = parameter

    def put(self, parameter: nn.Parameter, value: Tensor) -> bool:
        """Give a parameter on meta its value, and return whether it has it."""
        if not parameter.is_meta:  # under another name it may have it already
            placed = self._placed.get(id(parameter))
            return placed is not None and are_equal(placed, value)
        if parameter.shape != value.shape:
            raise CannotDeferError("shapes differ")
        place = parameter.untyped_storage()._cdata
        if place in self._emptied:  # but the tensors of the file are separate
            raise CannotDeferError("two parameters share their memory")
        self._emptied.add(place)
        ready = self._prepare(parameter, value.data)
        fill(parameter, ready.requires_grad_(parameter.requires_grad))
        self._placed[id(parameter)] = value
        return True

    def _prepare(self, old: Tensor, value: Tensor) -> Tensor:
        """Return the tensor that copying into the parameter would give, copying if needed."""
        import torch

        device = self._device or self._frame.device(old)  # type: ignore[arg-type]
        dtype = old.dtype
        if self._dtype is not None and dtype.is_floating_point:
            if torch.promote_types(value.dtype, dtype) != dtype:
                value = value.to(dtype)  # as if the model had been loaded first, and then cast
            dtype = self._dtype
        if old.stride() != value.stride() or type(value) is not torch.Tensor:
            return torch.empty_like(old, dtype=dtype, device=device).copy_(value)
        placed = value.to(device=device, dtype=dtype).resolve_conj().resolve_neg()
        return placed if placed is not value or self._may_stay(value) else value.clone()

    def _may_stay(self, value: Tensor) -> bool:
        """Whether a tensor shares its memory with no other, and is aligned as kernels expect."""
        place = memory(value)
        if place not in self._free:
            return False
        self._free.discard(place)
        is_whole = value.untyped_storage().nbytes() == value.nbytes
        return is_whole and not (value.is_cpu and value.data_ptr() % ALIGNMENT)


class _Keys:
    """The keys of a state dict while modules are loaded from it as ``load_state_dict`` does."""

    def __init__(self, placement: Placement, state_dict: Mapping[str, Tensor]) -> None:
        import torch

        self._placement, self._state_dict = placement, state_dict
        self._versions: Mapping[str, Any] = getattr(state_dict, "_metadata", None) or {}
        self._missing: list[str] = []
        self._unexpected: list[str] = []
        self._has_grad = torch.is_grad_enabled()

    def load(self, model: nn.Module) -> tuple[Sequence[str], Sequence[str]]:
        import torch

        copied = OrderedDict(self._state_dict)  # a module may change it
        if hasattr(self._state_dict, "_metadata"):
            copied._metadata = self._state_dict._metadata  # type: ignore[attr-defined]
        with torch.no_grad():
            self._load_part(model, "", copied)
        return self._missing, self._unexpected

    def _load_part(self, module: nn.Module, prefix: str, state_dict: dict[str, Tensor]) -> None:
        keys, known = list(state_dict), set[str]()
        self._visit(module, prefix, state_dict, known)
        self._unexpected += [key for key in keys if key not in known]

    def _visit(
        self, module: nn.Module, prefix: str, state_dict: dict[str, Tensor], known: set[str]
    ) -> None:
        if not _only_copies(module, prefix, state_dict):
            known.update(self._call(module, prefix, state_dict))
            return
        for name, tensor in tensors(module):
            key = prefix + name
            known.add(key)
            value = state_dict.get(key)
            if value is None:
                self._missing.append(key)
            else:
                self._copy(tensor, value)
        for name, child in module._modules.items():
            if child is not None:
                self._visit(child, f"{prefix}{name}.", state_dict, known)

    def _copy(self, tensor: Tensor, value: Tensor) -> None:
        import torch

        if value.shape != tensor.shape:
            raise CannotDeferError("shapes differ")
        # torch's isinstance is Python here, and no other class of parameter is placed.
        if not (type(tensor) is torch.nn.Parameter and self._placement.put(tensor, value)):
            tensor.copy_(value)

    def _call(self, module: nn.Module, prefix: str, state_dict: dict[str, Tensor]) -> list[str]:
        """Let a module load itself, and load the modules in it from what it made of the keys.

        Returns:
            The keys that were for this module and those in it.
        """
        import torch

        # As in torch, a module sees only its own keys, but the outermost one the dict itself.
        own = _beginning(state_dict, prefix) if prefix else state_dict
        keys, errors = list(own), list[str]()
        facts = self._versions.get(prefix[:-1], {})
        hook = module.register_load_state_dict_pre_hook(self._placement.place)  # type: ignore[no-untyped-call]
        try:
            with torch.set_grad_enabled(self._has_grad):
                module._load_from_state_dict(
                    own, prefix, facts, True, self._missing, self._unexpected, errors
                )
        finally:
            hook.remove()
        if errors or module._load_state_dict_post_hooks:
            raise CannotDeferError(*errors)
        for name, child in module._modules.items():
            if child is not None:
                start = f"{prefix}{name}."
                self._load_part(child, start, _beginning(own, start))
        return keys


def _beginning(state_dict: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key: value for key, value in state_dict.items() if key.startswith(prefix)}


def _only_copies(module: nn.Module, prefix: str, state_dict: Mapping[str, Tensor]) -> bool:
    """Whether loading a module itself is nothing but copying its tensors."""
    from torch import nn

    kind = type(module)
    own = kind._load_from_state_dict
    if own is nn.BatchNorm2d._load_from_state_dict:
        # It adds num_batches_tracked, which its first version lacked.
        own_copies = not module.track_running_stats or f"{prefix}num_batches_tracked" in state_dict
    else:
        own_copies = own is nn.Module._load_from_state_dict
    return (
        own_copies
        and kind.set_extra_state is nn.Module.set_extra_state
        and not module._load_state_dict_pre_hooks
        and "_load_from_state_dict" not in vars(module)
    )


def _is_left_to_torch(parts: Sequence[Part], state_dict: Mapping[str, Tensor]) -> bool:
    """Whether a model, a hook, a tensor or a setting requires ``load_state_dict`` itself."""
    import torch
    from torch import nn

    model, plain = parts[0][1], (torch.Tensor, nn.Parameter)
    return (
        type(model).load_state_dict is not nn.Module.load_state_dict
        or "load_state_dict" in vars(model)
        or torch.__future__.get_swap_module_params_on_conversion()
        or any(module._load_state_dict_post_hooks for _, module in parts)
        or any(type(value) not in plain for value in state_dict.values())
        or any(type(tensor) not in plain for _, each in parts for _, tensor in tensors(each))
    )


def are_equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same; if they are one, without reading it (30 ms for 200 MB)."""
    import torch

    places = ((each.data_ptr(), each.shape, each.stride(), each.dtype) for each in (one, other))
    return next(places) == next(places) or torch.equal(one, other)


def memory(value: object) -> int:
    """Identify the memory of a tensor; an object without one memory is identified by itself."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided:
        return id(value)
    found: int = value.untyped_storage()._cdata
    return found


def copy_into(
    model: nn.Module, state_dict: Mapping[str, Tensor]
) -> tuple[Sequence[str], Sequence[str]]:
    """Call a model's ``load_state_dict``, and return which keys are missing and left over."""
    # One of its own may return nothing: then it checks the keys itself.
    missing, unexpected = model.load_state_dict(state_dict, strict=False) or ((), ())
    return missing, unexpected


def _casts_by_itself(parts: Sequence[Part]) -> bool:
    """Whether a module overrides casting: some keep the type of their parameters."""
    from torch import nn

    usual = nn.Module._apply, nn.RNNBase._apply
    return any(type(module)._apply not in usual for _, module in parts)
