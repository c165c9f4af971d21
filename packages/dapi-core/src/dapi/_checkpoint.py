"""Reading files as state dicts. What a file is, its suffix says; nothing is unpickled freely.

Formats beyond safetensors and torch's own come from the entry-point group ``dapi.formats``: the
suffix without its dot names a function from a path to a state dict.
"""

from __future__ import annotations

import copy
import mmap
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi import _aligned, _safetensors, _store
from dapi._discovery import extension
from dapi._file import File
from dapi.exceptions import CheckpointError, DapiError, MissingDependencyError

if TYPE_CHECKING:
    from torch import Tensor

    # Returns the tensors, and how many bytes had to be read rather than mapped.
    Reader = Callable[[Path], tuple[dict[str, Tensor], int]]


def read(files: Sequence[File], *, progress: bool, wanted: str) -> dict[str, Tensor]:
    """Fetch files, and read them as one state dict.

    Raises:
        CheckpointError: A file is no checkpoint that holds tensors only. An unpinned one is
            forgotten, so that the next call fetches it again.
    """
    parts = [_read_file(file, progress=progress, wanted=wanted) for file in files]
    if len(parts) == 1:
        return parts[0]
    joined = {key: tensor for part in parts for key, tensor in part.items()}
    if len(joined) != sum(len(part) for part in parts):
        raise CheckpointError(files[0].name, source=wanted, reason="two of its files share a key")
    return joined


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
    kept = _aligned.read(path)
    if kept is not None:
        return kept
    try:
        state_dict, unmapped = _reader(file)(path)
    except DapiError:
        raise
    except ImportError as cause:  # the file is not to blame
        raise MissingDependencyError(
            f"{file.name} needs a package to be read ({cause})", requirement="dapi-core[torch]"
        ) from cause
    except Exception as cause:
        _store.reject(file)
        reason = _hint(path) or _reason(cause)
        raise CheckpointError(path, source=wanted, reason=reason) from cause
    if not _holds_tensors(state_dict):
        _store.reject(file)
        raise CheckpointError(path, source=wanted, reason="it is not a dict of tensors by key")
    _make_plain(state_dict)
    _aligned.keep(path, state_dict, unmapped=unmapped)
    return state_dict


def _reader(file: File) -> Reader:
    suffix = Path(file.name).suffix.removeprefix(".").lower()
    builtin: dict[str, Reader] = {
        "safetensors": _read_safetensors,
        **dict.fromkeys(("pth", "pt", "bin", "ckpt"), _read_torch),
    }
    if suffix in builtin:
        return builtin[suffix]
    foreign = extension("dapi.formats", suffix)
    if foreign is None:
        raise CheckpointError(
            file.name, source=file.url, reason=f"no distribution reads the format {suffix!r}"
        )
    # A copy, as the plugin may keep what it read, or give it to others too.
    return lambda path: (copy.deepcopy(foreign(path)), 0)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], int]:
    content = _safetensors.read(path)
    return content.tensors, content.unmapped


def _read_torch(path: Path) -> tuple[dict[str, Tensor], int]:
    """Read a .pth: tensors only. One that is a zip is mapped; the older format is read."""
    import torch

    with path.open("rb") as stream:
        is_zip = stream.read(4) == b"PK\x03\x04"  # what torch itself decides by
    if is_zip:
        _check_archive(path)
    with warnings.catch_warnings():  # torch's own, of how it reads quantized tensors
        warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning)
        may_map = is_zip and not _mapping_is_shared()
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=may_map)
    return found, 0 if is_zip else path.stat().st_size


def _mapping_is_shared() -> bool:
    """Whether somebody set torch to map files such that writing to a tensor reaches them."""
    from torch.serialization import get_default_mmap_options

    return get_default_mmap_options() == getattr(mmap, "MAP_SHARED", NotImplemented)


def _check_archive(path: Path) -> None:
    """Refuse a zip that unpacks to more than it is (a bomb is small), and code."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its members are compressed")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise ValueError("its members are larger than the file")
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise ValueError("it has two members of one name")
    if any(name.endswith("/constants.pkl") for name in names):
        raise ValueError("it is a TorchScript archive, which holds code: save its state_dict()")


# What modules of torch put into a state dict beside tensors: quantized ones, the last two.
_OTHERS = ("_extra_state", "_packed_params._packed_params", "_packed_params.dtype")


def _holds_tensors(found: Any) -> bool:
    import torch

    return isinstance(found, dict) and all(
        isinstance(key, str) and (isinstance(value, torch.Tensor) or key.endswith(_OTHERS))
        for key, value in found.items()
    )


def _make_plain(state_dict: dict[str, Any]) -> None:
    """Make values of variables: a buffer that was saved as a Parameter is a buffer all the same."""
    import torch

    for key, value in state_dict.items():
        is_tensor = isinstance(value, torch.Tensor)
        if is_tensor and (value.requires_grad or isinstance(value, torch.nn.Parameter)):
            state_dict[key] = value.data


def _reason(cause: Exception) -> str:
    """Say in a line what a reader said in many."""
    text = str(cause)
    foreign = re.search(r"nsupported (?:global: )?GLOBAL ([\w.]+)", text)
    if foreign:
        return f"it holds {foreign[1]}, and only tensors are read: save its state_dict() alone"
    if isinstance(cause, ValueError) and text:
        return text.splitlines()[0]
    return f"{type(cause).__name__}: {text.splitlines()[0] if text else ''}"


def _hint(path: Path) -> str:
    """Recognize what is often served in place of a file."""
    with path.open("rb") as stream:
        head = stream.read(512).lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, not the file itself"
    return "" if head else "it is empty"
