"""What turns outputs into what people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Classification:
    """Name the likeliest category."""

    categories: Sequence[str]

    def __call__(self, logits: Tensor) -> list[dict[str, object]]:
        """Return the category and its probability for each picture."""
        best = logits.softmax(1).max(1)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [{"category": self.categories[place], "probability": p} for place, p in pairs]


@dataclass(frozen=True)
class Words:
    """Find the likeliest word at each place."""

    def __call__(self, scores: Tensor) -> list[list[int]]:
        """Return the number of the word for each place."""
        found: list[list[int]] = scores.argmax(-1).tolist()
        return found
