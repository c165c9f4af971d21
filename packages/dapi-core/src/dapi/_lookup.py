"""Building a model by its name: which builder, and which weights, a name stands for."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from dapi import _catalog, _models, _names, _offers
from dapi._entry import WeightEntry
from dapi._weights import Weights
from dapi.exceptions import InvalidNameError, NoWeightsError

if TYPE_CHECKING:
    from torch import nn

    from dapi._known_models import KnownModel


class Latest(Enum):
    """The type of ``dapi.LATEST``."""

    LATEST = "LATEST"

    def __repr__(self) -> str:
        return "dapi.LATEST"


LATEST: Final = Latest.LATEST


def get_model(
    name: KnownModel | str,  # any name will do; an editor completes those of our distributions
    *,
    weights: Latest | Weights | WeightEntry | str | None = LATEST,
    **config: Any,
) -> nn.Module:
    """Build a model by name.

    Args:
        name: As in ``"resnet50"``, ``"dapi-vision/resnet50"``, or with its weights
            ``"resnet50:ImageNet1K_RefV1"``.
        weights: ``LATEST``: the first latest member of the builder's own enum; a member, its
            name, or any WeightEntry; None for random initialisation.
        **config: Further arguments of the builder.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        UnknownModelError: No distribution that is installed gives it.
        UnknownWeightsError: It has no weights of that name, or none are marked latest.
        WeightsTypeError: ``weights`` are not weights of this builder.
        FetchError: They could not be fetched. This function reads the cache and the network.
    """
    model, chosen = resolve(name, weights)
    built: nn.Module = model.load()(weights=chosen, **config)
    return built


def resolve(
    name: str, weights: Latest | Weights | WeightEntry | str | None = LATEST
) -> tuple[_models.Model, Weights | WeightEntry | None]:
    """Return the model that a name stands for, and the weights to build it with.

    Imports no more than it takes to find the weights; fetches nothing. Arguments and errors are
    those of ``get_model``.
    """
    distribution, builder, member = _catalog.parse(name)
    if member is not None:
        if weights is not LATEST:
            raise NoWeightsError(
                f"{name!r} already names weights, and weights={weights!s} was given too",
                "Give one of them.",
            )
        return _catalog.find_offered(distribution, builder), _catalog.get_weights(name)
    model = _catalog.find(name)
    if isinstance(weights, str):
        return model, _catalog.get_weights(_weights_name(model, weights))
    if isinstance(weights, Latest):
        return model, own_enum(model.load(), model.name).get_latest()
    return model, weights


def _weights_name(model: _models.Model, weights: str) -> str:
    """Return the full name of weights that are given by their member's name, or in full."""
    name = weights if ":" in weights else f"{model.qualified}:{weights}"
    try:
        _names.parse(name)
    except InvalidNameError:
        enums = [enum for _, enum in _offers.enums(model)]
        raise _catalog.unknown_weights(model, weights, enums) from None
    return name


def own_enum(builder: Callable[..., Any], name: str) -> type[Weights]:
    """Return the enum that a builder was declared with.

    Raises:
        NoWeightsError: It has none.
    """
    spec = getattr(builder, "__dapi_builder__", None)
    if spec is None or not spec.weights:
        raise NoWeightsError(f"{name} has no published weights", "Build it with weights=None.")
    enum: type[Weights] = spec.weights[0]
    return enum
