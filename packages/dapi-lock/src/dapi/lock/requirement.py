"""Requirements of a project: names of weights, or sources of files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import basename
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from dapi import catalog
from dapi.lock.exceptions import LockError

# "hub:Member" is the name of weights; sources have a slash after the colon.
_SOURCE = re.compile(r"\./|[a-z][a-z0-9+.-]*:[^:]*/", re.IGNORECASE)
_HUB = re.compile(r"hf:([\w.-]+/[\w.-]+)(?:@([^\s?#]+))?", re.ASCII)
_KEYS = ("source", "name", "license", "include", "exclude")
_FORM = 'Write "resnet50", or {source = "hf:owner/name@revision", include = ["*.json"]}.'


class Requirement(NamedTuple):
    """One requirement of a project.

    Attributes:
        text: A model's name (its latest weights), the name of weights, or a source:
            ``hf:owner/name@revision``, the URL of a file, or ``./path`` of a file or, with a
            trailing slash, of a directory.
        name: The name of a source in the lock; empty for weights.
        license: The license that the project states for a source without one.
        include: Patterns of the files of a source; none for all.
        exclude: Patterns of the excluded files.
    """

    text: str
    name: str = ""
    license: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, **facts: Any) -> Requirement:
        """Read the name of weights or of a source; a source without a name gets one.

        >>> Requirement.parse("hf:owner/name@main").name
        'owner/name'
        """
        if not _SOURCE.match(text):
            return cls(text, **facts)
        name = facts.pop("name", "") or _name(text)
        return cls(text, name, **facts)

    @classmethod
    def from_toml(cls, value: Any, where: object) -> Requirement:
        """Read a string, or a table with ``source`` in it.

        Raises:
            LockError: It is neither of them.
        """
        if isinstance(value, str):
            return cls.parse(value)
        if not isinstance(value, dict) or not isinstance(value.get("source"), str):
            raise LockError(where, "weights is not a list of names and sources", _FORM)
        facts = {key: _value(key, found, where) for key, found in value.items() if key != "source"}
        found = cls.parse(value["source"], **facts)
        if not found.is_source:
            raise LockError(where, f"source = {found.text!r} is not a source", _FORM)
        return found

    def as_toml(self) -> str | dict[str, Any]:
        """Return the value for a pyproject.toml: only parts that differ from the default."""
        usual = Requirement.parse(self.text)
        facts = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value, default in zip(self._fields, self, usual, strict=True)
            if value != default
        }
        return {"source": self.text, **facts} if facts else self.text

    @property
    def is_source(self) -> bool:
        """Whether it is a source of files, and not the name of weights."""
        return bool(self.name)

    @property
    def shown(self) -> str:
        """The text in the lock: without passwords and queries."""
        return catalog.redacted(self.text)

    @property
    def repository(self) -> tuple[str, str] | None:
        """The repository of the Hugging Face Hub, and its revision; None for another source."""
        match = _HUB.fullmatch(self.text)
        return (match[1], match[2] or "main") if match else None

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory, not one file."""
        return self.text.startswith("hf:") or self.text.endswith("/")


def _name(text: str) -> str:
    match = _HUB.fullmatch(text)
    if match:
        return match[1]
    if text.startswith("./"):
        return text[2:].rstrip("/")
    path = text.partition("#")[0] if text.startswith("package:") else urlsplit(text).path
    return catalog.printable(basename(unquote(path))) or "files"


def _value(key: str, value: Any, where: object) -> Any:
    """Check one key of a table; an unknown one is an error, since it would have no effect."""
    if key not in _KEYS:
        known = ", ".join(_KEYS)
        raise LockError(where, f"unknown key {key!r} of a source", f"Keys are: {known}.")
    if key in ("name", "license"):
        if not isinstance(value, str) or not value or ":" in value:
            raise LockError(
                where, f"{key} = {value!r} of a source", "Expected a string without colons."
            )
        return value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise LockError(where, f"{key} = {value!r} of a source", 'Expected a list like ["*.json"].')
    return tuple(sorted(set(value)))


def misplaced(names: Iterable[str]) -> str | None:
    """Return the first name that conflicts with the others in a directory; None if there is none.

    >>> misplaced(["unet/config.json", "../x"]), misplaced(["a", "a/b"]), misplaced(["a", "b/c"])
    ('../x', 'a', None)
    """
    seen: set[str] = set()
    folders: set[str] = set()
    names = list(names)
    for name in names:
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts) or "\\" in name or name in seen:
            return name
        if catalog.printable(name) != name:
            return name
        seen.add(name)
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return next((name for name in names if name in folders), None)
