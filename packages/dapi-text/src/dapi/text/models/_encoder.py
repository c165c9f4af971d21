"""Common facts of the published encoders: texts in, a vector for each token out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dapi import Asset, File, WeightEntry, lazy
from dapi.text.models._hub import license_source


def encoder(
    file: File,
    tokenizer: File,
    *,
    meta: Mapping[str, Any],
    padding: str = "[PAD]",
    max_length: int = 512,
    **fields: Any,
) -> WeightEntry:
    """Describe weights of an encoder; none outdates another.

    Args:
        file: The weights.
        tokenizer: The ``tokenizer.json`` that they were trained with.
        meta: The metadata; without ``task``, the weights were only pretrained; without ``metrics``,
            none are published.
        padding: The token that fills the shorter texts of a batch.
        max_length: Number of tokens to which a text is truncated.
        **fields: More attributes of the entry.
    """
    source = license_source(file) if meta["license"] != "unknown" else {}
    return WeightEntry(
        file.url,
        sha256=file.sha256,
        size=file.size,
        transforms=lazy(
            "dapi.text.transforms:Tokenizer",
            file=Asset("tokenizer"),
            max_length=max_length,
            padding=padding,
        ),
        assets={"tokenizer": tokenizer},
        meta={"task": "feature-extraction", "metrics": [], **source, **meta},
        latest=True,
        **{"postprocess": lazy("dapi.text.postprocess:SentenceEmbeddings"), **fields},
    )
