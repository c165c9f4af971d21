"""Transport: one answer of a web server, from an offset on.

The standard library's urllib, made careful: redirects never leave https, credentials never follow
to another host, a body that ends too early is an error, and nothing waits for ever.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    InvalidURL,
)
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import (
    AbstractHTTPHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from dapi._plugins.hooks import FetchRequest
from dapi._store import connections, hub
from dapi._store.credentials import Credentials
from dapi._store.settings import Settings
from dapi._text import urls
from dapi._text.untrusted import printable

_BLOCK, _LARGE = 1 << 18, 1 << 20
_LONGEST = 500  # characters of a reason: a server can send any text
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)

# A number in a header. str.isdigit also accepts a superscript, and int() refuses both that and more
# than 4,300 digits: a server could raise a ValueError here.
_NUMBER = "[0-9]{1,18}"

# The remedy when a server no longer has the published file.
TELL = "Upgrade the distribution that names the file; if that fails, report it to the publisher."


class AttemptError(Exception):
    """One attempt failed.

    Attributes:
        reason: The reason, as a clause without secrets and control characters.
        remedy: The remedy, as a sentence; empty if the network is the cause.
        may_pass: Whether another attempt may succeed.
        is_unreachable: Whether no connection could be made at all.
        must_restart: Whether the partial file cannot be resumed.
        wait: Seconds that the server asks to wait; None if it does not.
    """

    def __init__(
        self,
        reason: str,
        *,
        remedy: str = "",
        may_pass: bool = True,
        is_unreachable: bool = False,
        must_restart: bool = False,
        wait: float | None = None,
    ) -> None:
        self.reason = urls.redact(printable(reason))[:_LONGEST]
        super().__init__(self.reason)
        self.remedy, self.may_pass, self.is_unreachable = remedy, may_pass, is_unreachable
        self.must_restart, self.wait = must_restart, wait


class Reply:
    """The bytes of a file from ``start`` on.

    Attributes:
        start: The offset of the first byte.
        total: The size of the whole file; None if the server does not send it.
        version: A strong ETag, else a date; None if the server sends neither.
        has_ranges: Whether the server supports range requests.
    """

    def __init__(self, host: str, response: HTTPResponse, settings: Settings) -> None:
        headers = response.headers
        self._host, self._response, self._settings = host, response, settings
        self._buffer: memoryview | None = None
        self._encoding = headers.get("Content-Encoding", "identity").lower()
        self.start, self.total = 0, _whole_number(headers.get("Content-Length", ""))
        self._length = self.total
        if response.status == 206:
            self.start, self.total = _content_range(headers.get("Content-Range", ""))
        etag = headers.get("ETag", "")
        self.version = etag if etag.startswith('"') else headers.get("Last-Modified")
        self.has_ranges = response.status == 206 or headers.get("Accept-Ranges") == "bytes"
        if self._encoding != "identity":
            self.total, self.version, self.has_ranges = None, None, False

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        connections.finish(self._response)

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the body in blocks. A block is valid until the next one is requested.

        Raises:
            AttemptError: The body was cut, or the connection was closed or stalled.
        """
        began, count = time.monotonic(), 0
        try:
            while block := self._read(count, time.monotonic() - began):
                count += len(block)
                yield block
        except (OSError, HTTPException, ValueError) as cause:
            raise _attempt_error(self._host, cause, self._settings) from cause
        if self._length is not None and count < self._length:
            text = f"{self._host} closed the connection after {count:,} of {self._length:,} bytes"
            raise AttemptError(text)

    def _read(self, count: int, elapsed: float) -> bytes | memoryview:
        """Read the available bytes; large blocks, which cost less, on a fast connection.

        A large read that fails returns nothing of what had arrived, which would be lost on a slow
        connection.
        """
        if count <= _LARGE or count < self._settings.fast * elapsed:
            return self._response.read1(_BLOCK)
        self._buffer = self._buffer or memoryview(bytearray(_LARGE))
        return self._buffer[: self._response.readinto(self._buffer)]

    def decoded(self) -> Iterator[bytes | memoryview]:
        """Yield the body, decompressed if the server encoded it without being asked."""
        if self._encoding == "identity":
            yield from self.blocks()
            return
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            raise AttemptError(f"{self._host} sends the encoding {self._encoding}", may_pass=False)
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
        for block in self.blocks():
            rest: bytes | memoryview = block
            while rest:
                try:
                    yield decoder.decompress(rest, _BLOCK)
                except zlib.error as cause:
                    raise AttemptError(f"{self._host} sends a damaged encoding") from cause
                rest = decoder.unconsumed_tail
            if decoder.eof:  # bytes after the announced end may never stop
                return
        raise AttemptError(f"{self._host} closed the connection inside an encoded body")


