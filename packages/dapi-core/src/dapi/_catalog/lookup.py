"""Building a model by its name: which builder, and which weights, a name stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from dapi._catalog import catalog, models, offers
from dapi._plugins import binding
from dapi._values import names as _names
from dapi._values.public import public
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights
from dapi.exceptions import ArgumentError, InvalidNameError, NoWeightsError, excerpt

if TYPE_CHECKING:
    from torch import nn


@public
class Latest(Enum):
    """The type of ``dapi.LATEST``."""

    LATEST = "LATEST"

    def __repr__(self) -> str:
        return "dapi.LATEST"


LATEST: Final = Latest.LATEST


@public
def get_model(
    name: str | Weights | WeightEntry,
    *,
    weights: Latest | Weights | WeightEntry | str | None = LATEST,
    **config: Any,
) -> nn.Module:
    """Build a model by name.

    Args:
        name: As in ``"resnet50"``, ``"dapi-vision/resnet50"``, or with its weights
            ``"resnet50:ImageNet1K_RefV1"``; or these weights: a member, as ``dapi.search``
            returns them, or its entry.
        weights: ``LATEST``: the first latest member of the builder's own enum; a member, its
            name, or any WeightEntry; None for random initialisation.
        **config: Further arguments of the builder.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        UnknownModelError: No distribution that is installed gives it.
        UnknownWeightsError: It has no weights of that name, or none are marked latest.
        WeightsTypeError: ``weights`` are not weights of this builder.
        UnexpectedArgumentError: The builder does not have one of the arguments.
        FetchError: They could not be fetched. This function reads the cache and the network.
    """
    built: nn.Module
    if weights is LATEST and isinstance(name, str) and _says_which_weights(config, name):
        built = catalog.find(name).load()(**config)
    else:
        model, chosen = resolve(name, weights)
        built = model.load()(weights=chosen, **config)
    return built


def _says_which_weights(config: Mapping[str, Any], name: str) -> bool:
    """Whether an argument of the past does, as ``pretrained=False`` for a model's name alone."""
    if not config or catalog.parse(name).member:
        return False
    return any(
        legacy.parameter == "weights" and legacy.is_meant(config)
        for legacy in catalog.find(name).load().__dapi_builder__.legacy
    )


def resolve(
    name: str | Weights | WeightEntry,
    weights: Latest | Weights | WeightEntry | str | None = LATEST,
) -> tuple[models.Model, Weights | WeightEntry | None]:
    """Return the model that a name stands for, and the weights to build it with.

    Imports no more than it takes to find the weights; fetches nothing. Arguments and errors are
    those of ``get_model``.
    """
    if isinstance(name, WeightEntry):
        name = _member_of(name)
    if isinstance(name, Weights):
        _refuse_more(name, weights)
        return catalog.find(name), name
    distribution, builder, member = catalog.parse(name)
    if member is not None:
        _refuse_more(name, weights)
        return catalog.find_offered(distribution, builder), catalog.get_weights(name)
    model = catalog.find(name)
    if isinstance(weights, str):
        return model, catalog.get_weights(_weights_name(model, weights))
    if isinstance(weights, Latest):
        lock = binding.current()
        if lock is not None:
            return model, lock.latest(model.qualified)
        return model, own_enum(model.load(), model.name).get_latest()
    return model, weights


def _refuse_more(name: str | Weights, weights: object) -> None:
    if weights is not LATEST:
        raise NoWeightsError(
            f"{name!r} already names weights, and weights={excerpt(weights)} was given too",
            "Give one of them.",
        )


def _member_of(entry: WeightEntry) -> Weights:
    """Find the weights that were published as an entry. Reads every enum."""
    members = [member for _, _, enum in offers.all_enums() for member in enum]
    found = list(dict.fromkeys(member for member in members if member.value == entry))
    if len(found) == 1:
        return found[0]
    names = " or ".join(f"dapi.get_model({str(member)!r})" for member in found)
    expected = names or "its model's name before it: dapi.get_model('resnet50', weights=entry)"
    raise ArgumentError("dapi.get_model", "name", entry, expected=expected)


def _weights_name(model: models.Model, weights: str) -> str:
    """Return the full name of weights that are given by their member's name, or in full."""
    name = weights if ":" in weights else f"{model.qualified}:{weights}"
    try:
        _names.parse(name)
    except InvalidNameError:
        enums = [enum for _, enum in offers.enums(model)]
        raise catalog.unknown_weights(model, weights, enums) from None
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
