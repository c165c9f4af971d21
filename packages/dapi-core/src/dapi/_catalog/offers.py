"""Offers: the enums of weights that distributions have for the models, their own or others'."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._catalog.builders import Builder, listed, registered
from dapi._loader import collector
from dapi._plugins.discovery import EntryPoint, entry_points, once_a_scan, one_look
from dapi._text import counted
from dapi._values import names as _names
from dapi._values import notices
from dapi._values.names import Name
from dapi.exceptions import PluginLoadError, PluginWarning

if TYPE_CHECKING:
    from dapi._weights.enum import Weights


class Offer(NamedTuple):
    """Weights that a distribution offers for a builder, of one owner or of any (empty)."""

    point: EntryPoint
    owner: str

    @property
    def builder(self) -> str:
        """The name of the builder."""
        return self.point.name.rpartition("/")[2]

    def is_for(self, distribution: str | None) -> bool:
        """Whether they are for the builder of this distribution (None: any)."""
        return not self.owner or distribution in (None, self.owner)


# By distribution: the first error of enums that could not be read, and the models that lack them.
_Skipped = dict[str, tuple[PluginLoadError, list[str]]]


@once_a_scan
def by_builder() -> dict[str, list[Offer]]:
    """Group the advertised weights by the builder that they name."""
    found: dict[str, list[Offer]] = {}
    for offer in _all():
        found.setdefault(offer.builder, []).append(offer)
    return found


@once_a_scan
def _all() -> list[Offer]:
    """List the advertised weights.

    A bare name refers to the distribution's own builder of that name, if it has one, and to any
    other's otherwise; ``owner/builder`` refers to that owner's.
    """
    own = {(point.distribution, point.name) for point in entry_points("dapi.models")}
    offers = []
    for point in entry_points("dapi.weights"):
        owner, _, builder = point.name.rpartition("/")
        if not owner and (point.distribution, builder) in own:
            owner = point.distribution
        offers.append(Offer(point, _names.normalize(owner)))
    return offers


def enums(builder: Builder, *, strict: bool = True) -> list[tuple[str, type[Weights]]]:
    """Load the enums of weights for a model: its own first, then those of other distributions.

    Args:
        builder: The builder.
        strict: Whether to raise if the model's own enum fails to load, instead of warning.
    """
    skipped: _Skipped = {}
    loaded = _load_enums(builder, skipped, strict=strict)
    _warn_of(skipped)
    return loaded


def all_enums(only: Container[str] | None = None) -> list[tuple[str, str, type[Weights]]]:
    """Load the enums of every model; one that cannot be imported is skipped with a warning.

    Args:
        only: Only these models, by the names under which they are listed.

    Returns:
        The listed name of the model, the distribution that offers the weights, and their enum.
    """
    skipped: _Skipped = {}
    # Declarations live on: exempt them from garbage collection.
    with one_look(), collector.paused():
        found = [
            (name, distribution, enum)
            for name, builder in listed().items()
            if only is None or name in only
            for distribution, enum in _load_enums(builder, skipped, strict=False)
        ]
    _warn_of(skipped)
    return found


def _load_enums(
    builder: Builder, skipped: _Skipped, *, strict: bool
) -> list[tuple[str, type[Weights]]]:
    offered = by_builder().get(builder.name, [])
    points = [offer.point for offer in offered if offer.is_for(builder.distribution)]
    # False sorts before True: its own come first.
    points.sort(key=lambda point: (point.distribution != builder.distribution, point.distribution))
    loaded = []
    for point in points:
        try:
            loaded.append((point.distribution, load_enum(point)))
        except PluginLoadError as error:
            if strict and point.distribution == builder.distribution:
                raise
            skipped.setdefault(error.distribution, (error, []))[1].append(builder.name)
    return loaded or _declared_enums(builder)


def _declared_enums(builder: Builder) -> list[tuple[str, type[Weights]]]:
    """Return the enums of a builder that is registered in this process only."""
    for function in registered():
        declared = function.__dapi_builder__  # type: ignore[attr-defined]
        if declared.target == builder.target:
            return [(builder.distribution, enum) for enum in declared.weights]
    return []


def _warn_of(skipped: _Skipped) -> None:
    """Warn of skipped enums, once per distribution, which may have a hundred models."""
    for error, models in skipped.values():
        more = f" and {counted(len(models) - 1, 'more model')}" if len(models) > 1 else ""
        notices.warn(f"Weights for {models[0]}{more} were skipped. {error}", PluginWarning)


def load_enum(point: EntryPoint) -> type[Weights]:
    """Import an enum of weights, and check that it is one.

    Raises:
        PluginLoadError: It cannot be imported, or is not a subclass of Weights.
    """
    from dapi._weights.enum import Weights

    found = point.load()
    if not (isinstance(found, type) and issubclass(found, Weights)):
        cause = TypeError(f"it is a {type(found).__name__}, not a subclass of dapi.Weights")
        raise point.failed(cause)
    return found


def leading_to(enum: type[Weights]) -> list[Offer]:
    """List the entry points that advertise an enum."""
    return [offer for offer in _all() if offer.point.leads_to(enum)]


def qualified_names(weights: Weights) -> list[str]:
    """Return the names that are always unambiguous, one for each builder.

    Empty for weights that no distribution advertises.

    Example:
        >>> from dapi import get_weights
        >>> qualified_names(get_weights("resnet20:Digits_RefV1"))
        ['dapi-vision/resnet20:Digits_RefV1']
    """
    found = []
    for offer in leading_to(type(weights)):
        publisher, builder = offer.point.distribution, offer.builder
        givers = [each.distribution for each in entry_points("dapi.models") if each.name == builder]
        owners = [offer.owner] if offer.owner else givers or [publisher]
        found += [str(Name(owner, builder, weights.name, publisher)) for owner in owners]
    return found


def takes(builder: Callable[..., Any], name: str, enum: type[Weights]) -> bool:
    """Whether a distribution offers the weights of ``enum`` for this very builder."""
    owners = [point for point in entry_points("dapi.models") if point.leads_to(builder)]
    owner = owners[0].distribution if owners else None
    return any(
        offer.is_for(owner) and offer.point.leads_to(enum) for offer in by_builder().get(name, [])
    )
