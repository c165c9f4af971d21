"""Weights of acme-starter."""

from acme_starter.weights import AcmeStarterWeights

__all__ = ["AcmeStarterWeights"]
