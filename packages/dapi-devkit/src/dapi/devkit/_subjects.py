"""Subjects of checks: a distribution, its entry points, builders and weights.

Only advertised objects are imported. An object that cannot be imported is not a subject; the check
of its entry point reports it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from dapi import WeightEntry, Weights, catalog
from dapi.devkit._entry_points import declares
from dapi.devkit._models import Workshop
from dapi.devkit.compatibility import declarations
from dapi.exceptions import DapiError, PluginLoadError


@dataclass(frozen=True)
class Distribution:
    """A distribution that advertises something to dapi."""

    plugin: catalog.Plugin
    workshop: Workshop = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """Its normalized name."""
        return self.plugin.name

    @property
    def where(self) -> str:
        """The directory of its metadata."""
        return self.plugin.location

    def targets(self, group: str) -> dict[str, str]:
        """Return the targets of a group of entry points, by name."""
        return {p.name: p.target for p in self.plugin.entry_points if p.group == group}

    @property
    def modules(self) -> list[str]:
        """The modules that declare models and weights."""
        points = (*self.targets("dapi.models").values(), *self.targets("dapi.weights").values())
        return sorted({target.partition(":")[0] for target in points})

    def enums(self) -> list[type[Weights]]:
        """List the enums of weights that its modules define, and those beside them."""
        return [
            found
            for name in sorted(self._declaring() & sys.modules.keys())
            for found in vars(sys.modules[name]).values()
            if isinstance(found, type) and issubclass(found, Weights) and len(found)
            if found.__module__ == name
        ]

    def builders(self) -> list[catalog.Declaration]:
        """List the declarations of the builders in its modules and the modules next to them."""
        declaring = self._declaring()
        declared = map(catalog.declaration, catalog.registered())
        return [each for each in declared if each.module in declaring]

    def _declaring(self) -> set[str]:
        """List its modules, and those beside them that declare something, which may lack a line."""
        beside = [*_beside(self.modules)]
        for module in beside:
            with suppress(
                Exception, SystemExit
            ):  # the check of its entry points reports it, if any
                import_module(module)
        return {*self.modules, *beside}


@dataclass(frozen=True)
class Line:
    """One line of the entry points."""

    point: catalog.EntryPoint

    @property
    def name(self) -> str:
        """The group and the name."""
        return f"{self.point.group}:{self.point.name}"

    @property
    def where(self) -> str:
        """The target."""
        return self.point.target


@dataclass(frozen=True)
class Builder:
    """A builder that the distribution advertises."""

    distribution: Distribution
    name: str
    function: Callable[..., Any]

    @property
    def where(self) -> str:
        """The function, as entry points name it."""
        return self.declaration.target

    @property
    def declaration(self) -> catalog.Declaration:
        """Its declaration."""
        return catalog.declaration(self.function)

    @property
    def workshop(self) -> Workshop:
        """Where it is built."""
        return self.distribution.workshop


@dataclass(frozen=True)
class Enum:
    """An enum of weights that the distribution advertises, and the builder that it is for."""

    distribution: Distribution
    for_builder: str
    enum: type[Weights]

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.enum.__name__

    @property
    def where(self) -> str:
        """The class, as entry points name it."""
        return f"{self.enum.__module__}:{self.enum.__qualname__}"

    @property
    def builder(self) -> Callable[..., Any] | None:
        """The builder, of this distribution or of another; None if it is not available."""
        own = f"{self.distribution.name}/{self.for_builder}"
        for name in (own, self.for_builder):
            try:
                return catalog.find(name).load()  # type: ignore[no-any-return]
            except DapiError:
                pass
        return None


@dataclass(frozen=True)
class Member:
    """One member of an enum of weights."""

    of: Enum
    weights: Weights

    @property
    def name(self) -> str:
        """The name under which it is found."""
        return f"{self.of.for_builder}:{self.weights.name}"

    @property
    def qualified(self) -> str:
        """The same, with the distribution that publishes it in front."""
        builder = self.of.for_builder.rpartition("/")[2]
        return f"{self.of.distribution.name}/{builder}:{self.weights.name}"

    @property
    def where(self) -> str:
        """The member, as entry points would name it."""
        return f"{self.of.where}.{self.weights.name}"

    @property
    def entry(self) -> WeightEntry:
        """Its target."""
        return catalog.entry_of(self.weights)

    @property
    def workshop(self) -> Workshop:
        """Where it is built."""
        return self.of.distribution.workshop


Subject = Distribution | Line | Builder | Enum | Member


def find(name: str, workshop: Workshop) -> Distribution:
    """Find an installed distribution.

    Raises:
        UnknownDistributionError: None of that name advertises anything.
    """
    return Distribution(declarations.find(name), workshop)


def subjects(distribution: Distribution) -> Iterator[Subject]:
    """List all subjects of a distribution; imports its advertised objects."""
    yield distribution
    yield from map(Line, distribution.plugin.entry_points)
    yield from _builders(distribution)
    offers = list(_enums(distribution))
    yield from {offer.enum: offer for offer in reversed(offers)}.values()
    yield from (Member(offer, member) for offer in offers for member in offer.enum)


def _builders(distribution: Distribution) -> Iterator[Builder]:
    for point in distribution.plugin.entry_points:
        if point.group == "dapi.models":
            try:
                yield Builder(distribution, point.name, catalog.load_builder(point))
            except PluginLoadError:
                continue


def _enums(distribution: Distribution) -> Iterator[Enum]:
    for point in distribution.plugin.entry_points:
        if point.group == "dapi.weights":
            try:
                enum = catalog.load_enum(point)
            except PluginLoadError:
                continue
            yield Enum(distribution, point.name, enum)


def _beside(modules: Iterable[str]) -> Iterator[str]:
    """List the modules in the packages of others that declare builders or weights."""
    packages = {module.rpartition(".")[0] for module in modules} - {""}
    for package in sorted(packages & sys.modules.keys()):
        for found in iter_modules(sys.modules[package].__path__, f"{package}."):
            spec = found.module_finder.find_spec(found.name, None)
            source = Path((spec and spec.origin) or "")
            if source.is_file() and declares(source):  # in a zip there is none
                yield found.name


def documented(subject: object) -> bool:
    """Whether an object has a docstring of its own."""
    text = inspect.cleandoc(getattr(subject, "__doc__", None) or "")
    return bool(text.splitlines()) and text != inspect.cleandoc(Weights.__doc__ or "")
