"""Read the entry points of installed distributions without importing them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib import import_module, invalidate_caches
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from dapi._plugins import environment
from dapi._plugins import metadata as _metadata
from dapi._plugins.metadata import Metadata
from dapi._values import notices
from dapi._values.record import Record
from dapi.exceptions import (
    AmbiguousExtensionError,
    IncompatiblePluginError,
    PluginLoadError,
    PluginWarning,
    UnknownPluginError,
)

if TYPE_CHECKING:
    from dapi._plugins.requirements import Requirement

CORE = "dapi-core"

_T = TypeVar("_T")

# Failed imports of this process: the error by the distribution's metadata directory and the target.
_failures: dict[tuple[str, str], str] = {}


class EntryPoint(NamedTuple):
    """One line of a distribution's entry points, in a group of ours."""

    group: str
    name: str
    target: str
    distribution: str
    location: str

    def load(self) -> Any:
        """Import the target and return it.

        Raises:
            IncompatiblePluginError: The distribution needs another dapi-core; nothing is imported.
            PluginLoadError: Whatever the import raises, ``SystemExit`` included; as its cause.
        """
        _check_compatible(self.distribution)
        try:
            found = _load(self.target)
        except (Exception, SystemExit) as cause:
            raise self.failed(cause) from cause
        _failures.pop((self.location, self.target), None)
        return found

    def failed(self, cause: BaseException) -> PluginLoadError:
        """Remember why the target cannot be used; returns the error to raise."""
        error = PluginLoadError(self.target, distribution=self.distribution, cause=cause)
        _failures[self.location, self.target] = f"importing {self.target} raised {error.reason}"
        return error

    def leads_to(self, found: type | Callable[..., Any]) -> bool:
        """Whether this is the way to ``found``: by its name, or because it is re-exported."""
        if self.target == f"{found.__module__}:{found.__qualname__}":
            return True
        module, _, attribute = self.target.partition(":")
        value: Any = sys.modules.get(module)
        with suppress(Exception, SystemExit):  # a module that imports when it is asked may fail
            for part in attribute.split("."):
                value = getattr(value, part, None)
        return value is found


def _load(target: str) -> Any:
    """Import ``"module:attribute"``; extras after it are ignored."""
    module, _, attribute = target.partition("[")[0].partition(":")
    found: Any = import_module(module.strip())
    for part in filter(None, attribute.strip().split(".")):
        found = getattr(found, part)
    return found


class Plugin(Record):
    """A distribution that advertises something to dapi, and copies of it that are hidden."""

    name: str
    version: str
    location: str
    entry_points: tuple[EntryPoint, ...]
    hidden: tuple[str, ...]
    problem: str
    disabled_by: str
    metadata: Metadata

    @property
    def failures(self) -> list[str]:
        """The entry points that failed to import in this process, with the errors."""
        known = list(_failures.items())  # a copy: another thread may fail at the same time
        return [why for (location, _), why in known if location == self.location]

    def requirements(self) -> list[Requirement]:
        """Read its requirements; none if its METADATA cannot be read."""
        from dapi._plugins import requirements as _requirements

        return list(_requirements.in_metadata(self.metadata.described() or ""))

    def unmet_core(self) -> Requirement | None:
        """Read its requirement on dapi-core, if the installed version does not satisfy it."""
        installed = versions().get(CORE, "")
        for each in self.requirements():
            if each.name == CORE and each.applies() and not each.allows(installed):
                return each
        return None


def entry_points(group: str) -> list[EntryPoint]:
    """List the entry points of a group over all distributions, sorted by distribution and name.

    Those of distributions that ``DAPI_PLUGINS`` or ``DAPI_DISABLE_PLUGINS`` leave out are not
    listed.
    """
    scan = _scanned()
    if group not in scan.groups:
        _warn_of_typos(scan)
        scan.groups[group] = [
            point
            for plugin in scan.plugins
            if not plugin.disabled_by
            for point in plugin.entry_points
            if point.group == group
        ]
    return scan.groups[group]


def _warn_of_typos(scan: _Scan) -> None:
    for variable, name in unmatched():
        error = UnknownPluginError(
            name, available=[plugin.name for plugin in scan.plugins], variable=variable
        )
        notices.warn_once(str(error), PluginWarning)


