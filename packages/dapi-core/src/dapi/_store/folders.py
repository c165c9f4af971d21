"""Folders: the writable cache, the read-only ones, and their layout.

::

    blobs/<sha256>                  a verified file; never modified
    blobs/partial-<key>-<owner>     an incomplete download, private to its owner; notes in .json
    copies/<sha256>.safetensors     the tensors of a blob, aligned; with a record (.json)
    stamps/<sha256>                 the blob's status when it was verified, and its origin
    refs/<sha256 of URL>            the hash that a file without a full published hash had
    locks/<key>                     held by the process that downloads
    views/<hash>/<name>             links to the blobs of a checkpoint in several files
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dapi._store import access
from dapi.exceptions import CacheError


def root() -> Path:
    """Return the cache that is written to: ``DAPI_CACHE``, or the user's own by the system.

    Raises:
        CacheError: It is in the home directory, and the user has none.
    """
    chosen = os.environ.get("DAPI_CACHE")
    if chosen:
        return _absolute(chosen)
    from platformdirs import user_cache_path

    try:
        found = user_cache_path("dapi", appauthor=False)
    except RuntimeError:
        found = Path("~")
    if not found.is_absolute():  # "~" stays when the home directory is unknown
        raise CacheError("~/.cache/dapi", reason="this user has no home directory")
    return found


def readonly() -> list[Path]:
    """Return the caches that are only read: those of ``DAPI_CACHE_READONLY``."""
    paths = os.environ.get("DAPI_CACHE_READONLY")
    return [_absolute(path) for path in paths.split(os.pathsep) if path] if paths else []


def roots() -> list[Path]:
    """Return the cache that is written to, if the user has one, then those that are only read."""
    try:
        return [root(), *readonly()]
    except CacheError:
        return readonly()


def _absolute(path: str) -> Path:
    if os.path.isabs(path):  # noqa: PTH117 - the fast way, as this is asked for each file
        return Path(path)
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as cause:
        raise CacheError(path, reason="this user has no home directory") from cause


def blobs() -> Path:
    """Return the directory of the blobs that are written."""
    return root() / "blobs"


def listing(name: str, prefix: str | tuple[str, ...] = "") -> list[Path]:
    """List the entries of a directory of the writable cache; none if the user has no cache.

    Args:
        name: The name of the directory.
        prefix: List only names that start with it.
    """
    try:
        folder = root() / name
    except CacheError:
        return []
    return [folder / each for each in access.names(folder) if each.startswith(prefix)]


def trusted(name: str) -> Iterator[Path]:
    """Yield where a directory can be that no other user plants files in.

    In the writable cache, if others cannot write there; else in this user's private directory.
    """
    with suppress(CacheError):  # a user without a home directory
        if access.is_closed(root(), name):
            yield root() / name
    own = scratch()
    if own:
        yield own / name


def scratch() -> Path | None:
    """Return a private directory of this user, for records about the caches of others.

    None if there is none, or if another user created the directory of that name.
    """
    if not hasattr(os, "geteuid"):
        return None
    try:
        path = Path(tempfile.gettempdir()) / f"dapi-{os.geteuid()}"
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError:
        return None
    is_ours = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o700
    return path if is_ours and stat.S_ISDIR(status.st_mode) else None


def failure(cause: OSError, needed: int | None) -> CacheError:
    """Describe why the cache cannot be written, and how much space is needed."""
    reason, folder = cause.strerror or str(cause), blobs()
    if cause.errno in (errno.ENOSPC, errno.EDQUOT):
        with suppress(OSError):
            reason += f" ({shutil.disk_usage(folder).free:,} bytes are free)"
        if needed:
            reason += f", {needed:,} bytes are needed"
    return CacheError(folder, reason=reason)


def umask() -> int:
    """Return the umask. It can only be read by setting it, which other threads would feel."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
