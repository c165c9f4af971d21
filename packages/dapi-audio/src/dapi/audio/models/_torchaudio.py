"""Common facts of torchaudio's published weights.

A family states the facts of each file; ``published`` makes its entry. torchaudio publishes neither
hashes nor sizes: the known ones were recorded by others who downloaded the files.
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
        meta: The metadata; it replaces the defaults, which are unknown.
        sources: The number of independent public projects that pin its ``sha256``.
        **fields: More attributes of the entry, such as ``sha256`` and ``size``.
    """
    unless_known = {"license": "unknown", "metrics": [], "hash_source": _hash_source(sources)}
    return WeightEntry(url, meta={**unless_known, **meta}, latest=True, **fields)


def of_spectrogram(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata about the mel spectrograms that a model makes or takes."""
    sizes = {name: facts[name] for name in ("n_fft", "n_mels", "hop_length")}
    return {**sizes, "spectrogram": facts}


def _hash_source(sources: int) -> str:
    if sources == 1:
        return "pinned by 1 public project, with its size"
    return f"pinned alike by {sources} independent public projects" if sources else NO_HASH
