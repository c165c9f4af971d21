"""Turn models' outputs into readable results; named by the entries of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Classification"]


@dataclass(frozen=True)
class Classification:
    """Name the likeliest category of each sample.

    Called with logits ``(N, C)``, it returns for each sample its (category, probability).

    Args:
        categories: The name of each of the C outputs.

    Example:
        >>> import torch
        >>> Classification(["no", "yes"])(torch.tensor([[0.0, 100.0]]))
        [('yes', 1.0)]
    """

    categories: Sequence[str]

    def __call__(self, logits: Tensor) -> list[tuple[str, float]]:
        """Return the category of each sample."""
        best = logits.detach().softmax(dim=1).max(dim=1)
        return [
            (self.categories[int(index)], float(probability))
            for index, probability in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
