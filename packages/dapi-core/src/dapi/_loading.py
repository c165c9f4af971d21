"""From a state dict into a model: adapt the keys, compare strictly, load."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dapi import _checkpoint
from dapi._entry import WeightEntry
from dapi._weights import Weights, entry_of
from dapi.exceptions import StateDictMismatchError

if TYPE_CHECKING:
    from torch import Tensor, nn


def load(
    model: nn.Module,
    weights: Weights | WeightEntry,
    *,
    config: Mapping[str, Any],
    fresh: Sequence[str] = (),
    progress: bool = True,
) -> None:
    """Load weights into a model; every key but those under ``fresh`` must fit.

    Args:
        model: What the builder constructed.
        weights: Whose files to load.
        config: The builder's arguments, on which some adaptations depend.
        fresh: Names of submodules that keep their initialisation (a new head).
        progress: Show a progress bar while fetching.

    Raises:
        StateDictMismatchError: Keys are missing or left over, or shapes differ.
    """
    entry = entry_of(weights)
    state_dict = weights.state_dict(progress=progress)
    adapted = _adapt(state_dict, entry, config)
    try:
        _load_strictly(model, _without(adapted, fresh), fresh, source=str(weights))
    except StateDictMismatchError:
        _checkpoint.reject(entry.files)
        raise
    _checkpoint.confirm(entry.files)


def _adapt(
    state_dict: Mapping[str, Tensor], entry: WeightEntry, config: Mapping[str, Any]
) -> OrderedDict[str, Tensor]:
    """Map the keys, and keep the versions that modules dispatch on."""
    metadata = getattr(state_dict, "_metadata", None)
    for step in entry.build.adapt:
        state_dict = step(state_dict, config)
    adapted = OrderedDict(state_dict)
    if metadata is None and entry.build.code_version:
        metadata = {path: {"version": v} for path, v in entry.build.code_version.items()}
    if metadata is not None:
        adapted._metadata = metadata  # type: ignore[attr-defined]  # torch keeps it there
    return adapted


def _without(state_dict: OrderedDict[str, Tensor], modules: Sequence[str]) -> Mapping[str, Tensor]:
    for key in [key for key in state_dict if _is_under(key, modules)]:
        del state_dict[key]
    return state_dict


def _load_strictly(
    model: nn.Module, state_dict: Mapping[str, Tensor], fresh: Sequence[str], *, source: str
) -> None:
    """Load, and raise our own error about what does not fit.

    torch is asked to be lenient: its modules may rename keys of older versions while they load,
    so only torch knows what is missing in the end.
    """
    shapes = _differing_shapes(model.state_dict(), state_dict)
    if shapes:
        raise StateDictMismatchError(source, shapes=shapes)
    try:
        result = model.load_state_dict(state_dict, strict=False)
    except RuntimeError as cause:
        raise StateDictMismatchError(source, reason=str(cause).splitlines()[-1].strip()) from cause
    missing = [key for key in result.missing_keys if not _is_under(key, fresh)]
    if missing or result.unexpected_keys:
        raise StateDictMismatchError(source, missing=missing, unexpected=result.unexpected_keys)


def _differing_shapes(
    model: Mapping[str, Any], file: Mapping[str, Any]
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    both: Iterable[str] = (key for key in file if hasattr(model.get(key), "shape"))
    return {
        key: (tuple(file[key].shape), tuple(model[key].shape))
        for key in both
        if file[key].shape != model[key].shape
    }


def _is_under(key: str, modules: Sequence[str]) -> bool:
    return any(key.startswith(f"{module}.") for module in modules)
