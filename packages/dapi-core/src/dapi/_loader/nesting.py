"""Nesting: where a file that holds more than a state dict has its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dapi.adapt import BESIDE_TENSORS, Take
from dapi.exceptions import NestedCheckpointError

if TYPE_CHECKING:
    from torch import Tensor

# Deeper than any known layout; a hostile file could nest without end.
_DEEPEST: Final = 4
_LONGEST: Final = 60


def tensors(found: Any, take: Take | None, path: Path, wanted: str) -> dict[str, Tensor]:
    """Return the tensors by key in what was read from a file.

    Args:
        found: The content of the file.
        take: Where its tensors are; None if it is a state dict and nothing else.
        path: The file, for errors.
        wanted: What the file is for, in errors.

    Raises:
        NestedCheckpointError: It is not a state dict alone, and nobody said where that is.
        ValueError: It has no tensors by key, or none where ``take`` looks.
    """
    if take is not None or _is_state_dict(found):
        state_dict: dict[str, Tensor] = found if take is None else take(found, {})
        _check_versions(state_dict)
        return state_dict
    counts = dict(sorted(_counts(found, (), set()), key=lambda item: -item[1]))
    if not counts:
        raise ValueError("it is not a dict of tensors by key")
    tops = {keys[0] for keys in counts if keys}
    others = {
        key[:_LONGEST] if isinstance(key, str) else type(key).__name__: type(value).__name__
        for key, value in found.items()
        if key not in tops and not _is_tensor(value)
    }
    raise NestedCheckpointError(path, source=wanted, tensors=counts, others=others)


def _check_versions(state_dict: Mapping[str, Any]) -> None:
    """Refuse versions of modules that are none: a file may set any attribute of a dict."""
    versions = getattr(state_dict, "_metadata", {})
    facts = versions.values() if isinstance(versions, Mapping) else [versions]
    if not all(
        isinstance(each, Mapping) and isinstance(each.get("version"), int | None) for each in facts
    ):
        raise ValueError("its versions of modules (_metadata) are not those of a state dict")


def _is_state_dict(found: Any) -> bool:
    return isinstance(found, dict) and all(
        isinstance(key, str) and (_is_tensor(value) or key.endswith(BESIDE_TENSORS))
        for key, value in found.items()
    )


def _counts(
    found: Any, keys: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the paths of keys that lead to tensors, and how many; each mapping once."""
    if not isinstance(found, Mapping) or len(keys) > _DEEPEST or id(found) in seen:
        return
    seen.add(id(found))
    named = {key: value for key, value in found.items() if isinstance(key, str)}
    count = sum(map(_is_tensor, named.values()))
    if count:
        yield keys, count
    for key, value in named.items():
        yield from _counts(value, (*keys, key), seen)


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)
