"""The catalog: builders and weights by their names, and why there are none of a name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dapi._catalog import models as _models
from dapi._catalog import offers as _offers
from dapi._catalog import registry
from dapi._catalog.models import Model
from dapi._plugins.discovery import Plugin, discover, entry_points, preferred
from dapi._values import names as _names
from dapi._values.public import public
from dapi._weights import aliases
from dapi._weights.enum import Weights
from dapi.exceptions import (
    AmbiguousModelError,
    DisabledModelError,
    InvalidNameError,
    NoWeightsError,
    PluginWarning,
    RemovedModelError,
    RemovedWeightsError,
    UnknownModelError,
    UnknownWeightsError,
    how_to_load,
)

if TYPE_CHECKING:
    from torch import nn


@public
def get_builder(name: str | Weights) -> Callable[..., nn.Module]:
    """Import the builder of a model and return it.

    Args:
        name: As in ``"resnet50"`` or ``"dapi-vision/resnet50"``; or weights of the model.

    Raises:
        InvalidNameError: ``name`` is not a model's name.
        UnknownModelError: No distribution that is installed gives it.
        RemovedModelError: One gave it once, and says what became of it.
        DisabledModelError: ``DAPI_PLUGINS`` or ``DAPI_DISABLE_PLUGINS`` leaves out who gives it.
        AmbiguousModelError: Several do, and ``DAPI_PREFER`` names none of them.
        PluginLoadError: Its module cannot be imported.
        IncompatiblePluginError: Its distribution needs another dapi-core.
    """
    builder: Callable[..., nn.Module] = find(name).load()
    return builder


@public
def list_weights(model: str | Weights | None = None) -> list[Weights]:
    """List the weights of a model over all distributions, or all weights of all models.

    Imports only the enums that are asked for (all of them, without ``model``), and no framework.
    A distribution whose enum cannot be imported is skipped with a PluginWarning, unless it is
    the model's own.

    Args:
        model: The model's name, or some of its weights; None for all models.

    Returns:
        The members: the model's own first, then by distribution; each enum in its own order.

    Raises:
        UnknownModelError: No distribution that is installed gives the model.
        AmbiguousModelError: Several do.
        PluginLoadError: The model's own enum cannot be imported.
    """
    if model is not None:
        found = [enum for _, enum in _offers.enums(find(model))]
    else:
        found = [enum for _, _, enum in _offers.all_enums()]
    return [member for enum in dict.fromkeys(found) for member in enum]


@public
def get_weights(name: str | Weights) -> Weights:
    """Return the weights that a name stands for.

    Args:
        name: As in ``"resnet50:ImageNet1K_RefV1"``; a distribution in front is the one that
            offers the weights. A member stands for itself.

    Raises:
        UnknownModelError: There is no such model.
        UnknownWeightsError: The model has no such weights.
        RemovedWeightsError: It had them once, and a distribution says what became of them.
        AmbiguousModelError: Several distributions give the name.
        NoWeightsError: ``name`` names a model only.
        PluginLoadError: The enum that has them cannot be imported.
    """
    if isinstance(name, Weights):
        return name
    distribution, builder, member = parse(name)
    if member is None:
        find(name)
        raise NoWeightsError(
            f"{name!r} names a model, not weights", f"To see its weights: dapi show {name}"
        )
    model = find_offered(distribution, builder)
    offers = _offers.enums(model)
    if distribution and distribution != model.distribution:
        offers = [offer for offer in offers if offer[0] == distribution]
    return _pick(model, offers, member, distribution)


def parse(name: str) -> _names.Name:
    """Split a name into its parts; what is none may be a name of another library.

    Raises:
        InvalidNameError: It is not of the form ``[distribution/]builder[:member]``.
    """
    try:
        return _names.parse(name)
    except InvalidNameError:
        equivalents = _equivalents(name)
        raise InvalidNameError(name, equivalents=equivalents, remedy=_remedy(name)) from None


def _remedy(name: object) -> str:
    """Say what to write instead of something that is no name, where that is known."""
    if isinstance(name, type) and issubclass(name, Weights):
        return f"Name one of its members: {', '.join(name.__members__)}."
    spec = getattr(name, "__dapi_builder__", None)
    if spec is not None:
        return f"It is a builder. Call it: {spec.name}(weights=...)"
    return how_to_load(name)


def find(name: str | Weights) -> Model:
    """Find the model of a name, or that of some weights, without importing it."""
    if isinstance(name, Weights):
        return _find_for(type(name))
    distribution, builder, _ = parse(name)
    models = [
        model
        for model in _models.known()
        if model.name == builder and distribution in (None, model.distribution)
    ]
    models = preferred(models, lambda model: model.distribution)
    if len(models) > 1:
        raise AmbiguousModelError(builder, candidates=sorted(m.qualified for m in models))
    if not models:
        raise _absence(name, distribution, builder)
    return models[0]


def _find_for(enum: type[Weights]) -> Model:
    """Find the model that an enum of weights is for; of several, the one that its members name."""
    for point in _offers.leading_to(enum):
        owner, _, builder = point.name.rpartition("/")
        return find_offered(owner or point.distribution, builder)
    for each in registry.builders():
        spec = getattr(each.function, "__dapi_builder__", None)
        model = spec and enum in spec.weights and _models.find_target(each.target)
        if model:
            return model
    raise NoWeightsError(
        f"{enum.__name__} are weights of no builder that is registered",
        f"Register one: register_model(weights={enum.__name__}).",
    )


def find_offered(distribution: str | None, builder: str) -> Model:
    """Find a model by its own distribution, or by one that offers weights for it."""
    offered = {offer.point.distribution for offer in _offers.by_builder().get(builder, [])}
    owners = {model.distribution for model in _models.known() if model.name == builder}
    if distribution and distribution not in owners and distribution in offered:
        return find(builder)
    return find(f"{distribution}/{builder}" if distribution else builder)


def _absence(name: str, distribution: str | None, builder: str) -> UnknownModelError:
    """Say why there is no such model: it was removed, is left out, or never was."""
    from dapi._plugins import removals

    grave = removals.find(distribution, builder)
    if grave:
        return RemovedModelError(name, **removals.inscription(grave))
    # Weights for somebody else's builder are no model, unless their distribution was asked for.
    groups = ("dapi.models", "dapi.weights") if distribution else ("dapi.models",)
    for plugin in discover():
        is_asked = plugin.disabled_by and distribution in (None, plugin.name)
        if is_asked and _gives(plugin, builder, groups):
            return DisabledModelError(name, distribution=plugin.name, variable=plugin.disabled_by)
    return UnknownModelError(
        name,
        available=_models.list_models(),
        provider=_provider(builder),
        equivalents=_offered(distribution, builder) or _equivalents(name),
    )


def _offered(distribution: str | None, builder: str) -> list[str]:
    """List the weights that a distribution has for somebody else's builder of that name."""
    offers = [
        each
        for each in _offers.by_builder().get(builder, [])
        if each.point.distribution == distribution
    ]
    return [
        f"{distribution}/{builder}:{member}"
        for offer in offers
        for member in _offers.load_enum(offer.point).__members__
    ]


