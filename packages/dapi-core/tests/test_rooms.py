"""The rooms of dapi-core: one way up, also at run time."""

import ast
from pathlib import Path

import pytest

import dapi

SOURCE = Path(dapi.__file__).parent

# From the bottom up: a module imports from its own room and from those before it.
ROOMS = (
    "_text", "exceptions", "_values", "adapt", "_plugins", "hooks", "tasks",
    "_store", "_loader", "_weights", "_catalog", "_prediction", "_building", "_saving",
    "_answers", "answers", "cache", "catalog", "_cli", "__main__", "__init__",
)  # fmt: skip


def room(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Yield the rooms that a file imports, inside functions and by ``import_module`` too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "dapi":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dapi."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            name = ast.unparse(node.args[0]).strip("f'\"")
            yield from name.split(".")[1:2] if name.startswith("dapi.") else ()


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCE.rglob("*.py") if room(path) not in ("_pyinstaller", "__init__")],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_imports_lead_down(path):
    """No room knows one above it, not for types either."""
    above = ROOMS[ROOMS.index(room(path)) + 1 :]

    assert not set(imported_rooms(path)) & set(above)


def test_every_module_is_in_a_room():
    """What is added is given its place."""
    assert {room(path) for path in SOURCE.rglob("*.py")} - {"_pyinstaller"} == set(ROOMS)
