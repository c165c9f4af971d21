"""``dapi entry-points``: the lines of a pyproject.toml that name what its builders declare."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit

from dapi import Weights, catalog
from dapi.devkit.exceptions import MissingProjectError
from dapi.exceptions import PluginLoadError

GROUPS = ("dapi.models", "dapi.weights")
_DRIFT = 1
_ASIDE = {"build", "dist", "docs", "examples", "recipes", "tests"}

Names = dict[str, dict[str, str]]


class Change(NamedTuple):
    """A line to add, or one that leads nowhere."""

    group: str
    name: str
    target: str
    is_added: bool

    def __str__(self) -> str:
        return f'{"+" if self.is_added else "-"} {quoted(self.name)} = "{self.target}"'


def quoted(name: str) -> str:
    """Return a name as a key of TOML.

    >>> quoted("dapi-vision/resnet20")
    '"dapi-vision/resnet20"'
    """
    return name if name.replace("-", "_").isidentifier() else f'"{name}"'


def needed(declarations: Iterable[catalog.Declaration]) -> Names:
    """Return the lines that decorated builders need, targets by name by group."""
    lines: Names = {group: {} for group in GROUPS}
    for each in declarations:
        lines["dapi.models"][each.name] = each.target
        if each.weights:
            own = each.weights[0]
            lines["dapi.weights"][each.name] = f"{own.__module__}:{own.__qualname__}"
    return lines


class Project:
    """A project's pyproject.toml, and the modules beside it.

    Args:
        folder: Where it is.

    Raises:
        MissingProjectError: There is no pyproject.toml, or it has no ``[project]``.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pyproject.toml"
        if not self.path.is_file():
            raise MissingProjectError(self.path, "does not exist")
        self._document = tomlkit.parse(self.path.read_text(encoding="utf-8"))
        if "project" not in self._document:
            raise MissingProjectError(self.path, "has no [project]")
        self._sources = folder / "src" if (folder / "src").is_dir() else folder

    @property
    def name(self) -> str:
        """The distribution's name."""
        return str(self._document["project"].get("name", self.path.parent.name))

    def changes(self) -> list[Change]:
        """Compare the lines that there are with those that are needed; imports what declares."""
        modules = dict(self._modules())
        declaring = [name for name, path in modules.items() if declares(path)]
        self._import(declaring)
        declared = map(catalog.declaration, catalog.registered())
        lines = needed(each for each in declared if each.module in declaring)
        for name, target in self.lines("dapi.weights").items():
            if name not in lines["dapi.models"] and self._is_enum(target):
                lines["dapi.weights"][name] = target  # for somebody else's builder
        return [change for group in GROUPS for change in self._differences(group, lines[group])]

    def lines(self, group: str) -> dict[str, str]:
        """Return the lines of a group that there are."""
        table = self._document["project"].get("entry-points", {}).get(group, {})
        return {str(name): str(target) for name, target in table.items()}

    def write(self, changes: Iterable[Change]) -> None:
        """Change the file; comments and the order of its lines stay."""
        groups: Any = self._document["project"].setdefault(
            "entry-points", tomlkit.table(is_super_table=True)
        )
        for change in changes:
            table = groups.setdefault(change.group, tomlkit.table())
            if change.is_added:
                table[change.name] = change.target
            elif table.get(change.name) == change.target:
                del table[change.name]
        self.path.write_text(tomlkit.dumps(self._document), encoding="utf-8")

    def _modules(self) -> Iterator[tuple[str, Path]]:
        """List the modules of the project by name."""
        for path in sorted(self._sources.rglob("*.py")):
            parts = list(path.relative_to(self._sources).with_suffix("").parts)
            if parts[0] in _ASIDE or not all(part.isidentifier() for part in parts):
                continue
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path

    def _import(self, modules: Iterable[str]) -> None:
        sys.path.insert(0, str(self._sources.resolve()))
        for module in modules:
            try:
                import_module(module)
            except (Exception, SystemExit) as cause:
                raise PluginLoadError(module, distribution=self.name, cause=cause) from cause

    def _is_enum(self, target: str) -> bool:
        try:
            found = catalog.import_target(target)
        except (ImportError, AttributeError):
            return False
        return isinstance(found, type) and issubclass(found, Weights)

    def _differences(self, group: str, lines: dict[str, str]) -> Iterator[Change]:
        found = self.lines(group)
        for name, target in found.items():
            if lines.get(name) != target and not is_same(target, lines.get(name)):
                yield Change(group, name, target, is_added=False)
        for name, target in lines.items():
            if found.get(name) != target and not is_same(found.get(name), target):
                yield Change(group, name, target, is_added=True)


def is_same(one: str | None, other: str | None) -> bool:
    """Whether two targets lead to one object."""
    if one is None or other is None:
        return False
    try:
        return catalog.import_target(one) is catalog.import_target(other)
    except (ImportError, AttributeError):
        return False


def declares(path: Path) -> bool:
    """Whether a module decorates a builder or defines an enum of weights; it is not imported."""
    tree = ast.parse(path.read_bytes(), str(path))
    names = [
        ast.unparse(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for name in (node.decorator_list if isinstance(node, ast.FunctionDef) else node.bases)
    ]
    return any("register_model" in name or name in ("Weights", "dapi.Weights") for name in names)


def main(arguments: Sequence[str]) -> int:
    """Run ``dapi entry-points``; with ``--check`` its status is 1 where lines differ."""
    options = _parser().parse_args(arguments)
    project = Project(options.path)
    changes = project.changes()
    for group in GROUPS:
        of_group = [change for change in changes if change.group == group]
        if of_group:
            print(f'[project.entry-points."{group}"]', *of_group, sep="\n")
    if not changes:
        print(f"{project.path} names all that its builders declare.")
    elif options.write:
        project.write(changes)
        print(f"{project.path} is changed. To install it anew: pip install -e {options.path}")
    return _DRIFT if options.check and changes else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dapi entry-points",
        description="Compare the entry points of a project with the builders that it declares.",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="change the pyproject.toml")
    how.add_argument("--check", action="store_true", help="exit with 1 if there is a difference")
    parser.add_argument("path", nargs="?", type=Path, default=Path(), help="the project's folder")
    return parser
