"""Connections: kept open between requests to one server, while many files are fetched.

A connection is used again only if its last answer was read to the end and nothing followed, and
never for long. One that the server closed meanwhile is replaced once. Outside of ``kept`` each
request has its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse
    from urllib.request import Request

# Seconds after which an idle connection is not used again: servers close them from 5 s on.
_LONGEST_IDLE = 4.0

_lock = Lock()
_users = 0
_idle: dict[object, list[tuple[float, HTTPConnection]]] = {}


@contextmanager
def kept() -> Iterator[None]:
    """Keep connections open between the requests of all threads while the block runs."""
    global _users
    with _lock:
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            over = [] if _users else [each for idle in _idle.values() for _, each in idle]
            if not _users:
                _idle.clear()
        for connection in over:
            connection.close()


def takes(request: Request) -> bool:
    """Whether a request may use a kept connection: not through a proxy."""
    return _users > 0 and not request.has_proxy() and not getattr(request, "_tunnel_host", None)


def exchange(make: Callable[[], Any], key: object, request: Request) -> HTTPResponse:
    """Send a GET over a kept connection with the same key, or one that ``make`` makes.

    Errors are those of urllib.
    """
    from http.client import HTTPException  # not before: the cache is opened without a request
    from urllib.error import URLError

    key = (os.getpid(), key)  # after a fork, the parent's connections are not ours
    connection = _take(key)
    is_reused = connection is not None
    while True:
        connection = connection or make()
        try:
            response = _asked(connection, request)
            break
        except (OSError, HTTPException) as cause:
            connection.close()
            if not is_reused or isinstance(cause, TimeoutError):
                raise URLError(cause) if isinstance(cause, OSError) else cause from None
            connection, is_reused = None, False
        except BaseException:
            connection.close()
            raise
    response.url, response.msg = request.full_url, response.reason  # type: ignore[assignment]
    response.dapi_connection = key, connection  # type: ignore[attr-defined]
    return response


def _asked(connection: HTTPConnection, request: Request) -> HTTPResponse:
    if connection.sock is not None:
        connection.sock.settimeout(request.timeout)
    headers = {name.title(): value for name, value in request.header_items()}
    connection.request("GET", request.selector, headers=headers)
    return connection.getresponse()


def finish(response: Any) -> None:
    """Close a response; its connection is kept if nothing is left to read of it."""
    key, connection = getattr(response, "dapi_connection", (None, None))
    is_whole = response.isclosed() or getattr(response, "length", None) == 0
    response.close()
    if connection is None:
        return
    if is_whole and connection.sock is not None:
        with _lock:
            if _users:
                _idle.setdefault(key, []).append((time.monotonic(), connection))
                return
    connection.close()


def _take(key: object) -> HTTPConnection | None:
    while True:
        with _lock:
            idle = _idle.get(key)
            if not idle:
                return None
            since, connection = idle.pop()
        if time.monotonic() - since < _LONGEST_IDLE and _is_silent(connection):
            return connection
        connection.close()


def _is_silent(connection: HTTPConnection) -> bool:
    """Whether a server neither closed a connection nor sent bytes that nobody asked for.

    Such bytes, after an answer that is longer than announced, would be the next answer.
    """
    from selectors import EVENT_READ, DefaultSelector

    pending = getattr(connection.sock, "pending", None)  # of TLS, already decrypted
    if pending is not None and pending():
        return False
    with DefaultSelector() as selector:
        selector.register(connection.sock, EVENT_READ)
        return not selector.select(0)
