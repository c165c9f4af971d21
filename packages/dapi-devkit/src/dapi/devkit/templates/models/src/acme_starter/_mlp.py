"""The network of the family ``mlp``."""

from __future__ import annotations

from torch import Tensor, nn


class MLP(nn.Module):
    """Two hidden layers over a few numbers, and a linear classifier.

    Args:
        in_features: How many numbers describe a sample.
        num_classes: Outputs of the layer ``classify``.
        width: Of the hidden layers.
    """

    def __init__(self, *, in_features: int = 2, num_classes: int = 2, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(in_features, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
        )
        self.classify = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, ``(N, num_classes)``, of samples ``(N, in_features)``."""
        logits: Tensor = self.classify(self.features(x))
        return logits
