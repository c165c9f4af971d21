"""Lookup: the builder and the weights that a name refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

from dapi._catalog import absence, builders, offers
from dapi._catalog.builders import Builder
from dapi._plugins import bound_lock
from dapi._plugins.discovery import one_look, preferred
from dapi._values import names
from dapi._values.names import Name
from dapi._values.public import public
from dapi._weights.entry import WeightEntry, from_path
from dapi._weights.enum import Weights
from dapi.exceptions import (
    AmbiguousModelError,
    ArgumentError,
    InvalidNameError,
    NoWeightsError,
    excerpt,
)

if TYPE_CHECKING:
    from torch import nn

    from dapi._catalog.known_models import KnownModel


@public
class Latest(Enum):
    """The type of ``dapi.LATEST``."""

    LATEST = "LATEST"

    def __repr__(self) -> str:
        return "dapi.LATEST"


LATEST: Final = Latest.LATEST


@public
def get_model(
    name: KnownModel | str | Weights | WeightEntry,
    *,
    weights: Latest | Weights | WeightEntry | PathLike[str] | str | None = LATEST,
    **config: Any,
) -> nn.Module:
    """Build a model by name.

    Args:
        name: As in ``"resnet50"``, ``"dapi-vision/resnet50"``, or with weights
            ``"resnet50:ImageNet1K_RefV1"``, also of another publisher
            ``"resnet50:acme-models/Plants_RefV1"``; or the weights themselves: a member, as
            returned by ``dapi.search``, or its entry.
        weights: ``LATEST``: the first latest member of the builder's own enum; a member, its
            name, any WeightEntry, or the ``Path`` of a local checkpoint; None for random
            initialization.
        **config: Further arguments of the builder.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        UnknownModelError: No installed distribution provides it.
        UnknownWeightsError: It has no such weights, or none are marked latest.
        WeightsTypeError: ``weights`` are not weights of this builder.
        UnexpectedArgumentError: The builder does not accept one of the arguments.
        FetchError: They could not be downloaded. This function uses the cache and the network.
    """
    wanted = parse(name) if isinstance(name, str) else name
    built: nn.Module
    if weights is LATEST and isinstance(wanted, Name) and not wanted.member:
        builder = find(wanted)
        function = builder.load()
        # With pretrained=False, a builder needs no weights that are marked latest.
        if not _says_which_weights(function, config):
            config = {"weights": _latest(builder, function), **config}
        built = function(**config)
    else:
        builder, chosen = resolve(wanted, weights)
        built = builder.load()(weights=chosen, **config)
    return built


@public
def get_builder(name: str | Weights) -> Callable[..., nn.Module]:
    """Import the builder of a model and return it.

    Args:
        name: As in ``"resnet50"`` or ``"dapi-vision/resnet50"``; or weights of the model.

    Raises:
        InvalidNameError: ``name`` is not a model's name.
        UnknownModelError: No installed distribution provides it.
        RemovedModelError: It was removed; the error names a replacement, if any.
        DisabledModelError: ``DAPI_PLUGINS`` or ``DAPI_DISABLE_PLUGINS`` disables its distribution.
        AmbiguousModelError: Several provide it, and ``DAPI_PREFER`` names none of them.
        PluginLoadError: Its module cannot be imported.
        IncompatiblePluginError: Its distribution requires another version of dapi-core.
    """
    builder: Callable[..., nn.Module] = find(name).load()
    return builder


@public
def get_enum(model: str | Weights | Callable[..., Any]) -> type[Weights]:
    """Return the enum of a model's weights: the one that its builder was declared with.

    Imports no framework. ``list_weights`` also lists what other distributions publish for a model.

    Args:
        model: The model's name, as in ``"resnet50"``; its builder; or some of its weights.

    Raises:
        NoWeightsError: The model has no published weights.
        InvalidNameError: ``model`` is neither a name nor a builder.
        UnknownModelError: No installed distribution provides the model.
        PluginLoadError: Its module cannot be imported.

    Example:
        >>> import dapi
        >>> enum = dapi.get_enum("resnet20_v2")
        >>> enum.__name__, [member.name for member in enum]
        ('ResNet20V2Weights', ['Digits_RefV1'])
    """
    function: Any = model
    return own_enum(function if hasattr(model, "__dapi_builder__") else find(function).load())


@public
def list_weights(model: str | Weights | None = None) -> list[Weights]:
    """List the weights of a model from all distributions, or the weights of all models.

    Imports only the enums of the model (all of them, without ``model``), and no framework. A
    distribution whose enum cannot be imported is skipped with a PluginWarning, unless it is the
    model's own.

    Args:
        model: The model's name, or some of its weights; None for all models.

    Returns:
        The members: the model's own first, then by distribution; each enum in its own order.

    Raises:
        UnknownModelError: No installed distribution provides the model.
        AmbiguousModelError: Several provide it.
        PluginLoadError: The model's own enum cannot be imported.
    """
    if model is not None:
        found = [enum for _, enum in offers.enums(find(model))]
    else:
        found = [enum for _, _, enum in offers.all_enums()]
    return [member for enum in dict.fromkeys(found) for member in enum]


@public
def get_weights(name: str | Weights) -> Weights:
    """Return the weights that a name refers to.

    Args:
        name: As in ``"resnet50:ImageNet1K_RefV1"``, or with the distribution that publishes weights
            for another distribution's builder, ``"resnet50:acme-models/Plants_RefV1"``. A member is
            returned unchanged.

    Raises:
        UnknownModelError: There is no such model.
        UnknownWeightsError: The model has no such weights.
        RemovedWeightsError: They were removed; the error names a replacement, if any.
        AmbiguousModelError: Several distributions provide the name.
        NoWeightsError: ``name`` names a model without weights.
        PluginLoadError: The enum that has them cannot be imported.
    """
    if isinstance(name, Weights):
        return name
    wanted = parse(name)
    with one_look():
        if wanted.member is None:
            find(wanted)
            raise NoWeightsError(
                f"{name!r} names a model, not weights", f"To see its weights: dapi show {name}"
            )
        return _member(find_offered(wanted), wanted)


def resolve(
    name: str | Name | Weights | WeightEntry,
    weights: Latest | Weights | WeightEntry | PathLike[str] | str | None = LATEST,
) -> tuple[Builder, Weights | WeightEntry | None]:
    """Return the builder that a name refers to, and the weights to build it with.

    Imports only what it needs to find the weights; downloads nothing. Arguments and errors are
    those of ``get_model``.
    """
    if isinstance(name, WeightEntry):
        name = _member_of(name)
    wanted = name if isinstance(name, Weights) else parse(name)
    if weights is not LATEST and (isinstance(wanted, Weights) or wanted.member):
        raise NoWeightsError(
            f"{str(name)!r} already names weights, and weights={excerpt(weights)} was passed too",
            "Pass one of them.",
        )
    with one_look():
        if isinstance(wanted, Weights):
            return find(wanted), wanted
        if wanted.member:
            builder = find_offered(wanted)
            return builder, _member(builder, wanted)
        builder = find(wanted)
        if isinstance(weights, str):
            return builder, _named(builder, weights)
        if isinstance(weights, Latest):
            return builder, _latest(builder, builder.load())
        chosen: Weights | WeightEntry | None = from_path(weights)
        return builder, chosen


def _latest(builder: Builder, function: Callable[..., Any]) -> Weights:
    """Return the weights of ``LATEST``: the locked ones, or the latest of the own enum."""
    lock = bound_lock.current()
    if lock is not None:
        locked: Weights = lock.latest(builder.qualified)
        return locked
    return own_enum(function).get_latest()


def _says_which_weights(function: Callable[..., Any], config: Mapping[str, Any]) -> bool:
    """Whether a deprecated argument selects weights, as ``pretrained=False``."""
    return any(
        legacy.parameter == "weights" and legacy.is_meant(config)
        for legacy in function.__dapi_builder__.legacy  # type: ignore[attr-defined]
    )


def _member_of(entry: WeightEntry) -> Weights:
    """Return the weights that were published as an entry. Reads every enum."""
    members = [member for _, _, enum in offers.all_enums() for member in enum]
    found = list(dict.fromkeys(member for member in members if member.value == entry))
    if len(found) == 1:
        return found[0]
    calls = " or ".join(f"dapi.get_model({str(member)!r})" for member in found)
    expected = calls or "its model's name before it: dapi.get_model('resnet50', weights=entry)"
    raise ArgumentError("dapi.get_model", "name", entry, expected=expected)


def _named(builder: Builder, weights: str) -> Weights:
    """Return the weights of a builder by their member's name, or by their full name."""
    if ":" in weights:
        return get_weights(weights)
    try:
        wanted = names.parse(f"{builder.qualified}:{weights}")
    except InvalidNameError:
        wanted = Name(builder.distribution, builder.name, weights)
        offered = [enum for _, enum in offers.enums(builder)]
        raise absence.unknown_weights(builder, wanted, offered) from None
    return _member(builder, wanted)


