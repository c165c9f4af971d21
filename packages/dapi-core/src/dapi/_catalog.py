"""The catalog: every builder and every enum of weights, by name. Imports only what is asked for."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi import _aliases, _names, _notices, _registry
from dapi._construction import collector_paused
from dapi._discovery import EntryPoint, Plugin, discover, entry_points, preferred
from dapi.exceptions import (
    AmbiguousModelError,
    DisabledModelError,
    InvalidNameError,
    NoWeightsError,
    PluginLoadError,
    PluginWarning,
    RemovedModelError,
    RemovedWeightsError,
    UnknownModelError,
    UnknownWeightsError,
)

if TYPE_CHECKING:
    from torch import nn

    from dapi._weights import Weights


class Model(NamedTuple):
    """A builder that can be found, not yet imported."""

    name: str
    distribution: str
    target: str
    load: Callable[[], Any]

    @property
    def qualified(self) -> str:
        """The name that stays unambiguous whatever is installed."""
        return f"{self.distribution}/{self.name}"


class Skipped(NamedTuple):
    """A model some weights of which could not be read, and why."""

    model: str
    error: PluginLoadError


class Offer(NamedTuple):
    """Weights that a distribution offers for a builder; of one owner, or of any (empty)."""

    point: EntryPoint
    owner: str

    def is_for(self, distribution: str | None) -> bool:
        """Whether they are for the builder of this distribution (None: of any)."""
        return not self.owner or distribution in (None, self.owner)


def list_models(
    pattern: str | None = None, *, distribution: str | None = None, module: str | None = None
) -> list[str]:
    """List the models of every installed distribution, and those registered in this process.

    Imports none of them, and no framework.

    Args:
        pattern: Only names that match it, with ``*`` and ``?`` as in file names.
        distribution: Only models of this distribution, as in ``"dapi-vision"``.
        module: Only models declared in this module, as in ``"dapi.vision.models.resnet"``, or
            below it.

    Returns:
        The names, sorted. A name that several distributions give is listed once for each,
        qualified, so that every listed name can be built.
    """
    models = listed()
    if pattern is None and distribution is None and module is None:
        return list(models)
    wanted = distribution and _names.normalize(distribution)
    return [
        name
        for name, model in models.items()
        if (wanted is None or model.distribution == wanted)
        and (module is None or _is_below(model.target.partition(":")[0], module))
        and (pattern is None or _matches(model.name, pattern))
    ]


def get_builder(name: str) -> Callable[..., nn.Module]:
    """Import the builder of a model and return it.

    Args:
        name: As in ``"resnet50"`` or ``"dapi-vision/resnet50"``.

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


def list_weights(model: str | None = None) -> list[Weights]:
    """List the weights of a model over all distributions, or all weights of all models.

    Imports only the enums that are asked for (all of them, without ``model``), and no framework.
    A distribution whose enum cannot be imported is skipped with a PluginWarning, unless it is
    the model's own.

    Args:
        model: The model's name; None for all models.

    Returns:
        The members: the model's own first, then by distribution; each enum in its own order.

    Raises:
        UnknownModelError: No distribution that is installed gives the model.
        AmbiguousModelError: Several do.
        PluginLoadError: The model's own enum cannot be imported.
    """
    if model is not None:
        found = [enum for _, enum in enums(find(model))]
    else:
        found = [enum for _, _, enum in all_enums()]
    return [member for enum in dict.fromkeys(found) for member in enum]


def get_weights(name: str) -> Weights:
    """Return the weights that a name stands for.

    Args:
        name: As in ``"resnet50:ImageNet1K_RefV1"``; a distribution in front is the one that
            offers the weights.

    Raises:
        UnknownModelError: There is no such model.
        UnknownWeightsError: The model has no such weights.
        RemovedWeightsError: It had them once, and a distribution says what became of them.
        AmbiguousModelError: Several distributions give the name.
        NoWeightsError: ``name`` names a model only.
        PluginLoadError: The enum that has them cannot be imported.
    """
    distribution, builder, member = parse(name)
    if member is None:
        find(name)
        raise NoWeightsError(
            f"{name!r} names a model, not weights", f"To see its weights: dapi show {name}"
        )
    model = find_offered(distribution, builder)
    offers = enums(model)
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
        raise InvalidNameError(name, equivalents=_equivalents(name)) from None


def find(name: str) -> Model:
    """Find the model of a name without importing it."""
    distribution, builder, _ = parse(name)
    models = [
        model
        for model in _models()
        if model.name == builder and distribution in (None, model.distribution)
    ]
    models = preferred(models, lambda model: model.distribution)
    if len(models) > 1:
        raise AmbiguousModelError(builder, candidates=sorted(m.qualified for m in models))
    if not models:
        raise _absence(name, distribution, builder)
    return models[0]


