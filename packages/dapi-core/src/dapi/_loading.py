"""From a state dict into a model: adapt the keys, compare strictly, put the tensors in place.

torch's own ``load_state_dict`` walks over the model, because modules rename and convert what older
versions of them wrote. Where the model was constructed with its parameters on meta, the walk
assigns, and what it assigned is then put into the Parameter objects that the constructor made.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._construction import CannotDeferError, Deferral, fill, on_meta, suspended
from dapi._entry import WeightEntry
from dapi._safetensors import ALIGNMENT
from dapi._weights import Weights, entry_of
from dapi.exceptions import StateDictMismatchError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Origin(NamedTuple):
    """Where a state dict is from, for errors."""

    weights: str
    path: Path

    def mismatch(self, **facts: Any) -> StateDictMismatchError:
        """Return an error that names the weights and their file."""
        return StateDictMismatchError(self.weights, path=self.path, **facts)


class Target(NamedTuple):
    """Where a model shall be, and in which floating-point type; None leaves it as it is."""

    device: torch.device | str | None = None
    dtype: torch.dtype | None = None

    def move(self, model: nn.Module) -> None:
        """Move what is not there yet."""
        if self.device is not None or self.dtype is not None:
            model.to(device=self.device, dtype=self.dtype)


def read(
    weights: Weights | WeightEntry, config: Mapping[str, Any], fresh: Sequence[str]
) -> OrderedDict[str, Tensor]:
    """Return the tensors for a model by its keys, without those under ``fresh`` (a new head)."""
    adapted = _adapt(weights.state_dict(progress=False), entry_of(weights), config)
    for key in [key for key in adapted if is_under(key, fresh)]:
        del adapted[key]
    return adapted


def _adapt(
    state_dict: Mapping[str, Tensor], entry: WeightEntry, config: Mapping[str, Any]
) -> OrderedDict[str, Tensor]:
    """Map the keys, and keep the versions that modules dispatch on."""
    metadata = getattr(state_dict, "_metadata", None)
    for step in entry.build.adapt:
        state_dict = step(state_dict, config)
        metadata = getattr(state_dict, "_metadata", metadata)
    adapted = OrderedDict(state_dict)
    if metadata is None and entry.build.code_version:
        metadata = {path: {"version": v} for path, v in entry.build.code_version.items()}
    if metadata is not None:
        versions = {path: dict(facts) for path, facts in metadata.items()}  # torch writes there
        adapted._metadata = versions  # type: ignore[attr-defined]  # torch keeps it there
    return adapted


def load(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    origin: Origin,
    *,
    fresh: Sequence[str],
    target: Target,
    frame: Deferral | None = None,
) -> None:
    """Load a state dict; every key but those under ``fresh`` must fit.

    Args:
        model: What was constructed.
        state_dict: What ``read`` returned.
        origin: Where it is from.
        fresh: Names of submodules that keep their initialisation.
        target: Where the model shall be in the end.
        frame: How it was constructed with its parameters on meta; None if they have values.

    Raises:
        StateDictMismatchError: Keys are missing or left over, shapes or kinds of numbers differ.
        CannotDeferError: The model must be constructed with values, and loaded again.
    """
    _check_kinds(model, state_dict, origin)
    _check_ties(model, state_dict, origin)
    with suspended():
        if frame is None:
            missing, unexpected = _load_plainly(model, state_dict, origin, fresh)
        else:
            missing, unexpected = _Placement(model, frame, target).load(state_dict)
    _check_keys(model, state_dict, missing, unexpected, origin, fresh)
    left = on_meta(model)
    if left and frame is not None:
        raise CannotDeferError(f"{left[0]} stayed on meta")
    if left:
        raise origin.mismatch(reason=f"{left[0]} has no values after loading")
    target.move(model)


def is_under(key: str, modules: Sequence[str]) -> bool:
    """Whether a key is that of a parameter or buffer of one of the modules."""
    return any(key.startswith(f"{module}.") for module in modules)


def _load_plainly(
    model: nn.Module, state_dict: Mapping[str, Tensor], origin: Origin, fresh: Sequence[str]
) -> tuple[list[str], list[str]]:
    try:
        missing, unexpected = model.load_state_dict(state_dict, strict=False)
    except KeyError as cause:  # quantized layers look for their keys themselves
        raise origin.mismatch(missing=[str(cause.args[0])]) from cause
    except RuntimeError as cause:
        expected = model.state_dict()
        shapes = _differing_shapes(expected, state_dict)
        if not shapes:
            raise origin.mismatch(reason=str(cause).splitlines()[-1].strip()) from cause
        missing = [key for key in expected if key not in state_dict and not is_under(key, fresh)]
        unexpected = [key for key in state_dict if key not in expected]
        raise origin.mismatch(missing=missing, unexpected=unexpected, shapes=shapes) from cause
    return missing, unexpected


def _differing_shapes(
    model: Mapping[str, Any], file: Mapping[str, Any]
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    both = (key for key in file if hasattr(model.get(key), "shape"))
    return {
        key: (tuple(file[key].shape), tuple(model[key].shape))
        for key in both
        if file[key].shape != model[key].shape
    }


def _check_kinds(model: nn.Module, state_dict: Mapping[str, Tensor], origin: Origin) -> None:
    """Refuse whole numbers where the model has fractions: torch would convert them silently."""
    differing = {
        name: (str(state_dict[name].dtype), str(parameter.dtype))
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if name in state_dict and _kind(state_dict[name]) != _kind(parameter)
    }
    if differing:
        raise origin.mismatch(dtypes=differing)


def _check_ties(model: nn.Module, state_dict: Mapping[str, Tensor], origin: Origin) -> None:
    """Refuse two values for one parameter: torch would take the one that comes last."""
    import torch

    keys: dict[int, str] = {}
    for key, parameter in model.named_parameters(remove_duplicate=False):
        first = keys.setdefault(id(parameter), key) if key in state_dict else key
        one, other = state_dict.get(first), state_dict.get(key)
        if first == key or one is None or other is None or one.data_ptr() == other.data_ptr():
            continue
        if not torch.equal(one, other):
            reason = f"{first} and {key} are one parameter of the model, and differ in the file"
            raise origin.mismatch(reason=reason)


def _kind(tensor: Tensor) -> tuple[bool, bool]:
    return tensor.dtype.is_floating_point, tensor.dtype.is_complex


def _check_keys(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    missing: Sequence[str],
    unexpected: Sequence[str],
    origin: Origin,
    fresh: Sequence[str],
) -> None:
    """Refuse keys that are missing or left over; of tied tensors one key is enough."""
    absent = [key for key in missing if not is_under(key, fresh)]
    if absent:
        tensors = _tensors(model)
        loaded = {id(tensors[key]) for key in state_dict if key in tensors}
        absent = [key for key in absent if id(tensors.get(key)) not in loaded]
    if absent or unexpected:
        raise origin.mismatch(missing=absent, unexpected=unexpected)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


class _Placement:
    """Lets torch assign, then moves what it assigned into the objects that were there before."""

    def __init__(self, model: nn.Module, frame: Deferral, target: Target) -> None:
        self._model, self._frame, self._target = model, frame, target
        self._modules = {id(module): module for module in model.modules()}
        self._parameters = list(_slots(model, lambda module: module._parameters))
        self._buffers = list(_slots(model, lambda module: module._buffers))
        self._taken: set[int] = set()

    def load(self, state_dict: Mapping[str, Tensor]) -> tuple[list[str], list[str]]:
        """Load, and return the keys that are missing and those that are left over."""
        self._check_memory()
        missing, unexpected = self._model.load_state_dict(state_dict, strict=False, assign=True)
        if any(id(module) not in self._modules for module in self._model.modules()):
            raise CannotDeferError("a module was replaced while it was loaded")
        self._place_buffers()
        for parameter, value in self._take_back():
            self._put(parameter, value)
        return missing, unexpected

    def _check_memory(self) -> None:
        """Refuse parameters that share their memory: what they would be given is apart."""
        distinct = {id(each): each for _, _, each in self._parameters if each.is_meta}.values()
        if len({each.untyped_storage()._cdata for each in distinct}) < len(distinct):
            raise CannotDeferError("two parameters share their memory")

    def _place_buffers(self) -> None:
        """Copy into the buffers that the constructor made: they are small, and may be shared."""
        import torch

        for module, name, old in self._buffers:
            new = module._buffers.get(name)
            if new is None or new is old:
                continue
            with torch.no_grad():
                old.copy_(new)
            module._buffers[name] = old

    def _take_back(self) -> list[tuple[Any, Tensor]]:
        """Put the constructor's Parameters back where they were, and list their new values."""
        values: dict[int, tuple[Any, Tensor]] = {}
        for module, name, old in self._parameters:
            new = module._parameters.get(name)
            if new is not None and new is not old:
                values[id(old)] = old, new.data
                setattr(module, name, old)  # some modules take note of what is set
        return list(values.values())

    def _put(self, old: Any, value: Tensor) -> None:
        import torch

        if old.is_meta:
            fill(old, self._prepare(old, value))
        else:
            with torch.no_grad():
                old.copy_(value)

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


def _slots(
    model: nn.Module, members: Callable[[nn.Module], dict[str, Any]]
) -> Iterator[tuple[nn.Module, str, Any]]:
    for module in model.modules():
        yield from ((module, name, old) for name, old in members(module).items() if old is not None)
