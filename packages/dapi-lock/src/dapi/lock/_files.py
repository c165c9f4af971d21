"""Files that are replaced atomically: readers see the old or the new one, never a part."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dapi.lock.exceptions import LockError


def replace(path: Path, content: str | bytes) -> None:
    """Write a file in one step, also if the process is killed; a text as UTF-8.

    Raises:
        LockError: It cannot be written.
    """
    target = Path(os.path.realpath(path))  # keep a link
    if is_special(target):
        raise LockError(path, "it is not a regular file", "Choose another file.")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with temporary.open("xb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        os.replace(temporary, target)
    except OSError as cause:
        with suppress(OSError):
            temporary.unlink()
        reason = f"it cannot be written ({cause.strerror})"
        raise LockError(
            path, reason, "Check the directory's permissions and free space."
        ) from cause


def is_special(path: Path) -> bool:
    """Whether a path is a device, a pipe or a directory, which a new file must not replace."""
    return path.exists() and not path.is_file()
