"""Content: a file of others as a tree of values, and a way to load the tensors in it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi import Build, WeightEntry, adapt
from dapi.devkit.conversion.distributed import LIST, Distributed
from dapi.devkit.conversion.pickled import LEGACY, Pickled
from dapi.exceptions import NestedCheckpointError

if TYPE_CHECKING:
    from torch import Tensor


class Content(NamedTuple):
    """The content of a file.

    Attributes:
        tree: Its values, by key.
        load: Returns the tensor that a value of the tree stands for.
        unknown: The names in it that were replaced by stand-ins.
        metadata: The strings of a safetensors header.
    """

    tree: Any
    load: Callable[[Any], Tensor]
    unknown: Sequence[str] = ()
    metadata: Mapping[str, str] = {"format": "pt"}


def read(path: Path) -> Content:
    """Read a file or directory; nothing in it is run.

    Raises:
        DapiError: dapi-core cannot read it.
        ValueError: It is damaged or hostile, or holds code.
    """
    if (path / LIST).is_file():
        directory = Distributed(path)
        return Content(directory.tree, directory.load, directory.unknown)
    if path.is_file() and _is_pickled(path):
        pickled = Pickled(path)
        return Content(pickled.tree, pickled.load, pickled.unknown)
    return Content(_read_by_core(path), lambda tensor: tensor, (), _metadata(path))


def _is_pickled(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(64)
    if not head.startswith(b"PK\x03\x04"):
        return LEGACY in head or head[:1] == b"\x80"
    with zipfile.ZipFile(path) as archive:
        return any(name.partition("/")[2] == "data.pkl" for name in archive.namelist())


def _read_by_core(path: Path) -> Mapping[str, Tensor]:
    entry = WeightEntry.from_file(path)
    try:
        return entry.state_dict(progress=False)
    except NestedCheckpointError as error:  # of a format that a distribution reads
        taken = Build(adapt=(adapt.Take(*error.keys),))
        return WeightEntry.from_file(path, build=taken).state_dict(progress=False)


def _metadata(path: Path) -> Mapping[str, str]:
    """Return the strings in the header of a safetensors file, such as those of ``dapi.save``."""
    if path.is_file():
        with path.open("rb") as stream:
            if stream.read(9)[8:] == b"{":
                import safetensors

                with safetensors.safe_open(str(path), framework="pt") as file:
                    return file.metadata() or {"format": "pt"}
    return {"format": "pt"}
