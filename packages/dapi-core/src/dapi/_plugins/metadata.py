"""The metadata of installed distributions, as ``importlib.metadata`` finds it.

Importing that module takes three times as long as a whole listing, so directories are read here.
For anything else (a zip, an egg, a custom finder), ``importlib.metadata`` is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._values.names import normalize

if TYPE_CHECKING:
    from importlib.metadata import Distribution

# Errors that importlib.metadata, too, treats as a missing file.
_ABSENCES = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, KeyError)


class Metadata(NamedTuple):
    """The metadata of a distribution: its directory, name and version, and how to read its files.

    Name and version come from the name of the directory: parsing METADATA takes longer than
    everything else.

    Attributes:
        location: The directory; empty if there is none.
        name: The normalized name of the distribution.
        version: The version of the distribution.
        read_text: Returns a file's text; None if the file does not exist.
    """

    location: str
    name: str
    version: str
    read_text: Callable[[str], str | None]

    def described(self) -> str | None:
        """Return the text that describes the distribution; None if it cannot be read."""
        try:
            return self.read_text("METADATA") or self.read_text("PKG-INFO")
        except (OSError, UnicodeDecodeError):
            return None

    def advertises(self) -> bool:
        """Whether it may have entry points for dapi; an unreadable file is listed as damaged."""
        try:
            return "[dapi." in (self.read_text("entry_points.txt") or "")
        except (OSError, UnicodeDecodeError):
            return True

    def entry_points(self) -> Iterator[tuple[str, str, str]]:
        """Yield group, name and target of each entry point.

        Raises:
            ValueError: The file is damaged.
        """
        group = ""
        for line in map(str.strip, (self.read_text("entry_points.txt") or "").splitlines()):
            if line.startswith("[") and line.endswith("]"):
                group = line[1:-1]
            elif line and not line.startswith("#"):
                name, separator, target = line.partition("=")
                if not separator:
                    raise ValueError(f"the line {line!r} has no '='")
                yield group, name.strip(), target.strip()


def installed() -> Iterator[Metadata]:
    """Yield the metadata of every distribution that Python would find, in its order."""
    for finder in sys.meta_path:
        if finder is PathFinder:
            for entry in sys.path:
                if isinstance(entry, str):  # Python, too, ignores a Path in sys.path
                    yield from _on(entry)
        elif hasattr(finder, "find_distributions"):
            yield from _found_by(finder)


def _on(entry: str) -> Iterator[Metadata]:
    """Look into one entry of ``sys.path``."""
    folder = entry or os.curdir
    names: list[str] = []
    if folder.lower().endswith(".egg") or os.path.isfile(folder):  # a zip, most likely
        yield from _found_by(PathFinder, path=[entry])
        return
    with suppress(OSError):  # many entries of sys.path do not exist
        names = os.listdir(folder)
    for name in names:
        if name.lower().endswith((".dist-info", ".egg-info")):
            location = os.path.join(folder, name)
            yield Metadata(location, *_name_and_version(name), partial(_read, location))


def _name_and_version(directory: str) -> tuple[str, str]:
    name, _, version = directory.rpartition(".")[0].partition("-")
    return normalize(name), version


def _read(location: str, name: str) -> str | None:
    with suppress(*_ABSENCES), open(os.path.join(location, name), encoding="utf-8") as stream:
        return stream.read()
    return None


def _found_by(finder: Any, **context: Any) -> Iterator[Metadata]:
    from importlib.metadata import DistributionFinder

    found: Iterator[Distribution] = finder.find_distributions(DistributionFinder.Context(**context))
    for dist in found:
        path = getattr(dist, "_path", None)  # a custom finder may have none
        own = _name_and_version(path.name) if path else ("", "")
        if not own[0]:  # an egg's metadata is in a directory without a name
            own = normalize(dist.metadata["Name"] or ""), dist.version or ""
        yield Metadata(str(path or "").rstrip("/"), *own, dist.read_text)
