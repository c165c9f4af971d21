"""Types of weights that somebody publishes for a builder of another distribution."""

from __future__ import annotations

from os import PathLike
from typing import Protocol, TypeVar, Union

from dapi._values.public import public
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights

W_co = TypeVar("W_co", bound=Weights, covariant=True)
W = TypeVar("W", bound=Weights)


@public
class WeightsFor(Protocol[W_co]):
    """Type of the weights that somebody publishes for a builder, named by the builder's own enum.

    An enum becomes one by an annotation without a value, which only type checkers read. The entry
    point in ``dapi.weights`` tells dapi the same::

        class LeavesWeights(Weights):
            published_for: ResNet20Weights
            Leaves_RefV1 = WeightEntry("https://example.org/leaves.safetensors", latest=True)
    """

    @property
    def published_for(self) -> W_co:
        """The members that the builder has of its own; for type checkers only."""


WeightsLike = Union[W, WeightsFor[W], WeightEntry, PathLike[str]]  # noqa: UP007  # for 3.10
"""What a builder takes as weights, by its own enum: its members, those that others publish for it,
any entry, and the path of a local checkpoint, as in ``Path("net.pth")``. In a signature:
``weights: WeightsLike[NetWeights] | None = None``."""
