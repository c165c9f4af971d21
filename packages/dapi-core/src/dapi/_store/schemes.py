"""Schemes: resolve a URL to a local path, or to a source that its bytes are read from.

Besides https, http, ``file:`` and ``package:``, a distribution can provide a scheme through the
entry-point group ``dapi.schemes``: a function from a URL to either a ``dapi.hooks.FetchRequest``
(an https URL and its headers), or a binary stream (an interrupted download resumes if it can
``seek``). ``hf:``, ``s3:`` and ``gs:`` are built in, unless a distribution provides them.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from dapi._plugins import hooks
from dapi._plugins.discovery import entry_points, extension
from dapi._store import verification
from dapi._store.mirrors import mirrored
from dapi._store.settings import Settings, trusts_mirrors
from dapi._store.transport import TELL, AttemptError, Reply, get
from dapi._text import urls
from dapi._values.file import File
from dapi.exceptions import DapiError, FetchError, MissingDependencyError

_BLOCK = 1 << 18

# Requirements that may follow ``pip install`` in a message; the URL is untrusted.
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w.,-]+\])?([<>=!~]=?[\w.*+!]+,?)*", re.ASCII)

# The remedy when a mirror, or the server that a hook names, lacks a file.
_NOT_THERE = "Add the file to the mirror, or remove its host from the rules of the mirror."

_OWN = {"hf": "hub", "s3": "objects", "gs": "objects"}


def local_path(url: str) -> Path | None:
    """Return the path of a ``file:`` or ``package:`` URL; None if the URL must be downloaded.

    Raises:
        MissingDependencyError: The package is not installed.
        FetchError: The path would leave the package.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    if parts.scheme == "package":
        return _package_path(url, parts.path, parts.fragment)
    return None


def _package_path(url: str, location: str, requirement: str) -> Path:
    """Find a file inside a package without importing the package."""
    package, _, inside = unquote(location).partition("/")
    try:
        spec = find_spec(package)
    except (ModuleNotFoundError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            f"{url} is a file of the package {package}, which is not installed",
            requirement=requirement if _REQUIREMENT.fullmatch(requirement) else "",
        )
    for folder in map(Path, spec.submodule_search_locations):
        path = Path(os.path.normpath(folder / inside))
        if not path.is_relative_to(folder):
            raise FetchError(url, failures={url: "the path leaves the package"})
        if path.is_file():
            return path
    return path


def source(url: str, file: File, settings: Settings) -> Source:
    """Return the source of a URL's bytes, after hooks and mirrors were applied.

    Raises:
        FetchError: No distribution provides the scheme, or a rule of ``DAPI_MIRROR`` is invalid.
        AttemptError: The provider failed, or the hash is too short to trust a mirror.
    """
    request = _routed(url)
    is_elsewhere = urls.origin(request.url) != urls.origin(url)
    if is_elsewhere:
        _check_mirror(request.url, file)
    if urls.origin(request.url)[0] not in ("http", "https"):
        opened = _open(request.url)
        if not isinstance(opened, hooks.FetchRequest):
            return _stream(request.url, opened)
        request = opened

    def ask(start: int, stop: int | None, version: str | None, reach: float) -> Reply:
        try:
            return get(
                request, start=start, stop=stop, version=version, is_pinned=file.is_pinned,
                reach=reach, settings=settings,
            )  # fmt: skip
        except AttemptError as problem:
            if problem.remedy == TELL and is_elsewhere:  # not its publisher's server
                problem.remedy = _NOT_THERE
            raise

    return ask


def _routed(url: str) -> hooks.FetchRequest:
    """Ask hooks and mirrors; headers are for the origin that they were given for, and no other."""
    request = hooks.before_fetch(url)
    target = mirrored(request.url)
    if urls.origin(target) != urls.origin(request.url):
        return hooks.FetchRequest(target)
    return request._replace(url=target)


def _check_mirror(url: str, file: File) -> None:
    """Refuse a mirror for a file that its hash does not vouch for."""
    if not verification.is_vouched_for(file) and not trusts_mirrors():
        digits = len(verification.expected(file))
        known = f"only {digits} digits of its sha256 are" if digits else "no sha256 is"
        reason = f"{known} published, so that a mirror ({url}) could serve other bytes"
        remedy = (
            "To trust the mirror: DAPI_TRUST_MIRROR=1. To use the file's own server instead: "
            "remove its host from the rules of the mirror."
        )
        raise AttemptError(reason, remedy=remedy, may_pass=False)


def _open(url: str) -> Any:
    scheme = urlsplit(url).scheme
    opener = extension("dapi.schemes", scheme)
    if opener is None and scheme in _OWN:
        opener = import_module(f"dapi._store.{_OWN[scheme]}").open_url
    if opener is None:
        provided = (point.name for point in entry_points("dapi.schemes"))
        known = ", ".join(sorted({"https", "package", *_OWN, *provided}))
        reason = f"no distribution provides the scheme {scheme!r} (there are: {known})"
        raise FetchError(url, failures={url: reason})
    try:
        return opener(url)
    except DapiError:
        raise
    except Exception as cause:
        raise _provider_failed(scheme, cause) from cause


def _provider_failed(what: str, cause: Exception) -> AttemptError:
    """Shorten the message of a provider's error to one line."""
    text = " ".join(str(cause).partition("\n\n")[0].split())[:300]
    return AttemptError(f"{what}: {type(cause).__name__}: {text}")


def _stream(url: str, opened: IO[bytes]) -> Source:
    """Return a source that reads a provider's stream, and opens it again for each retry."""
    unused = [opened]

    def ask(start: int, _stop: int | None, version: str | None, _reach: float) -> _StreamAnswer:
        return _StreamAnswer(unused.pop() if unused else _open(url), start, version)

    return ask


class _StreamAnswer:
    """The bytes of a stream, as a ``Reply``.

    One that cannot seek, or holds other bytes now, starts at zero.
    """

    total: int | None
    has_ranges = False  # a stream has one position

    def __init__(self, stream: IO[bytes], start: int, version: str | None) -> None:
        self._stream = stream
        self.version = getattr(stream, "version", None)
        self.total = getattr(stream, "size", None)
        seekable = getattr(stream, "seekable", lambda: False)
        is_same = version is not None and self.version == version
        self.start = stream.seek(start) if start and is_same and seekable() else 0

    def __enter__(self) -> _StreamAnswer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def decoded(self) -> Iterator[bytes]:
        try:
            while block := self._stream.read(_BLOCK):
                yield block
        except DapiError:
            raise
        except Exception as cause:
            raise _provider_failed("its stream", cause) from cause


Answer = Reply | _StreamAnswer

# Called with start, stop, version and reach.
Source = Callable[[int, "int | None", "str | None", float], Answer]
