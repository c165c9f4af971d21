"""Sources: files that are not published for dapi, locked one by one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

from dapi import File, cache, catalog
from dapi.exceptions import ArgumentError
from dapi.lock import _hub
from dapi.lock._hashing import BLOCK, Measured, hash_file
from dapi.lock.document import LOCAL, Lock, LockedFile, LockedWeights, url_sha256
from dapi.lock.exceptions import LockError
from dapi.lock.requirement import Requirement, misplaced


class Part(NamedTuple):
    """A file of a source: its name there, its location, and its Git object id, if any."""

    name: str
    file: File
    blob: str = ""

    @property
    def facts(self) -> Measured | None:
        """Its hash and size, if both are published."""
        if self.file.is_pinned and self.file.size is not None:
            return Measured(str(self.file.sha256), self.file.size)
        return None


class Source(NamedTuple):
    """The current files of a requirement."""

    requirement: Requirement
    revision: str
    license: str
    parts: tuple[Part, ...]


def known(requirement: Requirement, lock: Lock) -> LockedWeights | None:
    """Return the entry of a requirement in a lock."""
    for weights in lock.weights:
        if weights.is_source and requirement.shown in weights.requested:
            wanted = requirement.name, requirement.include, requirement.exclude
            is_same = wanted == (weights.name, weights.include, weights.exclude)
            return weights if is_same else None
    return None


def find(requirement: Requirement, folder: Path) -> Source:
    """Find the files of a source; repositories need a request to the Hub.

    Args:
        requirement: The source.
        folder: The directory of the lock; local paths are relative to it.

    Raises:
        DapiError: There is no such source, or its patterns match no file.
    """
    text, revision, license_ = requirement.text, "", "unknown"
    if text.startswith("hf:"):
        revision, license_, parts = _repository(requirement)
    elif text.startswith("./"):
        parts = list(_local(requirement, folder))
    elif text.lower().startswith("file:"):
        expected = "a local file as ./path, below the lock's directory"
        raise ArgumentError("dapi lock", "source", text, expected=expected)
    else:
        parts = [Part(File(text).name or requirement.name, File(text))]
    chosen = [part for part in parts if _is_chosen(part.name, requirement)]
    if not chosen:
        expected = f"patterns that match some of: {', '.join(part.name for part in parts[:20])}"
        raise ArgumentError("dapi lock", "include", requirement.include, expected=expected)
    wrong = misplaced(part.name for part in chosen)
    if wrong is not None:
        remedy = f"Exclude it: exclude = [{wrong!r}]"
        raise LockError(requirement.shown, f"it has a file named {wrong!r}", remedy)
    license_ = requirement.license or license_
    return Source(requirement, revision, license_, tuple(chosen))


def locked(source: Source, facts: dict[File, Any]) -> LockedWeights:
    """Return the entry of a source, once the hash and size of each file are known.

    Raises:
        LockError: A downloaded file does not match the commit.
    """
    requirement = source.requirement
    files = []
    for part in source.parts:
        measured = part.facts or facts[part.file]
        is_published = part.file.is_pinned
        if part.blob and not is_published:
            _check_blob(part, measured, requirement)
            is_published = True  # as git publishes it
        files.append(
            LockedFile(
                part.name, measured.sha256, measured.size, (catalog.redacted(part.file.url),),
                is_published=is_published, url_sha256=url_sha256(part.file.url),
            )
        )  # fmt: skip
    return LockedWeights(
        requirement.name, (requirement.shown,), "", "", "", "", source.license, "active",
        tuple(sorted(files)), source.revision, requirement.include, requirement.exclude,
    )  # fmt: skip


def local_path(file: LockedFile, folder: Path) -> Path | None:
    """Return the path of a locked local file; None for any other."""
    inside = file.urls[0].removeprefix(LOCAL)
    return folder / inside if inside != file.urls[0] else None


def take(file: LockedFile, folder: Path, *, wanted: str) -> Path:
    """Copy a local file into the cache, so that it is verified and bundled like any other.

    Raises:
        DapiError: It is missing, or differs from the locked file.
    """
    path = local_path(file, folder)
    assert path is not None  # the caller asked
    if _size(path) != file.size:
        raise LockError(path, "it differs from the locked file", f"To lock it: {_again(wanted)}")
    with path.open("rb", buffering=0) as stream:
        blocks = iter(lambda: stream.read(BLOCK), b"")
        return cache.receive(blocks, file.file, source=str(path), wanted=wanted)


def _again(name: str) -> str:
    return f"dapi lock --upgrade {name}"


def _repository(requirement: Requirement) -> tuple[str, str, list[Part]]:
    named = requirement.repository
    if named is None:
        expected = "hf:owner/name@revision; choose its files with include and exclude"
        raise ArgumentError("dapi lock", "source", requirement.text, expected=expected)
    found = _hub.snapshot(*named)
    parts = []
    for each in found.files:
        url = f"hf://{named[0]}@{found.commit}/{each.name}"
        if _is_chosen(each.name, requirement) and any(sign in each.name for sign in "?#%"):
            remedy = f"Exclude it: exclude = [{each.name!r}]"
            raise LockError(requirement.shown, f"it has a file named {each.name!r}", remedy)
        if not any(sign in each.name for sign in "?#%"):
            parts.append(Part(each.name, File(url, each.sha256, each.size), each.blob))
    return found.commit, found.license, parts


def _local(requirement: Requirement, folder: Path) -> Iterator[Part]:
    """Hash the files in or below the directory of the lock."""
    inside = requirement.text.removeprefix("./")
    if misplaced([inside.rstrip("/")]) is not None:
        expected = "a path below the lock's directory"
        raise ArgumentError("dapi lock", "source", requirement.text, expected=expected)
    root = folder / inside
    paths = sorted(root.rglob("*")) if requirement.is_folder else [root]
    for path in paths:
        if path.is_dir() and requirement.is_folder:
            continue
        name = path.relative_to(root).as_posix() if requirement.is_folder else path.name
        if _is_chosen(name, requirement):
            size = _size(path)
            if size < 0:
                raise LockError(path, "the file does not exist", "Name a regular file.")
            url = f"{LOCAL}{path.relative_to(folder).as_posix()}"
            yield Part(name, File(url, hash_file(path), size))


def _size(path: Path) -> int:
    """Return the size of a regular file, following links; -1 for anything else."""
    try:
        status = os.stat(path)
    except OSError:
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def _is_chosen(name: str, requirement: Requirement) -> bool:
    """Match patterns like ``hf download --include --exclude``: ``*`` matches across directories."""

    def matches(patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(name, f"{p}*" if p.endswith("/") else p) for p in patterns)

    is_included = not requirement.include or matches(requirement.include)
    return is_included and not matches(requirement.exclude)


def _check_blob(part: Part, measured: Measured, requirement: Requirement) -> None:
    """Compare a small file with its Git object id, which the commit guarantees."""
    path = cache.find(File(part.file.url, measured.sha256, measured.size))
    if path is None:
        raise LockError(
            requirement.shown, f"{part.name} was removed from the cache", "Lock it again."
        )
    digest = sha1(b"blob %d\0" % measured.size, usedforsecurity=False)
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != part.blob:
        reason = f"{part.name} does not match the commit of {part.file.url}"
        remedy = "Lock it again; if that does not help, do not trust the server."
        cache.remove(measured.sha256)
        raise LockError(requirement.shown, reason, remedy)
