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

# What failed in this process: a distribution's name and why.
_failures: dict[str, str] = {}


class EntryPoint(NamedTuple):
    """One line of a distribution's entry points, in a group of ours."""

    group: str
    name: str
    target: str
    distribution: str

    def load(self) -> Any:
        """Import the target and return it.

        Raises:
            PluginLoadError: Whatever the import raises, ``SystemExit`` included; as its cause.
        """
        try:
            return metadata.EntryPoint(self.name, self.target, self.group).load()
        except (Exception, SystemExit) as cause:
            error = PluginLoadError(self.target, distribution=self.distribution, cause=cause)
            _failures[self.distribution] = str(error)
            raise error from cause


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
    reason = _failures.get(plugin.name) or plugin.problem
    if reason:
        state = "failed"
    elif plugin.hidden:
        state = "shadowed"
        reason = f"its metadata is found again at {', '.join(plugin.hidden)}"
    models = sorted(point.name for point in plugin.entry_points if point.group == "dapi.models")
    return PluginInfo(plugin.name, plugin.version, plugin.location, state, reason, tuple(models))


def entry_points(group: str) -> list[EntryPoint]:
    """List the entry points of a group over all distributions, sorted by distribution and name."""
    return [point for plugin in discover() for point in plugin.entry_points if point.group == group]


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


_cached: tuple[object, tuple[Plugin, ...]] = (None, ())


def discover() -> tuple[Plugin, ...]:
    """Find the distributions that advertise to dapi, sorted by name.

    The answer is kept until ``sys.path`` or one of its directories changes.
    """
    global _cached
    stamp = _path_stamp()
    if _cached[0] != stamp:
        _cached = (stamp, tuple(_scan()))
    return _cached[1]


def _path_stamp() -> tuple[tuple[str, int], ...]:
    return tuple((entry, _mtime(entry or os.curdir)) for entry in sys.path)


def _mtime(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


class _Found(NamedTuple):
    """A metadata directory; sorts in the order in which Python would import from it."""

    folder_rank: int
    is_egg: bool
    path: str
    name: str
    version: str
    text: str
    read: Callable[[], metadata.EntryPoints]


def _scan() -> Iterator[Plugin]:
    """Group metadata directories by distribution, then describe those that advertise."""
    found: dict[str, list[_Found]] = {}
    folders: dict[str, int] = {}
    for dist in metadata.distributions():
        item = _inspect(dist, folders)
        if item and all(item.path != other.path for other in found.setdefault(item.name, [])):
            found[item.name].append(item)
    for _, copies in sorted(found.items()):
        if any("dapi." in copy.text for copy in copies):
            yield _choose(sorted(copies, key=lambda copy: copy[:3]))


def _inspect(dist: metadata.Distribution, folders: dict[str, int]) -> _Found | None:
    path = getattr(dist, "_path", None)  # a finder of somebody else's may have none
    if path is None:
        return _inspect_foreign(dist)
    stem, _, kind = path.name.rpartition(".")
    name, _, version = stem.partition("-")
    rank = folders.setdefault(str(path.parent), len(folders))
    text = dist.read_text("entry_points.txt") or ""
    read = lambda: dist.entry_points  # noqa: E731 - read only for those that advertise
    return _Found(rank, kind != "dist-info", str(path), normalize(name), version, text, read)


def _inspect_foreign(dist: metadata.Distribution) -> _Found | None:
    name = dist.metadata["Name"]
    text = dist.read_text("entry_points.txt") or ""
    read = lambda: dist.entry_points  # noqa: E731 - as above
    return _Found(sys.maxsize, False, "", normalize(name), dist.version, text, read)


def _choose(copies: list[_Found]) -> Plugin:
    """Take the first copy that advertises: a stale egg-info without entry points hides nothing."""
    first = next(copy for copy in copies if "dapi." in copy.text)
    hidden = tuple(copy.path for copy in copies if copy is not first)
    try:
        points, problem = _ours(first), ""
    except Exception as error:  # noqa: BLE001 - a broken file must not hide the others
        points, problem = (), f"its entry_points.txt cannot be read: {error}"
    return Plugin(first.name, first.version, first.path, points, hidden, problem)


def _ours(found: _Found) -> tuple[EntryPoint, ...]:
    return tuple(
        EntryPoint(point.group, point.name, point.value, found.name)
        for point in sorted(found.read(), key=lambda point: (point.group, point.name))
        if point.group.startswith("dapi.")
    )
