"""Settings: timeouts and retries of the store as one value, and its environment variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from dapi._values.record import Record


class Settings(Record):
    """Timeouts, retries and the number of connections.

    Attributes:
        connect: Seconds allowed for one connection.
        reach: Seconds after which a file is given up if none of its hosts can be reached.
        stall: Seconds without a byte after which a connection is dropped.
        attempts: How often in a row a download may fail without progress.
        backoff: Seconds before the second attempt; doubled for each further one.
        longest_wait: The longest ``Retry-After``, in seconds, that is respected.
        connections: The maximum number of connections for one file.
        probe: Seconds for which one connection is measured before more are opened.
        worthwhile: More connections are opened only if one would need so many more seconds.
        fast: Bytes a second from which one connection is enough.
        piece: The smallest range, in bytes, that is worth a connection.
        poll: Seconds between two checks of another process' download.
        patience: Seconds without progress after which another process is no longer waited for.
        abandoned: Seconds after which a partial file of another machine counts as abandoned.
        worth_keeping: The smallest failed download, in bytes, that is kept to be resumed.
        keep: Seconds for which an unused partial file is kept.
        largest: The maximum number of bytes to read if neither the entry nor the server gives a
            size; 16 GiB, as documented.
    """

    connect: float = 4.0
    reach: float = 8.0
    stall: float = 8.0
    attempts: int = 5
    backoff: float = 0.5
    longest_wait: float = 60.0
    connections: int = 8
    probe: float = 0.15
    worthwhile: float = 1.0
    fast: float = 60e6
    piece: int = 2 << 20
    poll: float = 0.1
    patience: float = 60.0
    abandoned: float = 600.0
    worth_keeping: int = 1 << 20
    keep: float = 7 * 86400.0
    largest: int = 1 << 34


DEFAULT = Settings()


_forbidden: ContextVar[bool] = ContextVar("dapi_offline", default=False)


@contextmanager
def offline() -> Iterator[None]:
    """Prevent every request while a block runs, as ``DAPI_OFFLINE`` does."""
    token = _forbidden.set(True)
    try:
        yield
    finally:
        _forbidden.reset(token)


def is_offline() -> bool:
    """Return whether ``DAPI_OFFLINE``, or an enclosing ``offline`` block, prevents requests."""
    return _forbidden.get() or _is_set("DAPI_OFFLINE")


def allows(variable: str) -> bool:
    """Return whether an environment variable allows a feature; it does unless it is set to no."""
    return os.environ.get(variable, "1").lower() not in ("0", "false", "no", "off")


def trusts_mirrors() -> bool:
    """Return whether ``DAPI_TRUST_MIRROR`` lets a mirror serve files without a full hash."""
    return _is_set("DAPI_TRUST_MIRROR")


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "0").lower() not in ("", "0", "false", "no", "off")
