"""Builders: of every distribution (not yet imported), and of this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from dapi._plugins.discovery import EntryPoint, discover, entry_points, once_a_scan, one_look
from dapi._values import names as _names
from dapi._values.public import public
from dapi.exceptions import ArgumentError, DuplicateModelError, UnknownPluginError


class Builder(NamedTuple):
    """A builder that can be found by its name.

    Attributes:
        name: Its name, without the distribution.
        distribution: Its distribution; for one registered only in this process, its top package.
        target: Its function, as ``"module:function"``.
        load: Imports the function, and checks it.
    """

    name: str
    distribution: str
    target: str
    load: Callable[[], Any]

    @property
    def qualified(self) -> str:
        """The name that is always unambiguous."""
        return f"{self.distribution}/{self.name}"


@public
def list_models(
    include: str | Collection[str] | None = None,
    *,
    exclude: str | Collection[str] | None = None,
    distribution: str | Collection[str] | None = None,
    module: str | ModuleType | None = None,
    task: str | Collection[str] | None = None,
) -> list[str]:
    """List the models of every installed distribution, and those registered in this process.

    Imports none of them, and no framework; ``task`` alone reads the enums of weights.

    Args:
        include: Only names that match this pattern, with ``*`` and ``?`` as in file names; or any
            of several patterns. None, or no pattern, includes all.
        exclude: None of the names that match this pattern, or any of several.
        distribution: Only models of this distribution, as in ``"dapi-vision"``, or of several; a
            pattern, as in ``"acme-*"``, may match none.
        module: Only models declared in this module, as in ``"dapi.vision.models.resnet"``, or
            below it.
        task: Only models with weights for this task, as in ``"object-detection"``, or for any of
            several.

    Returns:
        The names, sorted. A name that several distributions provide is listed once for each,
        qualified, so that every listed name can be built.

    Raises:
        ArgumentError: An argument has a wrong type.
        UnknownPluginError: No installed distribution has that name; suggests similar ones.
        UnknownFacetError: No installed weights have the task; suggests similar ones.
    """
    included = _read("include", include or ())
    excluded = _read("exclude", exclude or ())
    owners = [*map(_names.normalize, _read("distribution", distribution or ()))]
    package = module.__name__ if isinstance(module, ModuleType) else module
    if not isinstance(package, str | None):
        raise ArgumentError("dapi.list_models", "module", module, expected="a module, or its name")
    models = listed()
    _check_owners(owners, models.values())
    found = [
        name
        for name, model in models.items()
        if (distribution is None or _matches(model.distribution, owners))
        and (package is None or f"{model.target.partition(':')[0]}.".startswith(f"{package}."))
        and (not included or _matches(model.name, included))
        and not (excluded and _matches(model.name, excluded))
    ]
    if task is None:
        return found
    from dapi._catalog import search  # reads the enums, which the others do not need

    having = search.models_for(_read("task", task))
    return [name for name in found if name in having]


def _read(argument: str, value: Any) -> tuple[str, ...]:
    return _names.one_or_several("dapi.list_models", argument, value)


def _check_owners(asked: Collection[str], models: Collection[Builder]) -> None:
    """Refuse distributions that are not installed; a pattern may match none."""
    if not asked:
        return
    known = {plugin.name for plugin in discover()} | {model.distribution for model in models}
    for name in asked:
        if name not in known and not set("*?[") & set(name):
            raise UnknownPluginError(name, available=sorted(known))


def _matches(name: str, patterns: Collection[str]) -> bool:
    from fnmatch import fnmatchcase  # a plain listing has no patterns

    return any(fnmatchcase(name, pattern) for pattern in patterns)


def listed() -> dict[str, Builder]:
    """Return the models by the names under which they are listed, sorted."""
    with one_look():
        strays = _strays()
        return _by_listed_name(_joined(strays)) if strays else _listed()


def known() -> list[Builder]:
    """Join the advertised builders with those registered in this process."""
    with one_look():
        strays = _strays()
        return _joined(strays)


def find_target(target: str) -> Builder | None:
    """Return the model whose builder is ``"module:function"``; None if there is none."""
    return next((model for model in known() if model.target == target), None)


# The functions that register_model decorated in this process, by target, as in a notebook.
_registered: dict[str, Callable[..., Any]] = {}


def register(function: Callable[..., Any]) -> None:
    """Register a decorated function; it replaces one of the same target (a cell run again).

    Raises:
        DuplicateModelError: Another function of that module has the name.
    """
    new = _declaration(function)
    for other in map(_declaration, registered()):
        if (other.name, other.module) == (new.name, new.module) and other.target != new.target:
            raise DuplicateModelError(new.name, first=other.target, second=new.target)
    _registered[new.target] = function


def registered() -> list[Callable[..., Any]]:
    """List the functions that were decorated so far."""
    return list(_registered.values())  # a copy: another thread may register at the same time


def successor(name: str, module: str) -> str | None:
    """Return the builder of the same module that replaces ``name``.

    Only of the same module: installing a distribution never changes another one.
    """
    for other in map(_declaration, registered()):
        if (other.replaces, other.module) == (name, module):
            return str(other.name)
    return None


def _declaration(function: Callable[..., Any]) -> Any:
    return function.__dapi_builder__  # type: ignore[attr-defined]


def load_builder(point: EntryPoint) -> Callable[..., Any]:
    """Import a builder, and check that it is one.

    Raises:
        PluginLoadError: It cannot be imported, or was not made by ``register_model``.
    """
    found: Callable[..., Any] = point.load()
    if not hasattr(found, "__dapi_builder__"):
        cause = TypeError(f"it is a {type(found).__name__}; decorate it with dapi.register_model")
        raise point.failed(cause)
    return found


@once_a_scan
def _advertised() -> list[Builder]:
    points = reversed(entry_points("dapi.models"))  # of two lines for one name the first counts
    named = {(p.distribution, p.name): p for p in points if _names.is_builder(p.name)}
    return [
        Builder(point.name, point.distribution, point.target, partial(load_builder, point))
        for point in named.values()
    ]


@once_a_scan
def _listed() -> dict[str, Builder]:
    return _by_listed_name(_advertised())


@once_a_scan
def _ways() -> dict[str, list[EntryPoint]]:
    """Group all entry points of builders by name, including disabled distributions."""
    ways: dict[str, list[EntryPoint]] = {}
    for plugin in discover():
        for point in plugin.entry_points:
            if point.group == "dapi.models":
                ways.setdefault(point.name, []).append(point)
    return ways


@once_a_scan
def _led() -> set[Callable[..., Any]]:
    """Return the functions of this process that an entry point is known to lead to."""
    return set()


def _strays() -> list[Builder]:
    """List the builders of this process that no entry point leads to."""
    strays, led, ways = [], _led(), _ways()
    for function in registered():
        if function in led:
            continue
        spec = _declaration(function)
        if any(point.leads_to(function) for point in ways.get(spec.name, ())):
            led.add(function)
        else:
            owner = _names.normalize(spec.module.partition(".")[0])
            strays.append(Builder(spec.name, owner, spec.target, partial(_itself, function)))
    return strays


def _itself(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _joined(strays: list[Builder]) -> list[Builder]:
    models = [*_advertised(), *strays]
    return list({(model.distribution, model.name): model for model in models}.values())


def _by_listed_name(models: list[Builder]) -> dict[str, Builder]:
    counts = Counter(model.name for model in models)
    names = {each.name if counts[each.name] == 1 else each.qualified: each for each in models}
    return dict(sorted(names.items()))
