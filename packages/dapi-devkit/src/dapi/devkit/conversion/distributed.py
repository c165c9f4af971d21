"""Directories of ``torch.distributed.checkpoint``: a pickled list, and files with the tensors.

PyTorch's own reader unpickles the list, which runs the code in it; here ``inert`` reads it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi.devkit.conversion.inert import Inert, Reader

if TYPE_CHECKING:
    from torch import Tensor

LIST = ".metadata"


class Chunked(NamedTuple):
    """A tensor in pieces.

    Attributes:
        size: Its shape.
        pieces: Where each begins in it, its shape, and its file, offset and length there.
    """

    size: tuple[int, ...]
    pieces: tuple[tuple[tuple[int, ...], tuple[int, ...], Path, int, int], ...]


class Distributed:
    """A directory.

    Attributes:
        tree: What was saved, with a ``Chunked`` for each tensor.
        unknown: The names in its list that were replaced.

    Raises:
        ValueError: It is not such a directory, or is damaged, or hostile.
    """

    def __init__(self, folder: Path) -> None:
        with (folder / LIST).open("rb") as stream:
            reader = Reader(stream)
            facts = _state(reader.load())
        if not {"state_dict_metadata", "storage_data"} <= facts.keys():
            raise ValueError("its list of tensors is not one of torch.distributed.checkpoint")
        self.unknown = list(reader.unknown)
        paths = facts.get("planner_data") or {}
        places = _places(folder, facts["storage_data"])
        self.tree: dict[Any, Any] = {}
        for name, described in facts["state_dict_metadata"].items():
            chunks = _state(described).get("chunks")
            value = _chunked(name, _state(described), places) if chunks is not None else described
            path = paths.get(name) if isinstance(paths, dict) else None
            _put(self.tree, path if isinstance(path, tuple) and path else (name,), value)

    def load(self, chunked: Chunked) -> Tensor:
        """Return a tensor, put together from its pieces."""
        import torch

        whole: Tensor | None = None
        is_left = torch.ones(chunked.size, dtype=torch.bool)
        for offsets, sizes, file, begin, length in chunked.pieces:
            with file.open("rb") as stream:
                stream.seek(begin)
                content = io.BytesIO(stream.read(length))
            piece = torch.load(content, map_location="cpu", weights_only=True)
            if not isinstance(piece, torch.Tensor) or piece.shape != sizes:
                raise ValueError("a piece of a tensor is not as its list says")
            if whole is None:
                whole = torch.empty(chunked.size, dtype=piece.dtype)
            place = tuple(slice(at, at + count) for at, count in zip(offsets, sizes, strict=True))
            whole[place] = piece
            is_left[place] = False
        if whole is None or is_left.any():
            raise ValueError("the pieces of a tensor do not fill it")
        return whole


def _state(value: Any) -> dict[str, Any]:
    if not isinstance(value, Inert) or not isinstance(value.state, dict | None):
        raise ValueError("its list of tensors is not one of torch.distributed.checkpoint")
    return value.state or {}


def _places(folder: Path, stored: Any) -> dict[tuple[Any, ...], tuple[Path, int, int]]:
    """Return where each piece is, by its tensor's name and its beginning in that."""
    places = {}
    for index, info in stored.items():
        where, facts = _state(index), _state(info)
        name = facts["relative_path"]
        if type(name) is not str or Path(name).name != name or name in ("", ".."):
            raise ValueError(f"it names the file {name!r}, which is not in the directory")
        if facts.get("transform_descriptors"):
            raise ValueError("its files are compressed or encrypted by an extension")
        begin, length = facts["offset"], facts["length"]
        if not all(type(each) is int and each >= 0 for each in (begin, length)):
            raise ValueError("it has a piece of an impossible length")
        places[where["fqn"], where.get("offset")] = (folder / name, begin, length)
    return places


def _chunked(name: Any, facts: dict[str, Any], places: dict[Any, Any]) -> Chunked:
    """List a tensor's pieces."""
    pieces = []
    for chunk in map(_state, facts["chunks"]):
        offsets, sizes = chunk["offsets"], chunk["sizes"]
        place = places.get((name, offsets)) or places.get((name, None))
        if place is None:
            raise ValueError(f"it lacks a piece of {name!r}")
        pieces.append((offsets, sizes, *place))
    return Chunked(facts["size"], tuple(pieces))


def _put(tree: dict[Any, Any], path: tuple[Any, ...], value: Any) -> None:
    """Put a value where it was saved; lists become dicts by number."""
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise ValueError("it has a value under a tensor")
    tree[path[-1]] = value
