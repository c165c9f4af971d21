"""Placeholders: Git LFS pointers and web pages that are found in place of a file.

A server may answer with a sign-in page, and a checkout without Git LFS has small text files under
the names of large ones.
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
    b"version https://hawser": _POINTER,  # the first name of Git LFS
    b"version http://git-media": _POINTER,
    b"/annex/objects/": _ANNEX,
}
_REMEDIES = {
    _PAGE: "Sign in or accept the terms on its site, and download it again",
    _POINTER: "To download the file itself, run this in its repository: git lfs pull",
    _ANNEX: "To download the file itself, run this in its repository: git annex get",
}
_LENGTH = 512


def recognize(head: bytes | memoryview, name: str = "") -> str:
    """Return the kind of placeholder that the first 512 bytes of a file show; empty if none.

    A file whose name ends in ``.html`` may be a web page.
    """
    start = bytes(head[:_LENGTH]).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = next((kind for begin, kind in _HEADS.items() if start.startswith(begin)), "")
    return "" if found == _PAGE and name.lower().endswith((".html", ".htm")) else found


def explain(path: Path, name: str = "") -> str:
    """Describe the placeholder at a path, with the remedy, as a clause; empty if it is none."""
    try:
        kind = recognize(_head(path), name or path.name)
    except OSError:
        return ""
    return kind and f"it is {kind}, not the file itself. {_REMEDIES[kind]}"


def refuse(path: Path, name: str = "") -> None:
    """Refuse a placeholder in place of a local file, regardless of the expected hash.

    ``name`` is the published name of the file, if the path has another one.

    Raises:
        PlaceholderError: The file is a Git LFS pointer or a web page.
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
