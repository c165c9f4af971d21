"""What torchaudio's published weights have in common.

A family states what is particular to each file; ``published`` makes the entry of it. torchaudio
publishes neither hashes nor sizes: those that are known were written down by who downloaded a file
before us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dapi import WeightEntry

MODELS = "https://download.pytorch.org/torchaudio/models/"
NO_HASH = "not published: trusted on first use"


def published(
    url: str,
    *,
    meta: Mapping[str, Any],
    sources: int = 0,
    **fields: Any,
) -> WeightEntry:
    """Describe a file that torchaudio publishes; none of its weights outdate others.

    Args:
        url: Of the file.
        meta: The metadata, in place of what is unknown of most files.
        sources: How many independent public projects pin its ``sha256``.
        **fields: Further attributes of the entry, such as ``sha256`` and ``size``.
    """
    unless_known = {"license": "unknown", "metrics": [], "hash_source": _hash_source(sources)}
    return WeightEntry(url, meta={**unless_known, **meta}, latest=True, **fields)


def _hash_source(sources: int) -> str:
    if sources == 1:
        return "pinned by 1 public project, with its size"
    return f"pinned alike by {sources} independent public projects" if sources else NO_HASH
