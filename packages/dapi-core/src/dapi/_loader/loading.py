"""Load a state dict into a model: adapt the keys, compare strictly, place the tensors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi._loader import meta
from dapi._loader.construction import CannotDeferError, Deferral, suspended
from dapi._loader.keys import is_under
from dapi._loader.placement import Placement, are_equal, copy_into, memory
from dapi._loader.target import Target
from dapi._loader.walk import parameters, walk
from dapi._values.record import Record
from dapi.adapt import Take
from dapi.exceptions import StateDictMismatchError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from dapi.adapt import Step


class Origin(Record):
    """Where a state dict is from, and the head of the model, for errors."""

    weights: str
    path: Path
    head: Sequence[str] = ()

    def mismatch(self, **facts: Any) -> StateDictMismatchError:
        """Return an error that names the weights and their file."""
        missing = facts.get("missing", ())
        only_head = all(is_under(key, self.head) for key in missing) and not facts.get("unexpected")
        head = tuple(self.head) if missing and only_head else ()
        return StateDictMismatchError(self.weights, path=self.path, head=head, **facts)


def adapt(
    state_dict: Mapping[str, Tensor],
    steps: Sequence[Step],
    config: Mapping[str, Any],
    *,
    code_version: Mapping[str, int],
) -> OrderedDict[str, Tensor]:
    """Map the keys of a file to those of a model, and keep the versions that modules dispatch on.

    Args:
        state_dict: The tensors of the file by key.
        steps: Called in order, each with the state dict and ``config``.
        config: The arguments that the model is constructed with.
        code_version: Versions by module path, for a file that lost its own.
    """
    read = list(state_dict.values())  # a step may change the dict itself
    declared = {path: {"version": version} for path, version in code_version.items()}
    versions, is_known = getattr(state_dict, "_metadata", {}), True
    for step in steps:
        if isinstance(step, Take):  # reading the file did it
            continue
        before = set(state_dict)
        state_dict = step(_with_versions(state_dict, versions), config)
        if hasattr(state_dict, "_metadata"):
            versions, is_known = state_dict._metadata, True
        else:  # it may have renamed modules and dropped their versions
            is_known = is_known and before.issuperset(state_dict)
    adapted = _without_others(state_dict, read) if steps else state_dict
    versions = {**declared, **versions} if is_known else {**versions, **declared}
    # Copies of the facts: torch writes there.
    return _with_versions(adapted, {path: dict(facts) for path, facts in versions.items()})


def _with_versions(
    state_dict: Mapping[str, Tensor], versions: Mapping[str, Any]
) -> OrderedDict[str, Tensor]:
    found = OrderedDict(state_dict)
    if versions:
        found._metadata = versions  # type: ignore[attr-defined]  # torch keeps it there
    return found


def _without_others(adapted: Mapping[str, Any], read: Sequence[Any]) -> Mapping[str, Tensor]:
    """Copy the tensors that a step did not take from the file: other code may share them."""
    import torch

    own = {memory(value) for value in read}
    others = {
        key: value.clone()
        for key, value in adapted.items()
        if isinstance(value, torch.Tensor) and memory(value) not in own
    }
    return {**adapted, **others}


def load(
    model: nn.Module,
    state_dict: Mapping[str, Tensor],
    origin: Origin,
    *,
    fresh: Sequence[str],
    target: Target,
    frame: Deferral | None = None,
) -> None:
    """Load a state dict; every key but those under ``fresh`` must match.

    Args:
        model: The constructed model.
        state_dict: The tensors by the model's keys.
        origin: The file or entry, for errors.
        fresh: Names of submodules and tensors that keep their initialization.
        target: The final device and type of the model.
        frame: How it was constructed with its parameters on meta; None if they have values.

    Raises:
        StateDictMismatchError: Keys are missing or unexpected, or shapes or number types differ.
        CannotDeferError: The model must be constructed with values, and loaded again.
    """
    parts = walk(model)
    named = parameters(parts)
    _check_kinds(named, state_dict, origin)
    _check_ties(named, state_dict, origin)
    with suspended():
        if frame is None:
            missing, unexpected = _load_plainly(model, state_dict, origin, fresh)
        else:
            missing, unexpected = Placement(parts, frame, target).load(state_dict)
    _check_keys(model, state_dict, missing, unexpected, origin, fresh)
    left = meta.on_meta(walk(model))  # anew: a module may have replaced others
    if frame is not None and (left or meta.is_held_by(model)):
        raise CannotDeferError("something stayed on meta")
    if left:
        raise origin.mismatch(reason=f"{left[0]} has no values after loading")
    target.move(model)


def _load_plainly(
    model: nn.Module, state_dict: Mapping[str, Tensor], origin: Origin, fresh: Sequence[str]
) -> tuple[Sequence[str], Sequence[str]]:
    try:
        return copy_into(model, state_dict)
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


def _differing_shapes(
    model: Mapping[str, Any], file: Mapping[str, Any]
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    both = (key for key in file if hasattr(model.get(key), "shape"))
    return {
        key: (tuple(file[key].shape), tuple(model[key].shape))
        for key in both
        if file[key].shape != model[key].shape
    }


def _check_kinds(
    named: Sequence[tuple[str, Tensor]], state_dict: Mapping[str, Tensor], origin: Origin
) -> None:
    """Refuse whole numbers where the model has fractions: torch would convert them silently."""
    differing = {
        name: (_type_name(state_dict[name]), str(parameter.dtype))
        for name, parameter in named
        if name in state_dict and _kind(state_dict[name]) != _kind(parameter)
    }
    if differing:
        raise origin.mismatch(dtypes=differing)


def _check_ties(
    named: Sequence[tuple[str, Tensor]], state_dict: Mapping[str, Tensor], origin: Origin
) -> None:
    """Refuse two values for one parameter: torch would use the last one."""
    keys: dict[int, str] = {}
    for key, parameter in named:
        first = keys.setdefault(id(parameter), key) if key in state_dict else key
        one, other = state_dict.get(first), state_dict.get(key)
        if first == key or one is None or other is None:
            continue
        if not are_equal(one, other):
            reason = f"{first} and {key} are one parameter of the model, and differ in the file"
            raise origin.mismatch(reason=reason)


def _kind(value: Any) -> tuple[bool, bool] | None:
    import torch

    if not isinstance(value, torch.Tensor):
        return None  # a step made it
    return value.dtype.is_floating_point, value.dtype.is_complex


def _type_name(value: Any) -> str:
    return str(getattr(value, "dtype", type(value).__name__))


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
