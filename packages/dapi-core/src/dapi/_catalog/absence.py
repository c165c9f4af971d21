"""Absence: why a name has no builder or no weights, and which name to use instead."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from dapi._catalog import builders, offers
from dapi._catalog.builders import Builder
from dapi._plugins import removals
from dapi._plugins.discovery import Plugin, discover, entry_points
from dapi._values.names import Name
from dapi._weights import aliases
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
    return InvalidNameError(name, equivalents=_equivalents(name), remedy=_remedy(name))


def _remedy(name: object) -> str:
    """Return what to write instead of an invalid name, if known."""
    if isinstance(name, type) and issubclass(name, Weights):
        return f"Name one of its members: {', '.join(name.__members__)}."
    spec = getattr(name, "__dapi_builder__", None)
    if spec is not None:
        return f"It is a builder. Call it: {spec.name}(weights=...)"
    return how_to_load(name)


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
        if is_asked and _gives(plugin, builder, groups):
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
        equivalents=[m.name for enum in enums for m in aliases.own_members(member, enum)],
    )


def _offered(distribution: str | None, builder: str) -> list[str]:
    """List a distribution's weights for another distribution's builder of that name."""
    return [
        str(member)
        for offer in offers.by_builder().get(builder, [])
        if offer.point.distribution == distribution
        for member in offers.load_enum(offer.point)
    ]


def _gives(plugin: Plugin, builder: str, groups: Sequence[str]) -> bool:
    return any(
        point.group in groups and point.name.rpartition("/")[2] == builder
        for point in plugin.entry_points
    )


def _equivalents(name: object) -> list[str]:
    """List our names for another library's ``name``. May read every enum."""
    if not isinstance(name, str) or not aliases.is_foreign(name):
        return []
    meant = aliases.builder(name)
    found = [here for here, builder in builders.listed().items() if builder.name == meant]
    return found or _known_as(name)


def _known_as(name: str) -> list[str]:
    """List the weights that another library calls ``name``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the error is about the name alone
        found = offers.all_enums()
    return [
        str(member)
        for _, _, enum in sorted(found, key=lambda each: each[:2])
        for member in aliases.members(name, enum)
    ]


def _provider(builder: str) -> str | None:
    """Return the distribution that is known to provide a builder but is not installed."""
    import json
    from importlib.resources import files

    known = json.loads(files("dapi").joinpath("known_models.json").read_text(encoding="utf-8"))
    installed = {point.distribution for point in entry_points("dapi.models")}
    provider: str | None = known.get(builder)
    return None if provider in installed else provider
