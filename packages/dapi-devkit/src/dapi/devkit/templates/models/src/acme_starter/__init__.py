"""Models of acme-starter and their weights."""

from acme_starter.mlp import (
    AcmeStarterMLPWeights,
    acme_starter_mlp,
)

__all__ = [
    "AcmeStarterMLPWeights",
    "acme_starter_mlp",
]
