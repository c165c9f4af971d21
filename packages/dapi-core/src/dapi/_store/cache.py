"""The cache: finding blobs, publishing them, listing and removing them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from dapi import _notices, _urls
from dapi._file import File
from dapi._store import copies, folders, partial, records, trust, verification
from dapi._store.settings import DEFAULT
from dapi.exceptions import CacheError, CacheWarning, WeightsDeclarationError


class Blob(NamedTuple):
    """A file in a cache, as it is listed; ``copy_size`` is that of its aligned copy, or 0."""

    sha256: str
    path: Path
    size: int
    copy_size: int
    used: float
    url: str
    wanted: str

    @property
    def is_ours(self) -> bool:
        """Whether it lies in the cache that is written to."""
        return self.path.parent == folders.blobs()


def key(file: File) -> str:
    """Return what a file is fetched under: its hash, or a hash of its URL."""
    url, _ = _urls.split_userinfo(file.url)
    return str(file.sha256) if file.is_pinned else f"url{sha256(url.encode()).hexdigest()}"


def expected_path(file: File) -> Path:
    """Return where a file is looked for: its blob, or the record of what it was last."""
    return folders.blobs() / str(file.sha256) if file.is_pinned else trust.path(file)


def find(file: File) -> Path | None:
    """Return the intact blob of a file, from the first cache that has it.

    A damaged one is never returned; it stays until it is replaced.
    """
    known = trust.find(file)
    digest = file.sha256 if file.is_pinned else known and known.sha256
    for root in folders.roots() if digest else ():
        path = root / "blobs" / str(digest)
        try:
            if verification.is_intact(path, str(digest)):
                return path
        except OSError:
            continue  # not there, or not readable
        _notices.warn(f"{path} was damaged; {file.url} is fetched again.", CacheWarning)
    return None


def publish(file: File, new: Path, digest: str, *, wanted: str) -> Path:
    """Move a verified and synced file into place, and note what it was.

    Raises:
        CacheError: The cache cannot be written.
    """
    path = folders.blobs() / digest
    try:
        new.chmod(0o666 & ~folders.umask())
        os.replace(new, path)
        _sync(path.parent)
        trust.note(file, digest)
        verification.stamp(path, digest, url=_urls.redacted(file.url), wanted=wanted)
    except OSError as cause:
        raise partial.failure(cause, None) from cause
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
    if known and not known.is_loaded and known.path.parent.parent == folders.root():
        trust.forget(known)
        remove(known.sha256)


def listing() -> list[Blob]:
    """List the blobs of all caches, the largest first."""
    found = [_describe(path) for root in folders.roots() for path in _blobs(root)]
    return sorted(found, key=lambda blob: -blob.size)


def damaged(only: Container[str] | None = None) -> Iterator[Blob]:
    """Hash every blob of all caches again, or those of some hashes, and yield those that changed.

    Their copies have no hash: they are removed, and made again when they are needed.
    """
    for blob in listing():
        if only is not None and blob.sha256 not in only:
            continue
        with suppress(OSError):
            copies.remove(blob.sha256)
        if verification.hash_file(blob.path) != blob.sha256:
            yield blob
        else:
            verification.stamp(blob.path, blob.sha256)


def remove(digest: str) -> None:
    """Remove a blob and what was noted of it; who has it open can read on.

    Raises:
        CacheError: The cache cannot be written.
    """
    root = folders.root()
    try:
        (root / "blobs" / digest).unlink(missing_ok=True)
        (root / "stamps" / digest).unlink(missing_ok=True)
        copies.remove(digest)
        for view in (root / "views").glob("*"):
            if not all(link.exists() for link in view.iterdir()):
                shutil.rmtree(view)
    except OSError as cause:
        raise partial.failure(cause, None) from cause


def sweep() -> list[Path]:
    """Remove copies of nothing, and what interrupted downloads left that nobody is at any more."""
    return [*partial.sweep(DEFAULT, now=True), *copies.sweep()]


def directory_view(files: Mapping[str, Path], *, of: str) -> Path:
    """Return a directory in which files stand under their published names.

    Raises:
        WeightsDeclarationError: A name is none that can stand in a directory.
        CacheError: The cache cannot be written.
    """
    for name in files:
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise WeightsDeclarationError(of, f"has a file named {name!r}", "Give it another URL.")
    text = "\n".join(f"{name} {path}" for name, path in files.items())
    view = Path("views", sha256(text.encode()).hexdigest())
    for folder in (*folders.roots(), folders.scratch()):
        if folder and _is_view(folder / view, files):
            return folder / view
    for folder in filter(None, (folders.root(), folders.scratch())):
        try:
            return _make_view(folder / view, files)
        except OSError as error:
            cause = error
    raise CacheError(folders.root(), reason=cause.strerror or str(cause)) from cause


def _is_view(view: Path, files: Mapping[str, Path]) -> bool:
    return all((view / name).exists() for name in files)


def _make_view(view: Path, files: Mapping[str, Path]) -> Path:
    view.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        temporary = view.parent / f"{view.name}.{os.urandom(4).hex()}"
        try:
            temporary.symlink_to(path)
        except OSError:  # a system that refuses links
            shutil.copy2(path, temporary)
        os.replace(temporary, view / name)
    return view


def _blobs(root: Path) -> list[Path]:
    folder = root / "blobs"
    found = folder.iterdir() if folder.is_dir() else ()
    return [path for path in found if len(path.name) == 64 and path.is_file()]


def _describe(path: Path) -> Blob:
    stamp = path.parent.parent / "stamps" / path.name
    known = records.read(stamp)
    used = max(path.stat().st_mtime, stamp.stat().st_mtime if stamp.exists() else 0.0)
    used = min(used, time.time())
    url = _urls.redacted(str(known.get("url", "")))
    wanted = _urls.redact(str(known.get("wanted", "")))
    size, copy_size = path.stat().st_size, copies.size(path.name)
    return Blob(path.name, path, size, copy_size, used, url, wanted)
