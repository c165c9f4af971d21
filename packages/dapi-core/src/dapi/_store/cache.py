"""The cache directory: blobs by sha256, and what is known about them.

::

    blobs/<sha256>          a published file; never written to again
    stamps/<sha256>         size, mtime and inode when it was verified
    refs/<sha256 of URL>    for a file without a full hash: the hash it had, and whether it loaded
    views/<sha256>/<name>   links to the blobs of a checkpoint in several files
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from dapi import _notices
from dapi._file import File
from dapi.exceptions import CacheError, CacheWarning, FetchError, HashMismatchError

# Digests of local files, by path and stat (as in a stamp): hashed once in this process.
_verified: dict[tuple[str, str], str] = {}


def root() -> Path:
    """Return the cache directory: ``DAPI_CACHE``, or the user's own by the system's rules."""
    chosen = os.environ.get("DAPI_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("dapi", appauthor=False)


def blobs() -> Path:
    """Return the directory of the blobs."""
    return root() / "blobs"


def expected_path(file: File) -> Path:
    """Return where a file is looked for: its blob, or the record of what it was last."""
    if file.is_pinned:
        return blobs() / str(file.sha256)
    return _ref(file)


def find(file: File) -> Path | None:
    """Return the blob of a file if it is there and intact; a damaged one is discarded."""
    digest = file.sha256 if file.is_pinned else _read_json(_ref(file)).get("sha256")
    if not digest or not digest.startswith(file.sha256 or ""):
        return None
    path = blobs() / digest
    if not path.is_file():
        return None
    if _is_intact(path, digest):
        return path
    _notices.warn(f"{path} was damaged; {file.url} is fetched again.", CacheWarning)
    path.unlink()
    return None


def publish(file: File, temporary: Path, digest: str) -> Path:
    """Move a verified temporary file into place, and note what it was."""
    path = blobs() / digest
    try:
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
        if not file.is_pinned:
            _write_json(_ref(file), {"url": file.url, "sha256": digest, "loaded": False})
    except OSError as cause:
        raise CacheError(path, reason=cause.strerror or str(cause)) from cause
    _note_stamp(path, digest)
    return path


def verify_local(file: File, path: Path) -> None:
    """Check a file that is not the cache's own, once for each state it has in this process.

    Raises:
        FetchError: It is not there.
        HashMismatchError: It is not what its entry says.
    """
    if not path.is_file():
        raise FetchError(file.name, failures={file.url: "there is no such file"})
    state = (str(path), _stat_line(path))
    digest = _verified.get(state) or _hash(path)
    _verified[state] = digest
    if not digest.startswith(file.sha256 or ""):
        raise HashMismatchError(str(path), expected=file.sha256 or "", found=digest)


def confirm(file: File) -> None:
    """Record that an unpinned file was loaded strictly. Does nothing for other files."""
    known = {} if file.is_pinned else _read_json(_ref(file))
    if known and not known["loaded"]:
        try:
            _write_json(_ref(file), {**known, "loaded": True})
        except OSError:
            pass  # a read-only cache: it is confirmed again by whoever can write


def reject(file: File) -> None:
    """Forget an unpinned file that was never loaded. Does nothing for other files."""
    known = {} if file.is_pinned else _read_json(_ref(file))
    if known and not known["loaded"]:
        (blobs() / known["sha256"]).unlink(missing_ok=True)
        _ref(file).unlink(missing_ok=True)


def directory_view(paths: Mapping[str, Path]) -> Path:
    """Return a directory in which blobs stand under their published names."""
    key = sha256("\n".join(f"{name} {path}" for name, path in paths.items()).encode()).hexdigest()
    view = root() / "views" / key
    view.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        if not (view / name).exists():
            _link(view / name, path)
    return view


def _link(link: Path, path: Path) -> None:
    try:
        link.symlink_to(path)
    except OSError:  # a system that refuses links
        shutil.copy2(path, link)


def _ref(file: File) -> Path:
    return root() / "refs" / sha256(file.url.encode()).hexdigest()


def _is_intact(path: Path, digest: str) -> bool:
    """Trust the stamp while size, mtime and inode are those of the verified file; else re-hash."""
    stamp = root() / "stamps" / digest
    if _read_json(stamp).get("stat") == _stat_line(path):
        return True
    if _hash(path) != digest:
        return False
    _note_stamp(path, digest)
    return True


def _note_stamp(path: Path, digest: str) -> None:
    try:
        _write_json(root() / "stamps" / digest, {"stat": _stat_line(path)})
    except OSError:
        pass  # a read-only cache works, at the price of hashing in every process


def _stat_line(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"


def _hash(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    """Read the umask. It can only be read by setting it, which other threads would feel."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    os.replace(temporary, path)
