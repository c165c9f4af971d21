"""Locked: the files of one entry of a lock, by name, for libraries that read a directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from dapi import cache, catalog
from dapi.exceptions import NotLockedError
from dapi.lock import _syncing
from dapi.lock._binding import LockBinding, bind
from dapi.lock.document import Lock, LockedWeights, check
from dapi.lock.requirement import Requirement


class Locked(NamedTuple):
    """An entry of a lock, and the lock's directory.

    Attributes:
        weights: The entry in the lock.
        folder: The directory of its local files.
    """

    weights: LockedWeights
    folder: Path

    def fetch(self, *, progress: bool = True) -> Path:
        """Return a directory with the locked files under their names, and no others.

        For a source of one file, return that file. Every file is verified; files in the cache need
        no network.

        Raises:
            SyncError: Files are missing and could not be downloaded.
            NotLockedError: This process uses another lock, which does not name them.
        """
        lock = Lock(weights=(self.weights,))
        _syncing.fetch(_syncing.missing(lock), self.folder, progress=progress)
        name = self.weights.name
        paths = {file.place: cache.fetch(file.file, wanted=name) for file in self.weights.files}
        directory = cache.directory(paths, wanted=name)
        if self.weights.is_source and not Requirement(self.weights.requested[0]).is_folder:
            return directory / self.weights.files[0].name
        return directory


def locked(name: str, *, lock: str | os.PathLike[str] | None = None) -> Locked:
    """Return an entry of a lock, without downloading it.

    Args:
        name: Its name in the lock, or the requested text: ``owner/name``,
            ``hf:owner/name@revision``, ``resnet50``.
        lock: The lock file; by default the one that this process uses (``dapi.use_lock``,
            ``DAPI_LOCK``), else ``dapi.lock`` in the current directory.

    Raises:
        NotLockedError: The lock does not name it.
        MissingLockError: The lock does not exist.
        LockError: It is not a valid lock.
        SignatureError: It must be signed, but is not signed by a trusted key.
        PolicyError: Its policy, or ``DAPI_LICENSES``, does not allow the entry.

    Example:
        >>> import dapi.lock
        >>> path = dapi.lock.locked("owner/name").fetch()  # doctest: +SKIP
        >>> model = AutoModel.from_pretrained(path)  # doctest: +SKIP
    """
    bound = catalog.bound_lock() if lock is None else None
    if not isinstance(bound, LockBinding):
        bound = bind(Path(lock or "dapi.lock").absolute())
    found, path = bound.lock, bound.path
    for weights in found.weights:
        if name == weights.name or name in weights.requested:
            check(found.policy, Lock(weights=(weights,)))
            return Locked(weights, path.parent)
    there = ", ".join(each.name for each in found.weights[:20]) or "nothing"
    raise NotLockedError(
        name, lock=path, reason=f"it names {there}", remedy=f"To add it: dapi lock {name}"
    )
