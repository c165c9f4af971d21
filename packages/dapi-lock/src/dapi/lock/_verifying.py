"""Verify: hash every locked file, and report what is missing, damaged, or not locked."""

from __future__ import annotations

import platform
import sys
from collections.abc import Container
from datetime import datetime, timezone
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from typing import Any

from dapi import catalog
from dapi.exceptions import DapiError
from dapi.lock.document import Lock, LockedFile


def verify(lock: Lock) -> list[dict[str, Any]]:
    """Hash every locked file, and return a row for each, and for each file that is not locked.

    A row has ``state``: ``intact``, ``missing``, ``damaged`` or ``foreign``. A damaged file of
    the cache is removed, so that ``dapi sync`` downloads it again.
    """
    locked = {file.sha256 for _, file in lock.files()}
    damaged = {blob.path: blob for blob in catalog.damaged(locked)}
    there: dict[str, catalog.Blob] = {}
    for blob in sorted(catalog.blobs(), key=lambda blob: blob.path not in damaged):
        there[blob.sha256] = blob  # of several caches, the one that has it intact
    rows = []
    for weights, file in lock.files():
        state, path = _state(file, there, damaged)
        rows.append(
            {
                "state": state,
                "file": file.name,
                "weights": weights.name,
                "sha256": file.sha256,
                "bytes": file.size,
                "path": path,
            }
        )
    for blob in damaged.values():
        if blob.is_ours:
            catalog.remove(blob.sha256)
    return rows + [
        {
            "state": "foreign",
            "file": catalog.printable(blob.url).rpartition("/")[2],
            "weights": catalog.printable(blob.wanted),
            "sha256": blob.sha256,
            "bytes": blob.size,
            "path": str(blob.path),
        }
        for blob in there.values()
        if blob.is_ours and blob.sha256 not in locked
    ]


def _state(
    file: LockedFile, there: dict[str, catalog.Blob], damaged: Container[Path]
) -> tuple[str, str]:
    if file.is_packaged:
        try:
            return "intact", str(catalog.fetch(file.file))
        except ValueError:
            return "damaged", file.urls[0]
        except (DapiError, ImportError):
            return "missing", file.urls[0]
    blob = there.get(file.sha256)
    if blob is None:
        return "missing", ""
    return "damaged" if blob.path in damaged else "intact", str(blob.path)


def report(path: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a report that can be kept as evidence: what, where, when, versions, result."""
    return {
        "report": "dapi verify --lock",
        "lock": {"path": str(path.absolute()), "sha256": sha256(path.read_bytes()).hexdigest()},
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "where": {
            "host": gethostname(),
            "system": platform.platform(),
            "cache": str(catalog.cache_folder()),
        },
        "versions": {
            "python": sys.version.split()[0],
            **{name: version(name) for name in ("dapi-core", "dapi-lock")},
        },
        "result": "intact" if is_intact(rows) else "failed",
        "files": rows,
    }


def is_intact(rows: list[dict[str, Any]]) -> bool:
    """Whether the cache holds what the lock says, and nothing else."""
    return all(row["state"] == "intact" for row in rows)
