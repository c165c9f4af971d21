"""Similar names: what somebody may have meant. Imported when a name is not found."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# A whole name that was typed; a key or an argument that was renamed must be closer.
NAME, KEY = 0.6, 0.8


def nearest(
    name: str, available: Iterable[str], *, count: int = 3, cutoff: float = NAME
) -> list[str]:
    """Return the available names most similar to ``name``, whatever their case."""
    folded = {candidate.lower(): candidate for candidate in sorted(available)}
    return [folded[near] for near in get_close_matches(name.lower(), folded, count, cutoff)]