def parse(name: str | Name) -> Name:
    """Split a name into its parts; an invalid name may belong to another library.

    Raises:
        InvalidNameError: It is not of the form ``[distribution/]builder[:[publisher/]member]``.
    """
    if isinstance(name, Name):
        return name
    try:
        return names.parse(name)
    except InvalidNameError:
        raise absence.invalid_name(name) from None


def find(name: str | Name | Weights) -> Builder:
    """Return the builder of a name or of some weights, without importing it."""
    if isinstance(name, Weights):
        return _find_for(type(name))
    wanted = parse(name)
    with one_look():
        found = [
            builder
            for builder in builders.known()
            if builder.name == wanted.builder
            and wanted.distribution in (None, builder.distribution)
        ]
        found = preferred(found, lambda builder: builder.distribution)
        if len(found) > 1:
            candidates = sorted(builder.qualified for builder in found)
            raise AmbiguousModelError(wanted.builder, candidates=candidates)
        if not found:
            raise absence.unknown_model(wanted)
        return found[0]


def _find_for(enum: type[Weights]) -> Builder:
    """Return the builder of an enum of weights; of several, the one that its members name."""
    for offer in offers.leading_to(enum):
        return find(Name(offer.owner or None, offer.builder, None))
    for function in builders.registered():
        declared = function.__dapi_builder__  # type: ignore[attr-defined]
        found = enum in declared.weights and builders.find_target(declared.target)
        if found:
            return found
    raise NoWeightsError(
        f"{enum.__name__} are not weights of a registered builder",
        f"Register one: register_model(weights={enum.__name__}).",
    )