def _absence(name: str, distribution: str | None, builder: str) -> UnknownModelError:
    """Say why there is no such model: it was removed, is left out, or never was."""
    from dapi import _removed

    grave = _removed.find(distribution, builder)
    if grave:
        return RemovedModelError(name, **_removed.inscription(grave))
    # Weights for somebody else's builder are no model, unless their distribution was asked for.
    groups = ("dapi.models", "dapi.weights") if distribution else ("dapi.models",)
    for plugin in discover():
        is_asked = plugin.disabled_by and distribution in (None, plugin.name)
        if is_asked and _gives(plugin, builder, groups):
            return DisabledModelError(name, distribution=plugin.name, variable=plugin.disabled_by)
    return UnknownModelError(
        name,
        available=list_models(),
        provider=_provider(builder),
        equivalents=_offered(distribution, builder) or _equivalents(name),
    )


def _offered(distribution: str | None, builder: str) -> list[str]:
    """List the weights that a distribution has for somebody else's builder of that name."""
    offers = [
        each for each in _offers().get(builder, []) if each.point.distribution == distribution
    ]
    return [
        f"{distribution}/{builder}:{member}"
        for offer in offers
        for member in load_enum(offer.point).__members__
    ]


def _gives(plugin: Plugin, builder: str, groups: Sequence[str]) -> bool:
    return any(
        point.group in groups and point.name.rpartition("/")[2] == builder
        for point in plugin.entry_points
    )


def find_target(target: str) -> Model | None:
    """Find the model whose builder is at ``"module:function"``; None when there is none."""
    return next((model for model in _models() if model.target == target), None)


def find_offered(distribution: str | None, builder: str) -> Model:
    """Find a model by its own distribution, or by one that offers weights for it."""
    offered = {offer.point.distribution for offer in _offers().get(builder, [])}
    owners = {model.distribution for model in _models() if model.name == builder}
    if distribution and distribution not in owners and distribution in offered:
        return find(builder)
    return find(f"{distribution}/{builder}" if distribution else builder)


def enums(model: Model, *, strict: bool = True) -> list[tuple[str, type[Weights]]]:
    """Load the enums of weights for a model: its own first, then those of other distributions.

    Args:
        model: The model.
        strict: Whether the failure of the model's own enum is raised, rather than warned of.
    """
    skipped: list[Skipped] = []
    loaded = _load_enums(model, _offers().get(model.name, []), skipped, strict=strict)
    _warn_of(skipped)
    return loaded


def _load_enums(
    model: Model, offers: Iterable[Offer], skipped: list[Skipped], *, strict: bool
) -> list[tuple[str, type[Weights]]]:
    points = [offer.point for offer in offers if offer.is_for(model.distribution)]
    points.sort(key=lambda point: (point.distribution != model.distribution, point.distribution))
    loaded = []
    for point in points:
        try:
            loaded.append((point.distribution, load_enum(point)))
        except PluginLoadError as error:
            if strict and point.distribution == model.distribution:
                raise
            skipped.append(Skipped(model.name, error))
    return loaded or _declared_enums(model)


def _warn_of(skipped: list[Skipped]) -> None:
    """Tell what was skipped: once for each distribution, which may have a hundred models."""
    for distribution in dict.fromkeys(each.error.distribution for each in skipped):
        names = [each.model for each in skipped if each.error.distribution == distribution]
        more = f" and {len(names) - 1} more models" if len(names) > 1 else ""
        error = next(each.error for each in skipped if each.error.distribution == distribution)
        text = f"Weights for {names[0]}{more} were skipped. {error}"
        _notices.warn(text, PluginWarning)


def all_enums(only: Container[str] | None = None) -> list[tuple[str, str, type[Weights]]]:
    """Load the enums of every model; one that cannot be imported is skipped with a warning.

    Args:
        only: Of these models only, named as they are listed.

    Returns:
        The model's name as it is listed, the distribution that offers the weights, their enum.
    """
    offers, skipped = _offers(), list[Skipped]()
    with collector_paused():  # what is declared stays: a look for garbage finds none of it
        found = [
            (name, distribution, enum)
            for name, model in listed().items()
            if only is None or name in only
            for distribution, enum in _load_enums(
                model, offers.get(model.name, []), skipped, strict=False
            )
        ]
    _warn_of(skipped)
    return found


def offers_of(enum: type[Weights]) -> list[EntryPoint]:
    """List the entry points that advertise an enum."""
    return [point for point in entry_points("dapi.weights") if point.leads_to(enum)]


def takes(builder: Callable[..., Any], name: str, enum: type[Weights]) -> bool:
    """Whether a distribution offers the weights of ``enum`` for this very builder."""
    owners = [point for point in entry_points("dapi.models") if point.leads_to(builder)]
    owner = owners[0].distribution if owners else None
    return any(
        offer.is_for(owner) and offer.point.leads_to(enum) for offer in _offers().get(name, [])
    )


def load_builder(point: EntryPoint) -> Callable[..., Any]:
    """Import a builder, and check that it is one.

    Raises:
        PluginLoadError: It cannot be imported, or is nothing that ``register_model`` made.
    """
    found: Callable[..., Any] = point.load()
    if not hasattr(found, "__dapi_builder__"):
        cause = TypeError(f"it is a {type(found).__name__}; decorate it with dapi.register_model")
        raise point.failed(cause)
    return found


