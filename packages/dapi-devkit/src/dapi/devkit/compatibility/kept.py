"""Kept: images of installed distributions in the cache, until the code that they show changes.

What an image shows depends on more than the distribution: on dapi-core, PyTorch, and the library
that the models are built with. Of all installed distributions the version and the list of files
with their hashes count; of those whose code may change without a new version (this one, dapi's, and
editable ones), the content of each file.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from dapi import cache, catalog
from dapi.devkit.compatibility.image import FORMAT, Image
from dapi.devkit.compatibility.recording import Extent
from dapi.devkit.exceptions import ImageError
from dapi.exceptions import DapiError

_MOST = 8  # images of one distribution
_SKIPPED = ("__pycache__", "node_modules")


class Kept:
    """The place of one distribution's image, as its code is now.

    Attributes:
        path: Where the image is, or would be; None if this user has no cache, or if a file that
            the image depends on cannot be read.
    """

    def __init__(self, distribution: str, extent: Extent) -> None:
        self._name = catalog.normalize(distribution)
        self.path: Path | None = None
        # Unreadable files, and damaged records of pip: an image of before could be of other code.
        with suppress(DapiError, OSError, AttributeError, KeyError, TypeError, ValueError):
            folder = cache.folder() / "images"
            self.path = folder / f"{self._name}-{_state(self._name, extent)[:32]}.json.gz"

    def find(self) -> Image | None:
        """Return the image; None if there is none that this user wrote."""
        if self.path is None or not _is_own(self.path):
            return None
        try:
            return Image.read(self.path)
        except ImageError:
            return None

    def keep(self, image: Image) -> None:
        """Write the image, and remove the oldest of the same distribution; if that is possible."""
        if self.path is None:
            return
        with suppress(ImageError, OSError):
            image.write(self.path)
            others = sorted(
                self.path.parent.glob(f"{self._name}-{'[0-9a-f]' * 32}.json.gz"),
                key=lambda path: path.stat().st_mtime,
            )
            for path in others[:-_MOST]:
                path.unlink()


def _is_own(path: Path) -> bool:
    """Whether nobody else could have written a file: it decides whether a release passes."""
    try:
        facts = [path.lstat(), path.parent.stat()]
    except OSError:
        return False
    if not hasattr(os, "geteuid"):
        return True
    return all(each.st_uid == os.geteuid() and not each.st_mode & 0o022 for each in facts)


def _state(name: str, extent: Extent) -> str:
    """Return a hash of all that an image depends on."""
    digest = sha256(json.dumps([FORMAT, platform.python_version(), platform.platform()]).encode())
    digest.update(json.dumps(extent).encode())
    folders = set[Path]()
    for dist in sorted(metadata.distributions(), key=lambda each: str(each.metadata["Name"])):
        record = dist.read_text("RECORD") or ""
        facts = [dist.metadata["Name"], dist.version, sha256(record.encode()).hexdigest()]
        digest.update(json.dumps(facts).encode())
        if catalog.normalize(str(dist.metadata["Name"])) == name:
            digest.update((dist.read_text("METADATA") or "").encode())
            digest.update((dist.read_text("entry_points.txt") or "").encode())
            folders |= set(_packages(dist))
        folders |= set(_editable(dist))
    for path in sorted(_files({*folders, *_packages_of("dapi")})):
        content = sha256(path.read_bytes()).hexdigest()
        digest.update(json.dumps([str(path), content]).encode())
    return digest.hexdigest()


def _packages(dist: metadata.Distribution) -> Iterator[Path]:
    """Yield the packages and modules that entry points of a distribution refer to."""
    for top in {point.value.partition(":")[0].partition(".")[0] for point in dist.entry_points}:
        yield from _packages_of(top)


def _packages_of(top: str) -> Iterator[Path]:
    try:
        found = find_spec(top)
    except (ImportError, ValueError):
        return
    if found is not None and found.submodule_search_locations is not None:
        yield from map(Path, found.submodule_search_locations)
    elif found is not None and found.has_location:
        yield Path(str(found.origin))


def _editable(dist: metadata.Distribution) -> Iterator[Path]:
    """Yield the directory of the project of an editable distribution."""
    origin = json.loads(dist.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        folder = Path(url2pathname(urlsplit(origin["url"]).path))
        source = folder / "src"
        yield source if source.is_dir() else folder


def _files(places: set[Path]) -> Iterator[Path]:
    """Yield files, and those in directories, but none of hidden directories and no bytecode."""
    for place in places:
        if place.is_file():
            yield place
        for folder, inner, names in os.walk(place):
            inner[:] = [each for each in inner if not each.startswith(".") and each not in _SKIPPED]
            found = (Path(folder, each) for each in names if not each.endswith(".pyc"))
            # Emacs marks an edited file by a link to nowhere; reading a pipe would wait.
            yield from filter(Path.is_file, found)
