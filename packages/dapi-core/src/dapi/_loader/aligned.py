"""Aligned copies: a state dict that cannot be mapped from its own file, in a file that can be.

The copy is a safetensors file whose tensors are aligned. Its header records what the format itself
does not: the order of the keys, which keys share a tensor, and the versions that modules dispatch
on. A state dict that this cannot express is not copied. For a zip that torch maps, the copy has no
tensors, and its header says where they are in the zip.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dapi._loader import safetensors
from dapi._store import copies

if TYPE_CHECKING:
    from torch import Tensor

    from dapi.adapt import Take

# A copy of less is not worth a second file: reading so much takes a millisecond.
WORTHWHILE: Final = 4 << 20


def read(blob: Path, take: Take | None = None, *, may_map: bool = True) -> dict[str, Tensor] | None:
    """Map the copy of a blob; None when there is none, or one of other tensors of the blob."""
    path = copies.find(blob)
    if path is None:
        return None
    try:
        header, facts = _read_facts(path)
        if facts.get("take") != _keys(take):
            return None
        if "places" in facts:
            from dapi._loader import index

            return _restored(index.read(blob, facts["places"]), facts) if may_map else None
        return _restored(safetensors.read_tensors(path, header, may_map=True).tensors, facts)
    except (OSError, RuntimeError, ValueError, KeyError):  # torch's, if it was removed meanwhile
        return None  # reading the blob itself reports the problem, if there is one


def _read_facts(path: Path) -> tuple[safetensors.Header, dict[str, Any]]:
    header = safetensors.read_header(path)
    return header, json.loads(header.metadata["state_dict"])


def _keys(take: Take | None) -> list[str] | None:
    return None if take is None else list(take.keys)


def keep(
    blob: Path,
    state_dict: Mapping[str, Tensor],
    take: Take | None = None,
    *,
    unmapped: int,
    is_zip: bool = False,
) -> None:
    """Make a copy of a blob that was read, or an index of one that torch mapped, if worthwhile.

    Args:
        blob: The file that the state dict was read from.
        state_dict: Its tensors.
        take: Where in the blob they are.
        unmapped: The number of its bytes that had to be read.
        is_zip: Whether it is a zip of torch.
    """
    if unmapped >= WORTHWHILE:
        is_due = not _has_others(blob, take)
    else:
        is_due = is_zip and not unmapped and _lacks_index(blob, state_dict)
    if is_due and copies.is_worthwhile(blob) and all(map(_is_plain, state_dict.values())):
        indexed = None if unmapped else blob
        copies.make(blob, lambda path: _write(path, state_dict, take, indexed))


def _lacks_index(blob: Path, state_dict: Mapping[str, Tensor]) -> bool:
    from dapi._loader import index

    return len(state_dict) >= index.FEWEST and copies.find(blob) is None


def _has_others(blob: Path, take: Take | None) -> bool:
    """Whether there is a copy of other tensors: two entries would replace each other's in turn."""
    path = copies.find(blob)
    if path is None:
        return False
    try:
        return bool(_read_facts(path)[1].get("take") != _keys(take))
    except (OSError, ValueError, KeyError):
        return False


def _is_plain(value: Any) -> bool:
    """Whether a value is a dense tensor that a copy gives back as it is."""
    import torch

    return (
        type(value) is torch.Tensor
        and value.layout is torch.strided
        and value.stride() == torch.empty(value.shape, device="meta").stride()
        and not value.is_quantized
        and not value.is_conj()
        and not value.is_neg()
    )


def _write(
    path: Path, state_dict: Mapping[str, Tensor], take: Take | None, indexed: Path | None
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    firsts: dict[object, str] = {}
    same = {key: firsts.setdefault(_identity(tensor), key) for key, tensor in state_dict.items()}
    versions = getattr(state_dict, "_metadata", None)
    if json.loads(json.dumps(versions)) != versions:
        raise ValueError("JSON does not give back what the state dict says of its modules")
    facts = {"keys": same, "versions": versions, "take": _keys(take)}
    tensors = {key: state_dict[key] for key in firsts.values()}
    if indexed is not None:
        from dapi._loader import index

        # Without places it says that there is no index, so that nobody tries again.
        facts["places"], tensors = index.make(indexed, tensors) or {}, {}
    safetensors.write(path, tensors, {"state_dict": json.dumps(facts)})


def _identity(tensor: Tensor) -> object:
    """Return a key that is equal for two names of one tensor."""
    if tensor.numel() == 0:
        return id(tensor)
    return tensor.data_ptr(), tensor.shape, tensor.dtype


def _restored(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> dict[str, Tensor]:
    state_dict = OrderedDict((key, tensors[first]) for key, first in facts["keys"].items())
    if facts["versions"] is not None:
        versions = OrderedDict(facts["versions"])
        state_dict._metadata = versions  # type: ignore[attr-defined]  # torch keeps it there
    return state_dict
