"""``dapi entry-points``: the declarations of a project's builders outside of their modules.

These are the lines of its pyproject.toml, and the stub ``__init__.pyi``, if its package has one.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit

from dapi import Weights, catalog
from dapi.devkit import _stub, _tombstones
from dapi.devkit._command_line import parser_of, put_json
from dapi.devkit.compatibility.releases import Releases
from dapi.devkit.exceptions import MissingProjectError
from dapi.exceptions import PluginLoadError

GROUPS = ("dapi.models", "dapi.weights")
REMOVED = "dapi.removed"
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
    """A project's pyproject.toml, and its modules.

    Args:
        folder: Its directory.

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

    @property
    def version(self) -> str:
        """The distribution's version; of one that is computed, that which is installed."""
        stated = self._document["project"].get("version")
        with suppress(metadata.PackageNotFoundError):
            return str(stated or metadata.version(self.name))
        return ""

    @property
    def license(self) -> str:
        """Its SPDX expression; empty if it is stated in another way, or not."""
        stated = self._document["project"].get("license")
        return str(stated) if isinstance(stated, str) else ""

    def add(self, lines: Mapping[str, tuple[str, str]]) -> None:
        """Add a line to groups that have none of its name, and write all that repeats a name."""
        new = [
            Change(group, name, target, is_added=True)
            for group, (name, target) in lines.items()
            if name not in self.lines(group)
        ]
        self.write([*new, *self.changes()])
        for path, text in self.stubs().items():
            replace(path, text)

    def changes(self) -> list[Change]:
        """Compare the existing lines with the required ones; imports the declaring modules."""
        lines = needed(self._declared)
        for name, target in self.lines("dapi.weights").items():
            if name not in lines["dapi.models"] and self._is_enum(target):
                lines["dapi.weights"][name] = target  # for a builder of another distribution
        found = [change for group in GROUPS for change in self._differences(group, lines[group])]
        return [*found, *self._tombstones_for(found)]

    def stubs(self) -> dict[Path, str]:
        """Return the text of each outdated stub; imports the declaring modules."""
        names: dict[Path, dict[str, set[str]]] = {}
        targets = [each.target for each in self._declared]
        targets += [f"{w.__module__}:{w.__qualname__}" for d in self._declared for w in d.weights]
        for target in (*targets, *self.lines("dapi.weights").values()):
            module, _, name = target.partition(":")
            folder = self._sources.joinpath(*module.split(".")).parent
            path = _stub.nearest(folder, self._sources) if module in self._modules else None
            if path:
                names.setdefault(path, {}).setdefault(module, set()).add(name)
        texts = {
            path: _stub.render(path.read_text(encoding="utf-8"), self._package(path), found)
            for path, found in names.items()
        }
        return {p: text for p, text in texts.items() if text != p.read_text(encoding="utf-8")}

    def lines(self, group: str) -> dict[str, str]:
        """Return the lines of a group that there are."""
        table = self._document["project"].get("entry-points", {}).get(group, {})
        return {str(name): str(target) for name, target in table.items()}

    def write(self, changes: Sequence[Change]) -> list[Path]:
        """Change the file; comments and the order of its lines stay. Tombstones are written, too.

        Returns:
            The modules of tombstones.
        """
        written, new = [], {change.group for change in changes}
        groups: Any = self._document["project"].setdefault(
            "entry-points", tomlkit.table(is_super_table=True)
        )
        new -= groups.keys()
        for change in changes:
            if change.group == REMOVED:
                written.append(_tombstones.write(change.target, self._last, self._sources))
            table = groups.setdefault(change.group, tomlkit.table())
            if change.is_added:
                _add(table, change)
            elif table.get(change.name) == change.target:
                del table[change.name]
        for group in new:  # a table that others follow ends in a blank line
            groups[group].add(tomlkit.nl())
        replace(self.path, tomlkit.dumps(self._document).rstrip("\n") + "\n")
        return written

    def _tombstones_for(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield the line of a tombstone for each removed builder, with the last version."""
        models = [change for change in changes if change.group == "dapi.models"]
        staying = {change.name for change in models if change.is_added}
        for change in models:
            if self.version and change.name not in {*staying, *self.lines(REMOVED)}:
                target = _tombstones.target(change.name, change.target, self._sources)
                yield Change(REMOVED, change.name, target, is_added=True)

    @property
    def _last(self) -> str:
        """The last release, of which an image is kept; without images, the project's version.

        The version may be raised before the builder is removed: that one never had it.
        """
        return next(reversed(Releases(self.path.parent).versions()), self.version)

    def _package(self, stub: Path) -> str:
        return ".".join(stub.parent.relative_to(self._sources).parts)

    @cached_property
    def _declared(self) -> list[catalog.Declaration]:
        """The declarations in the modules of the project; imports those that have some."""
        declaring = [name for name, path in self._modules.items() if declares(path)]
        self._import(declaring)
        declared = map(catalog.declaration, catalog.registered())
        return [each for each in declared if each.module in declaring]

    @cached_property
    def _modules(self) -> dict[str, Path]:
        """The modules of the project by name."""
        return dict(self._found())

    def _found(self) -> Iterator[tuple[str, Path]]:
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


def _add(table: Any, change: Change) -> None:
    """Set a line; tomlkit would append it after the comment above the next table."""
    after: list[Any] = []
    body = table.value.body
    while change.name not in table and body and body[-1][0] is None:
        after.insert(0, body.pop())
    table[change.name] = change.target
    body.extend(after)


def replace(path: Path, text: str) -> None:
    """Write a file so that an interruption leaves the old one or the new."""
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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
    # A project may call register_model in a decorator of its own, as dapi-vision does.
    return any("register_" in name or name in ("Weights", "dapi.Weights") for name in names)


def main(arguments: Sequence[str]) -> int:
    """Run ``dapi entry-points``; with ``--check`` its status is 1 where something differs."""
    options = _parser().parse_args(arguments)
    project = Project(options.path)
    changes = [
        change
        for change in project.changes()
        if change.group != REMOVED or not options.no_tombstones
    ]
    stubs = project.stubs()
    if options.json:
        _print_json(changes, stubs)
    else:
        _print(project, changes, stubs)
    if options.write:
        _write(project, changes, stubs, is_told=not options.json)
    elif options.check and (changes or stubs) and not options.json:
        print(f"To write it: dapi entry-points --write {options.path}")
    return _DRIFT if options.check and (changes or stubs) else 0


def _print(project: Project, changes: Sequence[Change], stubs: Iterable[Path]) -> None:
    for group in (*GROUPS, REMOVED):
        of_group = [change for change in changes if change.group == group]
        if of_group:
            print(f'[project.entry-points."{group}"]', *of_group, sep="\n")
    for path in stubs:
        print(f"{path} lacks public names, or has some that no longer exist.")
    if not changes and not stubs:
        print(f"{project.path} has all entry points that its builders declare.")


def _print_json(changes: Sequence[Change], stubs: Iterable[Path]) -> None:
    lines = [change._asdict() for change in changes]
    put_json({"changes": lines, "stubs": [*map(str, stubs)]})


def _write(
    project: Project, changes: Sequence[Change], stubs: Mapping[Path, str], *, is_told: bool
) -> None:
    for path, text in stubs.items():
        replace(path, text)
    tombstones = dict.fromkeys(project.write(changes)) if changes else ()
    if not is_told:
        return
    for path in tombstones:
        print(
            f"{path} has a tombstone for each removed builder. Say there what to use instead, "
            "as in successor='plantnet_v2', and why: reason='...'. last_version is the last "
            "release that has the builder: correct it if it is another. A builder that was never "
            "published needs none: --no-tombstones"
        )
    for path in stubs:
        print(f"{path} was updated.")
    if changes:
        print(f"{project.path} was updated. To reinstall it: pip install -e {project.path.parent}")


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "entry-points",
        "Compare the entry points and the stub of a project with its modules.",
        "dapi entry-points",
        "dapi entry-points --write",
        "dapi entry-points --check packages/acme-models",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--write", action="store_true", help="change pyproject.toml and __init__.pyi")
    how.add_argument("--check", action="store_true", help="exit with 1 if there is a difference")
    parser.add_argument("--json", action="store_true", help="print the differences as JSON")
    parser.add_argument(
        "--no-tombstones",
        action="store_true",
        help="write no tombstones for removed builders (if they were never published)",
    )
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(), help="the project's directory"
    )
    return parser
