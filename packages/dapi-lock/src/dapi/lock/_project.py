"""The project: ``[tool.dapi]`` of the pyproject.toml beside a lock file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from dapi.lock import _files
from dapi.lock._reading import load
from dapi.lock.document import Lock
from dapi.lock.exceptions import LockError, StaleLockError
from dapi.lock.policy import Policy


class Project(NamedTuple):
    """What a pyproject.toml says; None for what it does not say."""

    path: Path
    weights: tuple[str, ...] | None = None
    policy: Policy | None = None


def beside(lock: Path) -> Project:
    """Read the pyproject.toml in the folder of a lock file, if there is one.

    Raises:
        LockError: It is not TOML, or its ``[tool.dapi]`` is not of the documented form.
    """
    path = lock.parent / "pyproject.toml"
    if not path.is_file():
        return Project(path)
    tool: Any = load(path.read_bytes(), path).get("tool", {})
    table: Any = tool.get("dapi", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise LockError(path, "[tool.dapi] is not a table", "Write [tool.dapi].")
    weights = table.get("weights")
    if weights is not None:
        if not (isinstance(weights, list) and all(isinstance(each, str) for each in weights)):
            raise LockError(path, "weights is not a list of names", 'Write weights = ["resnet50"].')
        weights = tuple(sorted(set(weights)))
    policy = Policy.from_table(table["policy"], path) if "policy" in table else None
    return Project(path, weights, policy)


def check_fresh(project: Project, lock: Lock, path: Path) -> None:
    """Refuse a lock that was written for another ``[tool.dapi]`` than that of today.

    Raises:
        StaleLockError: It was.
    """
    changes = []
    if project.weights is not None:
        changes += [
            f"{name} is not locked" for name in sorted({*project.weights} - {*lock.requires})
        ]
        changes += [
            f"{name} is not required" for name in sorted({*lock.requires} - {*project.weights})
        ]
    if project.policy is not None and project.policy != lock.policy:
        changes.append("the policy differs")
    if changes:
        raise StaleLockError(path, changes)


def write_weights(project: Project, weights: Iterable[str]) -> None:
    """Change ``weights`` of ``[tool.dapi]``, and nothing else of the file."""
    import tomlkit

    document: Any = tomlkit.parse(project.path.read_text(encoding="utf-8"))
    wanted = set(weights)
    array = document["tool"]["dapi"]["weights"]
    for name in [str(each) for each in array if str(each) not in wanted]:
        array.remove(name)
    for name in sorted(wanted - {str(each) for each in array}):
        array.append(name)
    _files.replace(project.path, tomlkit.dumps(document))
