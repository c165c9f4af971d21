"""Disk: free space, whether a directory is writable, and sizes formatted for people."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from dapi.exceptions import ArgumentError


def amount(size: float) -> str:
    """Return a number of bytes as text, in the unit in which it is a small number.

    >>> amount(102_530_333)
    '102.5 MB'
    """
    for unit in ("kB", "MB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} GB"


def free(path: Path) -> int | None:
    """Return how many bytes are free where ``path`` is or would be; None if that is unknown."""
    try:
        return shutil.disk_usage(_existing(path)).free
    except OSError:
        return None


def obstacle(folder: Path) -> str:
    """Return why no file can be written in a folder, which need not exist; empty if one can.

    Creates nothing that lasts. Permissions alone do not answer it: root passes them, and a
    file system may be read-only.
    """
    try:
        with tempfile.TemporaryFile(dir=_existing(folder), buffering=0) as file:
            file.write(b"x")  # a full disk still takes the names of files
        return ""
    except OSError as error:
        return error.strerror or str(error)


def _existing(path: Path) -> Path:
    """Return the nearest of a path and its parents that exists."""
    whole = path.absolute()
    return next(each for each in (whole, *whole.parents) if each.exists())


def given_path(function: str, value: object, expected: str) -> Path:
    """Return the path that a function was given.

    Raises:
        ArgumentError: It is none.
    """
    if isinstance(value, str | os.PathLike):
        return Path(value)
    raise ArgumentError(function, "path", value, expected=expected)
