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
from dapi.lock.requirement import Requirement


class Project(NamedTuple):
    """The settings of a pyproject.toml; None for missing ones."""

    path: Path
    weights: tuple[Requirement, ...] | None = None
    policy: Policy | None = None
    name: str = ""


def beside(lock: Path) -> Project:
    """Read the pyproject.toml in the directory of a lock file, if there is one.

    Raises:
        LockError: It is not TOML, or its ``[tool.dapi]`` has an invalid form.
    """
    path = lock.parent / "pyproject.toml"
    if not path.is_file():
        return Project(path)
    try:
        text = path.read_bytes()
    except OSError as cause:
        reason = f"it cannot be read ({cause.strerror})"
        raise LockError(path, reason, "Check its permissions.") from cause
    content = load(text, path, remedy="Correct it, then run the command again.")
    tool: Any = content.get("tool", {})
    table: Any = tool.get("dapi", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise LockError(path, "[tool.dapi] is not a table", "Write [tool.dapi].")
    weights = table.get("weights")
    if weights is not None:
        if not isinstance(weights, list):
            raise LockError(path, "weights is not a list of names", 'Write weights = ["resnet50"].')
        weights = tuple(sorted({Requirement.from_toml(each, path) for each in weights}))
        texts = [each.text for each in weights]
        twice = next((text for text in texts if texts.count(text) > 1), None)
        if twice is not None:
            raise LockError(
                path, f"{twice} is in weights twice", "Put all patterns into one entry."
            )
    policy = Policy.from_table(table["policy"], path) if "policy" in table else None
    project: Any = content.get("project", {})
    name = project.get("name", "") if isinstance(project, dict) else ""
    return Project(path, weights, policy, str(name))


def check_fresh(project: Project, lock: Lock, path: Path) -> None:
    """Refuse a lock that was written for a different ``[tool.dapi]``.

    Raises:
        StaleLockError: It is stale.
    """
    changes = []
    if project.weights is not None:
        required = {each.shown: each for each in project.weights}
        changes += [f"{name} is not locked" for name in sorted({*required} - {*lock.requires})]
        changes += [f"{name} is not required" for name in sorted({*lock.requires} - {*required})]
        changes += [
            f"{locked.text} has other patterns, or another name"
            for locked in lock.requirements
            if _choice(required.get(locked.text, locked)) != _choice(locked)
        ]
    if project.policy is not None and project.policy != lock.policy:
        changes.append("the policy differs")
    if changes:
        raise StaleLockError(path, changes)


def _choice(requirement: Requirement) -> tuple[object, ...]:
    return requirement.name, requirement.include, requirement.exclude


def write_weights(project: Project, weights: Iterable[Requirement]) -> None:
    """Replace ``weights`` of ``[tool.dapi]``, and nothing else in the file."""
    import tomlkit

    document: Any = tomlkit.parse(project.path.read_text(encoding="utf-8"))
    wanted, array = set(weights), document["tool"]["dapi"]["weights"]
    there = [Requirement.from_toml(each, project.path) for each in array.unwrap()]
    for place in reversed(range(len(there))):
        if there[place] not in wanted:
            del array[place]
    for each in sorted(wanted - {*there}):
        value = each.as_toml()
        if isinstance(value, dict):
            table = tomlkit.inline_table()
            table.update(value)
            array.append(table)
        else:
            array.append(value)
    _files.replace(project.path, tomlkit.dumps(document))
