"""The bound lock: what building and fetching are bound to, if anything is.

Core asks a lock three things and knows nothing else of it; ``dapi-lock`` reads the file and
answers. Without a lock no file is looked for and ``dapi.lock`` is not imported.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from dapi._values.file import File
from dapi._values.public import public
from dapi.exceptions import MissingDependencyError


class Binding(Protocol):
    """The queries of a lock. Each raises NotLockedError for names that the lock does not have."""

    def latest(self, builder: str) -> Any:
        """Return the Weights that ``LATEST`` means for ``"distribution/builder"``."""

    def admit(self, weights: Any) -> None:
        """Refuse Weights, or a WeightEntry, that the lock or its policy does not allow."""

    def locked(self, file: File, wanted: str) -> File:
        """Return a file with the hash and size that the lock has for it."""


class _Restore(AbstractContextManager[None]):
    """Makes the choice before ``use_lock`` valid again when a ``with`` block ends."""

    def __init__(self, before: tuple[Binding | None] | None) -> None:
        self._before = before

    def __exit__(self, *_: object) -> None:
        global _chosen
        _chosen = self._before


# The choice of use_lock (which holds None for no lock); None before the first call.
_chosen: tuple[Binding | None] | None = None


@public
def use_lock(path: str | os.PathLike[str] | None) -> AbstractContextManager[None]:
    """Bind this process to a lock file, as ``DAPI_LOCK`` does; needs dapi-lock.

    From now on ``LATEST`` is the locked member, every file must have the locked hash, and weights
    that the lock does not name are refused. Applies to all threads of this process; a new process
    reads ``DAPI_LOCK``.

    Args:
        path: The lock file, which is read immediately and only once. None builds without a lock,
            even if ``DAPI_LOCK`` is set.

    Returns:
        A context manager, for a lock that applies in a ``with`` block only.

    Raises:
        MissingDependencyError: dapi-lock is not installed.
        dapi.lock.exceptions.LockError: The file cannot be read as a lock.
    """
    global _chosen
    chosen = (None if path is None else _read(os.fspath(path)),)
    restore, _chosen = _Restore(_chosen), chosen
    return restore


def current() -> Binding | None:
    """Return the lock that this process is bound to; None if there is none."""
    if _chosen is not None:
        return _chosen[0]
    path = os.environ.get("DAPI_LOCK")
    return _kept(path) if path else None


def locked(file: File, wanted: str = "") -> File:
    """Return a file as the lock has it; without a lock, the file itself.

    Raises:
        NotLockedError: The lock does not name it.
    """
    binding = current()
    return file if binding is None else binding.locked(file, wanted or file.name)


def package(module: str = "dapi.lock") -> Any:
    """Import a public module of dapi-lock.

    Raises:
        MissingDependencyError: dapi-lock is not installed.
    """
    if find_spec("dapi.lock") is None:
        raise MissingDependencyError(
            "Using a lock file needs dapi-lock, which is not installed", requirement="dapi-lock"
        )
    return import_module(module)


def _read(path: str) -> Binding:
    binding: Binding = package().bind(path)
    return binding


@lru_cache(maxsize=1)
def _kept(path: str) -> Binding:
    """Read the lock of ``DAPI_LOCK`` once; one that cannot be read is an error each time."""
    return _read(path)
