"""Verify: hash every locked file, and report what is missing, damaged, or not locked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dapi import cache
from dapi.exceptions import MissingDependencyError
from dapi.lock import _evidence
from dapi.lock.document import Lock, LockedFile


def verify(lock: Lock, *, repair: bool) -> list[dict[str, Any]]:
    """Hash every locked file, and return a row for each, and for each file that is not locked.

    A row has ``state``: ``intact``, ``missing``, ``damaged`` or ``foreign``.

    Args:
        lock: What the cache should hold.
        repair: Whether damaged files are removed from the cache, so that ``dapi sync`` downloads
            them again.
    """
    rows = []
    for weights, file in lock.files():
        state, path = _examine(file)
        if repair and state == "damaged" and not file.is_packaged:
            cache.remove(file.sha256)
        rows.append(_row(state, file.name, weights.name, file.sha256, file.size, path))
    locked = {file.sha256 for _, file in lock.files()}
    return rows + [
        _row("foreign", blob.url.rpartition("/")[2], blob.wanted, blob.sha256, blob.size, blob.path)
        for blob in cache.blobs()
        if blob.is_ours and blob.sha256 not in locked
    ]


def _examine(file: LockedFile) -> tuple[str, object]:
    try:
        return cache.examine(file.file)
    except MissingDependencyError:  # the package that it is in
        return "missing", file.urls[0]


def _row(
    state: str, file: str, weights: str, sha256: str, size: int, path: object
) -> dict[str, Any]:
    return {
        "state": state,
        "file": file,
        "weights": weights,
        "sha256": sha256,
        "bytes": size,
        "path": str(path),
    }


def report(
    path: Path, rows: list[dict[str, Any]], signature: dict[str, Any], *, is_signed: bool
) -> dict[str, Any]:
    """Return a report that can be kept as evidence.

    Args:
        path: The path of the lock.
        rows: The result of ``verify``.
        signature: The state of the lock's signature.
        is_signed: Whether the lock is signed, or need not be.
    """
    result = "intact" if is_signed and is_intact(rows) else "failed"
    return _evidence.report(
        "dapi verify --lock", path, result, {"signature": signature, "files": rows}
    )


def is_intact(rows: list[dict[str, Any]]) -> bool:
    """Whether the cache has exactly the files of the lock."""
    return all(row["state"] == "intact" for row in rows)
