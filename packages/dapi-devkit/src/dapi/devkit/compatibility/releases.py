"""Releases: the images that a project keeps, one for each release, beside its pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from packaging.version import InvalidVersion, Version

from dapi.devkit.compatibility.image import Image
from dapi.devkit.exceptions import NoReleaseError

FOLDER = "compat"
ALL = "all"

_SUFFIXES = (".json.gz", ".json")


class Releases:
    """The images in a project's folder.

    Attributes:
        folder: Where they are.
    """

    def __init__(self, project: Path) -> None:
        self.folder = project / FOLDER

    def path(self, version: str) -> Path:
        """Return where the image of a version is, or would be."""
        return self.folder / f"{version}{_SUFFIXES[0]}"

    def versions(self) -> dict[str, Path]:
        """List the versions of which there are images, the oldest first."""
        found: dict[str, Path] = {}
        for path in self.folder.glob("*.json*"):
            for suffix in _SUFFIXES:
                if path.name.endswith(suffix) and not path.name.startswith("."):
                    found.setdefault(path.name.removesuffix(suffix), path)
                    break
        return dict(sorted(found.items(), key=lambda item: _order(item[0])))

    def find(self, wanted: str) -> list[Image]:
        """Read the requested images.

        Args:
            wanted: A file, a version, or ``all``.

        Raises:
            NoReleaseError: There is no such image.
            ImageError: One cannot be read.
        """
        kept = self.versions()
        if wanted == ALL and kept:
            return list(map(Image.read, kept.values()))
        if wanted in kept:
            return [Image.read(kept[wanted])]
        if wanted != ALL and Path(wanted).is_file():
            return [Image.read(Path(wanted))]
        what = "any release" if wanted == ALL else wanted
        raise NoReleaseError(self.folder, what, available=list(kept))


def _order(version: str) -> tuple[bool, Version, str]:
    try:
        return True, Version(version), version
    except InvalidVersion:
        return False, Version("0"), version
