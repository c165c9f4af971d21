"""Adoption: add bytes to the cache without a download: local files, torch.hub's, and bundles.

Files are copied (at no cost where the file system shares blocks) and never linked: their owner may
change them later.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from dapi._store import access, cache, placeholder, verification
from dapi._store.partial import Partial, create
from dapi._store.settings import DEFAULT
from dapi._values.file import File
from dapi.exceptions import HashMismatchError

_BLOCK = 1 << 20

# ioctl of Linux: share the blocks of a file (btrfs, xfs, overlays of them).
_FICLONE = 0x40049409

# Fewer published digits could fit another file of the same name.
_LEAST_DIGITS = 8


def from_torch_hub(file: File, partial: Partial) -> str | None:
    """Copy a file from torch.hub's cache, and return its hash; None if there is none to copy.

    A file whose hash differs is ignored silently, since the user did not ask for it. So is a file
    that another user could have written, if only a few digits of its hash are published.
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
    """Whether no other user could have written a file, whose few digits can be forged."""
    folder = path.resolve().parent
    return access.is_ours(path.resolve().stat()) and access.is_ours(folder.stat())


def copy(path: Path, file: File, partial: Partial) -> str:
    """Copy a local file into a partial file, and return its verified hash.

    Raises:
        HashMismatchError: Its hash differs from the published one.
        CacheError: The disk is full.
        OSError: It cannot be read.
    """
    placeholder.refuse(path, file.name)
    with path.open("rb", buffering=0) as stream:
        if not partial.clone(lambda target: _share(stream, target)):
            partial.fill(iter(lambda: stream.read(_BLOCK), b""), path.stat().st_size)
    digest = partial.digest()
    verification.check(str(path), file, digest)
    return digest


def receive(blocks: Iterable[bytes], file: File, *, source: str, wanted: str) -> Path:
    """Write a file to the cache, and return its path once its bytes are verified.

    Args:
        blocks: The bytes, in order. If the iterator raises, nothing stays in the cache.
        file: The expected hash and size; both must be known in full.
        source: The origin of the bytes, for errors.
        wanted: What the file is for.

    Raises:
        HashMismatchError: The bytes do not match the hash.
        CacheError: The cache cannot be written.
    """
    target = create(cache.key(file), DEFAULT)
    try:
        target.restart()
        target.fill(blocks, file.size)
        digest = target.digest()
        verification.check(source, file, digest)
        target.sync()
        return cache.publish(file, target, digest, wanted=wanted)
    finally:
        target.discard()


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
