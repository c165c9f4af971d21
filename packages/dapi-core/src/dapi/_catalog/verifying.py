"""Verify: hash files again, of the whole cache or of some weights, and say what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dapi import _store
from dapi._catalog import files
from dapi._store import cache, copies, folders, placeholder, views
from dapi._text.urls import redacted
from dapi._values.file import File
from dapi.exceptions import MissingDependencyError


class Finding(NamedTuple):
    """A file that is not as published.

    Attributes:
        state: ``missing``, ``damaged`` or ``changed``.
        path: Where it is, or should be; may be empty.
        url: Where it comes from, without secrets; empty if that is unknown.
        remedy: What to do.
        repair: Removes it, so that it is downloaded again on demand; None if that does not help.
    """

    state: str
    path: str
    url: str
    remedy: str
    repair: Callable[[], object] | None = None


class Findings(list[Finding]):
    """The files that are not as published: a list, and in notebooks a table."""

    def _repr_html_(self) -> str:
        from dapi._text import notebook

        rows = [dict(zip(Finding._fields[:4], each[:4], strict=True)) for each in self]
        return notebook.card("" if rows else "All files are intact.", {"files": rows})


def verify(*names: str) -> Findings:
    """Hash files again, and return those that are not as published; ``dapi verify`` in Python.

    Reads the files; uses no network.

    Args:
        names: Models (their latest weights) or weights; without any, all files of the cache.

    Raises:
        DapiError: A name is unknown, or has no weights.
    """
    return Findings(_of_weights(names) if names else _of_cache())


def _of_cache() -> Iterator[Finding]:
    for blob in cache.damaged():
        yield _damaged(blob.path, blob.url)
    for path in copies.damaged():
        repair = partial(copies.remove, path.stem)
        yield Finding("damaged", str(path), "", "To remove it: dapi verify --repair", repair)
    for view in views.damaged():
        remedy = "To recreate it: dapi verify --repair (other files in it are kept)"
        yield _if_ours(Finding("changed", str(view), "", remedy, partial(views.discard, view)))


def _of_weights(names: tuple[str, ...]) -> Iterator[Finding]:
    for name in names:
        for file in files.everything(files.latest_or_named(name)):
            try:
                state, path = _store.examine(file)
            except MissingDependencyError as error:  # the others are still checked
                yield Finding("missing", "", redacted(file.url), str(error))
                continue
            if state != "intact":
                yield _of_file(file, state, path, name)


def _of_file(file: File, state: str, path: Path, name: str) -> Finding:
    url = redacted(file.url)
    if file.url.startswith(files.LOCAL):
        remedy = placeholder.explain(path, file.name) or "Install its distribution again"
        return Finding(state, str(path), url, remedy)
    if state == "missing":
        return Finding(state, str(path), url, f"To fetch it: dapi fetch {name}")
    return _damaged(path, url)


def _damaged(path: Path, url: str) -> Finding:
    remedy, repair = "To remove it: dapi verify --repair", partial(cache.remove, path.name)
    return _if_ours(Finding("damaged", str(path), url, remedy, repair))


def _if_ours(found: Finding) -> Finding:
    """Offer no repair of a file in a read-only cache."""
    if Path(found.path).parent.parent not in folders.readonly():
        return found
    return found._replace(remedy="It is in a read-only cache: ask its owner", repair=None)
