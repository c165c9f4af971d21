"""``__init__.pyi``: the public names of a package, which ``lazy_loader`` imports on first use.

Laid out as ``ruff format`` does and sorted as its rule I001 does, at 100 columns.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

_WIDTH = 100


def render(current: str, package: str, names: Mapping[str, set[str]]) -> str:
    """Return a stub that imports names from modules of a package.

    Args:
        current: The current stub; its imports of other modules are kept, in front.
        package: The package of the stub.
        names: The names, by the full name of their module.

    >>> print(render("", "acme", {"acme.nets": {"net", "NetWeights"}}), end="")
    from .nets import NetWeights as NetWeights
    from .nets import net as net
    """
    relative = {module.removeprefix(package): each for module, each in names.items()}
    kept = [
        ast.get_source_segment(current, node) or ""
        for node in ast.parse(current).body
        if not (isinstance(node, ast.ImportFrom) and f".{node.module}" in relative)
    ]
    lines = [
        _line(module, name)
        for module in sorted(relative, key=_natural)
        for name in sorted(relative[module], key=_order)
    ]
    return "".join(f"{line}\n" for line in [*kept, *lines])


def nearest(folder: Path, top: Path) -> Path | None:
    """Return the stub of the package that a folder is in, at most up to the folder ``top``."""
    while folder != top:
        if (folder / "__init__.pyi").is_file():
            return folder / "__init__.pyi"
        folder = folder.parent
    return None


def _line(module: str, name: str) -> str:
    line = f"from {module} import {name} as {name}"
    if len(line) <= _WIDTH:
        return line
    return f"from {module} import (\n    {name} as {name},\n)"


def _order(name: str) -> tuple[int, list[object], list[object]]:
    """Sort constants first, then classes, then functions."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[0].isupper() else 2
    return kind, _natural(name.lower()), _natural(name)


def _natural(name: str) -> list[object]:
    """Sort numbers by their value, as in resnet50 before resnet101."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
