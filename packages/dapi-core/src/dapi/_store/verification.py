"""Verification: whether bytes are those that a hash names, and whether that is known already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import time
from typing import IO

from dapi._store import access, folders, records, trust
from dapi._values.file import File
from dapi.exceptions import FetchError, HashMismatchError

_BLOCK = 1 << 20

# Fewer digits of a sha256 can be forged: a server can append bytes until they match.
_ENOUGH_DIGITS = 16

# To hash a smaller file takes as long as to read a note, and seconds for which a file must have
# been left alone before its hash is noted.
_WORTH_NOTING, _TICK = 1 << 20, 2.0

# Seconds between updates of a stamp's time, which dapi cache --older-than reads.
_DAY = 86400.0

# The state of a blob that was hashed again, and was not right; it is hashed before each use.
_CHANGED = "changed"

# Digests of files whose stamp cannot be written, and of damaged files, by path and state:
# hashed once in this process.
_digests: dict[tuple[str, str], str] = {}


def expected(file: File) -> str:
    """Return the digits that a file's sha256 must begin with: published, or held since a load."""
    return trust.held(file) or file.sha256 or ""


def is_vouched_for(file: File) -> bool:
    """Whether enough digits of a file's hash are published that no forgery can match them."""
    return len(expected(file)) >= _ENOUGH_DIGITS


def check(source: str, file: File, digest: str) -> None:
    """Compare a hash with the published one.

    Raises:
        HashMismatchError: They differ.
    """
    wanted = expected(file)
    if not digest.startswith(wanted) or not digest.startswith(file.sha256 or ""):
        raise HashMismatchError(
            source, expected=wanted, found=digest, held_for=file.url if trust.held(file) else ""
        )


def verify_local(file: File, path: Path) -> None:
    """Verify a file outside the cache; hash it again only after it changed.

    Raises:
        FetchError: The file does not exist.
        HashMismatchError: Its hash differs from the published one, or it is a Git LFS pointer.
    """
    if not path.is_file():
        remedy = "Check the path."
        if file.url.startswith("package:"):
            remedy = "Reinstall the distribution of the package, or tell its publisher."
        raise FetchError(file.name, failures={file.url: "no such file"}, remedy=remedy)
    from dapi._store import placeholder

    placeholder.refuse(path, file.name)
    if file.sha256 is None:
        return  # there is nothing to compare it with
    digest = digest_of_local(path)
    if not digest.startswith(file.sha256):
        raise HashMismatchError(str(path), expected=file.sha256, found=digest)


def digest_of_local(path: Path) -> str:
    """Return the hash of a local file, which is noted in this user's folder for later processes."""
    status = path.stat()
    state = str(path), line(status)
    if state in _digests:
        return _digests[state]
    own = folders.scratch() if status.st_size >= _WORTH_NOTING else None
    note = own / sha256(f"local {path}".encode()).hexdigest() if own else None
    known = records.read(note) if note else {}
    if known.get("stat") != state[1] or "sha256" not in known:
        known = {"stat": state[1], "sha256": hash_file(path)}
        # A file may change again before the clock of its timestamps advances.
        if note and time() - max(status.st_mtime, status.st_ctime) > _TICK:
            with suppress(OSError):
                records.write(note, known)
    _digests[state] = str(known["sha256"])
    return _digests[state]


def is_intact(path: Path, digest: str) -> bool:
    """Return whether a blob's bytes match its name.

    A blob whose status equals its stamp was verified before; otherwise it is hashed again. A stamp
    that another user could have written is not trusted.

    Raises:
        OSError: The blob was removed or cannot be read.
    """
    status = os.lstat(path)
    if not access.is_regular(status):
        return False
    state = line(status)
    known = _digests.get((str(path), state))
    if known:
        return known == digest
    for note in _notes(path, digest, status):
        noted = records.read(note).get("stat")
        if noted == state:
            _touch(note)
            return True
        if noted == _CHANGED:
            break
    found, state = examine(path)
    if found == digest:
        stamp(path, digest, state)
    else:
        _digests[str(path), state] = found
    return found == digest


def is_right(path: Path) -> bool:
    """Hash a blob regardless of its stamp; return whether the hash equals its name.

    If it differs, the stamp is invalidated, so that the next fetch does not return the blob.
    """
    try:
        found, state = examine(path)
        stamp(path, path.name, state if found == path.name else _CHANGED)
    except OSError:
        return False
    return found == path.name


def examine(path: Path) -> tuple[str, str]:
    """Hash a blob, and return the hash with the state that the hashed file had.

    Raises:
        OSError: It cannot be read, or is a link.
    """
    with access.open_file(path, "rb") as stream:
        # Not of the path, which may lead to another file once this one is hashed.
        state = line(os.fstat(stream.fileno()))
        return hash_stream(stream), state


def stamp(path: Path, digest: str, state: str, **origin: str) -> None:
    """Record the status in which a blob was verified, and its origin."""
    for note in _notes(path, digest, path.lstat()):
        if note.parent.parent in folders.readonly():
            continue
        try:
            known = records.read(note)
            records.write(note, {**known, **origin, "stat": state})
            return
        except OSError:
            continue  # a cache that cannot be written: the next place is the user's own
    _digests[str(path), state] = digest


def line(status: os.stat_result) -> str:
    """Return what changes when a file does: size, times and inode."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def hash_file(path: Path) -> str:
    """Return a file's sha256."""
    with path.open("rb", buffering=0) as stream:
        return hash_stream(stream)


def hash_stream(stream: IO[bytes]) -> str:
    """Return the sha256 of the rest of a stream."""
    digest = sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _notes(path: Path, digest: str, status: os.stat_result) -> Iterator[Path]:
    """Yield where it may be noted that a blob is intact: in its cache, or in this user's folder.

    In a cache that others can write to, the first one could be another user's; in one that is only
    read, this user's own note is newer.
    """
    root = path.parent.parent
    is_closed = access.is_ours(status) and access.is_closed(root, "blobs", "stamps")
    is_written = is_closed and root not in folders.readonly()
    if is_written:
        yield root.joinpath("stamps", digest)
    if not (is_written and os.access(root / "stamps", os.W_OK)) and (own := folders.scratch()):
        yield own / sha256(str(path).encode()).hexdigest()
    if is_closed and not is_written:
        yield root.joinpath("stamps", digest)


def _touch(note: Path) -> None:
    """Record that a blob was used, unless its cache is read-only."""
    try:
        if time() - os.stat(note).st_mtime > _DAY and note.parent.parent not in folders.readonly():
            os.utime(note)
    except OSError:
        pass  # when it was used is not worth an error
