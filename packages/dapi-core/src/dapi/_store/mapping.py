"""Mapping: which files may be mapped into memory.

A process that maps a file dies (SIGBUS) when another one truncates it, and saving to a file begins
with that; overwriting a file in place changes the weights that were loaded from it. So a file is
mapped only if it is replaced as a whole when it changes, and no other user can write to it: a
blob, a copy, or a file of an installed distribution. Root can write to read-only files, and might
do so through a view, which gives them inviting names.
"""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_IWGRP, S_IWOTH, S_IWUSR

from dapi._store import access, settings, views
from dapi._values.file import File

_INSTALLED = frozenset(("site-packages", "dist-packages"))


def is_allowed(file: File, path: Path) -> bool:
    """Whether a file that was fetched to ``path`` may be mapped; none may with ``DAPI_MMAP=0``."""
    if not settings.allows("DAPI_MMAP") or file.url.startswith("file:"):
        return False
    if os.access(path, os.W_OK) and views.lead_to(path):
        return False
    writers = S_IWGRP | S_IWOTH
    if file.url.startswith("package:"):
        path = path.resolve()  # the code of that distribution is run anyway
        if _INSTALLED.isdisjoint(parent.name for parent in path.parents):
            return False  # a checkout, where its developer writes
    elif access.is_ours(path.stat()):
        writers |= S_IWUSR  # else it lost its mode, as in a copy of the cache
    else:
        return False
    # Windows does not allow truncating a mapped file, and has no such modes.
    return os.name == "nt" or not path.stat().st_mode & writers


def is_impossible(cause: Exception) -> bool:
    """Whether an error of torch means that this file system cannot map files."""
    return isinstance(cause, RuntimeError) and "unable to mmap" in str(cause)
