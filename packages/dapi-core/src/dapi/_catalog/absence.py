"""Absence: why a name has no builder or no weights, and which name to use instead."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from dapi._catalog import builders, offers
from dapi._catalog.builders import Builder
from dapi._plugins import removals
from dapi._plugins.discovery import discover, entry_points
from dapi._values.names import Name
from dapi._weights import known_as
from dapi._weights.enum import Weights
from dapi.exceptions import (
    DisabledModelError,
    InvalidNameError,
    PluginWarning,
    RemovedModelError,
    RemovedWeightsError,
    UnknownModelError,
    UnknownWeightsError,
    how_to_load,
)


def invalid_name(name: object) -> InvalidNameError:
    """Return the error for a value that is not a valid name."""
    spec = getattr(name, "__dapi_builder__", None)
    if isinstance(name, type) and issubclass(name, Weights):
        remedy = f"Name one of its members: {', '.join(name.__members__)}."
    elif spec is not None:
        remedy = f"It is a builder. Call it: {spec.name}(weights=...)"
    else:
        remedy = how_to_load(name)
    return InvalidNameError(name, equivalents=_equivalents(name), remedy=remedy)


def unknown_model(wanted: Name) -> UnknownModelError:
    """Return the error for an unknown model: removed, disabled, or never registered."""
    distribution, builder = wanted.distribution, wanted.builder
    text = str(wanted)
    tombstone = removals.find(Name(distribution, builder, None))
    if tombstone:
        return RemovedModelError(text, **removals.describe(tombstone))
    # Weights for another distribution's builder are not a model, unless the name has their
    # distribution.
    groups = ("dapi.models", "dapi.weights") if distribution else ("dapi.models",)
    for plugin in discover():
        is_asked = plugin.disabled_by and distribution in (None, plugin.name)
        points = (point for point in plugin.entry_points if point.group in groups)
        if is_asked and any(point.name.rpartition("/")[2] == builder for point in points):
            return DisabledModelError(text, distribution=plugin.name, variable=plugin.disabled_by)
    return UnknownModelError(
        text,
        available=list(builders.listed()),
        provider=_provider(builder),
        equivalents=_offered(distribution, builder) or _equivalents(text),
    )


def unknown_weights(
    builder: Builder, wanted: Name, enums: Sequence[type[Weights]]
) -> UnknownWeightsError:
    """Return the error for unknown weights of a model: removed, or never published."""
    member, tombstone = str(wanted.member), removals.find(wanted)
    if tombstone:
        return RemovedWeightsError(builder.name, member, **removals.describe(tombstone))
    return UnknownWeightsError(
        builder.name,
        f"{wanted.publisher}/{member}" if wanted.publisher else member,
        available=[name for enum in enums for name in enum.__members__],
        equivalents=[m.name for enum in enums for m in known_as.own_members(member, enum)],
    )


def _offered(distribution: str | None, builder: str) -> list[str]:
    """List a distribution's weights for another distribution's builder of that name."""
    return [
        str(member)
        for offer in offers.by_builder().get(builder, [])
        if offer.point.distribution == distribution
        for member in offers.load_enum(offer.point)
    ]


def _equivalents(name: object) -> list[str]:
    """List our names for another library's ``name``. May read every enum."""
    if not isinstance(name, str) or not known_as.is_foreign(name):
        return []
    meant = known_as.builder(name)
    found = [here for here, builder in builders.listed().items() if builder.name == meant]
    if found:
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the error is about the name alone
        enums = sorted(offers.all_enums(), key=lambda each: each[:2])
    return [str(member) for _, _, enum in enums for member in known_as.members(name, enum)]


def _provider(builder: str) -> str | None:
    """Return the distribution that is known to provide a builder but is not installed."""
    import json
    from importlib.resources import files

    # A file, not a module: only this error reads it.
    known = json.loads(files("dapi").joinpath("known_models.json").read_text(encoding="utf-8"))
    installed = {point.distribution for point in entry_points("dapi.models")}
    provider: str | None = known.get(builder)
    return None if provider in installed else provider
