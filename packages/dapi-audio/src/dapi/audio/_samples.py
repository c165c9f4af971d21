"""Synthetic sounds and texts for dapi check; advertised in ``dapi.samples``."""

from __future__ import annotations

from hashlib import shake_256
from typing import TYPE_CHECKING

from dapi import WeightEntry, Weights
from dapi.tasks import Sample

if TYPE_CHECKING:
    from torch import Tensor

_TEXT = "play the music"
_LENGTH = 8000  # samples: half a second of speech


def sound(weights: Weights | WeightEntry) -> Sample:
    """Return a sound, and features for models whose statistics are not cached."""
    import torch

    features = _noise("features", 40 * 80).reshape(1, 40, 80)
    prepared = features, torch.tensor([40])
    return Sample((_waveform(), weights.meta.get("sample_rate", 16000)), prepared=prepared)


def spoken(weights: Weights | WeightEntry) -> Sample:
    """Return a sound and its transcript."""
    return Sample(((_waveform(), weights.meta.get("sample_rate", 16000)), _TEXT))


def words(_weights: Weights | WeightEntry) -> Sample:
    """Return a text, and arguments that limit speech to a few steps."""
    import torch

    symbols = torch.tensor([[20, 3, 31, 11, 5, 24, 17, 8]])
    steps = {"decoder_max_step": 20, "decoder_early_stopping": False}
    return Sample(_TEXT, steps, prepared=(symbols, torch.tensor([symbols.shape[1]])))


def judged(weights: Weights | WeightEntry) -> Sample:
    """Return a sound, or two for models that compare two, since no task reads two."""
    if type(weights).__name__.startswith("SquimSubjective"):
        return Sample(None, prepared=(_waveform(), _waveform("clean")))
    return sound(weights)


def spectrogram(_weights: Weights | WeightEntry) -> Sample:
    """Return a sound and its spectrogram, for which there is no file format."""
    frames, hop = 6, 275
    waveform = _noise("spoken", 2 * hop).reshape(1, 1, 2 * hop)
    return Sample(None, prepared=(waveform, _noise("mel", 80 * frames).reshape(1, 1, 80, frames)))


def _waveform(name: str = "sound") -> Tensor:
    return _noise(name, _LENGTH).reshape(1, _LENGTH)


def _noise(name: str, count: int) -> Tensor:
    """Return numbers from -0.25 to 0.25."""
    import torch

    levels = torch.frombuffer(bytearray(shake_256(name.encode()).digest(count)), dtype=torch.uint8)
    return (levels.float() - 127.5) / 512
