"""Folders: the cache that is written to, those that are only read, and what lies where in each.

::

    blobs/<sha256>                  a published file; never written to again
    blobs/partial-<key>-<owner>     a file on its way, private to its owner; with notes (.json)
    copies/<sha256>.safetensors     what a blob holds, aligned; with notes (.json)
    stamps/<sha256>                 what the blob's stat was when it was verified, whence it came
    refs/<sha256 of URL>            for a file without a full hash: the hash it had
    locks/<key>                     held while one process fetches
    views/<hash>/<name>             links to the blobs of a checkpoint in several files
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
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
    if not found.is_absolute():  # what is left of "~" when nobody knows where it is
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
    """List what lies in a folder of the cache that is written to; nothing if the user has none.

    Args:
        name: The folder.
        prefix: What the names that are listed begin with.
    """
    try:
        folder = root() / name
    except CacheError:
        return []
    return [folder / each for each in access.names(folder) if each.startswith(prefix)]


def scratch() -> Path | None:
    """Return a folder of this user's alone, for notes about caches of others.

    None when there is no such folder, or when somebody else made one of that name.
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
    """Describe why the cache cannot be written, and how much room is needed."""
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
