"""The store: from a File to a local path whose bytes are verified.

This module puts the others together. Network: ``schemes`` resolves URLs, ``mirrors`` rewrites
them, ``transport`` speaks HTTP over ``connections``, ``credentials`` keeps secrets to their origin,
``hub`` and ``objects`` read the Hugging Face Hub and cloud stores, ``download`` retries and
resumes. Disk: ``folders`` has the layout, ``cache`` the blobs, ``partial`` an incomplete download,
``locking`` one download at a time, ``copies`` and ``views`` derived files, ``records`` small JSON
files. Trust: ``verification`` compares hashes, ``trust`` remembers files without a full hash,
``access`` reads permissions, ``mapping`` decides which files may be mapped, ``placeholder``
recognizes Git LFS pointers and web pages, ``faults`` tells a broken file from a broken machine.
``adoption`` adds local files and bundles.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dapi._plugins import bound_lock
from dapi._store import cache, settings, trust, verification, views
from dapi._store.settings import Settings
from dapi._text.urls import redacted
from dapi._values import notices
from dapi._values.file import File
from dapi.exceptions import (
    CacheWarning,
    FetchError,
    HashMismatchError,
    OfflineError,
    WeightsDeclarationError,
)

if TYPE_CHECKING:
    from dapi._store.partial import Partial


def fetch(
    file: File, *, progress: bool = True, wanted: str = "", patience: Settings = settings.DEFAULT
) -> Path:
    """Return the path of a file whose bytes are verified; download it if needed.

    Args:
        file: The file to fetch.
        progress: Show a progress bar, or a line every ten seconds in a log.
        wanted: What the file is for, in errors; its name by default.
        patience: Timeouts and retries.

    Raises:
        FetchError: It cannot be downloaded from its URL or a mirror.
        HashMismatchError: Its bytes do not match the published hash.
        CacheError: The cache cannot be written.
        NotLockedError: This process uses a lock that does not name the file.
    """
    wanted = wanted or file.name
    file = bound_lock.locked(file, wanted)
    if file.url.startswith(("file:", "package:")):
        path = _local(file)
        verification.verify_local(file, path)
        return path
    found = cache.find(file)
    if found is not None:
        return found
    damaged = [path for path in cache.paths(file) if os.path.lexists(path)]
    if settings.is_offline():
        path = damaged[0] if damaged else cache.expected_path(file)
        raise OfflineError(
            wanted, url=file.url, sha256=file.sha256, path=path, is_damaged=bool(damaged)
        )
    for path in damaged:
        notices.warn(f"{path} is damaged; {file.url} is fetched again.", CacheWarning)
    return _fetch_once(file, progress, wanted, patience)


def fetch_all(files: Sequence[File], *, progress: bool = True, wanted: str = "") -> Path:
    """Fetch several files; return the one, or a directory with them by prefix and name."""
    from dapi._store import connections

    with connections.kept():
        paths = [fetch(file, progress=progress, wanted=wanted) for file in files]
    if len(paths) == 1:
        return paths[0]
    named = {file.prefix + file.name: path for file, path in zip(files, paths, strict=True)}
    if len(named) < len(files):
        names = ", ".join(file.name for file in files)
        remedy = "Rename them, or give each a prefix: File(..., prefix='PART.')."
        raise WeightsDeclarationError(wanted, f"has files of one name: {names}", remedy)
    return views.directory(named, of=wanted)


def confirm(file: File) -> None:
    """Record that an unpinned file was loaded strictly: from now on its full hash is held."""
    trust.confirm(bound_lock.locked(file))


def reject(file: File) -> None:
    """Forget an unpinned file that could not be loaded, so that the next call fetches it again.

    Does nothing offline: no call could.
    """
    if not settings.is_offline():
        cache.reject(bound_lock.locked(file))


def add(path: Path, file: File, *, wanted: str) -> Path:
    """Add a local file to the cache.

    Raises:
        HashMismatchError: Its hash differs from the published one.
        CacheError: The cache cannot be written.
    """
    from dapi._store import adoption, partial

    found = cache.find(file)
    if found is not None:
        return found
    target = partial.create(cache.key(file), settings.DEFAULT)
    try:
        digest = adoption.copy(path, file, target)
        target.sync()
        return cache.publish(file, target, digest, wanted=wanted)
    finally:
        target.discard()


def examine(file: File) -> tuple[str, Path]:
    """Hash a file again; return whether it is intact, damaged or missing, and where it is.

    Raises:
        MissingDependencyError: It is in a package that is not installed.
    """
    if file.url.startswith(("file:", "package:")):
        path = _local(file)
        try:
            verification.verify_local(file, path)
        except (FetchError, HashMismatchError):
            return ("damaged" if path.is_file() else "missing"), path
        return "intact", path
    paths = [path for path in cache.paths(file) if path.is_file()]
    for path in paths:
        if verification.is_right(path):
            return "intact", path
    return ("damaged", paths[0]) if paths else ("missing", cache.expected_path(file))


def _local(file: File) -> Path:
    from dapi._store.schemes import local_path

    path = local_path(file.url)
    assert path is not None
    return path


def _fetch_once(file: File, progress: bool, wanted: str, patience: Settings) -> Path:
    """Wait for other processes, then download the file if it is still missing."""
    from dapi._store import locking, partial
    from dapi._store.progress import waiting

    key = cache.key(file)
    list(partial.sweep(patience))
    with locking.turn(
        key,
        is_done=lambda: cache.expected_path(file).is_file() and cache.find(file) is not None,
        state=lambda: partial.state(key, wanted),
        tell=waiting(enabled=progress),
        settings=patience,
    ):
        found = cache.find(file)
        return found or _fill(file, key, progress, wanted, patience)


def _fill(file: File, key: str, progress: bool, wanted: str, patience: Settings) -> Path:
    """Fill a partial file and publish it; after an error, keep it to be resumed or remove it."""
    from dapi._plugins import hooks
    from dapi._store import adoption, partial

    target = partial.create(key, patience)
    try:
        digest = adoption.from_torch_hub(file, target)
        url = file.url
        if digest is None:
            url, digest = _download(file, target, progress, wanted, patience)
        target.sync()
        path = cache.publish(file, target, digest, wanted=wanted)
    except (FetchError, KeyboardInterrupt, SystemExit):
        target.release(worth_keeping=patience.worth_keeping)
        raise
    finally:
        target.discard()
    hooks.file_fetched(url, path)
    return path


def _download(
    file: File, target: Partial, progress: bool, wanted: str, patience: Settings
) -> tuple[str, str]:
    """Try the URL and its mirrors in order; return which served, and the hash."""
    from dapi._store.download import bring
    from dapi._store.progress import Progress
    from dapi._store.transport import AttemptError

    urls = dict.fromkeys((file.url, *file.mirrors))
    failures: dict[str, str] = {}
    remedies: dict[str, None] = {}
    mismatch: HashMismatchError | None = None
    with Progress(file.name, enabled=progress) as bar:
        for url in urls:
            try:
                reach = patience.reach / len(urls)
                return url, bring(url, file, target, bar=bar, reach=reach, settings=patience)
            except HashMismatchError as error:
                failures[url], mismatch = str(error), error
                target.restart()
            except FetchError as error:
                failures[url] = error.failures.get(redacted(url), str(error))
                remedies[error.remedy] = None
            except AttemptError as problem:
                failures[url] = problem.reason
                remedies[problem.remedy] = None
    if mismatch is not None and len(urls) == 1:
        raise mismatch
    raise FetchError(wanted, failures=failures, remedy=" ".join(filter(None, remedies)))
