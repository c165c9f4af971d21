"""Shards: the local files of one checkpoint, which a file beside them lists."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from dapi.exceptions import CheckpointError, MissingFileError

INDEX: Final = ".index.json"
# An index has a line for each tensor.
_LARGEST: Final = 64 << 20


def of(path: Path, given: str | Path) -> list[Path]:
    """Return the files of the checkpoint at a path: a file, an index of files, or their directory.

    Args:
        path: The absolute path.
        given: The path as the caller wrote it, for errors.

    Raises:
        MissingFileError: There is none, or the directory has no index.
        CheckpointError: The index names no files beside it, or the directory is one of
            ``torch.distributed.checkpoint``.
    """
    if path.is_dir():
        path = given = _in(path) or path / f"model.safetensors{INDEX}"
    if not path.is_file():
        raise MissingFileError(given)
    return _listed(path) if path.name.endswith(INDEX) else [path]


def _in(folder: Path) -> Path | None:
    """Return the file of a directory that names the others."""
    if (folder / ".metadata").is_file():
        reason = (
            "it is a directory of torch.distributed.checkpoint, whose list of tensors is a pickle. "
            "To write them to a file: dapi convert DIRECTORY (pip install dapi-devkit)"
        )
        raise CheckpointError(folder, source=folder.name, reason=reason)
    found = sorted(folder.glob(f"*{INDEX}"), key=lambda each: "safetensors" not in each.name)
    return found[0] if found else None


def _listed(index: Path) -> list[Path]:
    # Anybody may have written it: values of any type, and nested deeper than json can follow.
    try:
        if index.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        odd = [name for name in names if not _is_plain(name)]
        if odd or not names:
            raise ValueError(f"it names {odd[0]!r}, not a file beside it" if odd else "it is empty")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as cause:
        reason = f"its weight_map cannot be read ({cause})"
        raise CheckpointError(index, source=index.name, reason=reason) from cause
    files = [index.parent / name for name in names]
    # Unlike Path.is_file, it does not raise for a name that is too long.
    missing = next((file for file in files if not os.path.isfile(file)), None)  # noqa: PTH113
    if missing is not None:
        raise MissingFileError(missing)
    return files


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and not {*"/\\\0"} & {*name}
