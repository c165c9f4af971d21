"""Worker: convert a file in a process that has bounds on memory, time and disk."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

from dapi import WeightEntry, catalog
from dapi.devkit.conversion.choice import choose
from dapi.devkit.conversion.content import read
from dapi.exceptions import DapiError

if TYPE_CHECKING:
    from torch import Tensor

# Of the size of the file: its tensors are in memory, and once more to be verified.
_TIMES: Final = 4
_TIMES_QUANTIZED: Final = 48  # of GGUF: float32 of 1.5 bits each
_SPARE: Final = 1 << 30
_SPARE_ON_DISK: Final = 64 << 20
_MEMORY: Final = "it needs far more memory than its size explains"


def convert(source: Path, target: Path, take: list[str] | None) -> dict[str, Any]:
    """Write the tensors of a file to ``target``, read them again, and return the facts.

    Raises:
        DapiError: dapi-core cannot read the file.
        ValueError: It is damaged or hostile, or it is not clear which tensors are meant.
    """
    content = read(source)
    choice = choose(content.tree, take)
    bar = tqdm(choice.tensors.items(), disable=None, delay=1, leave=False, unit="tensor")
    tensors = {key: content.load(value) for key, value in bar}
    try:
        catalog.write_tensors(target, tensors, content.metadata)
    except TypeError as cause:  # a type that the format does not have
        raise ValueError(str(cause)) from cause
    _verify(target, tensors)
    return {
        "tensors": len(tensors),
        "take": list(choice.keys),
        "left_out": dict(choice.left_out),
        "not_imported": sorted(content.unknown)[:100],
        "versions": dict(choice.versions),
    }


def _verify(path: Path, tensors: Mapping[str, Tensor]) -> None:
    import torch

    found = WeightEntry.from_file(path).state_dict(progress=False)
    for key, tensor in tensors.items():
        one, other = (
            each.contiguous().reshape(-1).view(torch.uint8) for each in (tensor, found[key])
        )
        if tensor.dtype != found[key].dtype or not torch.equal(one, other):
            raise ValueError(f"{key} could not be written as it is")


def _bound(source: Path) -> list[str]:
    """Bound the memory and disk that a hostile file can cost: it could claim any size.

    Returns:
        What is bounded on this platform.
    """
    try:
        import resource
    except ImportError:  # on Windows, a process cannot limit itself
        return []
    import torch  # noqa: F401  # its own memory is not the file's

    files = source.rglob("*") if source.is_dir() else [source]
    if source.name.endswith(".index.json"):
        files = source.parent.iterdir()
    size = sum(file.stat().st_size for file in files if file.is_file())
    times = _TIMES_QUANTIZED if _is_gguf(source) else _TIMES
    resource.setrlimit(resource.RLIMIT_FSIZE, (times * size + _SPARE_ON_DISK,) * 2)
    status = Path("/proc/self/status")
    if not status.is_file():
        return ["disk"]
    used = next(int(line.split()[1]) << 10 for line in status.open() if "VmData" in line)
    resource.setrlimit(resource.RLIMIT_DATA, (used + times * size + _SPARE,) * 2)
    return ["disk", "memory"]


def _is_gguf(source: Path) -> bool:
    if not source.is_file():
        return False
    with source.open("rb") as stream:
        return stream.read(4) == b"GGUF"


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "allocate memory" in str(error)


def main(job: str) -> None:
    """Do a job: JSON with the paths; the result is written as JSON beside the target."""
    given = json.loads(job)
    source, target = Path(given["source"]), Path(given["target"])
    try:
        limits = _bound(source)
        result = {**convert(source, target, given["take"]), "limits": limits}
    except DapiError as error:
        result = {"error": getattr(error, "reason", "") or str(error)}
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything
        first = str(error).partition("\n")[0][:1000]
        is_ours = isinstance(error, ValueError) and not isinstance(error, UnicodeError)
        said = first if is_ours else f"it is damaged ({type(error).__name__}: {first[:100]})"
        result = {"error": _MEMORY if _is_of_memory(error) else said}
    target.with_suffix(".json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
