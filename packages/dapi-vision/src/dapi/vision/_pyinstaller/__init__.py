"""PyInstaller's hooks, found by the entry point in the group ``pyinstaller40``."""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the directories that hold PyInstaller's hooks."""
    return [str(Path(__file__).parent)]
