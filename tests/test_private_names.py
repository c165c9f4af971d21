"""No distribution imports another's private names: what tools need is in ``dapi.catalog``."""

import ast
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"
OTHERS = sorted(path.name for path in PACKAGES.iterdir() if path.name != "dapi-core")


def imports(path):
    """Yield what a file imports, as dotted names, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_private(name):
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


@pytest.mark.parametrize("distribution", OTHERS)
def test_private_names_are_a_distributions_own(distribution):
    """An underscore name is imported only by the package that it is in."""
    source = PACKAGES / distribution / "src"
    own = f"dapi.{distribution.removeprefix('dapi-')}."
    files = [path for path in source.rglob("*.py") if "templates" not in path.parts]

    foreign = {
        f"{path.relative_to(source)}: {name}"
        for path in files
        for name in imports(path)
        if name.startswith("dapi.") and is_private(name) and not name.startswith(own)
    }

    assert files
    assert set() == foreign
