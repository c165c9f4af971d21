"""What ``dapi doctor`` looks for: everything that keeps models from being found or built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from _dapi_command import other_owners, repair
from dapi import _catalog, _names
from dapi._discovery import EntryPoint, discover, entry_points
from dapi.exceptions import PluginLoadError


class Problem(NamedTuple):
    """One finding: whose it is, what is wrong, and what to do."""

    distribution: str
    what: str
    remedy: str


def examine() -> list[Problem]:
    """Look for problems. Imports what every distribution advertises, each on its own."""
    return [*_foreign_owners(), *_bad_metadata(), *_broken_imports(), *_drift(), *_shared_names()]


def _foreign_owners() -> Iterator[Problem]:
    owners = other_owners()
    if owners:
        yield Problem(", ".join(owners), "it installed its own dapi/__init__.py", repair(owners))


def _bad_metadata() -> Iterator[Problem]:
    for plugin in discover():
        if plugin.problem:
            remedy = f"pip install --force-reinstall {plugin.name}"
            yield Problem(plugin.name, plugin.problem, remedy)
        for path in plugin.hidden:
            what = f"its metadata is found at {plugin.location} and again at {path}"
            yield Problem(plugin.name, what, f"Remove {path}, or install {plugin.name} again")


def _broken_imports() -> Iterator[Problem]:
    checks = {"dapi.models": _catalog.load_builder, "dapi.weights": _catalog.load_enum}
    points = (point for plugin in discover() for point in plugin.entry_points)
    for point in {(point.group, point.target): point for point in points}.values():
        try:
            checks.get(point.group, EntryPoint.load)(point)
        except PluginLoadError as error:
            what = f"{point.target} of {point.group} cannot be used: {error.reason}"
            yield Problem(point.distribution, what, f"pip uninstall {point.distribution}")


def _drift() -> Iterator[Problem]:
    """Compare the names in entry points with those that the builders were registered under."""
    for point in entry_points("dapi.models"):
        if not _names.is_builder(point.name):
            what = f"its entry point {point.name!r} cannot be a model's name, and is not listed"
            yield Problem(point.distribution, what, "Rename it: letters, digits and underscores")
        spec = _declared(point)
        if spec is not None and spec != point.name:
            what = (
                f"its entry point {point.name!r} names the builder that is registered as {spec!r}"
            )
            yield Problem(point.distribution, what, f'{spec} = "{point.target}"')


def _declared(point: EntryPoint) -> str | None:
    try:
        spec = getattr(point.load(), "__dapi_builder__", None)
    except PluginLoadError:
        return None
    return spec.name if spec else None


def _shared_names() -> Iterator[Problem]:
    for name in _catalog.list_models():
        if "/" in name:
            owner, _, bare = name.partition("/")
            yield Problem(owner, f"{bare!r} is given by others too", f"Write {name!r}")
