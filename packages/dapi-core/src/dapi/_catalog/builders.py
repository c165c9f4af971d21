"""Builders: of every distribution (not yet imported), and of this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from dapi._plugins.discovery import EntryPoint, discover, entry_points
from dapi._values import names as _names
from dapi._values.record import Record
from dapi.exceptions import DuplicateModelError


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


def listed() -> dict[str, Builder]:
    """Return the models by the names under which they are listed, sorted."""
    advertised = _advertised()
    models = _joined(advertised.builders, _strays(advertised))
    return advertised.listed if models is advertised.builders else _by_listed_name(models)


def known() -> list[Builder]:
    """Join the advertised builders with those registered in this process."""
    advertised = _advertised()
    return _joined(advertised.builders, _strays(advertised))


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


class _Advertised(Record):
    """The advertised builders; kept until discovery finds others."""

    points: list[EntryPoint]
    builders: list[Builder]
    listed: dict[str, Builder]
    ways: dict[str, list[EntryPoint]]
    led: set[str]


_kept = _Advertised([], [], {}, {}, set())


def _advertised() -> _Advertised:
    global _kept
    kept, points = _kept, entry_points("dapi.models")
    if kept.points is not points:
        named = {(p.distribution, p.name): p for p in reversed(points) if _names.is_builder(p.name)}
        models = [
            Builder(point.name, point.distribution, point.target, partial(load_builder, point))
            for point in named.values()
        ]
        kept = _kept = _Advertised(points, models, _by_listed_name(models), _ways(), set())
    return kept


def _ways() -> dict[str, list[EntryPoint]]:
    """Group all entry points of builders by name, including disabled distributions."""
    ways: dict[str, list[EntryPoint]] = {}
    for plugin in discover():
        for point in plugin.entry_points:
            if point.group == "dapi.models":
                ways.setdefault(point.name, []).append(point)
    return ways


def _strays(advertised: _Advertised) -> list[Builder]:
    """List the builders of this process that no entry point advertises."""
    strays = []
    for function in registered():
        name, target = _declaration(function).name, _declaration(function).target
        if target in advertised.led:
            continue
        if any(point.leads_to(function) for point in advertised.ways.get(name, ())):
            advertised.led.add(target)
            continue
        owner = _names.normalize(target.partition(".")[0].partition(":")[0])
        strays.append(Builder(name, owner, target, partial(_itself, function)))
    return strays


def _joined(models: list[Builder], strays: list[Builder]) -> list[Builder]:
    if not strays:
        return models
    return list({(each.distribution, each.name): each for each in [*models, *strays]}.values())


def _by_listed_name(models: list[Builder]) -> dict[str, Builder]:
    counts = Counter(model.name for model in models)
    names = {each.name if counts[each.name] == 1 else each.qualified: each for each in models}
    return dict(sorted(names.items()))


def _itself(function: Callable[..., Any]) -> Callable[..., Any]:
    return function
