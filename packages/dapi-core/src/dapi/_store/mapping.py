"""Mapping: which files may be mapped into memory.

A process that maps a file dies (SIGBUS) when somebody truncates it, and saving to a file begins
with that; a file that is overwritten in place changes the weights that were loaded from it. So a
file is mapped only if it is replaced whole when it changes, and nobody else can write to it: a
blob, a copy, or a file of an installed distribution. Who may write to one of these (root may write
to whatever is read-only) could do so through a view, where it has a name that invites to.
"""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_IWGRP, S_IWOTH, S_IWUSR

from dapi._store import access, settings, views
from dapi._values.file import File

_INSTALLED = frozenset(("site-packages", "dist-packages"))


def is_allowed(file: File, path: Path) -> bool:
    """Whether a file that was fetched to ``path`` may be mapped; ``DAPI_MMAP=0`` forbids all."""
    if not settings.allows("DAPI_MMAP") or file.url.startswith("file:"):
        return False
    if os.access(path, os.W_OK) and views.lead_to(path):
        return False
    writers = S_IWGRP | S_IWOTH
    if file.url.startswith("package:"):
        path = path.resolve()  # whoever installed it, its code is run
        if _INSTALLED.isdisjoint(parent.name for parent in path.parents):
            return False  # a checkout, where its developer writes
    elif access.is_ours(path.stat()):
        writers |= S_IWUSR  # else it lost its mode, as in a copy of the cache
    else:
        return False
    # Windows lets nobody truncate what is mapped, and has no such modes.
    return os.name == "nt" or not path.stat().st_mode & writers


def is_impossible(cause: Exception) -> bool:
    """Whether torch says that the system cannot map a file (some file systems never can)."""
    return isinstance(cause, RuntimeError) and "unable to mmap" in str(cause)