def _gives(plugin: Plugin, builder: str, groups: Sequence[str]) -> bool:
    return any(
        point.group in groups and point.name.rpartition("/")[2] == builder
        for point in plugin.entry_points
    )


def _pick(
    model: Model, offers: list[tuple[str, type[Weights]]], member: str, distribution: str | None
) -> Weights:
    found = [(owner, enum[member]) for owner, enum in offers if member in enum.__members__]
    found = preferred(found, lambda offer: offer[0])
    if len(found) > 1:
        names = [f"{owner}/{model.name}:{member}" for owner, _ in found]
        raise AmbiguousModelError(f"{model.name}:{member}", candidates=names)
    if not found:
        raise unknown_weights(model, member, [enum for _, enum in offers], distribution)
    return found[0][1]


def unknown_weights(
    model: Model, member: str, enums: Sequence[type[Weights]], distribution: str | None = None
) -> UnknownWeightsError:
    """Return the error that a model has no such weights: they were removed, or never were."""
    from dapi._plugins import removals

    grave = removals.find(distribution, model.name, member)
    if grave:
        return RemovedWeightsError(model.name, member, **removals.inscription(grave))
    return UnknownWeightsError(
        model.name,
        member,
        available=[name for enum in enums for name in enum.__members__],
        equivalents=[m.name for enum in enums for m in aliases.own_members(member, enum)],
    )


def _equivalents(name: str) -> list[str]:
    """List the names here of what another library calls ``name``. May read every enum."""
    if not isinstance(name, str) or not aliases.is_foreign(name):
        return []
    builder = aliases.builder(name)
    builders = [here for here, model in _models.listed().items() if model.name == builder]
    return builders or _known_as(name)


def _known_as(name: str) -> list[str]:
    """List the weights that another library calls ``name``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the error is about the name alone
        found = _offers.all_enums()
    return [
        f"{model}:{member.name}"
        for model, _, enum in sorted(found, key=lambda each: each[:2])
        for member in aliases.members(name, enum)
    ]


def _provider(builder: str) -> str | None:
    """Return the distribution that is known to give a builder, though it is not installed."""
    import json
    from importlib.resources import files

    known = json.loads(files("dapi").joinpath("known_models.json").read_text(encoding="utf-8"))
    installed = {point.distribution for point in entry_points("dapi.models")}
    provider: str | None = known.get(builder)
    return None if provider in installed else provider
