"""Files: download weights with all that they need, and find the owners of a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from dapi import _store
from dapi._catalog import lookup
from dapi._catalog import offers as _offers
from dapi._plugins import bound_lock
from dapi._store import cache, placeholder, trust, verification
from dapi._text import counted
from dapi._text.urls import redacted
from dapi._values import names as _names
from dapi._values.file import File
from dapi._weights import licenses
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights
from dapi.exceptions import MissingHashError, NotLockedError, NoWeightsError, PluginWarning

# The number of published digits that identify a file.
_ENOUGH_DIGITS = 8

# Schemes of files that are never downloaded.
LOCAL = ("file:", "package:")


def fetch_everything(
    weights: Weights | WeightEntry, *, progress: bool = True
) -> Iterator[tuple[File, Path]]:
    """Download the files of some weights, and those of the assets and entries that they name.

    Yields:
        Each file, and its path.

    Raises:
        LicenseError: ``DAPI_LICENSES`` does not allow their license.
    """
    licenses.check(weights)
    for file in everything(weights):
        yield file, _store.fetch(file, progress=progress, wanted=str(weights))


def everything(weights: Weights | WeightEntry) -> Iterator[File]:
    """List the files of some weights, and those of the assets and entries that they name."""
    yield from weights.files
    yield from everything_in(weights.assets)


def everything_in(assets: Mapping[str, File | WeightEntry | Weights]) -> Iterator[File]:
    """List the files among assets, and those of the entries among them."""
    for asset in assets.values():
        if isinstance(asset, File):
            yield asset
        else:
            yield from everything(asset)


def missing(weights: Weights | WeightEntry) -> list[File]:
    """List the missing files of some weights, and of the assets and entries that they name."""
    return absent(everything(weights))


def is_here(weights: Weights | WeightEntry) -> bool:
    """Return whether weights can be built without a download."""
    try:
        return not missing(weights)
    except NotLockedError:
        return False


def absent(files: Iterable[File]) -> list[File]:
    """Return those of some files that are not in the cache."""
    return [
        file
        for file in map(bound_lock.locked, files)
        if not file.url.startswith(LOCAL) and cache.find(file) is None
    ]


def require_hashes(weights: Weights | WeightEntry) -> None:
    """Refuse weights with a missing file whose full sha256 is not published.

    Raises:
        MissingHashError: There is such a file.
    """
    files = map(bound_lock.locked, everything(weights))
    unpinned = [file.url for file in files if not file.is_pinned and not file.url.startswith(LOCAL)]
    if unpinned:
        raise MissingHashError(str(weights), files=unpinned)


def latest_or_named(name: str) -> Weights:
    """Return the weights of a name; for a model's name, its latest, as ``LATEST`` does.

    Raises:
        NoWeightsError: The model has no weights; those of others have to be named.
    """
    if _names.parse(name).member:
        return lookup.get_weights(name)
    builder, lock = lookup.find(name), bound_lock.current()
    if lock is not None:
        latest: Weights = lock.latest(builder.qualified)
        return latest
    enums = _offers.enums(builder)
    for publisher, enum in enums:
        if publisher == builder.distribution:
            return enum.get_latest()
    remedy = f"For those of others: dapi show {name}" if enums else "There is nothing to download."
    raise NoWeightsError(f"{name} has no published weights of its own", remedy)


def files_of(name: str) -> list[File]:
    """List the files of some weights, or of all weights of a model."""
    if _names.parse(name).member:
        return list(everything(lookup.get_weights(name)))
    return [file for weights in lookup.list_weights(name) for file in everything(weights)]


def hashes(files: Iterable[File]) -> set[str]:
    """Return the known full hashes of files."""
    return {digest for file in files if (digest := _hash(file))}


def installed() -> Iterator[tuple[Weights, File]]:
    """List the files of all installed weights, and of all that they need."""
    for weights in lookup.list_weights():
        for file in everything(weights):
            yield weights, file


def by_url(file: File) -> Iterable[str]:
    """Return the URL of a file, as it is shown."""
    return (redacted(file.url),)


def by_key(file: File) -> Iterable[str]:
    """Return the names that a file may have in the cache: by its hash, or by its URL."""
    return filter(None, {cache.key(file), _hash(file)})


def owners(keys: Callable[[File], Iterable[str]]) -> dict[str, list[str]]:
    """Map keys of the files of all installed weights to the names of those who need them."""
    owners: dict[str, dict[str, None]] = {}
    for weights, file in installed():
        for key in keys(file):
            owners.setdefault(key, {})[str(weights)] = None
    return {key: list(names) for key, names in owners.items()}


def used_hashes() -> set[str]:
    """Return the hashes that installed weights name.

    Raises:
        NoWeightsError: A distribution cannot be imported, so the files that it uses are unknown.
    """
    with warnings.catch_warnings():  # a skipped enum would make its files look unused
        warnings.simplefilter("error", PluginWarning)
        try:
            return hashes(file for _, file in installed())
        except PluginWarning as cause:
            what = "Unused files cannot be determined while a distribution is broken"
            raise NoWeightsError(f"{what}: {cause}", "For details: dapi doctor") from cause


def add(path: Path, *, owner: str | None = None) -> list[tuple[str, Path]]:
    """Add a local file to the cache, for all weights that it belongs to.

    Args:
        path: The file.
        owner: The weights that it belongs to; required if no published hash identifies it.

    Returns:
        The names of the weights, and the path of the file in the cache.

    Raises:
        NoWeightsError: It belongs to no installed weights.
        HashMismatchError: It differs from the published file of ``owner``.
    """
    if owner is not None:
        name = str(latest_or_named(owner))
        return [(name, _store.add(path, _only(path, files_of(name), name), wanted=name))]
    placeholder.refuse(path)
    digest = verification.hash_file(path)
    found = [
        (str(weights), file)
        for weights, file in installed()
        if len(file.sha256 or "") >= _ENOUGH_DIGITS and digest.startswith(file.sha256 or "")
    ]
    if not found:
        what = f"{path} (sha256 {digest}) matches no installed weights with a published hash"
        raise NoWeightsError(what, f"To name its weights: dapi cache add {path} --for NAME")
    return [(name, _store.add(path, file, wanted=name)) for name, file in found]


def _only(path: Path, files: list[File], name: str) -> File:
    """Return the file of some weights that a local file is: the only one, or that of its name."""
    chosen = files if len(files) == 1 else [file for file in files if file.name == path.name]
    if len(chosen) != 1:
        fact = f"{name} has {counted(len(files), 'file')}, none named {path.name}"
        raise NoWeightsError(fact, f"Rename it to one of: {', '.join(file.name for file in files)}")
    return chosen[0]


def _hash(file: File) -> str | None:
    known = trust.find(file)
    return file.sha256 if file.is_pinned else known and known.sha256
