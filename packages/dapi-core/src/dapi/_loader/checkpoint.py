"""Read files as state dicts. The content decides the format; unpickling is always restricted.

Besides safetensors and torch's own formats, a distribution can provide one through the entry-point
group ``dapi.formats``: the suffix without its dot names a function from a path to a state dict.
"""

from __future__ import annotations

import copy
import mmap
import pickle
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi import _store
from dapi._loader import aligned, nesting, safetensors
from dapi._loader.target import default_device
from dapi._plugins.discovery import extension
from dapi._store import mapping
from dapi._values.file import File
from dapi.adapt import Rename
from dapi.exceptions import (
    CheckpointError,
    DapiError,
    MissingDependencyError,
    UnreadableFileError,
)

if TYPE_CHECKING:
    from torch import Tensor

    from dapi.adapt import Take

    # Takes a path, and whether it may be mapped; returns the tensors, and how many bytes had to
    # be read because they could not be mapped where they are.
    Reader = Callable[[Path, bool], tuple[dict[str, Tensor], int]]

# Files with another suffix are a distribution's, if one reads it.
_SUFFIXES = ("safetensors", "pth", "pt", "bin", "ckpt")
# Common suffixes of torch's files. For any other, the distribution that reads it may be missing.
_CUSTOMARY = ("", "model", "pkl", "tar", "th", "weights", *_SUFFIXES)
# The first bytes of torch.save's legacy format (before PyTorch 1.6).
_LEGACY = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_CONVERT = ": save its state_dict() alone, or run dapi convert FILE (pip install dapi-devkit)"
# Often met, and never a checkpoint of PyTorch.
_FOREIGN = {
    b"<?xml": "an XML document",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"\x89HDF": "an HDF5 file (of Keras, perhaps)",
    b"GGUF": "a GGUF file: name it *.gguf, and run pip install 'dapi-devkit[gguf]'",
    b"\x80": "a pickle that torch.save did not write",
}


def read(
    files: Sequence[File], *, progress: bool, wanted: str, take: Take | None = None
) -> dict[str, Tensor]:
    """Fetch files, and read them as one state dict.

    Args:
        files: The files.
        progress: Show a progress bar.
        wanted: What the files are for, in errors.
        take: Where in each file its tensors are; None if it is a state dict and nothing else.

    Raises:
        NestedCheckpointError: A file is not a state dict alone, and ``take`` is None.
        CheckpointError: A file is not a checkpoint of tensors. If its full hash is not published,
            it is removed from the cache, so that the next call downloads it again.
        UnreadableFileError: This machine cannot read a file, which stays in the cache.
    """
    parts = [_read_part(file, take, progress=progress, wanted=wanted) for file in files]
    if len(parts) == 1:
        return parts[0]
    return _join(files, parts, wanted)


def _join(
    files: Sequence[File], parts: Sequence[dict[str, Tensor]], wanted: str
) -> dict[str, Tensor]:
    joined: OrderedDict[str, Tensor] = OrderedDict()
    names: dict[str, str] = {}
    versions: dict[str, Any] = {}
    for file, part in zip(files, parts, strict=True):
        twice = next((key for key in part if key in joined), None)
        if twice is not None:
            reason = (
                f"{names[twice]} and {file.name} both have the key {twice!r}. If each is a part of "
                "the model, give each a prefix: File(..., prefix='PART.')"
            )
            raise CheckpointError(file.name, source=wanted, reason=reason)
        joined.update(part)
        names.update(dict.fromkeys(part, file.name))
        versions.update(getattr(part, "_metadata", {}))
    if versions:
        joined._metadata = versions  # type: ignore[attr-defined]  # torch keeps it there
    return joined


def _read_part(file: File, take: Take | None, *, progress: bool, wanted: str) -> dict[str, Tensor]:
    """Fetch one of the files of a checkpoint, and read it with its prefix."""
    state_dict = _read_file(file, take, progress=progress, wanted=wanted)
    return Rename("^", file.prefix)(state_dict, {}) if file.prefix else state_dict


def confirm(files: Sequence[File]) -> None:
    """Record that the files were loaded strictly."""
    for file in files:
        _store.confirm(file)


def reject(files: Sequence[File]) -> None:
    """Forget those of the files that are trusted on first use, and were never loaded."""
    for file in files:
        _store.reject(file)


def _read_file(file: File, take: Take | None, *, progress: bool, wanted: str) -> dict[str, Tensor]:
    path = _store.fetch(file, progress=progress, wanted=wanted)
    is_cached = not file.url.startswith(("file:", "package:"))
    try:
        may_map = mapping.is_allowed(file, path)
        kept = aligned.read(path, take, may_map=may_map) if is_cached else None
        if kept is not None:
            return kept
        reader = _reader(file, path)
        with _on_cpu():
            found, unmapped = reader(path, may_map)
        state_dict = nesting.tensors(found, take, path, wanted)
    except DapiError:
        raise
    except ImportError as cause:  # the file is not to blame
        raise MissingDependencyError(
            f"{file.name} needs a package to be read ({cause})", requirement="dapi-core[torch]"
        ) from cause
    except Exception as cause:
        raise _failure(file, path, wanted, cause) from cause
    _make_plain(state_dict)
    if is_cached:
        is_zip = reader is _read_archive
        aligned.keep(path, state_dict, take, unmapped=unmapped, is_zip=is_zip)
    return state_dict


