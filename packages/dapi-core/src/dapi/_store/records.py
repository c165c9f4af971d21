"""Records: small JSON files that are replaced whole, never changed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from dapi._store import access

# dapi writes no larger ones; parsing a planted one could cost much.
_LARGEST = 1 << 20


def read(path: Path) -> dict[str, Any]:
    """Return a record; empty if it is missing, damaged, or writable by other users."""
    try:
        descriptor = os.open(path, os.O_RDONLY | access.FLAGS)  # open() would take twice as long
        try:
            status = os.fstat(descriptor)
            is_read = access.is_ours(status) and access.is_regular(status)
            size = min(status.st_size, _LARGEST)  # as much is set aside, whatever there is to read
            found = json.loads(os.read(descriptor, size)) if is_read else {}
        finally:
            os.close(descriptor)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, value: dict[str, Any]) -> None:
    """Replace a record.

    Raises:
        OSError: Its directory cannot be written, or is a link.
    """
    access.make_folder(path.parent)
    # Two processes may write one record at the same time: each has a file of its own.
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        with access.open_file(temporary, "xb") as stream:
            stream.write(json.dumps(value).encode())
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
