"""Placeholders: what often lies, or is served, in place of a file.

Nobody publishes one, but a sign-in page is an answer like any other, and a checkout without Git
LFS holds small text files under the names of large ones.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from dapi.exceptions import PlaceholderError

_PAGE, _POINTER, _ANNEX = "a web page", "a Git LFS pointer", "a git-annex pointer"
_HEADS = {
    b"<!doctype html": _PAGE,
    b"<html": _PAGE,
    b"version https://git-lfs": _POINTER,
    b"version https://hawser": _POINTER,  # what Git LFS was called at first
    b"version http://git-media": _POINTER,
    b"/annex/objects/": _ANNEX,
}
_REMEDIES = {
    _PAGE: "Sign in or accept the terms where it comes from, and download it again",
    _POINTER: "To download the file itself, run this in its repository: git lfs pull",
    _ANNEX: "To download the file itself, run this in its repository: git annex get",
}
_LENGTH = 512


def recognize(head: bytes | memoryview, name: str = "") -> str:
    """Return what the first bytes of a file are instead of it; empty for a file itself.

    Args:
        head: The first bytes; 512 are enough.
        name: What the file is called: ``.html`` may be a web page.
    """
    start = bytes(head[:_LENGTH]).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = next((kind for begin, kind in _HEADS.items() if start.startswith(begin)), "")
    return "" if found == _PAGE and name.lower().endswith((".html", ".htm")) else found


def explain(path: Path, name: str = "") -> str:
    """Return a clause that says what lies in place of a file, and what to do; else empty.

    Args:
        path: Where it lies.
        name: What the file is called, if that is not its name there.
    """
    try:
        kind = recognize(_head(path), name or path.name)
    except OSError:
        return ""
    return kind and f"it is {kind}, not the file itself. {_REMEDIES[kind]}"


def refuse(path: Path, name: str = "") -> None:
    """Refuse what lies in place of a local file, whatever hash is expected of it.

    Args:
        path: Where it lies.
        name: What the file is called, if that is not its name there.

    Raises:
        PlaceholderError: It is a pointer, or a web page.
        OSError: It cannot be read.
    """
    head = _head(path)
    kind = recognize(head, name or path.name)
    if kind:
        match = re.search(rb"sha256:([0-9a-f]{64})", head)  # which a pointer of Git LFS tells
        expected, found = match[1].decode() if match else "", sha256(path.read_bytes()).hexdigest()
        remedy = _REMEDIES[kind]
        raise PlaceholderError(path, kind=kind, remedy=remedy, expected=expected, found=found)


def _head(path: Path) -> bytes:
    with path.open("rb", buffering=0) as stream:
        return stream.read(_LENGTH)