def find_offered(wanted: Name) -> Builder:
    """Return the builder of some weights: by its own distribution, or by their publisher."""
    distribution, builder, _, publisher = wanted
    is_publisher = (
        publisher is None
        and distribution is not None
        and all((each.distribution, each.name) != wanted[:2] for each in builders.known())
    )
    if is_publisher:  # as in acme-models/resnet50:Plants_RefV1
        publisher, distribution = distribution, None
    owners = _owners(publisher, wanted) if publisher and distribution is None else []
    if is_publisher and not owners:
        raise absence.unknown_model(wanted)
    if len(owners) > 1:
        meant = [str(wanted._replace(distribution=each, publisher=publisher)) for each in owners]
        raise AmbiguousModelError(str(wanted), candidates=meant)
    return find(Name(distribution or "".join(owners) or None, builder, None))


def _owners(publisher: str, wanted: Name) -> list[str]:
    """List the owners of the builder of a name that a distribution has weights for; "" is any."""
    offered = offers.by_builder().get(wanted.builder, [])
    found = [offer for offer in offered if offer.point.distribution == publisher]
    if len(found) > 1 and wanted.member:
        found = [
            offer for offer in found if wanted.member in offers.load_enum(offer.point).__members__
        ]
    return sorted({offer.owner for offer in found})


def _member(builder: Builder, wanted: Name) -> Weights:
    """Return the member of a name among the enums that are offered for its builder.

    Without a publisher, it is the builder's own: weights of others never make a known name
    ambiguous.
    """
    offered, member = offers.enums(builder), str(wanted.member)
    publisher = wanted.publisher
    if publisher is None and wanted.distribution not in (None, builder.distribution):
        publisher = wanted.distribution
    if publisher:
        offered = [offer for offer in offered if offer[0] == publisher]
    found = [(owner, enum[member]) for owner, enum in offered if member in enum.__members__]
    found = [each for each in found if each[0] == builder.distribution] or found
    found = preferred(found, lambda offer: offer[0])
    if len(found) > 1:
        candidates = [str(Name(None, builder.name, member, owner)) for owner, _ in found]
        raise AmbiguousModelError(f"{builder.name}:{member}", candidates=candidates)
    if not found:
        asked = wanted._replace(publisher=publisher)
        raise absence.unknown_weights(builder, asked, [enum for _, enum in offered])
    return found[0][1]


def own_enum(function: Callable[..., Any]) -> type[Weights]:
    """Return the enum that a builder was declared with.

    Raises:
        NoWeightsError: It has no enum.
    """
    declared = function.__dapi_builder__  # type: ignore[attr-defined]
    if not declared.weights:
        raise NoWeightsError(
            f"{declared.name} has no published weights", "Build it with weights=None."
        )
    enum: type[Weights] = declared.weights[0]
    return enum
