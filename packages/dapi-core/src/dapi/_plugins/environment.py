"""The variables that dapi reads: which there are, and those that name distributions."""

from __future__ import annotations

import os

from dapi._values.names import normalize

ALLOWED = "DAPI_PLUGINS"
DISABLED = "DAPI_DISABLE_PLUGINS"
PREFERRED = "DAPI_PREFER"

# Those that hold names of distributions, separated by commas.
LISTS = (ALLOWED, DISABLED, PREFERRED)

# All that dapi reads; a test compares them with the sources.
KNOWN = (
    "DAPI_CACHE",
    "DAPI_CACHE_READONLY",
    "DAPI_COPIES",
    "DAPI_LICENSES",
    "DAPI_LOCK",
    "DAPI_MIRROR",
    "DAPI_MMAP",
    "DAPI_OFFLINE",
    "DAPI_PAGER",
    "DAPI_SIGNED_BY",  # by dapi-lock
    "DAPI_TRUST_MIRROR",
    *LISTS,
)


def listed(variable: str) -> tuple[str, ...] | None:
    """Return the distributions that a variable names, normalized; None when it is not set."""
    value = os.environ.get(variable)
    if value is None:
        return None
    return tuple(normalize(name.strip()) for name in value.split(",") if name.strip())


def disabling(distribution: str) -> str:
    """Return the variable that leaves a distribution out; an empty text when none does."""
    if distribution in (listed(DISABLED) or ()):
        return DISABLED
    allowed = listed(ALLOWED)
    return "" if allowed is None or distribution in allowed else ALLOWED


def unknown() -> list[str]:
    """List the variables that are set, begin with ``DAPI_``, and are none of dapi's."""
    return sorted(name for name in os.environ if name.startswith("DAPI_") and name not in KNOWN)
