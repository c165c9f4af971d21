"""Adoption: files that are on this machine already, copied into the cache instead of fetched.

They are always copied (without cost where the file system shares blocks), never linked: whoever
wrote them may write to them again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, Any

from dapi._store import access, cache, placeholder, verification
from dapi._store.partial import Partial
from dapi._values.file import File
from dapi.exceptions import HashMismatchError

_BLOCK = 1 << 20

# ioctl of Linux: share the blocks of a file (btrfs, xfs, overlays of them).
_FICLONE = 0x40049409

# Fewer published digits could fit another file of the same name.
_LEAST_DIGITS = 8


def from_torch_hub(file: File, partial: Partial) -> str | None:
    """Copy a file that torch.hub's cache holds, and return its hash; None if it has none.

    A file that has other bytes than were published is left alone, without a word: nobody asked
    for it. So is one of which few digits are published, and that another user could have put there.
    """
    digits = verification.expected(file)
    if len(digits) < _LEAST_DIGITS or partial.count:
        return None
    path = _torch_hub() / file.name
    try:
        if not file.name or path.name != file.name or not path.is_file():
            return None
        if file.size not in (None, path.stat().st_size):
            return None
        if not verification.is_vouched_for(file) and not _is_own(path):
            return None
        return copy(path, file, partial)
    except (OSError, HashMismatchError):
        partial.restart()
        return None


def _is_own(path: Path) -> bool:
    """Whether nobody else could have put a file there: its few digits can be forged."""
    folder = path.resolve().parent
    return access.is_ours(path.resolve().stat()) and access.is_ours(folder.stat())


def copy(path: Path, file: File, partial: Partial) -> str:
    """Copy a local file into a partial file, and return its verified hash.

    Raises:
        HashMismatchError: It is not what its entry says.
        CacheError: The disk is full.
        OSError: It cannot be read.
    """
    placeholder.refuse(path, file.name)
    with path.open("rb", buffering=0) as stream:
        if not partial.clone(lambda target: _share(stream, target)):
            partial.expect(path.stat().st_size, None)
            offset = 0
            while block := stream.read(_BLOCK):
                partial.write(offset, block)
                offset += len(block)
    digest = partial.digest()
    verification.check(str(path), file, digest)
    return digest


def add(path: Path, file: File, partial: Partial, *, wanted: str) -> Path:
    """Put a file that was carried here by hand into the cache.

    Raises:
        HashMismatchError: It is not what its entry says.
        CacheError: The cache cannot be written.
        OSError: It cannot be read.
    """
    digest = copy(path, file, partial)
    partial.sync()
    return cache.publish(file, partial, digest, wanted=wanted)


def _torch_hub() -> Path:
    """Return where torch.hub keeps files; torch is asked only if it is loaded already."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "hub"):
        return Path(torch.hub.get_dir()) / "checkpoints"
    base = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{base}/torch")
    # Of Path, expanduser fails for a user without a home directory.
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"  # noqa: PTH111


def _share(source: IO[bytes], target: IO[bytes]) -> bool:
    """Let two files share their blocks, where the file system can."""
    try:
        import fcntl

        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except (ImportError, OSError):
        return False
    return True
