"""Prepare samples for models; named by the entries of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Standardize"]


@dataclass(frozen=True, kw_only=True)
class Standardize:
    """Subtract the mean of each feature, and divide by its standard deviation.

    Called with N samples, a float tensor ``(N, F)`` or N sequences of F numbers, it returns
    floats ``(N, F)``.

    Args:
        mean: Mean of each of the F features.
        std: Standard deviation of each feature, by which it is then divided.

    Raises:
        ValueError: On a call, the samples have a different number of features.

    Example:
        >>> Standardize(mean=[1.0, 0.0], std=[2.0, 1.0])([(3.0, 4.0)])
        tensor([[1., 4.]])
    """

    mean: Sequence[float]
    std: Sequence[float]

    def __call__(self, samples: Tensor | Sequence[Sequence[float]]) -> Tensor:
        """Return the model's input."""
        found = torch.as_tensor(samples, dtype=torch.float32)
        if found.ndim != 2 or found.shape[1] != len(self.mean):
            raise ValueError(
                f"Expected samples of shape (N, {len(self.mean)}); got {tuple(found.shape)}."
            )
        return (found - torch.tensor(self.mean)) / torch.tensor(self.std)
