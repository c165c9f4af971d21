"""``dapi doctor``: find everything that keeps models from being found or built."""

from __future__ import annotations

import argparse
import inspect
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, NamedTuple

from _dapi_owners import other_owners, repair
from dapi._building.declaration import declaration
from dapi._catalog import builders, files, lookup, offers
from dapi._cli.failures import FAILED
from dapi._cli.options import add_command
from dapi._cli.tables import print_json, print_rows, tell
from dapi._plugins import environment, removals
from dapi._plugins.discovery import EntryPoint, Plugin, discover, entry_points, unmatched
from dapi._plugins.status import PluginInfo, findings, plugins
from dapi._store import access, disk, folders, mirrors
from dapi._text.urls import redact
from dapi._values import names
from dapi.exceptions import (
    DapiError,
    PluginLoadError,
    PluginWarning,
    UnknownPluginError,
)


def add_commands(commands: Any) -> None:
    """Add the command of this module."""
    text = "check every distribution, and report why models cannot be found or built"
    doctor = add_command(commands, "doctor", _doctor, text)
    doctor.add_argument(
        "name", nargs="?", help="only this distribution, as in dapi-vision; its models are built"
    )
    doctor.add_argument("--build", action="store_true", help="build all models, without weights")


def _doctor(options: argparse.Namespace) -> int:
    name = options.name and names.normalize(options.name)
    build = bool(options.build or name) and find_spec("torch") is not None
    problems = examine(name, build=build)
    found = [plugin for plugin in plugins() if name in (None, plugin.name)]
    if options.json:
        told = {
            "plugins": [plugin._asdict() for plugin in found],
            "problems": [problem._asdict() for problem in problems],
        }
        print_json({**told, "built": build})
        return FAILED if problems else 0
    print_rows(options, list(map(_row, found)), empty="No distribution with models is installed.")
    for problem in problems:
        print()
        tell(f"{problem.distribution}: {problem.what.rstrip('.')}.", "  ")
        tell(f"  {problem.remedy}")
    if found and not build:
        how = "To build them too: dapi doctor --build"
        if find_spec("torch") is None:
            how = "To build them, install PyTorch: pip install torch"
        print()
        tell(f"The models were imported, not built. {how}")
    return FAILED if problems else 0


def _row(plugin: PluginInfo) -> dict[str, Any]:
    return {
        "distribution": plugin.name,
        "version": plugin.version,
        "state": plugin.state,
        "models": len(plugin.models),
    }


class Problem(NamedTuple):
    """One problem: its distribution, the problem, and the remedy."""

    distribution: str
    what: str
    remedy: str


def examine(name: str | None = None, *, build: bool = False) -> list[Problem]:
    """Look for problems, of all distributions or of one.

    Imports all that they advertise, each separately; nothing of those that are disabled, require
    another dapi-core, or lack a requirement.

    Args:
        name: The name of a distribution; None for all, and for the environment.
        build: Whether to call each builder too, without weights and on the meta device: that takes
            no memory, but imports PyTorch and the builders' requirements.

    Raises:
        UnknownPluginError: No distribution with that name has entry points for dapi.
    """
    chosen = [plugin for plugin in discover() if name in (None, plugin.name)]
    if name is not None and not chosen:
        raise UnknownPluginError(name, available=[plugin.name for plugin in discover()])
    of_all = (_foreign_owners, _unmatched_variables, _idle_mirrors, _unusable_folders, _open_caches)
    general = [] if name else [problem for find in of_all for problem in find()]
    return [*general, *(problem for plugin in chosen for problem in _examine(plugin, build))]


def _examine(plugin: Plugin, build: bool) -> Iterator[Problem]:
    if not any(found.state in _UNFIT for found in findings(plugin)):
        # Several names may lead to one target, which is imported once.
        for point in {(point.group, point.target): point for point in plugin.entry_points}.values():
            _try(point)
        yield from _drift(plugin)
        yield from _misplaced_tombstones(plugin)
        if build:
            yield from _unbuildable(plugin)
    for found in findings(plugin):
        yield Problem(plugin.name, found.reason, found.remedy)
    yield from _shared_names(plugin)


# States in which a distribution is not imported.
_UNFIT = ("disabled", "incompatible", "missing-dependency")


def _foreign_owners() -> Iterator[Problem]:
    owners = other_owners()
    if owners:
        yield Problem(", ".join(owners), "it installed its own dapi/__init__.py", repair(owners))


def _unmatched_variables() -> Iterator[Problem]:
    known = [plugin.name for plugin in discover()]
    for variable, name in unmatched():
        what = f"it names {name!r}, but no distribution of that name has entry points of dapi"
        yield Problem(variable, what, _instead(name, known))
    for variable in environment.unknown():
        yield Problem(variable, "no variable of dapi has that name", _instead(variable))


def _idle_mirrors() -> Iterator[Problem]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # reported as a problem of its distribution
        urls = (url for _, file in files.installed() for url in (file.url, *file.mirrors))
        for what, remedy in mirrors.idle(urls):
            yield Problem("DAPI_MIRROR", what, remedy)


