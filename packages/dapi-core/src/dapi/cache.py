"""The cache, for tools: list, fill and check it.

Loading weights needs none of this. All files from the cache are verified; ``verify`` hashes them
again. ``fetch`` uses the network; the other functions only use the disk. Fetch many files in a
block ``with connections_kept():``, so that small files do not wait for new connections.

Example:
    >>> from dapi import cache, File
    >>> cache.find(File("https://example.org/absent.pth", sha256="0" * 64)) is None
    True
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dapi._catalog.verifying import Finding, Findings, verify
from dapi._store import cache as _cache
from dapi._store import examine, fetch
from dapi._store import partial as _partial
from dapi._store import views as _views
from dapi._store.adoption import receive
from dapi._store.cache import Blob, find, remove
from dapi._store.cache import listing as blobs
from dapi._store.connections import kept as connections_kept
from dapi._store.folders import root as folder
from dapi._store.settings import is_offline
from dapi._values.file import File

__all__ = [
    "Blob",
    "Finding",
    "Findings",
    "arrived",
    "blobs",
    "connections_kept",
    "directory",
    "examine",
    "fetch",
    "find",
    "folder",
    "is_offline",
    "receive",
    "remove",
    "verify",
]


def arrived(file: File) -> int:
    """Return the number of bytes of a file that an unfinished download has."""
    return _partial.progress(_cache.key(file))[0]


def directory(files: Mapping[str, Path], *, wanted: str) -> Path:
    """Return a directory with files of the cache under given names, and nothing else.

    It contains links; the same files give the same directory. Uses no network.

    Args:
        files: The paths that ``fetch`` returned, by name; ``unet/config.json`` is in a folder.
        wanted: What the files are for, in errors.

    Raises:
        WeightsDeclarationError: A name is absolute, has ``..`` in it, or is also a folder's.
        CacheError: The cache cannot be written.
    """
    return _views.directory(files, of=wanted)
