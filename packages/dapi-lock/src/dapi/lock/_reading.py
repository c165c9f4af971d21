"""Reading: a lock file from disk, which is untrusted."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any, TypeVar

from dapi import catalog
from dapi.exceptions import DapiError
from dapi.lock.document import LOCAL, VERSION, Lock, LockedFile, LockedWeights, order
from dapi.lock.exceptions import LockError, MissingLockError
from dapi.lock.policy import Policy
from dapi.lock.requirement import misplaced

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

# A file of a lock takes about 400 bytes.
_LARGEST = 64 << 20
_AGAIN = "To write it again: dapi lock"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"[0-9a-f]{40}|")
# The parser takes quadratic time for a dotted key: 15 s for one of 60 kB. A lock needs none.
_MANY_DOTS = 50
_DOTTED = re.compile(
    rb"""(?<![\w\\-])(?:(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')[ \t]*\.[ \t]*){%d}""" % _MANY_DOTS
)
_STATES = ("active", "deprecated", "withdrawn")


def read(path: str | os.PathLike[str]) -> Lock:
    """Return the content of a lock file.

    Raises:
        MissingLockError: It does not exist.
        LockError: It is not a lock, or one of a later major version.
    """
    return parse(read_bytes(path), path)


def read_to_replace(path: str | os.PathLike[str]) -> Lock:
    """Return the content of a lock file that will be written anew.

    Raises:
        LockError: It is not a lock, or one of a later version, whose new keys would be lost.
    """
    content = read_bytes(path)
    found = parse(content, path)
    version = str(load(content, path)["lock-version"])
    if _numbers(version) > _numbers(VERSION):
        reason = f"it has lock-version {version}, and this dapi-lock writes {VERSION}"
        raise LockError(path, reason, "To change it: pip install --upgrade dapi-lock")
    return found


def _numbers(version: str) -> list[int]:
    return [int(each) for each in version.split(".")]


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a lock file, as covered by signatures.

    Raises:
        MissingLockError: It does not exist.
        LockError: It cannot be read.
    """
    try:
        with Path(path).open("rb") as stream:
            return stream.read(_LARGEST + 1)
    except FileNotFoundError:
        raise MissingLockError(path) from None
    except OSError as cause:
        raise LockError(path, f"it cannot be read ({cause.strerror})", _AGAIN) from cause


def parse(content: bytes, path: object) -> Lock:
    """Parse the bytes of a lock file; ``path`` is named in errors.

    Raises:
        LockError: They are not a lock, or one of a later major version.
    """
    table = load(content, path)
    version = table.get("lock-version")
    if not isinstance(version, str) or not re.fullmatch(r"\d{1,9}\.\d{1,9}", version):
        raise LockError(path, "it has no lock-version, so it is not a lock of dapi", _AGAIN)
    if version.partition(".")[0] != VERSION.partition(".")[0]:
        reason = f"it has lock-version {version}, but this dapi-lock reads {VERSION}"
        raise LockError(path, reason, "To read it: pip install --upgrade dapi-lock")
    top = _Table(table, path, "the lock")
    weights = _with_answers([_weights(each) for each in top.tables("weights")], top)
    names = [each.name for each in weights]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LockError(path, f"{twice} occurs twice", _AGAIN)
    _check_sizes(weights, path)
    policy = Policy.from_table(table.get("policy", {}), path)
    return Lock(tuple(sorted(top.texts("requires"))), tuple(sorted(weights)), policy)


def load(content: bytes, path: object, *, remedy: str = _AGAIN) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        LockError: It is not TOML, or too large.
    """
    if len(content) > _LARGEST:
        raise LockError(path, "it is larger than 64 MiB", remedy)
    if re.search(rb"(?m)^(<<<<<<<|>>>>>>>) ", content):
        raise LockError(path, "it has the conflict markers of a merge", f"Keep one side. {remedy}")
    for line in content.splitlines():
        if line.count(b".") >= _MANY_DOTS and _DOTTED.search(line):
            raise LockError(path, "it has a key of too many parts", remedy)
    try:
        table: dict[str, Any] = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as cause:
        reason = str(cause)[:200] or type(cause).__name__
        raise LockError(path, f"it is not TOML ({reason})", remedy) from cause
    return table


class _Table:
    """A table of a lock, read key by key; ``where`` names it in errors."""

    def __init__(self, table: Any, path: object, where: str) -> None:
        self.path, self.where = path, where
        self._table = self._expect(table, dict, "a table")

    def text(self, key: str, default: str | None = None) -> str:
        return self._expect(self._table.get(key, default), str, f"{key}, a string")

    def number(self, key: str) -> int:
        value = self._expect(self._table.get(key), int, f"{key}, an integer")
        if isinstance(value, bool) or not 0 <= value < 1 << 63:
            raise self.wrong(f"{key}, a non-negative integer")
        return value

    def has(self, key: str) -> bool:
        return key in self._table

    def texts(self, key: str, default: list[str] | None = None) -> tuple[str, ...]:
        values = self._expect(self._table.get(key, default), list, f"{key}, a list")
        return tuple(self._expect(value, str, f"{key}, a list of strings") for value in values)

    def table(self, key: str) -> _Table:
        return _Table(self._table.get(key), self.path, f"{key} of {self.where}")

    def tables(self, key: str) -> list[_Table]:
        values = self._expect(self._table.get(key, []), list, f"{key}, tables")
        return [_Table(each, self.path, f"{key} {rank}") for rank, each in enumerate(values, 1)]

    def _expect(self, value: Any, kind: type[T], what: str) -> T:
        if not isinstance(value, kind):
            raise self.wrong(what)
        return value

    def wrong(self, what: str) -> LockError:
        return LockError(self.path, f"{self.where} must have {what}", _AGAIN)


def _with_answers(weights: list[LockedWeights], top: _Table) -> tuple[LockedWeights, ...]:
    if not top.has("answers"):
        return tuple(weights)
    table = top.table("answers")
    return tuple(each._replace(answers=table.text(each.name, "")) for each in weights)


def _weights(table: _Table) -> LockedWeights:
    name = table.text("name")
    table.where = name
    if not table.has("builder"):
        return _source(table, name)
    builder, distribution = table.table("builder"), table.table("distribution")
    try:
        parsed = [catalog.parse(name), catalog.parse(builder.text("name"))]
    except DapiError:
        raise table.wrong("a name like 'distribution/builder:member', and a builder") from None
    if not (parsed[0].distribution and parsed[0].member and parsed[1].distribution):
        raise table.wrong("a name like 'distribution/builder:member', and a builder")
    state = table.text("status", "active")
    files = tuple(sorted((_file(each) for each in table.tables("files")), key=order))
    if state not in _STATES or not files:
        raise table.wrong(f"files, and a status that is one of {', '.join(_STATES)}")
    return LockedWeights(
        name, table.texts("requested"), builder.text("name"), builder.text("version"),
        distribution.text("name"), distribution.text("version"), table.text("license"), state,
        files,
    )  # fmt: skip


def _source(table: _Table, name: str) -> LockedWeights:
    """Read a source: files by their names in a directory, not published for dapi."""
    requested, revision = table.texts("requested"), table.text("revision", "")
    files = tuple(sorted((_file(each) for each in table.tables("files")), key=order))
    if ":" in name or not name:
        raise table.wrong("a name like 'distribution/builder:member', and a builder")
    if len(requested) != 1 or not files or not _REVISION.fullmatch(revision):
        raise table.wrong("one source that was requested, files, and a revision of 40 digits")
    wrong = misplaced(file.name for file in files)
    if wrong is not None:
        raise table.wrong(f"files that fit into one folder, not {wrong!r}")
    return LockedWeights(
        name, requested, "", "", "", "", table.text("license"), "active", files, revision,
        table.texts("include", []), table.texts("exclude", []),
    )  # fmt: skip


def _file(table: _Table) -> LockedFile:
    sha256, source = table.text("sha256"), table.text("hash-source", "published")
    urls = table.texts("urls")
    if not _SHA256.fullmatch(sha256):
        raise table.wrong("a sha256 of 64 digits")
    if source not in ("published", "fetched"):
        raise table.wrong("a hash-source that is published or fetched")
    if not urls or any(url.lower().startswith("file:") for url in urls):
        raise table.wrong("urls, none of them of a local file")
    for url in urls:
        if url.startswith(LOCAL) and (len(urls) > 1 or misplaced([url[len(LOCAL) :]]) is not None):
            raise table.wrong("a local path below its directory, and no other urls")
    file = LockedFile(
        table.text("name"), sha256, table.number("size"), urls, table.text("asset", ""),
        table.text("weights", ""), table.text("license", ""), source == "published",
        table.text("url-sha256", ""), table.text("prefix", ""),
    )  # fmt: skip
    if not file.prefix and all(url.startswith(("https://", "hf://")) for url in urls):
        return file  # as nearly all are; what follows takes as long as all before it
    try:
        _ = file.file
    except DapiError as cause:
        raise table.wrong(f"urls that can be fetched, and a prefix of keys ({cause})") from None
    return file


def _check_sizes(weights: tuple[LockedWeights, ...], path: object) -> None:
    sizes: dict[str, int] = {}
    for each in weights:
        for file in each.files:
            if sizes.setdefault(file.sha256, file.size) != file.size:
                raise LockError(path, f"sha256 {file.sha256} has two sizes", _AGAIN)
