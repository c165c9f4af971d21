"""Placement: the tensors of a state dict become the memory of parameters that have none.

torch's own ``load_state_dict`` does all else: it lets modules rename and convert what older
versions of them wrote, calls their hooks, and copies into whatever has memory. Just before it
copies into the parameters of a module, those on meta are given what it would copy, so that it
copies each into itself, which it knows to be nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._loader.construction import CannotDeferError, Deferral, fill
from dapi._loader.safetensors import ALIGNMENT

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
    """One state dict on its way into one model that was constructed with parameters on meta.

    Args:
        model: What was constructed.
        frame: What was put on meta meanwhile.
        target: Where the model shall be in the end.
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
        hooks = [
            each.register_load_state_dict_pre_hook(self._place)  # type: ignore[no-untyped-call]
            for each in modules
        ]
        try:
            return copy_into(self._model, state_dict)
        finally:
            for hook in hooks:
                hook.remove()

    def _check_memory(self) -> None:
        """Refuse parameters that share their memory: what they would be given is apart."""
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
        """Place what torch is about to copy into a module: a hook that it calls as the last."""
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
        """Return what copying into the parameter would have made of it, copying if need be."""
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
        """Whether a tensor's memory is nobody else's, and is where kernels expect it."""
        is_free = memory(value) in self._free
        self._free.discard(memory(value))
        is_whole = value.untyped_storage().nbytes() == value.nbytes
        return is_free and is_whole and not (value.is_cpu and value.data_ptr() % ALIGNMENT)


def are_equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same; if they are one, without reading it (30 ms for 200 MB)."""
    import torch

    places = ((each.data_ptr(), each.shape, each.stride(), each.dtype) for each in (one, other))
    return next(places) == next(places) or torch.equal(one, other)


def memory(value: object) -> int:
    """Identify the memory of a tensor; what is none, or has several, is known by itself."""
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
    """Whether a module has its own mind about what it is cast to: some stay as they are."""
    from torch import nn

    usual = nn.Module._apply, nn.RNNBase._apply
    return any(type(module)._apply not in usual for module in model.modules())
