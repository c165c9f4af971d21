"""Access: permissions of the files in a cache, and how such a file is opened.

The store follows no symbolic link in a cache, and trusts nothing that other users could have
written: another user of a shared cache may have planted it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from io import FileIO
from pathlib import Path

# Flags for opening files, where the system has them: a planted pipe must not block the reader.
FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))


def is_ours(status: os.stat_result) -> bool:
    """Return whether only this user and root can change a file or directory (not a link)."""
    if os.name == "nt":  # there, folders of a user are closed to others by default
        return True
    mode = status.st_mode
    is_closed = not mode & (stat.S_IWGRP | stat.S_IWOTH) and not stat.S_ISLNK(mode)
    return is_closed and status.st_uid in (0, os.geteuid())


def is_regular(status: os.stat_result) -> bool:
    """Return whether a status is that of a regular file: no link, directory, pipe or device."""
    return stat.S_ISREG(status.st_mode)


def is_closed(cache: Path, *names: str) -> bool:
    """Return whether only this user and root can add files to these directories of a cache.

    A missing directory counts as closed: this user will create it.
    """
    try:
        if not is_ours(os.stat(cache)):  # the cache itself may be a link that the user made
            return False
        for name in names:
            with suppress(FileNotFoundError):
                if not is_ours(os.lstat(f"{cache}/{name}")):
                    return False
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return True


def make_folder(path: Path) -> None:
    """Make a folder of a cache, and the cache, if they are not there.

    Whatever the umask is, a group or others can write there only if they can write to the cache.

    Raises:
        OSError: It cannot be made, or is a link.
    """
    cache = path.parent
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.mkdir(mode=0o755, exist_ok=True)
    shared = cache.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    path.mkdir(mode=0o755 | shared, exist_ok=True)
    if path.is_symlink():
        raise OSError(f"{path} is a link; expected a folder")


def files(folder: Path) -> list[Path]:
    """List the entries of a directory of a cache; none if it is missing or a link."""
    return [folder / name for name in names(folder)]


def names(folder: Path) -> list[str]:
    """List the names in a directory of a cache; none if it is missing or a link."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return os.listdir(folder)  # noqa: PTH208 - a cache may hold thousands of files


def open_file(path: Path, mode: str, *, permissions: int = 0o644) -> FileIO:
    """Open a regular file of a cache without a buffer, and never through a link.

    Args:
        path: The file.
        mode: As of ``open``, in binary; ``"xb"`` makes a new file.
        permissions: Those of a new file, before the umask.

    Raises:
        OSError: It cannot be opened, or is a link or another odd thing.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | FLAGS, permissions)

    try:
        stream = FileIO(path, mode, opener=opener)
    except OSError as cause:
        if path.is_symlink():
            raise OSError(f"{path} is a link; expected a file") from cause
        raise
    if not is_regular(os.fstat(stream.fileno())):
        stream.close()
        raise OSError(f"{path} is not a regular file")
    return stream


def is_same(stream: FileIO, path: Path) -> bool:
    """Return whether a path still refers to an open file."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.lstat())
    except OSError:
        return False


def strangers(cache: Path) -> list[Path]:
    """List the folders of a cache that others can change, and those above it that all can."""
    if not cache.is_dir():
        return []
    found = [path for path in cache.iterdir() if path.is_symlink() or path.is_dir()]
    found = [path for path in found if not is_ours(path.lstat())]
    found += [] if is_ours(cache.stat()) else [cache]
    return found + [path for path in cache.resolve().parents if _lets_all_rename(path.stat())]


def _lets_all_rename(status: os.stat_result) -> bool:
    """Return whether any user can replace the entries of a directory."""
    return bool(status.st_mode & stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
