"""What prepares pictures and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Resize a picture of whole numbers from 0 to 255, then subtract and divide."""

    size: int
    mean: Sequence[float]
    std: Sequence[float]
    antialias: bool = False

    def __call__(self, picture: Tensor) -> Tensor:
        """Return floats ``(1, C, size, size)``."""
        large = picture[None].float()
        size = (self.size, self.size)
        small = functional.interpolate(large, size, mode="bilinear", antialias=self.antialias)
        small = small.round() / 255
        mean, std = (torch.tensor(each)[:, None, None] for each in (self.mean, self.std))
        return (small - mean) / std


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Give each word its number."""

    words: Sequence[str]
    start: int = 1

    def __call__(self, text: str) -> Tensor:
        """Return ids ``(1, L)``."""
        ids = [1 + self.start + self.words.index(word) for word in text.split()]
        return torch.tensor([[self.start, *ids]])
