"""The store: from a File to a local path whose bytes are verified.

``transport`` opens a URL as a stream, ``cache`` says where blobs live and whether they are still
what they were; this module downloads into a private temporary file, verifies and publishes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from dapi import _hooks
from dapi._file import File
from dapi._store import cache, transport
from dapi._store.progress import Progress
from dapi.exceptions import CacheError, FetchError, HashMismatchError, OfflineError

_BLOCK = 1 << 20


def fetch(file: File, *, progress: bool = True, wanted: str = "") -> Path:
    """Return a local path of a file whose bytes are verified, fetching it if needed.

    Args:
        file: What to fetch.
        progress: Show a progress bar, on a terminal.
        wanted: What the file is for, in errors; by default its name.

    Raises:
        FetchError: It cannot be had from its URL nor from a mirror.
        HashMismatchError: Its bytes are not those that were published.
        CacheError: The cache cannot be written.
    """
    wanted = wanted or file.name
    local = transport.local_path(file.url)
    if local is not None:
        cache.verify_local(file, local)
        return local
    return cache.find(file) or _download(file, progress=progress, wanted=wanted)


def fetch_all(files: Sequence[File], *, progress: bool = True, wanted: str = "") -> Path:
    """Fetch several files; return the one, or a directory that holds them by name."""
    paths = [fetch(file, progress=progress, wanted=wanted) for file in files]
    if len(paths) == 1:
        return paths[0]
    return cache.directory_view({file.name: path for file, path in zip(files, paths, strict=True)})


def confirm(file: File) -> None:
    """Record that an unpinned file was loaded strictly: from now on its full hash is held."""
    cache.confirm(file)


def reject(file: File) -> None:
    """Forget an unpinned file that could not be loaded, so that the next call fetches it again."""
    cache.reject(file)


def _download(file: File, *, progress: bool, wanted: str) -> Path:
    if os.environ.get("DAPI_OFFLINE", "0").lower() not in ("", "0", "false"):
        raise OfflineError(wanted, url=file.url, sha256=file.sha256, path=cache.expected_path(file))
    failures: dict[str, str] = {}
    for url in (file.url, *file.mirrors):
        try:
            return _download_from(url, file, progress=progress)
        except (FetchError, HashMismatchError) as error:
            if isinstance(error, HashMismatchError) and not file.mirrors:
                raise
            failures[url] = str(error.failures[url] if isinstance(error, FetchError) else error)
    raise FetchError(wanted, failures=failures)


def _download_from(url: str, file: File, *, progress: bool) -> Path:
    """Stream one URL into a temporary file, verify it on the way, and publish it."""
    with _temporary_file() as target:
        request = _hooks.before_fetch(url)
        with transport.open_url(request.url, request.headers, file) as source:
            total = source.length if file.size is None else file.size
            with Progress(file.name, total, enabled=progress) as bar:
                digest = _copy(url, source, target, limit=total, bar=bar)
        _check(url, file, digest)
        path = cache.publish(file, Path(target.name), digest)
    _hooks.file_fetched(url, path)
    return path


def _copy(
    url: str, source: transport.Source, target: IO[bytes], *, limit: int | None, bar: Progress
) -> str:
    """Copy a stream and hash it; a body shorter or longer than announced is an error."""
    digest, size = sha256(), 0
    for block in source.blocks(_BLOCK):
        size += len(block)
        if limit is not None and size > limit:
            break
        digest.update(block)
        _write(target, block)
        bar.advance(len(block))
    if limit is not None and size != limit:
        more = "more than" if size > limit else f"{size} of"
        raise FetchError(url, failures={url: f"the server sent {more} {limit} bytes"})
    return digest.hexdigest()


def _write(target: IO[bytes], block: bytes) -> None:
    try:
        target.write(block)
    except OSError as cause:
        raise CacheError(Path(target.name).parent, reason=str(cause.strerror)) from cause


def _check(url: str, file: File, digest: str) -> None:
    if not digest.startswith(file.sha256 or ""):
        raise HashMismatchError(url, expected=file.sha256 or "", found=digest)


@contextmanager
def _temporary_file() -> Iterator[IO[bytes]]:
    """Open a private file beside the blobs; whatever happens, it does not outlive the block."""
    folder = cache.blobs()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = NamedTemporaryFile(dir=folder, prefix="partial-", delete=False)  # noqa: SIM115
    except OSError as cause:
        raise CacheError(folder, reason=cause.strerror or str(cause)) from cause
    try:
        with stream:
            yield stream
    finally:
        Path(stream.name).unlink(missing_ok=True)
