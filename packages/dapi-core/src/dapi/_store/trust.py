"""Trust on first use: the full hash of a file whose hash is published in part, or not at all.

A downloaded file is recorded immediately, so that a second call finds it; it is trusted only after
it was parsed and loaded strictly. From then on, a file with another hash is refused.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from dapi._store import access, folders, records
from dapi._text import urls
from dapi._values import notices
from dapi._values.file import File
from dapi.exceptions import CacheWarning


class Known(NamedTuple):
    """The record of a file without a full published hash; its URL has no secrets."""

    url: str
    sha256: str
    is_loaded: bool
    path: Path


def find(file: File) -> Known | None:
    """Return the record of a file without a full published hash, from the first cache with one.

    A record that others could have written is not used, with a warning.
    """
    if file.is_pinned:
        return None
    closed = [root / "refs" for root in folders.readonly() if access.is_closed(root, "refs")]
    places = filter(None, [_own_folder(), *closed])
    found = [known for place in places if (known := _read(_path(place, file.url)))]
    found = [known for known in found if known.sha256.startswith(file.sha256 or "")]
    if not found:
        _warn_of_doubtful(file)
    return next((known for known in found if known.is_loaded), found[0] if found else None)


def held(file: File) -> str | None:
    """Return the hash that an unpinned file must have, because it was loaded once."""
    known = find(file)
    return known.sha256 if known and known.is_loaded else None


def path(file: File) -> Path:
    """Return where the record of an unpinned file is."""
    return _path(_own_folder() or folders.root() / "refs", file.url)


def note(file: File, digest: str) -> None:
    """Note the hash of an unpinned file that was fetched.

    Raises:
        OSError: The cache cannot be written.
    """
    if not file.is_pinned:
        loaded = held(file) == digest
        records.write(
            path(file), {"url": urls.redacted(file.url), "sha256": digest, "loaded": loaded}
        )


def confirm(file: File) -> None:
    """Record that an unpinned file was loaded strictly."""
    known = find(file)
    if known and not known.is_loaded:
        try:
            records.write(path(file), {"url": known.url, "sha256": known.sha256, "loaded": True})
        except OSError:
            pass  # a read-only cache: a process that can write confirms it later


def every() -> list[Known]:
    """List all records of this user, sorted by URL."""
    own = _own_folder()
    found = [_read(path) for path in (access.files(own) if own else ())]
    return sorted(known for known in found if known)


def forget(known: Known) -> None:
    """Withdraw the trust in a file: its hash is held no more."""
    known.path.unlink(missing_ok=True)


def is_own(known: Known) -> bool:
    """Return whether a record is where this user's are written."""
    return known.path.parent == _own_folder()


def _own_folder() -> Path | None:
    """Return the directory of this user's records; None if there is no such directory."""
    return next(folders.trusted("refs"), None)


def _warn_of_doubtful(file: File) -> None:
    for root in folders.roots():
        doubtful = _path(root / "refs", file.url)
        with suppress(OSError):  # there is none, as nearly always
            if access.is_ours(doubtful.lstat()) and access.is_closed(root, "refs"):
                continue
            text = (
                f"{doubtful} is not used, since others can write to it. It records which hash "
                f"{file.url} had when it was first loaded. To list open folders: dapi doctor"
            )
            notices.warn_once(text, CacheWarning)


def _path(folder: Path, url: str) -> Path:
    return folder / sha256(urls.split_userinfo(url)[0].encode()).hexdigest()


def _read(path: Path) -> Known | None:
    found = records.read(path)
    digest = found.get("sha256")
    if not isinstance(digest, str) or not isinstance(found.get("url"), str) or len(digest) != 64:
        return None
    if not set(digest) <= set("0123456789abcdef"):  # it becomes a file's name
        return None
    return Known(urls.redacted(found["url"]), digest, bool(found.get("loaded")), path)
