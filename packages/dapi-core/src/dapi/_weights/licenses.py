"""Licenses: which are allowed on this machine, and which weights they exclude."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

from dapi.exceptions import LicenseError

VARIABLE = "DAPI_LICENSES"


def check(weights: Any) -> None:
    """Refuse weights whose license ``DAPI_LICENSES`` does not allow, or that use such weights.

    Raises:
        LicenseError: The license is not allowed.
    """
    allowed = allowed_here()
    found = allowed and refused(weights, allowed)
    if allowed and found:
        asset, license_ = found
        raise LicenseError(str(weights), asset=asset, license=license_, allowed=allowed)


def allowed_here() -> tuple[str, ...] | None:
    """Return the licenses that ``DAPI_LICENSES`` names; None if it is not set."""
    text = os.environ.get(VARIABLE, "")
    return tuple(filter(None, map(str.strip, text.split(",")))) or None


def refused(weights: Any, allowed: Collection[str]) -> tuple[str, str] | None:
    """Return the first license that is not allowed, and the asset that has it; else None.

    The asset is empty for the weights' own license; an entry that names none has "unknown".
    """
    for asset, owner in _owners(weights):
        license_ = str(owner.meta.get("license") or "unknown")
        if not is_allowed(license_, tuple(allowed)):
            return asset, license_
    return None


def _owners(weights: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield weights, and the other weights that they use as assets."""
    yield path, weights
    for name, asset in weights.assets.items():
        if hasattr(asset, "meta"):
            yield from _owners(asset, f"{path}.{name}".strip("."))


@lru_cache(maxsize=256)  # a search asks for each of its weights, and few licenses exist
def is_allowed(license_: str, allowed: tuple[str, ...]) -> bool:
    """Return whether an SPDX expression is satisfied by licenses that are allowed.

    ``A OR B`` needs one of the two, ``A AND B`` both. Other texts are compared as a whole.

    >>> is_allowed("MIT OR GPL-3.0-only", ("MIT",)), is_allowed("MIT AND GPL-3.0-only", ("MIT",))
    (True, False)
    """
    good = {text.casefold() for text in allowed}
    return license_.casefold() in good or _Expression(license_, good).holds()


class _Expression:
    """An SPDX license expression (SPDX 2.3, annex D), evaluated while it is parsed."""

    def __init__(self, text: str, good: Collection[str]) -> None:
        self._words = re.findall(r"[()]|[^\s()]+", text)
        self._good = good

    def holds(self) -> bool:
        try:
            return self._any() and not self._words
        except (IndexError, RecursionError):  # it ends early, or is nested too deep
            return False

    def _any(self) -> bool:
        found = self._all()
        while self._takes("OR"):
            found = self._all() or found
        return found

    def _all(self) -> bool:
        found = self._one()
        while self._takes("AND"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._takes("("):
            found = self._any()
            return self._words.pop(0) == ")" and found
        name = self._words.pop(0)
        if self._takes("WITH"):
            name += f" WITH {self._words.pop(0)}"
        return name.casefold() in self._good

    def _takes(self, word: str) -> bool:
        if self._words[:1] != [word]:
            return False
        self._words.pop(0)
        return True
