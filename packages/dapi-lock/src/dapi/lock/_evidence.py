"""Evidence: a report of a check to keep: command, machine, time, versions and result."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from typing import Any

from dapi import cache


def report(command: str, lock: Path, result: str, rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a command, with its circumstances."""
    return {
        "report": command,
        "lock": {"path": str(lock.absolute()), "sha256": sha256(lock.read_bytes()).hexdigest()},
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "where": {
            "host": gethostname(),
            "system": platform.platform(),
            "cache": str(cache.folder()),
        },
        "versions": {
            "python": sys.version.split()[0],
            **{name: version(name) for name in ("dapi-core", "dapi-lock")},
        },
        "result": result,
        **rows,
    }
