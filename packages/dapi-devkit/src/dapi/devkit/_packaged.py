"""``package:`` URLs: the owner of the file, and whether users of it require its distribution."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement

from dapi import catalog


def distribution_of(file: Path) -> str | None:
    """Return the installed distribution of a file; None if no metadata lists it.

    Args:
        file: Its resolved path.
    """
    found = {place: dist for dist in metadata.distributions() for place in _places(dist, file)}
    nearest = max(found, key=lambda place: len(place.parts), default=None)
    return catalog.normalize(found[nearest].metadata["Name"]) if nearest else None


def _places(dist: metadata.Distribution, file: Path) -> Iterator[Path]:
    """Yield the directories of a distribution that the file is known to be in."""
    root = Path(str(dist.locate_file(""))).resolve()
    if file.is_relative_to(root):
        line = f"\n{file.relative_to(root).as_posix()},"
        if line in "\n" + (dist.read_text("RECORD") or ""):
            yield file.parent
    origin = json.loads(dist.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        source = Path(url2pathname(urlsplit(origin["url"]).path)).resolve()
        if file.is_relative_to(source):
            yield source


def unrequired(url: str, plugin: catalog.Plugin, own: set[str]) -> str:
    """Return why a URL may not resolve for users of a distribution; empty if it always does.

    Args:
        url: A ``package:`` address.
        plugin: The distribution of the weights.
        own: Import names of the distribution's own modules.
    """
    parts = urlsplit(url)
    package = unquote(parts.path).partition("/")[0]
    if _top(package) in map(_top, own):
        return ""
    if not parts.fragment:
        return f"{url} does not name its requirement: add #REQUIREMENT"
    try:
        wanted = Requirement(unquote(parts.fragment))
    except InvalidRequirement:
        return f"{url} does not end in a valid requirement"
    required = {each.name for each in _required(wanted, plugin)}
    if not required:
        return f"{url} names {wanted}, which {plugin.name} does not require"
    owners = {*map(catalog.normalize, metadata.packages_distributions().get(_top(package), ()))}
    if owners and not owners & required:
        return f"{url} is a file of {' or '.join(sorted(owners))}, not of {wanted}"
    return ""


def _required(wanted: Requirement, plugin: catalog.Plugin) -> list[catalog.Requirement]:
    """List the distributions that a requirement, or an own extra, installs."""
    lines, name = plugin.requirements(), catalog.normalize(wanted.name)
    if name != plugin.name:
        return [line for line in lines if line.name == name]
    extras = [*map(catalog.normalize, wanted.extras)]
    return [line for line in lines if line.applies(extras) and not line.applies()]


def _top(module: str) -> str:
    """Return the top-level package; of the packages in dapi's namespace, the one in it."""
    parts = module.split(".")
    return ".".join(parts[: 1 + (parts[0] == "dapi")])
