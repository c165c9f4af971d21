"""The state of every distribution with dapi's entry points, and changes while Python runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from pkgutil import extend_path
from typing import Literal, NamedTuple

from dapi._plugins import discovery, hooks, metadata
from dapi._plugins.discovery import CORE, Plugin, discover, versions
from dapi._plugins.requirements import Requirement, in_metadata
from dapi._values.public import public

State = Literal["ok", "disabled", "incompatible", "missing-dependency", "failed", "shadowed"]


class Finding(NamedTuple):
    """A problem of a distribution, and the remedy."""

    state: State
    reason: str
    remedy: str


@public
class PluginInfo(NamedTuple):
    """The state of one distribution, as ``dapi.plugins()`` returns it.

    Attributes:
        name: Its normalized name.
        version: Its version, from the name of its metadata directory.
        location: Its metadata directory.
        state: ``ok``, or the first that applies of ``disabled`` (by an environment variable),
            ``incompatible`` (it requires another dapi-core), ``missing-dependency``, ``failed``
            (its metadata is damaged, or an import failed in this process) and ``shadowed`` (its
            metadata is found more than once).
        reason: Why it is not ``ok``; empty otherwise.
        remedy: What to do; empty otherwise.
        models: The names of its models.
    """

    name: str
    version: str
    location: str
    state: State
    reason: str
    remedy: str
    models: tuple[str, ...]


@public
class Refreshed(NamedTuple):
    """The names of the distributions that changed, as ``dapi.refresh()`` returns them.

    Attributes:
        added: Distributions with dapi's entry points that are new.
        removed: Distributions that were removed, or no longer have entry points.
        changed: Distributions with another version or location, or other entry points.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


@public
def plugins() -> tuple[PluginInfo, ...]:
    """List every distribution that advertises something to dapi, and its state.

    Imports none of them. Reads the metadata directories on the path, and the METADATA of those
    that advertise.

    Returns:
        The distributions, sorted by name.
    """
    return tuple(map(_describe, discover()))


def _describe(plugin: Plugin) -> PluginInfo:
    worst = next(findings(plugin), Finding("ok", "", ""))
    models = sorted(point.name for point in plugin.entry_points if point.group == "dapi.models")
    return PluginInfo(plugin.name, plugin.version, plugin.location, *worst, tuple(models))


def findings(plugin: Plugin) -> Iterator[Finding]:
    """List the problems of a distribution, the root cause first."""
    if plugin.disabled_by:
        remedy = f"Take {plugin.name} out of DAPI_DISABLE_PLUGINS"
        if plugin.disabled_by == "DAPI_PLUGINS":
            remedy = f"Add {plugin.name} to DAPI_PLUGINS, or unset it"
        yield Finding("disabled", f"{plugin.disabled_by} leaves it out", remedy)
    unmet = plugin.unmet_core()
    if unmet:
        installed = f"{CORE} {versions()[CORE]} is installed"
        reason = f"version {plugin.version} needs {unmet}, and {installed}"
        yield Finding("incompatible", reason, f"pip install --upgrade {plugin.name} {CORE}")
    for requirement in _missing(plugin.requirements(), (), set()):
        found = versions().get(requirement.name)
        fact = f"and {requirement.name} {found} is installed" if found else "which is not installed"
        reason = f"it needs {requirement}, {fact}"
        yield Finding("missing-dependency", reason, f"pip install '{requirement}'")
    yield from _damages(plugin)
    for path in plugin.hidden:
        reason = f"its metadata is found at {plugin.location} and again at {path}"
        yield Finding("shadowed", reason, f"Remove {path}, or install {plugin.name} again")


def _missing(
    requirements: Iterable[Requirement], extras: tuple[str, ...], seen: set[str]
) -> Iterator[Requirement]:
    """Yield the requirements that are not installed, including those of required extras."""
    for each in requirements:
        if not each.applies(extras) or str(each) in seen:  # extras may require each other
            continue
        seen.add(str(each))
        installed = versions().get(each.name)
        if each.name != CORE and (installed is None or not each.allows(installed)):
            yield each
        elif each.extras and installed is not None:
            owner = next(found for found in metadata.installed() if found.name == each.name)
            yield from _missing(in_metadata(owner.described() or ""), each.extras, seen)


def _damages(plugin: Plugin) -> Iterator[Finding]:
    again = f"pip install --force-reinstall {plugin.name}"
    if plugin.problem:
        named = plugin.name[:1].isalnum()
        yield Finding("failed", plugin.problem, again if named else f"Remove {plugin.location}")
    elif plugin.metadata.described() is None:
        yield Finding("failed", "its METADATA is missing, or cannot be read", again)
    for reason in plugin.failures:
        yield Finding("failed", reason, f"pip uninstall {plugin.name}")


@public
def refresh() -> Refreshed:
    """Detect distributions that were installed or removed while this process runs.

    A new distribution in a directory of ``sys.path`` is found without this. Only this function sees
    metadata that was rewritten in place, an editable install (its ``.pth`` file is read, as at the
    start of Python), and first-party distributions in new directories. Imported modules stay as
    they are: a new version of them needs a new process.

    Returns:
        The names of the distributions that were added, removed or changed since dapi looked last.

    >>> refresh()
    Refreshed(added=(), removed=(), changed=())
    """
    before = _identities(discovery.known())
    discovery.forget()
    for plugin in discover():
        _read_path_files(plugin)
    discovery.forget()
    hooks.forget()
    package = sys.modules["dapi"]
    package.__path__ = extend_path(package.__path__, package.__name__)
    after = _identities(discover())
    stayed = before.keys() & after.keys()
    return Refreshed(
        added=tuple(sorted(after.keys() - stayed)),
        removed=tuple(sorted(before.keys() - stayed)),
        changed=tuple(sorted(name for name in stayed if after[name] != before[name])),
    )


def _identities(plugins: Iterable[Plugin]) -> dict[str, tuple[object, ...]]:
    return {each.name: (each.version, each.location, each.entry_points) for each in plugins}


def _read_path_files(plugin: Plugin) -> None:
    """Let Python read the ``.pth`` file of an editable install; again does no harm."""
    import site

    record = ""
    with suppress(OSError, UnicodeDecodeError):  # a damaged one keeps no other from being read
        record = plugin.metadata.read_text("RECORD") or ""
    for line in record.splitlines():
        name = line.partition(",")[0]
        if name.endswith(".pth") and "/" not in name:
            site.addpackage(Path(plugin.location).parent, name, None)
