"""The index of a mapped zip: where its tensors are, for which torch runs a pickle of 20 ms.

The addresses of the tensors tell their places: the file is mapped as a whole, so that one distance
leads from the records of the zip to all of them. An index is used only if the bytes at its places
are those of the tensors: torch changes them in memory if a file is of the other byte order.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from mmap import PAGESIZE
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from dapi._loader import safetensors

if TYPE_CHECKING:
    from torch import Tensor

    # By key, as in a header of safetensors: dtype, shape, and the offsets of the bytes in the file.
    Places = dict[str, tuple[str, tuple[int, ...], tuple[int, int]]]

# torch reads fewer tensors in 2 ms.
FEWEST: Final = 32
_NAME_LENGTHS = struct.Struct("<26x2H")


def make(blob: Path, state_dict: Mapping[str, Tensor]) -> Places | None:
    """Return the places of tensors that torch mapped from a zip; None if they are not certain."""
    spans = {each.data_ptr(): each.nbytes for each in state_dict.values()}
    whole = all(each.untyped_storage().nbytes() == each.nbytes for each in state_dict.values())
    start = _start(spans, _records(blob))
    if not whole or len(spans) < len(state_dict) or start is None:
        return None  # some share their memory, or have none
    places = {
        key: (safetensors.type_name(key, each), tuple(each.shape), (begin, begin + each.nbytes))
        for key, each in state_dict.items()
        for begin in [each.data_ptr() - start]
    }
    found = read(blob, places)
    return places if all(_is_same(found[key], each) for key, each in state_dict.items()) else None


def _start(spans: Mapping[int, int], records: Mapping[int, int]) -> int | None:
    """Return the address at which a zip is mapped, if tensors are where its records are."""
    first = next(iter(spans))
    starts = (first - place for place, size in records.items() if size == spans[first])
    # Other tensors of the same sizes are rarely whole pages away: an optimizer's, say.
    fitting = (each for each in starts if each % PAGESIZE == 0 and _fits(each, spans, records))
    return next(fitting, None)


def _fits(start: int, spans: Mapping[int, int], records: Mapping[int, int]) -> bool:
    return all(records.get(address - start) == size for address, size in spans.items())


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same bytes; as numbers, NaN would equal nothing."""
    import torch

    return torch.equal(*(each.flatten().view(torch.uint8) for each in (one, other)))


def _records(blob: Path) -> dict[int, int]:
    """Return the sizes of the records of a zip by their places."""
    with zipfile.ZipFile(blob) as archive, blob.open("rb") as stream:
        return {_place(stream, each): each.file_size for each in archive.infolist()}


def _place(stream: BinaryIO, record: zipfile.ZipInfo) -> int:
    stream.seek(record.header_offset)
    lengths: tuple[int, int] = _NAME_LENGTHS.unpack(stream.read(_NAME_LENGTHS.size))
    return record.header_offset + _NAME_LENGTHS.size + sum(lengths)


def read(blob: Path, places: Mapping[str, Any]) -> dict[str, Tensor]:
    """Map the tensors of a zip whose places are known.

    Raises:
        ValueError: There are no places, or not in this file.
    """
    found = {key: safetensors.checked(key, facts) for key, facts in places.items()}
    size = blob.stat().st_size
    if not found or not all(0 <= begin <= end <= size for *_, begin, end in found.values()):
        raise ValueError("the places are not in this file")
    return safetensors.read_tensors(blob, safetensors.Header({}, found, 0), may_map=True).tensors
