"""The cache: finding blobs, publishing them, listing and removing them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from dapi._store import access, copies, folders, records, trust, verification, views
from dapi._store.settings import DEFAULT
from dapi._text import urls
from dapi._values.file import File
from dapi._values.record import Record

if TYPE_CHECKING:
    from dapi._store.partial import Partial  # only downloads need it: a model does without

_NAME = re.compile("[0-9a-f]{64}")


class Blob(Record):
    """A file in a cache, for listings; ``copy_size`` is the size of its aligned copy, or 0."""

    sha256: str
    path: Path
    size: int
    copy_size: int
    used: float
    url: str
    wanted: str

    @property
    def is_ours(self) -> bool:
        """Whether it is in the writable cache."""
        return self.path.parent.parent not in folders.readonly()


def key(file: File) -> str:
    """Return the key of a file in the cache: its sha256, or the sha256 of its URL."""
    url, _ = urls.split_userinfo(file.url)
    return str(file.sha256) if file.is_pinned else f"url{sha256(url.encode()).hexdigest()}"


def expected_path(file: File) -> Path:
    """Return the path that is looked up for a file: its blob, or the record of its last hash."""
    if not file.is_pinned:
        return trust.path(file)
    root = next(iter(folders.roots()), None) or folders.root()
    return root / "blobs" / str(file.sha256)


def find(file: File) -> Path | None:
    """Return the intact blob of a file, from the first cache that has it.

    A damaged one is never returned; it stays until it is replaced.
    """
    for path in paths(file):
        try:
            if verification.is_intact(path, path.name):
                return path
        except OSError:
            continue  # not there, or not readable
    return None


def paths(file: File) -> list[Path]:
    """Return where the blob of a file may be: in each cache, if its hash is known."""
    known = trust.find(file)
    digest = file.sha256 if file.is_pinned else known and known.sha256
    return [root.joinpath("blobs", digest) for root in folders.roots()] if digest else []


def publish(file: File, new: Partial, digest: str, *, wanted: str) -> Path:
    """Move a verified, flushed file to its blob, and record its hash.

    Raises:
        CacheError: The cache cannot be written.
    """
    path = folders.blobs() / digest
    try:
        with suppress(OSError):  # nothing is there, as nearly always
            if not verification.is_intact(path, digest):
                views.set_aside(path)
        try:
            state = verification.line(new.publish(path))
        except OSError:
            # Another process may have published it at the same time, or another user before, in a
            # folder where only he may replace it.
            if not (path.exists() and verification.is_intact(path, digest)):
                raise
            trust.note(file, digest)
            return path
        _sync(path.parent)
        trust.note(file, digest)
        url = urls.redacted(file.url)
        verification.stamp(path, digest, state, url=url, wanted=wanted)
    except OSError as cause:
        raise folders.failure(cause, None) from cause
    return path


def _sync(folder: Path) -> None:
    """Let a renamed file survive a power cut."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def reject(file: File) -> None:
    """Forget an unpinned file that was never loaded. Does nothing for other files."""
    known = trust.find(file)
    if known and not known.is_loaded and trust.is_own(known):
        trust.forget(known)
        remove(known.sha256)


def digests() -> Iterator[str]:
    """List the hashes of the blobs of all caches, by their names alone."""
    return (path.name for root in folders.roots() for path in _blobs(root))


def listing() -> list[Blob]:
    """List the blobs of all caches, the largest first."""
    found = [_describe(path) for root in folders.roots() for path in _blobs(root)]
    return sorted(found, key=lambda blob: -blob.size)


def incomplete() -> list[tuple[Blob, bool]]:
    """List the partial downloads with their keys, and whether a process is writing each."""
    from dapi._store import partial

    found = []
    for name, path in partial.listing():
        with suppress(FileNotFoundError):
            status, is_alive = path.lstat(), partial.is_alive(path)
            found.append((Blob(name, path, status.st_size, 0, status.st_mtime, "", ""), is_alive))
    return found


def damaged() -> Iterator[Blob]:
    """Hash every blob of all caches again, and yield those that changed."""
    for blob in listing():
        if not verification.is_right(blob.path) and os.path.lexists(blob.path):
            yield blob


def remove(digest: str) -> None:
    """Remove a blob and its records; processes that have it open can continue to read.

    Raises:
        CacheError: The cache cannot be written.
    """
    root = folders.root()
    try:
        for folder in ("blobs", "stamps"):
            if not (root / folder).is_symlink():
                (root / folder / digest).unlink(missing_ok=True)
        copies.remove(digest)
        views.remove_of(root / "blobs" / digest)
    except OSError as cause:
        raise folders.failure(cause, None) from cause


def sweep() -> list[Path]:
    """Remove orphaned copies and views, and the leftovers of abandoned downloads."""
    from dapi._store import partial

    return [*partial.sweep(DEFAULT, now=True), *copies.sweep(), *views.sweep()]


def _blobs(root: Path) -> list[Path]:
    return [path for path in access.files(root / "blobs") if _NAME.fullmatch(path.name)]


def _describe(path: Path) -> Blob:
    root = path.parent.parent
    stamp = root / "stamps" / path.name
    is_believed = access.is_closed(root, "stamps")
    known = records.read(stamp) if is_believed else {}
    status = path.lstat()
    used = max(status.st_mtime, stamp.lstat().st_mtime if known else 0.0)
    used = min(used, time.time())
    url = urls.redacted(str(known.get("url", "")))
    wanted = urls.redact(str(known.get("wanted", "")))
    return Blob(path.name, path, status.st_size, copies.size(path.name), used, url, wanted)
