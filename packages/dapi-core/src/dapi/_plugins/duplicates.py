"""Duplicates: copies of one distribution, and which of them Python imports. Few have any."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from dapi._plugins.metadata import Metadata
from dapi._plugins.requirements import order


def in_import_order(copies: list[Metadata]) -> list[Metadata]:
    """Sort the copies of a distribution in the order in which Python would import them.

    In one directory the newest version wins; an egg-info beside a dist-info is stale.
    """
    unique: dict[str, Metadata] = {}  # a folder may be on the path twice, or linked
    for found in copies:
        unique.setdefault(os.path.realpath(found.location), found)
    newest = sorted(unique, key=lambda path: order(unique[path].version), reverse=True)
    folders = [Path(path).parent for path in unique]
    place = {p: (folders.index(Path(p).parent), ".egg-info" in p) for p in newest}
    return [unique[path] for path in sorted(newest, key=place.__getitem__)]


def imported(copies: list[Metadata]) -> Metadata:
    """Choose the copy whose code Python imports, whether it has entry points or not.

    A stale egg-info has no code: then the first copy with entry points is chosen.
    """
    first = next(found for found in copies if found.advertises())
    folders = set(map(_folder_of_module, _modules(first))) - {""}
    if not folders or _folder(first) in folders:
        folders = {_folder(first)}
    there = (found for found in copies if _folder(found) in folders)
    return next(there, copies[0])  # an editable installation has its code elsewhere


def _folder(found: Metadata) -> str:
    return os.path.realpath(Path(found.location).parent)


def _modules(found: Metadata) -> set[str]:
    """Return the modules that its entry points for dapi name; none if they cannot be read."""
    try:
        points = list(found.entry_points())
    except (OSError, ValueError):
        return set()
    return {target.partition(":")[0] for group, _, target in points if group.startswith("dapi.")}


def _folder_of_module(module: str) -> str:
    """Return the directory on the path that Python would import a module from; empty if none."""
    top, _, rest = module.partition(".")
    path = None
    if top == "dapi":  # the one package that several distributions share
        top, path = f"dapi.{rest.partition('.')[0]}", sys.modules["dapi"].__path__
    spec = PathFinder.find_spec(top, path)
    places = [*(spec.submodule_search_locations or ()), spec.origin] if spec else []
    place = next(filter(None, places), None)
    return str(Path(os.path.realpath(place)).parents[top.count(".")]) if place else ""
