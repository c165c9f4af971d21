"""Reading files as state dicts. What a file is, its suffix says; nothing is unpickled freely.

Formats beyond safetensors and torch's own come from the entry-point group ``dapi.formats``: the
suffix without its dot names a function from a path to a state dict.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi import _store
from dapi._discovery import extension
from dapi._file import File
from dapi.exceptions import CheckpointError, DapiError, MissingDependencyError

if TYPE_CHECKING:
    from torch import Tensor

    Reader = Callable[[Path], dict[str, Tensor]]


def read(files: Sequence[File], *, progress: bool, wanted: str) -> dict[str, Tensor]:
    """Fetch files, and read them as one state dict.

    Raises:
        CheckpointError: A file is no checkpoint that holds tensors only. An unpinned one is
            forgotten, so that the next call fetches it again.
    """
    parts = [_read_file(file, progress=progress, wanted=wanted) for file in files]
    if len(parts) == 1:
        return parts[0]
    return {key: tensor for part in parts for key, tensor in part.items()}


def confirm(files: Sequence[File]) -> None:
    """Record that the files were loaded strictly."""
    for file in files:
        _store.confirm(file)


def reject(files: Sequence[File]) -> None:
    """Forget those of the files that are trusted on first use, and were never loaded."""
    for file in files:
        _store.reject(file)


def _read_file(file: File, *, progress: bool, wanted: str) -> dict[str, Tensor]:
    path = _store.fetch(file, progress=progress, wanted=wanted)
    try:
        state_dict = _reader(file)(path)
    except DapiError:
        raise
    except Exception as cause:
        _store.reject(file)
        reason = f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"
        raise CheckpointError(path, source=wanted, reason=_hint(path) or reason) from cause
    if not _holds_tensors(state_dict):
        _store.reject(file)
        raise CheckpointError(path, source=wanted, reason="it is not a dict of tensors by key")
    return state_dict


def _reader(file: File) -> Reader:
    suffix = Path(file.name).suffix.removeprefix(".").lower()
    builtin: dict[str, Reader] = {
        "safetensors": _read_safetensors,
        **dict.fromkeys(("pth", "pt", "bin", "ckpt"), _read_torch),
    }
    reader = builtin.get(suffix) or extension("dapi.formats", suffix)
    if reader is None:
        raise CheckpointError(
            file.name, source=file.url, reason=f"no distribution reads the format {suffix!r}"
        )
    chosen: Reader = reader
    return chosen


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ModuleNotFoundError as cause:
        raise MissingDependencyError(
            f"{path.name} is a safetensors file", requirement="dapi-core[torch]"
        ) from cause
    return load_file(path)


def _read_torch(path: Path) -> dict[str, Tensor]:
    """Read a .pth: tensors only, and a zip's members stored, not deflated (a bomb is small)."""
    import torch

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("its members are compressed")
    found = torch.load(path, map_location="cpu", weights_only=True)
    state_dict: dict[str, Tensor] = found
    return state_dict


def _holds_tensors(found: Any) -> bool:
    import torch

    return isinstance(found, dict) and all(
        isinstance(key, str) and (isinstance(value, torch.Tensor) or key.endswith("_extra_state"))
        for key, value in found.items()
    )


def _hint(path: Path) -> str:
    """Recognize what is often served in place of a file."""
    with path.open("rb") as stream:
        head = stream.read(512).lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the file itself"
    return "" if head else "it is empty"
