"""Transport: from a URL to a stream of bytes, or to a path that is local already."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener, url2pathname

from dapi._discovery import entry_points, extension
from dapi._file import File
from dapi.exceptions import FetchError, MissingDependencyError

# Seconds without a byte after which a connection is given up.
_TIMEOUT = 10.0


class Source:
    """An open stream and how long it says it is (None: it does not say)."""

    def __init__(self, url: str, stream: IO[bytes], length: int | None) -> None:
        self._url, self._stream, self.length = url, stream, length

    def blocks(self, size: int) -> Iterator[bytes]:
        """Read the stream in blocks.

        Raises:
            FetchError: The connection broke or stalled.
        """
        try:
            while block := self._stream.read(size):
                yield block
        except (OSError, HTTPException) as cause:
            raise _failed(self._url, cause) from cause


def local_path(url: str) -> Path | None:
    """Return the path of a ``file:`` or ``package:`` URL; None for what must be fetched.

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
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            f"{url} is a file of the package {package}, which is not installed",
            requirement=requirement or package.replace("_", "-").replace(".", "-"),
        )
    for folder in map(Path, spec.submodule_search_locations):
        path = Path(os.path.normpath(folder / inside))
        if not path.is_relative_to(folder):
            raise FetchError(url, failures={url: "the path leaves the package"})
        if path.is_file():
            return path
    return path


@contextmanager
def open_url(url: str, headers: Mapping[str, str], file: File) -> Iterator[Source]:
    """Open a URL for reading.

    Raises:
        FetchError: It cannot be opened, or nobody provides its scheme.
    """
    scheme = urlsplit(url).scheme
    if scheme in ("http", "https"):
        with _open_http(url, headers, file) as source:
            yield source
        return
    opener = extension("dapi.schemes", scheme)
    if opener is None:
        known = sorted({"https", "package", *(p.name for p in entry_points("dapi.schemes"))})
        reason = f"no distribution provides the scheme {scheme!r} (there are: {', '.join(known)})"
        raise FetchError(url, failures={url: reason})
    with opener(url) as stream:
        yield Source(url, stream, None)


@contextmanager
def _open_http(url: str, headers: Mapping[str, str], file: File) -> Iterator[Source]:
    request = Request(url, headers={"User-Agent": "dapi", "Accept-Encoding": "identity", **headers})
    try:
        response = build_opener(_SafeRedirects(file.is_pinned)).open(request, timeout=_TIMEOUT)
    except (OSError, HTTPException) as cause:
        raise _failed(url, cause) from cause
    with response:
        announced = response.headers.get("Content-Length")
        yield Source(url, response, int(announced) if announced else None)


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirects, but never from https to http, nor to anything else."""

    def __init__(self, is_pinned: bool) -> None:
        self._is_pinned = is_pinned

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        scheme = urlsplit(newurl).scheme
        is_downgrade = scheme == "http" and (req.type == "https" or not self._is_pinned)
        if scheme not in ("http", "https") or is_downgrade:
            raise URLError(f"it redirects to {newurl}, which is not safe to follow")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _failed(url: str, cause: Exception) -> FetchError:
    if isinstance(cause, HTTPError):
        reason = f"the server answered {cause.code} {cause.reason}"
    elif isinstance(cause, TimeoutError) or isinstance(getattr(cause, "reason", 0), TimeoutError):
        reason = f"{urlsplit(url).hostname} sent nothing for {_TIMEOUT:g} s"
    else:
        reason = f"{urlsplit(url).hostname}: {getattr(cause, 'reason', None) or cause}"
    return FetchError(url, failures={url: reason})
