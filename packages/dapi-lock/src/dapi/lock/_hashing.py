"""Hashing: the sha256 and size of files without published ones, by download or from the cache."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from dapi import File, cache
from dapi.lock._downloading import Job, download
from dapi.lock.exceptions import SyncError, UnhashedError

BLOCK = 1 << 20


class Measured(NamedTuple):
    """The full hash and the size of a file."""

    sha256: str
    size: int


# From files with their purposes to hashes and sizes.
Measure = Callable[[list[tuple[File, str]]], dict[File, Measured]]


def fetch_and_hash(files: list[tuple[File, str]], *, progress: bool) -> dict[File, Measured]:
    """Download files that publish no hash, and hash them.

    Raises:
        SyncError: Some cannot be downloaded.
    """
    jobs = [Job(file, name, file.size or 0) for file, name in files]
    outcome = download(jobs, progress=progress)
    if outcome.failures:
        told = {file.name: str(error) for file, error in outcome.failures.items()}
        raise SyncError(told, remedy="Nothing was written.")
    return {
        file: Measured(hash_file(path), path.stat().st_size) for file, path in outcome.paths.items()
    }


def hash_cached(files: list[tuple[File, str]]) -> dict[File, Measured]:
    """Hash files that publish no hash, from the cache or an installed package alone.

    Raises:
        UnhashedError: Some are missing.
    """
    found: dict[File, Measured] = {}
    missing = []
    for file, name in files:
        is_local = file.url.startswith("package:")
        path = cache.fetch(file) if is_local else cache.find(file)
        if path is None:
            missing.append(f"{file.name} of {name}")
        else:
            found[file] = Measured(hash_file(path), path.stat().st_size)
    if missing:
        raise UnhashedError(missing)
    return found


def hash_file(path: Path) -> str:
    """Return the sha256 of a file."""
    digest = sha256()
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
