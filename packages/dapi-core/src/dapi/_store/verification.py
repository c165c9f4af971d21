"""Verification: whether bytes are those that a hash names, and whether that is known already."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from time import time

from dapi._file import File
from dapi._store import folders, records, trust
from dapi.exceptions import FetchError, HashMismatchError

_BLOCK = 1 << 20

# How often a stamp's time says that its blob was used, in seconds; dapi cache --older-than.
_DAY = 86400.0

# Digests of files whose stamp has no place on the disk, by path and stat: hashed once in this
# process.
_digests: dict[tuple[str, str], str] = {}


def expected(file: File) -> str:
    """Return the digits that a file's sha256 must begin with: published, or held since a load."""
    return trust.held(file) or file.sha256 or ""


def check(source: str, file: File, digest: str) -> None:
    """Compare a hash with what is expected of a file.

    Raises:
        HashMismatchError: It is another one.
    """
    wanted = expected(file)
    if not digest.startswith(wanted) or not digest.startswith(file.sha256 or ""):
        raise HashMismatchError(
            source, expected=wanted, found=digest, held_for=file.url if trust.held(file) else ""
        )


def verify_local(file: File, path: Path) -> None:
    """Check a file that is not the cache's own, once for each state it has in this process.

    Raises:
        FetchError: It is not there.
        HashMismatchError: It is not what its entry says.
    """
    if not path.is_file():
        raise FetchError(file.name, failures={file.url: "there is no such file"})
    if file.sha256 is None:
        return  # there is nothing to compare it with
    state = (str(path), stat_line(path))
    digest = _digests.get(state) or hash_file(path)
    _digests[state] = digest
    if not digest.startswith(file.sha256):
        raise HashMismatchError(str(path), expected=file.sha256, found=digest)


def is_intact(path: Path, digest: str) -> bool:
    """Trust a blob while its stat is that of when it was verified; else hash it again.

    Raises:
        FileNotFoundError: It is gone.
    """
    state = stat_line(path)
    known = _digests.get((str(path), state))
    if known == digest or any(_holds(stamp, state) for stamp in _stamps(path, digest)):
        return True
    if hash_file(path) != digest:
        return False
    stamp(path, digest)
    return True


def stamp(path: Path, digest: str, **origin: str) -> None:
    """Note that a blob was verified in its present state, and whence it came."""
    state = stat_line(path)
    for candidate in _stamps(path, digest):
        try:
            known = records.read(candidate)
            records.write(candidate, {**known, **origin, "stat": state})
            return
        except OSError:
            continue  # a cache that cannot be written: the next place is the user's own
    _digests[str(path), state] = digest


def stat_line(path: Path) -> str:
    """Return what changes when a file does: size, times and inode."""
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def hash_file(path: Path) -> str:
    """Return a file's sha256."""
    digest = sha256()
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _stamps(path: Path, digest: str) -> list[Path]:
    """Return where the stamp of a blob may be: in its cache, or with this user's own notes."""
    own = path.parent.parent / "stamps" / digest
    scratch = None if os.access(own.parent, os.W_OK) else folders.scratch()
    name = sha256(str(path).encode()).hexdigest()
    return [own, *([scratch / name] if scratch else [])]


def _holds(path: Path, state: str) -> bool:
    if records.read(path).get("stat") != state:
        return False
    try:
        if time() - path.stat().st_mtime > _DAY:
            os.utime(path)
    except OSError:
        pass  # when it was used is not worth an error
    return True