def unmatched() -> list[tuple[str, str]]:
    """List the names in DAPI_PLUGINS, DAPI_DISABLE_PLUGINS and DAPI_PREFER that match nothing."""
    known = {plugin.name for plugin in discover()}
    return [
        (variable, name)
        for variable in environment.LISTS
        for name in environment.listed(variable) or ()
        if name not in known
    ]


def preferred(found: Sequence[_T], distribution: Callable[[_T], str]) -> list[_T]:
    """Keep the items of the first distribution in ``DAPI_PREFER``; all if it names none of them.

    Args:
        found: Items that several distributions provide under one name.
        distribution: Returns the distribution of an item.
    """
    for name in environment.listed(environment.PREFERRED) or ():
        kept = [each for each in found if distribution(each) == name]
        if kept:
            return kept
    return list(found)


def extension(group: str, key: str) -> Any:
    """Load the entry point of ``group`` that is named ``key``; None when there is none.

    Raises:
        AmbiguousExtensionError: Several distributions provide it, and ``DAPI_PREFER`` names none
            of them.
        PluginLoadError: Its module cannot be imported.
    """
    found = [point for point in entry_points(group) if point.name == key]
    found = preferred(found, lambda point: point.distribution)
    if len(found) > 1:
        raise AmbiguousExtensionError(group, key, distributions=[p.distribution for p in found])
    return found[0].load() if found else None


def _check_compatible(distribution: str) -> None:
    """Refuse a distribution that needs another dapi-core; its METADATA is read once in a scan."""
    scan = _scanned() if _cached is _NOTHING else _cached  # the scan whose objects are loaded
    plugin = next((plugin for plugin in scan.plugins if plugin.name == distribution), None)
    if plugin is None:
        return
    if distribution not in scan.unmet:
        scan.unmet[distribution] = plugin.unmet_core()
    unmet = scan.unmet[distribution]
    if unmet is not None:
        raise IncompatiblePluginError(
            distribution,
            version=plugin.version,
            requirement=str(unmet),
            installed=scan.versions[CORE],
        )


class _Scan(Record):
    """The result of one scan of ``sys.path``, with the queries answered so far."""

    stamp: object
    plugins: tuple[Plugin, ...]
    versions: dict[str, str]
    groups: dict[str, list[EntryPoint]]
    unmet: dict[str, Requirement | None]


_NOTHING = _Scan(None, (), {}, {}, {})
_cached = _NOTHING


def discover() -> tuple[Plugin, ...]:
    """Find the distributions that advertise to dapi, sorted by name.

    The answer is kept until ``sys.path``, one of its directories, or a variable that names
    distributions changes.
    """
    return _scanned().plugins


def versions() -> dict[str, str]:
    """Return the version of every installed distribution, of those too that advertise nothing."""
    return _scanned().versions


# The look that all questions in a block share.
_shared: ContextVar[_Scan | None] = ContextVar("dapi_look", default=None)


@contextmanager
def one_look(*, anew: bool = True) -> Iterator[object]:
    """Scan ``sys.path`` once for all queries in a block: each scan makes 30 to 60 system calls.

    Args:
        anew: Whether to scan again; otherwise the last scan is used, if there was one.

    Yields:
        An object that identifies the scan.
    """
    scan = _shared.get() or (_scanned() if anew or _cached is _NOTHING else _cached)
    token = _shared.set(scan)
    try:
        yield scan
    finally:
        _shared.reset(token)


def known() -> tuple[Plugin, ...]:
    """Return the result of the last scan; scan if there was none."""
    with one_look(anew=False):
        return discover()


def forget() -> None:
    """Discard the last scan and all failures: the next query scans again."""
    global _cached
    invalidate_caches()
    _failures.clear()
    _cached = _NOTHING


def _scanned() -> _Scan:
    global _cached
    shared = _shared.get()
    if shared is not None:
        return shared
    stamp = _stamp()
    scan = _cached
    if scan.stamp != stamp:
        scan = _cached = _Scan(stamp, *_scan(), {}, {})
    return scan