def _unusable_folders() -> Iterator[Problem]:
    """Find a cache that is not writable, and read-only caches that are not readable."""
    try:
        root, roots = folders.root(), folders.roots()
    except (OSError, RuntimeError, KeyError) as error:  # no home, and no variable
        yield Problem("DAPI_CACHE", f"there is no cache: {error}", "Set DAPI_CACHE to a directory")
        return
    obstacle = disk.obstacle(root)
    if obstacle:
        what = f"the cache at {root} cannot be written to ({obstacle})"
        remedy = "Set DAPI_CACHE to a directory that can be written to"
        yield Problem("DAPI_CACHE", what, f"{remedy}; DAPI_CACHE_READONLY names those to read only")
    for path in roots:
        if path != root and not (path.is_dir() and os.access(path, os.R_OK | os.X_OK)):
            what = f"it names {path}, which is not a directory that can be read"
            yield Problem(
                "DAPI_CACHE_READONLY", what, "Mount or create it, or remove it from the variable"
            )


def _open_caches() -> Iterator[Problem]:
    """Find cache directories in which other users could plant files."""
    for root in folders.roots():
        for folder in access.strangers(root):
            what = f"others can write to {folder}: each user hashes files before using them"
            remedy = (
                f"chmod go-w {folder} (as its owner), or set DAPI_CACHE to a directory of yours"
            )
            yield Problem("cache", what, remedy)


def _instead(name: str, known: Sequence[str] = environment.KNOWN) -> str:
    from dapi._text.similar import nearest

    match = nearest(name, known)
    return f"Did you mean {match[0]}?" if match else f"Available: {', '.join(known)}"


def _try(point: EntryPoint) -> None:
    """Import the target of an entry point; discovery records failures."""
    checks = {
        "dapi.models": builders.load_builder,
        "dapi.weights": offers.load_enum,
        "dapi.removed": removals.load,
    }
    with suppress(PluginLoadError):
        checks.get(point.group, EntryPoint.load)(point)


def _of(plugin: Plugin, group: str) -> Iterator[EntryPoint]:
    return (point for point in plugin.entry_points if point.group == group)


def _builders(plugin: Plugin) -> Iterator[tuple[EntryPoint, Callable[..., Any]]]:
    """Yield the builders that can be imported; failures are reported already."""
    for point in _of(plugin, "dapi.models"):
        with suppress(PluginLoadError):
            yield point, builders.load_builder(point)


def _drift(plugin: Plugin) -> Iterator[Problem]:
    """Compare the names in entry points with the registered names of the builders."""
    for point in _of(plugin, "dapi.models"):
        if not names.is_builder(point.name):
            what = f"its entry point {point.name!r} cannot be a model's name, and is not listed"
            yield Problem(plugin.name, what, "Rename it: letters, digits and underscores")
    for point, builder in _builders(plugin):
        name = declaration(builder).name
        if name != point.name:
            what = f"its entry point {point.name!r} names the builder registered as {name!r}"
            yield Problem(plugin.name, what, f'{name} = "{point.target}"')


def _unbuildable(plugin: Plugin) -> Iterator[Problem]:
    """Find builders that raise when they are called."""
    for point, builder in _builders(plugin):
        reason = _failure(builder)
        if reason:
            what = f"its builder {point.name!r} cannot be built: {reason}"
            remedy = f"pip install --upgrade {plugin.name}; if that fails, report it to its authors"
            yield Problem(plugin.name, what, remedy)


def _failure(builder: Callable[..., Any]) -> str:
    """Return why a builder cannot be called without weights; empty if it can."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a model that is built only to test the builder
        try:
            builder(weights=None, device="meta", **_required(builder))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the distribution's own code
            first_line = str(error).strip().partition("\n")[0]
            return redact(f"{type(error).__name__}: {first_line}".rstrip(": "))
    return ""


def _required(builder: Callable[..., Any]) -> dict[str, Any]:
    """Return the arguments without a default, from the builder's first weights."""
    builds = [member.build for enum in declaration(builder).weights for member in enum]
    given = {**builds[0].defaults, **builds[0].config} if builds else {}
    parameters = inspect.signature(builder).parameters.items()
    return {
        name: given[name]
        for name, parameter in parameters
        if parameter.default is parameter.empty and name in given
    }


def _misplaced_tombstones(plugin: Plugin) -> Iterator[Problem]:
    """Find tombstones of existing models, and successors that do not exist."""
    living = {point.name for point in _of(plugin, "dapi.models")}
    for point in _of(plugin, "dapi.removed"):
        if point.name in living:
            what = f"its model {point.name!r} is in dapi.models and in dapi.removed"
            yield Problem(plugin.name, what, "Remove it from one of them")
        yield from _lost_successor(point)


def _lost_successor(point: EntryPoint) -> Iterator[Problem]:
    try:
        successor = removals.load(point).successor
        if successor and names.parse(successor).member:
            lookup.get_weights(successor)
        elif successor:
            lookup.find(successor)
    except PluginLoadError:
        return  # reported as such
    except DapiError as error:
        what = f"its tombstone of {point.name!r} names a successor that cannot be found: {error}"
        yield Problem(point.distribution, what, f"Correct the successor in {point.target}")


def _shared_names(plugin: Plugin) -> Iterator[Problem]:
    for point in entry_points("dapi.models"):
        if point.distribution == plugin.name and names.is_builder(point.name):
            try:
                lookup.find(point.name)
            except DapiError:
                remedy = f"Write '{plugin.name}/{point.name}', or set DAPI_PREFER={plugin.name}"
                yield Problem(
                    plugin.name, f"{point.name!r} is also provided by another distribution", remedy
                )