def _on_cpu() -> AbstractContextManager[Any]:
    """Read tensors to the CPU, whatever the default device is."""
    import torch

    # A device as a context intercepts every call of torch: 5 ms for the file of a resnet50.
    return nullcontext() if default_device().type == "cpu" else torch.device("cpu")


def _failure(file: File, path: Path, wanted: str, cause: Exception) -> DapiError:
    """Return the error for a file that could not be read; drop a bad file that has no full hash."""
    from dapi._store import faults, placeholder

    if faults.is_of_machine(cause):
        return UnreadableFileError(path, source=wanted, reason=_first_line(cause))
    reason = placeholder.explain(path, file.name) or _reason(cause)
    _store.reject(file)
    if not path.exists():
        reason += "; it was removed from the cache, and the next call downloads it again"
    return CheckpointError(path, source=wanted, reason=reason)


def _reader(file: File, path: Path) -> Reader:
    """Choose by a file's content how it is read; by its suffix if a distribution names that."""
    suffix = Path(file.name).suffix.removeprefix(".").lower()
    foreign = None if suffix in _SUFFIXES else suffix and extension("dapi.formats", suffix)
    if foreign:
        # Copied, since the plugin may keep the tensors or share them.
        return lambda path, _: (copy.deepcopy(foreign(path)), 0)
    with path.open("rb") as stream:
        head = stream.read(512)
    if head.startswith(b"PK\x03\x04"):  # the criterion of torch itself
        return _read_archive
    if safetensors.is_likely(head):
        return _read_safetensors
    if _LEGACY in head[:64]:
        return _read_legacy
    from dapi._store import placeholder

    if suffix in _CUSTOMARY or not head or placeholder.recognize(head, file.name):
        raise ValueError(_describe(head))
    reason = f"no distribution reads the format {suffix!r}, and {_describe(head)}"
    raise CheckpointError(path, source=file.url, reason=reason)


def _describe(head: bytes) -> str:
    """Describe a file that is not a checkpoint, by its first bytes."""
    if not head:
        return "it is empty"
    known = (kind for begin, kind in _FOREIGN.items() if head.lstrip().startswith(begin))
    otherwise = "it is neither a safetensors file nor one of torch.save, or it is damaged"
    return next((f"it is {kind}" for kind in known), otherwise)


def _read_safetensors(path: Path, may_map: bool) -> tuple[dict[str, Tensor], int]:
    content = safetensors.read(path, may_map=may_map)
    return content.tensors, content.unmapped


def _read_archive(path: Path, may_map: bool) -> tuple[dict[str, Tensor], int]:
    """Read the zip format of torch.save (PyTorch 1.6 and newer), tensors only."""
    from dapi._loader import archive

    archive.check(path)
    if may_map and not (_mapping_is_shared() or _is_misnamed(path)):
        try:
            return _load(path, mmap=True), 0
        except RuntimeError as cause:
            if not mapping.is_impossible(cause):
                raise
            return _load(path, mmap=False), 0  # nor could a copy be mapped
    return _load(path, mmap=False), path.stat().st_size


def _read_legacy(path: Path, _: bool) -> tuple[dict[str, Tensor], int]:
    """Read the legacy format of torch.save, which cannot be mapped, tensors only."""
    return _load(path, mmap=False), path.stat().st_size


def _load(path: Path, *, mmap: bool) -> Any:
    import torch

    with warnings.catch_warnings(), ExitStack() as stack:
        # torch's own, of how it reads quantized tensors
        warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning)
        source: Any = stack.enter_context(path.open("rb")) if _is_misnamed(path) else path
        return torch.load(source, map_location="cpu", weights_only=True, mmap=mmap)


def _is_misnamed(path: Path) -> bool:
    """Whether torch would misread a zip because of its name."""
    return path.suffix == ".safetensors"


def _mapping_is_shared() -> bool:
    """Whether torch is set to map files so that writing to a tensor changes the file."""
    from torch.serialization import get_default_mmap_options

    return get_default_mmap_options() == getattr(mmap, "MAP_SHARED", NotImplemented)


def _make_plain(state_dict: dict[str, Any]) -> None:
    """Detach Parameters: a buffer that was saved as a Parameter is still a buffer."""
    import torch

    for key, value in state_dict.items():
        is_plain = type(value) is torch.Tensor and not value.requires_grad
        if not is_plain and isinstance(value, torch.Tensor):
            state_dict[key] = value.data


def _reason(cause: Exception) -> str:
    """Shorten a reader's error to one line, without its advice to run the code in the file."""
    text = str(cause)
    foreign = re.search(r"nsupported (?:global: )?GLOBAL ([\w.]+)", text)
    if foreign:
        return f"it contains {foreign[1]}, but dapi reads only tensors{_CONVERT}"
    if isinstance(cause, pickle.UnpicklingError):
        why = re.search(r"WeightsUnpickler error: ([^\n]+)", text)
        why_not = f" ({why[1]})" if why else ""
        return f"it contains more than tensors, or is damaged{why_not}{_CONVERT}"
    line = _first_line(cause)
    return line if isinstance(cause, ValueError) and text else f"{type(cause).__name__}: {line}"


def _first_line(cause: Exception) -> str:
    return next(iter(str(cause).splitlines()), "") or type(cause).__name__