def _stamp() -> tuple[object, ...]:
    paths = [(entry, _mtime(entry or os.curdir)) for entry in sys.path]
    return (*paths, *map(os.environ.get, environment.LISTS))


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _scan() -> tuple[tuple[Plugin, ...], dict[str, str]]:
    """Group metadata by distribution, then describe those distributions that advertise."""
    copies: dict[str, list[Metadata]] = {}
    advertising: set[str] = set()
    for found in _metadata.installed():
        copies.setdefault(found.name, []).append(found)
        if _advertises(found):
            advertising.add(found.name)
    copies = {name: _in_import_order(found) for name, found in copies.items()}
    plugins = tuple(_describe_copies(copies[name]) for name in sorted(advertising))
    versions = {name: found[0].version for name, found in copies.items()}
    return plugins, versions | {plugin.name: plugin.version for plugin in plugins}


def _advertises(found: Metadata) -> bool:
    try:
        return "[dapi." in (found.read_text("entry_points.txt") or "")
    except (OSError, UnicodeDecodeError):
        return True  # it may be one of ours: it is listed, with the reason


def _in_import_order(copies: list[Metadata]) -> list[Metadata]:
    """Sort the copies of a distribution in the order in which Python would import them.

    In one directory the newest version wins; an egg-info beside a dist-info is stale.
    """
    if len(copies) == 1:
        return copies
    from dapi._plugins.requirements import order as order_of  # not before: few have copies

    unique: dict[str, Metadata] = {}  # a folder may be on the path twice, or linked
    for found in copies:
        unique.setdefault(os.path.realpath(found.location), found)
    folders = list(dict.fromkeys(map(_folder, unique)))
    newest = sorted(unique, key=lambda path: order_of(unique[path].version), reverse=True)
    order = sorted(newest, key=lambda path: (folders.index(_folder(path)), ".egg-info" in path))
    return [unique[path] for path in order]


def _folder(path: str) -> str:
    return path.rpartition(os.sep)[0]


def _describe_copies(copies: list[Metadata]) -> Plugin:
    first = copies[0] if len(copies) == 1 else _imported(copies)
    points, problem = _ours(first)
    return Plugin(
        first.name,
        first.version,
        first.location,
        points,
        tuple(found.location for found in copies if found is not first),
        problem,
        environment.disabling(first.name),
        first,
    )


def _imported(copies: list[Metadata]) -> Metadata:
    """Choose the copy whose code Python imports, whether it has entry points or not.

    A stale egg-info has no code: then the first copy with entry points is chosen.
    """
    first = next(filter(_advertises, copies))
    folders = {_folder_of_module(point.target.partition(":")[0]) for point in _ours(first)[0]}
    if not folders - {""} or os.path.realpath(_folder(first.location)) in folders:
        folders = {os.path.realpath(_folder(first.location))}
    there = (each for each in copies if os.path.realpath(_folder(each.location)) in folders)
    return next(there, copies[0])  # an editable installation has its code elsewhere


def _folder_of_module(module: str) -> str:
    """Return the directory on the path that Python would import a module from; empty if none."""
    top, _, rest = module.partition(".")
    path = None
    if top == "dapi":  # the one package that several distributions share
        top, path = f"dapi.{rest.partition('.')[0]}", sys.modules["dapi"].__path__
    spec = PathFinder.find_spec(top, path)
    places = [*(spec.submodule_search_locations or ()), spec.origin] if spec else []
    place = next(filter(None, places), None)
    if place is None:
        return ""
    folder: str = os.path.realpath(place)
    for _ in top.split("."):
        folder = _folder(folder)
    return folder


def _ours(found: Metadata) -> tuple[tuple[EntryPoint, ...], str]:
    """Read the entry points in dapi's groups, or return why there are none."""
    if not found.name[:1].isalnum():  # such as ~cme_models, which pip renames before it removes it
        return (), "an interrupted installation left it behind"
    try:
        lines = sorted(found.entry_points(), key=lambda line: line[:2])
    except (OSError, ValueError) as error:  # a broken file must not hide the others
        return (), f"its entry_points.txt cannot be read: {error}"
    points = tuple(
        EntryPoint(group, name, target, found.name, found.location)
        for group, name, target in lines
        if group.startswith("dapi.")
    )
    return points, "" if points or not _advertises(found) else "its entry_points.txt is damaged"
