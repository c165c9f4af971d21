"""PyInstaller's hooks, so that a frozen application keeps its models.

PyInstaller finds this by dapi-core's entry point in the group ``pyinstaller40``, and runs the
``hook-dapi.py`` next to it whenever an application imports ``dapi``.
"""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the directories that hold PyInstaller's hooks."""
    return [str(Path(__file__).parent)]