def get(
    request: FetchRequest,
    *,
    start: int = 0,
    stop: int | None = None,
    version: str | None = None,
    is_pinned: bool,
    reach: float,
    settings: Settings,
) -> Reply:
    """Request a URL, or a range of it.

    Args:
        request: The URL and its headers.
        start: The offset of the first byte.
        stop: The offset after the last byte; None for the end.
        version: The version that the range must belong to; otherwise the server sends everything.
        is_pinned: Whether a full hash allows plain http.
        reach: Seconds allowed for the connection.
        settings: The timeout for a response.

    Raises:
        AttemptError: There is no response, or one that cannot be used.
    """
    headers = {"User-Agent": "dapi", "Accept-Encoding": "identity"}
    if start or stop is not None:
        headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        headers.update({"If-Range": version} if version else {})
    credentials = Credentials(request)
    url, host = credentials.url, urls.netloc(credentials.url)
    if urls.origin(url)[0] == "http" and not is_pinned:
        raise AttemptError("plain http needs a full sha256", remedy="Use https.", may_pass=False)
    try:
        sent = Request(url, headers=headers)  # noqa: S310 - the opener knows http(s) only
        _authorize(sent, credentials)
        response = _opener(credentials, is_pinned, reach).open(sent, timeout=settings.stall)
    except (OSError, HTTPException, ValueError) as cause:
        raise _attempt_error(host, cause, settings, credentials.problem) from cause
    try:
        return Reply(host, response, settings)
    except BaseException:
        connections.finish(response)
        raise


