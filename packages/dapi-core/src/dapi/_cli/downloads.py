"""Announce, check and confirm downloads of ``dapi predict`` and ``dapi fetch``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dapi._catalog.downloads import Download
from dapi._cli.options import say
from dapi._store import disk, folders
from dapi._weights.enum import Weights
from dapi.exceptions import CacheError

# Downloads of at least this many bytes need a confirmation.
LARGE = 5_000_000_000

# Bytes to keep free: for records of the download, and for other programs.
_SPARE = 1 << 20


def announce(weights: object, download: Download, *, instead: Sequence[Weights] = ()) -> None:
    """Print what will be downloaded, and which other weights need no download."""
    others = ", ".join(map(str, instead))
    here = f" Already in the cache: {others}." if others else ""
    say(f"{weights} will be downloaded: {download}.{here}")


def is_agreed(download: Download, *, yes: bool, unattended: bool) -> bool:
    """Check the free disk space, and ask before a large download.

    Args:
        download: All that will be downloaded.
        yes: Whether ``--yes`` was passed; it also overrules an estimate that exceeds the disk.
        unattended: The answer if there is no terminal.

    Raises:
        CacheError: There is not enough disk space.
    """
    if not (yes and download.is_estimated):
        check_room(download)
    if yes or download.size < LARGE:
        return True
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        return unattended
    print(f"Download {download}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def check_room(download: Download) -> None:
    """Compare the size with the free disk space of the cache.

    Raises:
        CacheError: There is not enough disk space.
    """
    root = folders.root()
    free = disk.free(root)
    if free is None or download.size <= free - _SPARE:
        return
    needed, there = disk.amount(download.size), disk.amount(free)
    reason = f"{needed} are needed, {there} are free"
    if download.is_estimated:
        reason = f"about {reason} (the size is an estimate: --yes downloads anyway)"
    raise CacheError(root, reason=reason)


def _is_terminal(stream: object) -> bool:
    return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]
