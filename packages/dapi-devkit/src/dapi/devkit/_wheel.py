"""``pytest --dapi-wheel FILE``: test the wheel, not the project that it was built from.

An editable project has every file of its directory; its wheel may lack some, such as weights that
version control ignores. The wheel is unpacked into a directory, which is first on ``sys.path``.
"""

from __future__ import annotations

import sys
from email import message_from_bytes
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from zipfile import BadZipFile, ZipFile

import dapi
from dapi.devkit.exceptions import WheelError


class Wheel:
    """A wheel, unpacked into a directory.

    Args:
        path: The file.
        folder: An empty directory.

    Raises:
        WheelError: There is no such file, or it is not a wheel.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, folder
        try:
            with ZipFile(path) as archive:
                archive.extractall(folder)
        except (BadZipFile, OSError) as cause:
            raise WheelError(path, f"cannot be read ({cause})") from cause
        found = list(folder.glob("*.dist-info/METADATA"))
        if len(found) != 1:
            raise WheelError(path, "is not a wheel: it does not have exactly one METADATA file")
        self.name = str(message_from_bytes(found[0].read_bytes())["Name"])
        for kind in ("purelib", "platlib"):
            for part in folder.glob(f"*.data/{kind}"):
                copytree(part, folder, dirs_exist_ok=True)

    def put_first(self) -> None:
        """Let imports find the wheel before anything that is installed."""
        sys.path.insert(0, str(self.folder))
        if (self.folder / "dapi").is_dir():
            dapi.__path__.insert(0, str(self.folder / "dapi"))
        invalidate_caches()

    def check(self) -> None:
        """Check that no other path precedes the wheel now.

        Raises:
            WheelError: One of its packages is imported from somewhere else.
        """
        for package in sorted(self._packages()):
            spec = find_spec(package)
            places = [*((spec and spec.submodule_search_locations) or ()), spec and spec.origin]
            if not any(Path(place or "").is_relative_to(self.folder) for place in places):
                raise WheelError(
                    self.path,
                    f"is not the code under test: {package} is imported from {places[0]}",
                    "Remove that directory from pythonpath, and from sys.path in conftest.py.",
                )

    def _packages(self) -> set[str]:
        """List the top-level imports of the wheel; for the namespace dapi, its members."""
        found = {
            path.stem
            for path in (*self.folder.iterdir(), *self.folder.glob("dapi/*"))
            if path.suffix in ("", ".py") and path.stem.isidentifier()
        }
        return {
            f"dapi.{each}" if (self.folder / "dapi" / each).exists() else each
            for each in found - {"dapi"}
        }
