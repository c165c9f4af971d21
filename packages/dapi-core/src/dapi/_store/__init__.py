"""The store: from a File to a local path whose bytes are verified.

Each module is one noun: ``schemes`` says what a URL stands for, ``transport`` what a web server
answers, ``connections`` what stays open between two answers, ``download`` carries on through what
goes wrong, ``partial`` is a file on its way, ``locking`` whose turn it is, ``verification`` whether
bytes are right, ``placeholder`` what often lies in place of a file, ``trust`` what is known of
files without a full hash, ``folders`` and ``cache`` where everything lies, ``access`` whose it is,
``views`` several files by name, ``copies`` what can be mapped, ``mapping`` which files may be,
``faults`` whether a file or the machine is to blame, ``adoption`` takes what is on this machine
already, ``receiving`` what comes in a bundle.
This module puts them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dapi._plugins import binding
from dapi._store import cache, connections, partial, settings, trust, verification, views
from dapi._store.partial import Partial
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


def fetch(
    file: File, *, progress: bool = True, wanted: str = "", patience: Settings = settings.DEFAULT
) -> Path:
    """Return a local path of a file whose bytes are verified, fetching it if needed.

    Args:
        file: What to fetch.
        progress: Show a progress bar, or in a log a line every ten seconds.
        wanted: What the file is for, in errors; by default its name.
        patience: How long to wait and how often to try.

    Raises:
        FetchError: It cannot be had from its URL nor from a mirror.
        HashMismatchError: Its bytes are not those that were published.
        CacheError: The cache cannot be written.
        NotLockedError: This process is bound to a lock that does not name it.
    """
    wanted = wanted or file.name
    file = binding.locked(file, wanted)
    if file.url.startswith(("file:", "package:")):
        path = _local(file)
        verification.verify_local(file, path)
        return path
    found = cache.find(file)
    if found is not None:
        return found
    damaged = cache.damaged_of(file)
    if settings.is_offline():
        path = damaged[0] if damaged else cache.expected_path(file)
        is_damaged = bool(damaged)
        raise OfflineError(
            wanted, url=file.url, sha256=file.sha256, path=path, is_damaged=is_damaged
        )
    for path in damaged:
        notices.warn(f"{path} is damaged; {file.url} is fetched again.", CacheWarning)
    return _fetch_once(file, progress, wanted, patience)


def fetch_all(files: Sequence[File], *, progress: bool = True, wanted: str = "") -> Path:
    """Fetch several files; return the one, or a directory that holds them by name."""
    with connections.kept():
        paths = [fetch(file, progress=progress, wanted=wanted) for file in files]
    if len(paths) == 1:
        return paths[0]
    named = {file.name: path for file, path in zip(files, paths, strict=True)}
    if len(named) < len(files):
        names = ", ".join(file.name for file in files)
        raise WeightsDeclarationError(wanted, f"has files of one name: {names}", "Rename them.")
    return views.directory(named, of=wanted)


def confirm(file: File) -> None:
    """Record that an unpinned file was loaded strictly: from now on its full hash is held."""
    trust.confirm(binding.locked(file))


def reject(file: File) -> None:
    """Forget an unpinned file that could not be loaded, so that the next call fetches it again.

    Does nothing offline: no call could.
    """
    if not settings.is_offline():
        cache.reject(binding.locked(file))


def add(path: Path, file: File, *, wanted: str) -> Path:
    """Put a file that was carried here by hand into the cache.

    Raises:
        HashMismatchError: It is not what its entry says.
        CacheError: The cache cannot be written.
    """
    from dapi._store import adoption

    found = cache.find(file)
    if found is not None:
        return found
    target = partial.create(cache.key(file), settings.DEFAULT)
    try:
        return adoption.add(path, file, target, wanted=wanted)
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
    """Take one's turn, then fetch what is still missing."""
    from dapi._store import locking
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
    """Fill a partial file and publish it; whatever happens, it is no burden afterwards."""
    from dapi._plugins import hooks
    from dapi._store import adoption

    target = partial.create(key, patience)
    keep = 0
    try:
        digest = adoption.from_torch_hub(file, target)
        url = file.url
        if digest is None:
            url, digest = _download(file, target, progress, wanted, patience)
        target.sync()
        path = cache.publish(file, target, digest, wanted=wanted)
    except (FetchError, KeyboardInterrupt, SystemExit):
        keep = patience.worth_keeping
        raise
    finally:
        target.release(worth_keeping=keep) if keep else target.discard()
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
