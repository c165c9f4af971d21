"""Synthetic texts for dapi check; advertised in ``dapi.samples``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dapi import WeightEntry, Weights
from dapi.tasks import Sample

_TEXT = "The quick brown fox jumps over the lazy dog, and it does not look back."
_MASKED = "The quick brown fox jumps over the lazy [MASK] <mask>, and it does not look back."
_IDS = [101, 2003, 7592, 1037, 419, 12, 9033, 288, 64, 1731, 5050, 1]  # every vocabulary has them
_LAYERS = ("num_hidden_layers", "n_layers", "num_layers", "num_decoder_layers")
_LARGE = 150_000_000  # parameters
_HUGE = 1_000_000_000


def text(weights: Weights | WeightEntry) -> Sample:
    """Return a sentence, and ids for models whose tokenizer is not cached."""
    import torch

    ids = torch.tensor([_IDS])
    prepared = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return Sample(_TEXT, _smaller(weights), prepared=prepared)


def masked(weights: Weights | WeightEntry) -> Sample:
    """Return a sentence with the mask of every tokenizer."""
    return text(weights)._replace(value=_MASKED)


def _smaller(weights: Weights | WeightEntry) -> Mapping[str, Any]:
    """Return arguments that reduce large models to two layers, and huge ones further."""
    size, config = weights.meta.get("num_params", 0), weights.build.config
    smaller: dict[str, Any] = {}
    if size > _LARGE:
        smaller |= {name: 2 for name in _LAYERS if name in config}
    if size > _HUGE:
        smaller |= {"d_ff": 1024, "num_heads": 4}
    return smaller
