"""Models of ACME and their weights."""

from acme_models.digits import ACMEResNet20Weights
from acme_models.wine import WineMLPWeights, wine_mlp

__all__ = ["ACMEResNet20Weights", "WineMLPWeights", "wine_mlp"]
