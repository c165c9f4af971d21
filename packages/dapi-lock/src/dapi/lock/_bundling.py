"""Bundle: the lock and its files as one content-addressed tar, for machines without a network.

The first member is ``dapi.lock``, the second its signature if it has one; each further one is
``blobs/sha256/<hash>``, sorted. Equal locks give equal bytes, so that an interrupted bundle is
resumed by comparing. Headers are read strictly
by this module and not by ``tarfile``: only regular files of these names are in a bundle.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from tarfile import BLOCKSIZE, GNU_FORMAT, REGTYPE, HeaderError, TarInfo
from typing import IO, NamedTuple

from dapi import cache
from dapi.catalog import counted
from dapi.exceptions import HashMismatchError
from dapi.lock import _envelope, _files
from dapi.lock._reading import parse
from dapi.lock._signing import LOCK, SUFFIX, Admit, Document
from dapi.lock._syncing import ABSENT
from dapi.lock._terminal import Progress
from dapi.lock.document import Lock, LockedFile, LockedWeights
from dapi.lock.exceptions import BundleError, LockError, SyncError

_SIGNATURE = f"{LOCK}{SUFFIX}"
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
LARGEST_LOCK = 64 << 20
_CHUNK = 1 << 20
_END = bytes(2 * BLOCKSIZE)


class Member(NamedTuple):
    """A file in a bundle: its header, its size, and a function that yields its bytes."""

    header: bytes
    size: int
    sha256: str
    read: Callable[[], Iterator[bytes]]

    @property
    def padding(self) -> bytes:
        """The zeros that fill its last block."""
        return bytes(-self.size % BLOCKSIZE)


def plan(document: Document) -> list[Member]:
    """Return the members of a bundle of a lock, from the cache alone.

    Files of installed packages are excluded: they are part of their distribution.

    Raises:
        SyncError: Some files are not in the cache.
    """
    members = [_text(LOCK, document.content)]
    if document.signature is not None:
        members.append(_text(_SIGNATURE, document.signature))
    return members + [_blob(file, path) for file, path in cached(document.lock)]


def cached(lock: Lock) -> list[tuple[LockedFile, Path]]:
    """List the files in a bundle of a lock, with their paths in the cache.

    Raises:
        SyncError: Some are not in the cache.
    """
    found, absent = [], {}
    for weights, file in carried(lock):
        path = cache.find(file.file)
        if path is None:
            absent[f"{file.name} of {weights.name}"] = ABSENT
        else:
            found.append((file, path))
    if absent:
        raise SyncError(absent, remedy="To download them: dapi sync")
    return found


def carried(lock: Lock) -> list[tuple[LockedWeights, LockedFile]]:
    """List the files in a bundle of a lock, in its order."""
    found = [each for each in lock.files() if not each[1].is_packaged]
    return sorted(found, key=lambda each: each[1].sha256)


def write(members: list[Member], output: Path, *, progress: bool) -> None:
    """Write a bundle; resume an interrupted one.

    Raises:
        BundleError: The file cannot be written, or a file of the cache changed.
    """
    if _files.is_special(output):
        remedy = "Choose another --output; - is standard output."
        raise BundleError(output, "it is not a regular file", remedy=remedy)
    part = output.with_name(f"{output.name}.part")
    try:
        part.touch()
        with part.open("r+b") as stream:
            there = _resume(stream, members)
            stream.truncate()
            _stream(members[there:], stream, progress=progress)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, output)
    except OSError as cause:
        remedy = "Free up disk space or choose another --output, then run it again: it resumes."
        raise BundleError(
            output, f"it cannot be written ({cause.strerror})", remedy=remedy
        ) from cause


def write_to(members: list[Member], stream: IO[bytes], *, progress: bool) -> None:
    """Write a bundle to a pipe.

    Raises:
        BundleError: A file of the cache changed.
    """
    _stream(members, stream, progress=progress)
    stream.flush()


def _stream(members: list[Member], stream: IO[bytes], *, progress: bool) -> None:
    total, done = sum(member.size for member in members), 0
    with Progress("Bundling", len(members), total, enabled=progress) as line:
        for rank, member in enumerate(members):
            stream.write(member.header)
            digest, written = sha256(), 0
            for block in member.read():
                digest.update(block)
                stream.write(block)
                written += len(block)
                line.show(rank, done + written)
            if digest.hexdigest() != member.sha256 or written != member.size:
                remedy = "To replace it: dapi verify --lock --repair, then dapi sync"
                reason = f"{member.sha256} is damaged in the cache"
                raise BundleError("The bundle was not written", reason, remedy=remedy)
            stream.write(member.padding)
            done += written
    stream.write(_END)


def _resume(stream: IO[bytes], members: list[Member]) -> int:
    """Return the number of intact members of a partial bundle, and seek to their end."""
    for rank, member in enumerate(members):
        start = stream.tell()
        if stream.read(BLOCKSIZE) != member.header or _digest(stream, member) != member.sha256:
            stream.seek(start)
            return rank
    return len(members)


def _digest(stream: IO[bytes], member: Member) -> str:
    digest = sha256()
    for block in _blocks(stream, member.size):
        digest.update(block)
    is_whole = stream.read(len(member.padding)) == member.padding
    return digest.hexdigest() if is_whole else ""


def _text(name: str, text: bytes) -> Member:
    return Member(
        _header(name, len(text)), len(text), sha256(text).hexdigest(), lambda: iter([text])
    )


def _blob(file: LockedFile, path: Path) -> Member:
    def read() -> Iterator[bytes]:
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_CHUNK):
                yield block

    return Member(_header(f"blobs/sha256/{file.sha256}", file.size), file.size, file.sha256, read)


def _header(name: str, size: int) -> bytes:
    info = TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(GNU_FORMAT)


class Unpacked(NamedTuple):
    """The content of a bundle: its lock, and the number of files that are new in the cache."""

    document: Document
    added: int
    present: int


def unpack(stream: IO[bytes], path: object, *, admit: Admit, progress: bool) -> Unpacked:
    """Add the files of a bundle to the cache, after verifying each.

    Files that are already in the cache are skipped, so that a second run resumes.

    Args:
        stream: The bundle; read once, sequentially.
        path: Its name in errors.
        admit: Raises an error if the bundle's lock is not acceptable, before any file is added.
        progress: Whether to show progress.

    Raises:
        BundleError: It is not a bundle, contains forbidden members, differs from its lock, or ends
            early.
    """
    reader = _Reader(stream, path)
    document = reader.document()
    admit(document)
    waiting = {file.sha256: (weights, file) for weights, file in carried(document.lock)}
    total = sum(file.size for _, file in waiting.values())
    added, present, done = 0, 0, 0
    with Progress("Unpacking", len(waiting), total, enabled=progress) as line:
        for name, size in reader.members():
            match = _BLOB.fullmatch(name)
            found = waiting.pop(match[1], None) if match else None
            if found is None or found[1].size != size:
                raise reader.wrong(f"it has {name!r} of {size} bytes twice, or its lock lacks it")
            weights, file = found
            if cache.find(file.file) is not None:
                reader.skip(size)
                present += 1
            else:
                reader.receive(file, weights.name)
                added += 1
            done += size
            line.show(added + present, done)
    if waiting:
        names = ", ".join(f"{file.name} of {weights.name}" for weights, file in waiting.values())
        count = counted(len(waiting), "file is", "files are")
        raise reader.wrong(f"{count} missing from it: {names}")
    return Unpacked(document, added, present)


class _Reader:
    """Reads members sequentially, and accepts regular files only."""

    def __init__(self, stream: IO[bytes], path: object) -> None:
        self._stream, self._path = stream, path
        self._seen: tuple[str, int] | None = None  # a header whose content was not read yet

    def wrong(self, reason: str) -> BundleError:
        return BundleError(self._path, reason)

    def document(self) -> Document:
        name, size = next(self.members(), ("nothing", 0))
        if name != LOCK or size > LARGEST_LOCK:
            raise self.wrong(f"its first file is {name!r}, not {LOCK}")
        content = b"".join(self.content(size))
        try:
            lock = parse(content, f"{self._path}: {LOCK}")
        except LockError as cause:
            raise self.wrong(f"its lock is not valid: {cause}") from cause
        self._seen = next(self.members(), None)
        if self._seen is None or self._seen[0] != _SIGNATURE:
            return Document(content, lock)
        size, self._seen = self._seen[1], None
        if size > _envelope.LARGEST:
            raise self.wrong(f"its {_SIGNATURE} is larger than 16 MiB")
        return Document(content, lock, b"".join(self.content(size)))

    def members(self) -> Iterator[tuple[str, int]]:
        """Yield names and sizes; the caller must read or skip each content first."""
        if self._seen is not None:
            yield self._seen
        while any(header := self._exactly(BLOCKSIZE)):
            try:
                info = TarInfo.frombuf(header, "utf-8", "strict")
            except (HeaderError, UnicodeError) as cause:
                raise self.wrong(f"it is not a tar archive, or damaged ({cause})") from None
            if info.type != REGTYPE or info.size < 0:
                kind = "a link" if info.issym() or info.islnk() else f"of type {info.type!r}"
                raise self.wrong(
                    f"{info.name!r} is {kind}, but a bundle contains regular files only"
                )
            yield info.name, info.size

    def content(self, size: int) -> Iterator[bytes]:
        """Yield the bytes of a member, and read past its padding."""
        left = size
        while left:
            block = self._stream.read(min(left, _CHUNK))
            if not block:
                raise self.wrong("it ends early")
            left -= len(block)
            yield block
        self._exactly(-size % BLOCKSIZE)

    def receive(self, file: LockedFile, wanted: str) -> None:
        """Add a member to the cache, verified."""
        try:
            blocks, source = self.content(file.size), str(self._path)
            cache.receive(blocks, file.file, source=source, wanted=wanted)
        except HashMismatchError as cause:
            reason = f"{file.name} of {wanted} has sha256 {cause.found}, not {cause.expected}"
            raise self.wrong(reason) from cause

    def skip(self, size: int) -> None:
        """Read past a member."""
        if self._stream.seekable():
            self._stream.seek(size + -size % BLOCKSIZE, os.SEEK_CUR)
        else:
            for _ in self.content(size):
                pass

    def _exactly(self, size: int) -> bytes:
        found = b"".join(_blocks(self._stream, size))
        if len(found) != size:
            raise self.wrong("it ends early")
        return found


def _blocks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size and (block := stream.read(min(size, _CHUNK))):
        size -= len(block)
        yield block
