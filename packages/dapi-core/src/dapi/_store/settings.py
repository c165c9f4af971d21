"""Settings: how patient the store is, as one value; and what the environment says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How long the store waits, how often it tries, and how many connections it opens.

    Attributes:
        connect: Seconds that making one connection may take.
        reach: Seconds after which a file is given up if none of its hosts can be reached.
        stall: Seconds without a byte after which a connection is dropped.
        attempts: How often in a row a download may fail without getting any further.
        backoff: Seconds before the second attempt; doubled for each further one.
        longest_wait: The longest ``Retry-After`` in seconds that is waited for.
        connections: How many connections at most are opened for one file.
        probe: Seconds for which one connection is watched before further ones are opened.
        worthwhile: Further connections are opened only if one alone would need so many seconds.
        fast: Bytes a second from which one connection is enough.
        piece: The least bytes that are worth a connection of their own.
        poll: Seconds between two looks at a download that another process does.
        patience: Seconds without progress after which another process is not waited for.
        abandoned: Seconds after which a partial file of another machine counts as abandoned.
        worth_keeping: The least bytes of a failed download that are kept to be resumed.
        keep: Seconds for which a partial file that nobody resumes is kept.
        largest: The most bytes that are read if neither the entry nor the server says how many;
            16 GiB, as documented.
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
    """Forbid every request while a block runs, as ``DAPI_OFFLINE`` does."""
    token = _forbidden.set(True)
    try:
        yield
    finally:
        _forbidden.reset(token)


def is_offline() -> bool:
    """Return whether ``DAPI_OFFLINE``, or a block around, forbids every request."""
    return _forbidden.get() or _is_set("DAPI_OFFLINE")


def allows(variable: str) -> bool:
    """Return whether a variable, which allows something unless it says no, allows it."""
    return os.environ.get(variable, "1").lower() not in ("0", "false", "no", "off")


def trusts_mirrors() -> bool:
    """Return whether ``DAPI_TRUST_MIRROR`` lets a mirror serve files without a full hash."""
    return _is_set("DAPI_TRUST_MIRROR")


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "0").lower() not in ("", "0", "false", "no", "off")
