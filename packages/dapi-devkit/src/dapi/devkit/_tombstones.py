"""Tombstones: declarations of removed builders, for users who ask for them."""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = '''"""Builders that this distribution no longer provides, and their successors."""

from dapi import Removed
'''


def target(name: str, builder: str, sources: Path) -> str:
    """Return where the tombstone of a builder is, as an entry point names it.

    Args:
        name: The builder's name.
        builder: Where it was, as its entry point had it.
        sources: The folder that modules are found in.
    """
    return f"{'.'.join(_package(builder, sources))}.removed:{re.sub(r'[^0-9A-Za-z_]', '_', name)}"


def write(target: str, version: str, sources: Path) -> Path:
    """Add a tombstone to its module; one that is there already stays. Returns the module."""
    module, _, name = target.partition(":")
    path = sources.joinpath(*module.split(".")).with_suffix(".py")
    text = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    if not re.search(rf"^{name}\b", text, flags=re.MULTILINE):
        text += f'\n{name} = Removed(last_version="{version}")\n'
        unfinished = path.with_suffix(".py.new")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    return path


def _package(builder: str, sources: Path) -> list[str]:
    """Return the outermost package of a module that is not a namespace."""
    parts = builder.partition(":")[0].split(".")
    for depth in range(1, len(parts)):
        if sources.joinpath(*parts[:depth], "__init__.py").exists():
            return parts[:depth]
    return parts[:-1] or parts
