"""Weights for starter_builder of starter-owner. Imports only ``dapi``."""

from __future__ import annotations

from dapi import WeightEntry, Weights

__all__ = ["AcmeStarterWeights"]


class AcmeStarterWeights(Weights):
    """Weights for ``starter_builder``."""

    AcmeStarter_RefV1 = WeightEntry(url="https://example.org/starter.safetensors")
