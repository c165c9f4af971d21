"""Read the entry points of installed distributions without importing them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from importlib import import_module, invalidate_caches
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
        except (Exception, SystemExit) as cause:  # a module that calls sys.exit() ends nothing
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
        try:  # no suppress(): a listing asks this ten thousand times
            for part in attribute.split("."):
                value = getattr(value, part, None)
        except (Exception, SystemExit):  # noqa: BLE001 - a lazy module may fail to import
            return False
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
        from dapi._plugins.requirements import in_metadata

        return list(in_metadata(self.metadata.described() or ""))

    def unmet_core(self) -> Requirement | None:
        """Read its requirement on dapi-core, if the installed version does not satisfy it."""
        installed = versions().get(CORE, "")
        for each in self.requirements():
            if each.name == CORE and each.applies() and not each.allows(installed):
                return each
        return None


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
    with one_look(anew=False):  # the scan whose objects are loaded
        plugin = next((each for each in discover() if each.name == distribution), None)
        checked = _checked()
        if plugin and distribution not in checked:
            checked[distribution] = plugin.unmet_core()
        unmet = checked.get(distribution)
        if plugin and unmet:
            raise IncompatiblePluginError(
                distribution,
                version=plugin.version,
                requirement=str(unmet),
                installed=versions()[CORE],
            )


class _Scan(Record):
    """The result of one scan of ``sys.path``, and what was derived from it so far."""

    stamp: object
    plugins: tuple[Plugin, ...]
    versions: dict[str, str]
    derived: dict[Callable[[], Any], Any]


_NOTHING = _Scan(None, (), {}, {})
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


def once_a_scan(derive: Callable[[], _T]) -> Callable[[], _T]:
    """Make a function that computes what follows from a scan once, and again after the next."""

    @wraps(derive)
    def kept() -> _T:
        derived = _scanned().derived
        if derive not in derived:
            derived[derive] = derive()
        found: _T = derived[derive]
        return found

    return kept


def entry_points(group: str) -> list[EntryPoint]:
    """List the entry points of a group over all distributions, sorted by distribution and name.

    Those of distributions that ``DAPI_PLUGINS`` or ``DAPI_DISABLE_PLUGINS`` leave out are not
    listed.
    """
    return [*_grouped().get(group, ())]  # a caller may change it


@once_a_scan
def _grouped() -> dict[str, list[EntryPoint]]:
    for variable, name in unmatched():
        known = [plugin.name for plugin in discover()]
        error = UnknownPluginError(name, available=known, variable=variable)
        notices.warn_once(str(error), PluginWarning)
    groups: dict[str, list[EntryPoint]] = {}
    for plugin in discover():
        for point in plugin.entry_points if not plugin.disabled_by else ():
            groups.setdefault(point.group, []).append(point)
    return groups


@once_a_scan
def _checked() -> dict[str, Requirement | None]:
    """Return the unmet requirements on dapi-core of the distributions that were checked so far."""
    return {}


# The look that all questions in a block share; other threads look for themselves.
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
        scan = _cached = _Scan(stamp, *_scan(), {})
    return scan


def _stamp() -> tuple[object, ...]:
    # The time of a directory changes when a distribution is installed into it or removed from it.
    paths = [(entry, _mtime(entry or os.curdir)) for entry in sys.path]
    return (*paths, *map(os.environ.get, environment.LISTS))


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0  # it may be created later, which changes the stamp


def _scan() -> tuple[tuple[Plugin, ...], dict[str, str]]:
    """Group metadata by distribution, then describe those distributions that advertise."""
    copies: dict[str, list[Metadata]] = {}
    advertising: set[str] = set()
    for found in _metadata.installed():
        copies.setdefault(found.name, []).append(found)
        if found.advertises():
            advertising.add(found.name)
    for name, several in copies.items():
        if len(several) > 1:
            from dapi._plugins.duplicates import in_import_order  # not before: few have copies

            copies[name] = in_import_order(several)
    plugins = tuple(_describe(copies[name]) for name in sorted(advertising))
    versions = {name: found[0].version for name, found in copies.items()}
    return plugins, versions | {plugin.name: plugin.version for plugin in plugins}


def _describe(copies: list[Metadata]) -> Plugin:
    chosen = copies[0]
    if len(copies) > 1:
        from dapi._plugins.duplicates import imported

        chosen = imported(copies)
    points, problem = _ours(chosen)
    return Plugin(
        chosen.name,
        chosen.version,
        chosen.location,
        points,
        tuple(found.location for found in copies if found is not chosen),
        problem,
        environment.disabling(chosen.name),
        chosen,
    )


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
    return points, "" if points or not found.advertises() else "its entry_points.txt is damaged"
