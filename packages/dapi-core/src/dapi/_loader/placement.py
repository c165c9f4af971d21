"""Placement: the tensors of a state dict become the memory of the parameters on meta.

torch's own ``load_state_dict`` does everything else: modules rename and convert the keys of their
older versions, hooks are called, and parameters with memory are copied into. Just before torch
copies into the parameters of a module, those on meta receive the tensors that it would copy; torch
then copies each into itself, which it recognizes as nothing to do.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dapi._loader.construction import CannotDeferError, Deferral, fill
from dapi._loader.safetensors import ALIGNMENT
from dapi._loader.target import Target

if TYPE_CHECKING:
    from torch import Tensor, nn


class Placement:
    """Places one state dict into one model that was constructed with parameters on meta.

    Args:
        model: The constructed model.
        frame: The parameters that were moved to meta.
        target: The final device and type of the model.
    """

    def __init__(self, model: nn.Module, frame: Deferral, target: Target) -> None:
        self._model, self._frame, self._target = model, frame, target
        self._dtype = None if _casts_by_itself(model) else target.dtype
        self._placed: dict[int, Tensor] = {}
        self._free: set[int] = set()

    def load(self, state_dict: Mapping[str, Tensor]) -> tuple[Sequence[str], Sequence[str]]:
        """Load, and return the keys that are missing and those that are left over.

        Raises:
            CannotDeferError: The model must be constructed with values.
        """
        self._check_memory()
        self._free = {memory(value) for value in state_dict.values()}
        modules = list(self._model.modules())
        if _copies_only(self._model, modules, state_dict):
            return self._load_directly(state_dict)
        hooks = [
            each.register_load_state_dict_pre_hook(self._place)  # type: ignore[no-untyped-call]
            for each in modules
        ]
        try:
            return copy_into(self._model, state_dict)
        finally:
            for hook in hooks:
                hook.remove()

    def _load_directly(
        self, state_dict: Mapping[str, Tensor]
    ) -> tuple[Sequence[str], Sequence[str]]:
        """Place all tensors without ``load_state_dict``, if no module does more than copy.

        torch scans keys again for every module, and handles each placed tensor as if it were
        copied: that took a sixth of the time to build and load a resnet50.
        """
        import torch

        missing, known = [], set()
        with torch.no_grad():
            for key, tensor in _targets(self._model):
                known.add(key)
                value = state_dict.get(key)
                if value is None:
                    missing.append(key)
                elif value.shape != tensor.shape:
                    raise CannotDeferError("shapes differ")
                elif not (isinstance(tensor, torch.nn.Parameter) and self._put(tensor, value)):
                    tensor.copy_(value)
        return missing, [key for key in state_dict if key not in known]

    def _check_memory(self) -> None:
        """Refuse parameters that share memory: the tensors of the file are separate."""
        distinct = [each for each in self._model.parameters() if each.is_meta]
        if len({each.untyped_storage()._cdata for each in distinct}) < len(distinct):
            raise CannotDeferError("two parameters share their memory")

    def _place(
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
            if parameter is not None and value is not None and self._put(parameter, value):
                state_dict[prefix + name] = parameter

    def _put(self, parameter: nn.Parameter, value: Tensor) -> bool:
        """Give a parameter on meta its value, and return whether it has it."""
        if not parameter.is_meta:  # under another name it may have it already
            placed = self._placed.get(id(parameter))
            return placed is not None and are_equal(placed, value)
        if parameter.shape != value.shape:
            raise CannotDeferError("shapes differ")
        fill(parameter, self._prepare(parameter, value.data))
        self._placed[id(parameter)] = value
        return True

    def _prepare(self, old: Tensor, value: Tensor) -> Tensor:
        """Return the tensor that copying into the parameter would give, copying if needed."""
        import torch

        device = torch.device(self._target.device or self._frame.device(old))  # type: ignore[arg-type]
        dtype = old.dtype
        if self._dtype is not None and dtype.is_floating_point:
            if torch.promote_types(value.dtype, dtype) != dtype:
                value = value.to(dtype)  # as if the model had been loaded first, and then cast
            dtype = self._dtype
        if old.stride() != value.stride():
            return torch.empty_like(old, dtype=dtype, device=device).copy_(value)
        placed = value.to(device=device, dtype=dtype).resolve_conj().resolve_neg()
        return placed if placed is not value or self._may_stay(value) else value.clone()

    def _may_stay(self, value: Tensor) -> bool:
        """Whether a tensor shares its memory with no other, and is aligned as kernels expect."""
        is_free = memory(value) in self._free
        self._free.discard(memory(value))
        is_whole = value.untyped_storage().nbytes() == value.nbytes
        return is_free and is_whole and not (value.is_cpu and value.data_ptr() % ALIGNMENT)


def _copies_only(
    model: nn.Module, modules: Sequence[nn.Module], state_dict: Mapping[str, Tensor]
) -> bool:
    """Whether no module, hook, tensor or setting has its own way of being loaded."""
    import torch
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    usual: dict[Any, Any] = {
        name: getattr(nn.Module, name)
        for name in ("_load_from_state_dict", "load_state_dict", "set_extra_state", "named_modules")
    }
    kinds = {type(module) for module in modules}
    own = {kind for kind in kinds if any(getattr(kind, n) is not f for n, f in usual.items())}
    of_norms = _NormBase._load_from_state_dict
    norms = {kind for kind in own if kind._load_from_state_dict is of_norms}
    if own - norms or torch.__future__.get_swap_module_params_on_conversion():
        return False
    if any(_hooks_of(module) or not usual.keys().isdisjoint(vars(module)) for module in modules):
        return False
    # Norms add num_batches_tracked, which their first version lacked.
    if norms and not _has_counts(model, norms, state_dict):
        return False
    plain = (torch.Tensor, nn.Parameter)
    return all(type(value) in plain for value in state_dict.values()) and all(
        type(tensor) in plain for _, tensor in _targets(model)
    )


def _hooks_of(module: nn.Module) -> bool:
    return bool(module._load_state_dict_pre_hooks or module._load_state_dict_post_hooks)


def _has_counts(model: nn.Module, norms: Container[type], state_dict: Mapping[str, Tensor]) -> bool:
    return all(
        f"{name}.num_batches_tracked".lstrip(".") in state_dict
        for name, module in model.named_modules(remove_duplicate=False)
        if type(module) in norms and module.track_running_stats
    )


def _targets(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers that a state dict is copied into, once for each key."""
    for name, module in model.named_modules(remove_duplicate=False):
        prefix = f"{name}." if name else ""
        for own, parameter in module._parameters.items():
            if parameter is not None:
                yield prefix + own, parameter
        for own, buffer in module._buffers.items():
            if buffer is not None and own not in module._non_persistent_buffers_set:
                yield prefix + own, buffer


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


def _casts_by_itself(model: nn.Module) -> bool:
    """Whether a module overrides casting: some keep the type of their parameters."""
    from torch import nn

    usual = nn.Module._apply, nn.RNNBase._apply
    return any(type(module)._apply not in usual for module in model.modules())