def _opener(credentials: Credentials, is_pinned: bool, reach: float) -> OpenerDirector:
    """Make an opener for http and https alone, with the environment's proxies."""
    opener = OpenerDirector()  # build_opener() adds handlers for ftp:, file: and data:
    for handler in (
        ProxyHandler(),
        _Web(reach),
        _SafeRedirects(credentials, is_pinned),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _Web(AbstractHTTPHandler):
    """Opens http and https, over a kept connection where there is one."""

    http_request = https_request = AbstractHTTPHandler.do_request_

    def __init__(self, reach: float) -> None:
        super().__init__()
        self._reach = reach

    def http_open(self, req: Request) -> HTTPResponse:
        return self._open(HTTPConnection, req)

    def https_open(self, req: Request) -> HTTPResponse:
        return self._open(HTTPSConnection, req, context=_certificates(_bundles()))

    def _open(self, kind: Any, req: Request, **options: Any) -> HTTPResponse:
        make = partial(_connection, kind, self._reach)
        if connections.takes(req):
            open_one = partial(make, req.host, timeout=req.timeout, **options)
            return connections.exchange(open_one, (kind, req.host, *options.values()), req)
        return self.do_open(make, req, **options)


def _connection(kind: Any, reach: float, host: str, **options: Any) -> Any:
    made = kind(host, **options)
    # http.client knows one timeout, for connecting and for each read.
    made._create_connection = partial(_connect, reach)
    return made


class _UnreachableError(OSError):
    """No address of a host takes a connection."""


def _connect(
    reach: float, address: tuple[str, int], timeout: float, source: Any = None
) -> socket.socket:
    """Connect to one of a host's addresses; all of them together within ``reach`` seconds."""
    end, problem = time.monotonic() + reach, OSError("it has no address")
    try:
        found = socket.getaddrinfo(*address, 0, socket.SOCK_STREAM)
        for rank, (*_, target) in enumerate(found):
            numeric = (str(target[0]), int(target[1]))
            share = max(0.1, (end - time.monotonic()) / (len(found) - rank))
            try:
                made = socket.create_connection(numeric, share, source)
            except OSError as cause:
                problem = cause
            else:
                made.settimeout(timeout)
                return made
    except OSError as cause:
        problem = cause
    reason = "no answer" if isinstance(problem, TimeoutError) else problem.strerror or str(problem)
    raise _UnreachableError(f"{address[0]}:{address[1]} cannot be reached: {reason}") from problem


def _bundles() -> tuple[str, ...]:
    """Return further certificates from environment variables (OpenSSL itself reads SSL_CERT_*)."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return tuple(os.environ.get(name, "") for name in names)


@lru_cache(maxsize=2)
def _certificates(bundles: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for path in filter(None, bundles[:2]):
        is_folder = os.path.isdir(path)  # noqa: PTH112 - as the setting is given
        context.load_verify_locations(**{"capath" if is_folder else "cafile": path})
    return context


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirects to https; to http only from http, with a full hash; nowhere else."""

    max_redirections = 10
    http_error_308 = HTTPRedirectHandler.http_error_302  # Python 3.10 does not know it

    def __init__(self, credentials: Credentials, is_pinned: bool) -> None:
        self._credentials, self._is_pinned = credentials, is_pinned

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        connections.finish(fp)  # or urllib reads its body, which may be endless
        before = urlsplit(req.full_url).scheme  # req.type is the proxy's scheme
        newurl, _ = urls.split_userinfo(urljoin(req.full_url, newurl))
        scheme = urlsplit(newurl).scheme
        is_downgrade = scheme == "http" and (before == "https" or not self._is_pinned)
        if scheme not in ("http", "https") or is_downgrade:
            raise _RefusedError(f"it redirects to {newurl}, which is not safe to follow")
        following = super().redirect_request(req, fp, 302, msg, headers, newurl)
        if following is not None:
            following.remove_header("Proxy-authorization")  # ProxyHandler adds it for a proxy
            _authorize(following, self._credentials)
        return following


class _RefusedError(OSError):
    """The server sent a redirect that is not followed."""


def _authorize(sent: Request, credentials: Credentials) -> None:
    for name, value in credentials.headers(sent.full_url).items():
        sent.add_unredirected_header(name, value)


def _attempt_error(
    host: str, cause: Exception, settings: Settings, problem: str = ""
) -> AttemptError:
    """Describe an error, and whether it may be temporary."""
    if isinstance(cause, HTTPError):
        connections.finish(cause.fp)
        cause.close()
        return _refused(urls.netloc(cause.url), cause, settings, problem)
    reason = cause.reason if isinstance(cause, URLError) else cause
    if isinstance(reason, _UnreachableError):
        return AttemptError(str(reason), is_unreachable=True)
    if isinstance(reason, TimeoutError):
        return AttemptError(f"{host} sent nothing for {settings.stall:g} s")
    if isinstance(reason, ssl.SSLCertVerificationError):
        text = f"the certificate of {host} is not trusted: {reason.verify_message}"
        remedy = "To trust a company's certificates: SSL_CERT_FILE=/path/of/them.pem"
        return AttemptError(text, remedy=remedy, may_pass=False)
    if isinstance(reason, InvalidURL) or not isinstance(reason, (OSError, HTTPException)):
        text = f"{host}: its address, a header, or the address of the proxy is not valid"
        return AttemptError(text, may_pass=False)  # their text may quote a secret
    return AttemptError(f"{host}: {reason}", may_pass=not isinstance(reason, _RefusedError))


def _refused(host: str, cause: HTTPError, settings: Settings, problem: str) -> AttemptError:
    text = f"{host} answered {cause.code} {printable(str(cause.reason))[:100]}"
    if cause.code == 416:
        return AttemptError(text, must_restart=True)
    if cause.code in (401, 403, 404, 410):
        text += f" ({problem})" if problem else ""
        login = f"If {host} needs a login, add one to ~/.netrc; it is sent over https only."
        login = hub.SIGN_IN if host == urls.netloc(hub.endpoint()) else login
        remedy = login if cause.code in (401, 403) else TELL
        return AttemptError(text, remedy=remedy, may_pass=False)
    wait = _seconds(cause.headers.get("Retry-After", "")) if cause.headers else None
    if wait is not None and wait > settings.longest_wait:
        return AttemptError(f"{text}, and asks to wait for {wait:g} s", may_pass=False)
    return AttemptError(text, may_pass=cause.code in _MAY_PASS, wait=wait)


def _seconds(text: str) -> float | None:
    """Read a Retry-After: seconds, or a date."""
    seconds = _whole_number(text.strip())
    if seconds is not None:
        return float(seconds)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _whole_number(text: str) -> int | None:
    return int(text) if re.fullmatch(_NUMBER, text) else None


def _content_range(text: str) -> tuple[int, int | None]:
    match = re.fullmatch(rf"bytes ({_NUMBER})-{_NUMBER}/({_NUMBER}|\*)", text.strip())
    if match is None:
        raise AttemptError(f"a part has the Content-Range {text!r}", must_restart=True)
    return int(match[1]), None if match[2] == "*" else int(match[2])