def load_enum(point: EntryPoint) -> type[Weights]:
    """Import an enum of weights, and check that it is one.

    Raises:
        PluginLoadError: It cannot be imported, or is no subclass of Weights.
    """
    from dapi._weights import Weights

    found = point.load()
    if not (isinstance(found, type) and issubclass(found, Weights)):
        cause = TypeError(f"it is a {type(found).__name__}, and no subclass of dapi.Weights")
        raise point.failed(cause)
    return found


def _declared_enums(model: Model) -> list[tuple[str, type[Weights]]]:
    """Return the enums of a builder that is registered in this process only."""
    registered = [each for each in _registry.builders() if each.target == model.target]
    spec = getattr(registered[0].function, "__dapi_builder__", None) if registered else None
    return [(model.distribution, enum) for enum in spec.weights] if spec else []


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
    from dapi import _removed

    grave = _removed.find(distribution, model.name, member)
    if grave:
        return RemovedWeightsError(model.name, member, **_removed.inscription(grave))
    return UnknownWeightsError(
        model.name,
        member,
        available=[name for enum in enums for name in enum.__members__],
        equivalents=[m.name for enum in enums for m in _aliases.own_members(member, enum)],
    )


class _Advertised(NamedTuple):
    """What entry points advertise; kept until a look at the path finds others."""

    points: list[EntryPoint]
    models: list[Model]
    listed: dict[str, Model]
    ways: dict[str, list[EntryPoint]]
    led: set[str]


_kept = _Advertised([], [], {}, {}, set())


def _advertised() -> _Advertised:
    global _kept
    kept, points = _kept, entry_points("dapi.models")
    if kept.points is not points:
        named = {(p.distribution, p.name): p for p in reversed(points) if _names.is_builder(p.name)}
        models = [
            Model(point.name, point.distribution, point.target, partial(load_builder, point))
            for point in named.values()
        ]
        kept = _kept = _Advertised(points, models, _by_listed_name(models), _ways(), set())
    return kept


def _ways() -> dict[str, list[EntryPoint]]:
    """Group all that leads to a builder by its name, that of disabled distributions too."""
    ways: dict[str, list[EntryPoint]] = {}
    for plugin in discover():
        for point in plugin.entry_points:
            if point.group == "dapi.models":
                ways.setdefault(point.name, []).append(point)
    return ways


def _strays(advertised: _Advertised) -> list[Model]:
    """List what is registered in this process, and no entry point leads to."""
    strays = []
    for each in _registry.builders():
        if each.target in advertised.led:
            continue
        if any(point.leads_to(each.function) for point in advertised.ways.get(each.name, ())):
            advertised.led.add(each.target)
            continue
        owner = _names.normalize(each.module.partition(".")[0])
        strays.append(Model(each.name, owner, each.target, partial(_itself, each.function)))
    return strays


def _models() -> list[Model]:
    """Join what is advertised with what is registered in this process."""
    advertised = _advertised()
    return _joined(advertised.models, _strays(advertised))


def listed() -> dict[str, Model]:
    """Return the models by the names under which they are listed, sorted."""
    advertised = _advertised()
    models = _joined(advertised.models, _strays(advertised))
    return advertised.listed if models is advertised.models else _by_listed_name(models)


def _joined(models: list[Model], strays: list[Model]) -> list[Model]:
    if not strays:
        return models
    return list({(each.distribution, each.name): each for each in [*models, *strays]}.values())


def _by_listed_name(models: list[Model]) -> dict[str, Model]:
    counts = Counter(model.name for model in models)
    names = {each.name if counts[each.name] == 1 else each.qualified: each for each in models}
    return dict(sorted(names.items()))


def _equivalents(name: str) -> list[str]:
    """List the names here of what another library calls ``name``. Reads every enum."""
    if not isinstance(name, str) or not _aliases.is_foreign(name):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the error is about the name alone
        found = all_enums()
    members = [
        f"{model}:{member.name}"
        for model, _, enum in sorted(found, key=lambda each: each[:2])
        for member in _aliases.members(name, enum)
    ]
    last = name.rpartition(".")[2]  # torchvision.models.resnet50
    return members or [here for here, model in listed().items() if model.name == last]


def _itself(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _is_below(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _offers() -> dict[str, list[Offer]]:
    """Group what is advertised as weights by the builder that it names.

    A bare name means the distribution's own builder of that name, if it has one, and anybody's
    otherwise; ``owner/builder`` means that owner's.
    """
    own = {(point.distribution, point.name) for point in entry_points("dapi.models")}
    offers: dict[str, list[Offer]] = {}
    for point in entry_points("dapi.weights"):
        owner, _, builder = point.name.rpartition("/")
        if not owner and (point.distribution, builder) in own:
            owner = point.distribution
        offers.setdefault(builder, []).append(Offer(point, _names.normalize(owner)))
    return offers


def _matches(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(name, pattern)


def _provider(builder: str) -> str | None:
    """Return the distribution that is known to give a builder, though it is not installed."""
    import json
    from importlib.resources import files

    known = json.loads(files("dapi").joinpath("known_models.json").read_text(encoding="utf-8"))
    installed = {point.distribution for point in entry_points("dapi.models")}
    provider: str | None = known.get(builder)
    return None if provider in installed else provider
