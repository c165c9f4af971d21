"""What installed distributions advertise through entry points, read without importing them.

Only the standard library's ``importlib.metadata`` is asked. A distribution's name and version
come from the name of its metadata directory: reading ``dist.name`` parses every METADATA file,
which costs five times as much as the rest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any, Literal, NamedTuple

from dapi._names import normalize
from dapi.exceptions import AmbiguousExtensionError, PluginLoadError

State = Literal["ok", "failed", "shadowed"]

# What failed in this process: where the distribution's metadata is, and why.
_failures: dict[str, str] = {}


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
            PluginLoadError: Whatever the import raises, ``SystemExit`` included; as its cause.
        """
        try:
            return metadata.EntryPoint(self.name, self.target, self.group).load()
        except (Exception, SystemExit) as cause:
            error = PluginLoadError(self.target, distribution=self.distribution, cause=cause)
            _failures[self.location] = str(error)
            raise error from cause

    def leads_to(self, found: type | Callable[..., Any]) -> bool:
        """Whether this is the way to ``found``: by its name, or because it is re-exported."""
        if self.target == f"{found.__module__}:{found.__qualname__}":
            return True
        module, _, attribute = self.target.partition(":")
        value: Any = sys.modules.get(module)
        for part in attribute.split("."):
            value = getattr(value, part, None)
        return value is found


class Plugin(NamedTuple):
    """A distribution that advertises something to dapi, and copies of it that are hidden."""

    name: str
    version: str
    location: str
    entry_points: tuple[EntryPoint, ...]
    hidden: tuple[str, ...]
    problem: str


class PluginInfo(NamedTuple):
    """What ``dapi.plugins()`` tells of one distribution."""

    name: str
    version: str
    location: str
    state: State
    reason: str
    models: tuple[str, ...]


def plugins() -> tuple[PluginInfo, ...]:
    """List every distribution that advertises something to dapi, and its state.

    A distribution is ``failed`` once something of it failed to import in this process,
    ``shadowed`` when its metadata is found more than once (the first copy that Python would
    import is used), and ``ok`` otherwise. Imports nothing; reads the metadata directories.

    Returns:
        The distributions, sorted by name.
    """
    return tuple(_describe(plugin) for plugin in discover())


def _describe(plugin: Plugin) -> PluginInfo:
    state: State = "ok"
    reason = _failures.get(plugin.location) or plugin.problem
    if reason:
        state = "failed"
    elif plugin.hidden:
        state = "shadowed"
        reason = f"its metadata is found again at {', '.join(plugin.hidden)}"
    models = sorted(point.name for point in plugin.entry_points if point.group == "dapi.models")
    return PluginInfo(plugin.name, plugin.version, plugin.location, state, reason, tuple(models))


def entry_points(group: str) -> list[EntryPoint]:
    """List the entry points of a group over all distributions, sorted by distribution and name."""
    plugins = discover()
    if group not in _cached.groups:
        _cached.groups[group] = [
            point for plugin in plugins for point in plugin.entry_points if point.group == group
        ]
    return _cached.groups[group]


def extension(group: str, key: str) -> Any:
    """Load the entry point of ``group`` that is named ``key``; None when there is none.

    Raises:
        AmbiguousExtensionError: Several distributions provide it.
        PluginLoadError: Its module cannot be imported.
    """
    found = [point for point in entry_points(group) if point.name == key]
    if len(found) > 1:
        raise AmbiguousExtensionError(group, key, distributions=[p.distribution for p in found])
    return found[0].load() if found else None


class _Scan(NamedTuple):
    """What a look at ``sys.path`` found, and its entry points by group as far as asked for."""

    stamp: object
    plugins: tuple[Plugin, ...]
    groups: dict[str, list[EntryPoint]]


_cached = _Scan(None, (), {})


def discover() -> tuple[Plugin, ...]:
    """Find the distributions that advertise to dapi, sorted by name.

    The answer is kept until ``sys.path`` or one of its directories changes.
    """
    global _cached
    stamp = _path_stamp()
    if _cached.stamp != stamp:
        _cached = _Scan(stamp, tuple(_scan()), {})
    return _cached.plugins


def _path_stamp() -> tuple[tuple[str, int], ...]:
    return tuple((entry, _mtime(entry or os.curdir)) for entry in sys.path)


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _scan() -> Iterator[Plugin]:
    """Group metadata directories by distribution, then describe those that advertise."""
    copies: dict[str, list[metadata.Distribution]] = {}
    advertising: set[str] = set()
    for dist in metadata.distributions():
        name, _ = _name_and_version(dist)
        copies.setdefault(name, []).append(dist)
        if _advertises(dist):
            advertising.add(name)
    for name in sorted(advertising):
        yield _describe_copies(name, _in_import_order(copies[name]))


def _name_and_version(dist: metadata.Distribution) -> tuple[str, str]:
    path = getattr(dist, "_path", None)  # a finder of somebody else's may have none
    if path is None:
        return normalize(dist.metadata["Name"]), dist.version
    name, _, version = path.name.rpartition(".")[0].partition("-")
    return normalize(name), version


def _advertises(dist: metadata.Distribution) -> bool:
    try:
        return "[dapi." in (dist.read_text("entry_points.txt") or "")
    except (OSError, UnicodeDecodeError):
        return True  # it may be one of ours: it is listed, with the reason


def _in_import_order(copies: list[metadata.Distribution]) -> list[metadata.Distribution]:
    """Sort copies as Python would import them; in one directory an egg-info is the stale one."""
    unique = {_location(dist): dist for dist in copies}  # a folder may be on the path twice
    folders = list(dict.fromkeys(map(_folder, unique)))
    order = sorted(unique, key=lambda path: (folders.index(_folder(path)), ".egg-info" in path))
    return [unique[path] for path in order]


def _folder(path: str) -> str:
    return path.rpartition(os.sep)[0]


def _location(dist: metadata.Distribution) -> str:
    return str(getattr(dist, "_path", ""))


def _describe_copies(name: str, copies: list[metadata.Distribution]) -> Plugin:
    """Take the first copy that advertises: a stale egg-info without entry points hides nothing."""
    first = next(dist for dist in copies if _advertises(dist))
    hidden = tuple(_location(dist) for dist in copies if dist is not first)
    try:
        points = _ours(name, first)
        problem = "" if points else "its entry_points.txt is damaged"
    except Exception as error:  # noqa: BLE001 - a broken file must not hide the others
        points, problem = (), f"its entry_points.txt cannot be read: {error}"
    return Plugin(name, _name_and_version(first)[1], _location(first), points, hidden, problem)


def _ours(name: str, dist: metadata.Distribution) -> tuple[EntryPoint, ...]:
    return tuple(
        EntryPoint(point.group, point.name, point.value, name, _location(dist))
        for point in sorted(dist.entry_points, key=lambda point: (point.group, point.name))
        if point.group.startswith("dapi.")
    )
