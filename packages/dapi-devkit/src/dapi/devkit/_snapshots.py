"""Snapshots: records of each builder's state dict, to detect changes.

One JSON file for each builder: types and shapes by key, as a tree. Equal numbered modules are
listed once, as in ``"0-2"``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MOST_NUMBERED = 10_000


@dataclass(frozen=True)
class Snapshots:
    """A directory of snapshots.

    Attributes:
        folder: Their directory; None if unknown.
        update: Whether to write them instead of comparing.
    """

    folder: Path | None
    update: bool = False

    def path(self, builder: str) -> Path | None:
        """Return where the snapshot of a builder is, or would be."""
        return self.folder and self.folder / f"{builder.replace('/', '-')}.json"

    def names(self) -> list[str]:
        """List the builders that there are snapshots of."""
        return sorted(path.stem for path in self.folder.glob("*.json")) if self.folder else []

    def read(self, builder: str) -> Mapping[str, str] | None:
        """Return type and shape by key, as text; None if there is no snapshot."""
        path = self.path(builder)
        if path is None or not path.is_file():
            return None
        return dict(unfolded(json.loads(path.read_text(encoding="utf-8"))))

    def write(self, builder: str, lines: Mapping[str, str]) -> None:
        """Write a snapshot."""
        path = self.path(builder)
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_render(folded(lines)) + "\n", encoding="utf-8")


def folded(lines: Mapping[str, str]) -> dict[str, Any]:
    """Turn dotted keys into a tree in which equal numbered modules are listed once.

    >>> folded({"layer.0.bias": "float32 2", "layer.1.bias": "float32 2", "fc": "float32 9"})
    {'layer': {'0-1': {'bias': 'float32 2'}}, 'fc': 'float32 9'}
    """
    tree: dict[str, Any] = {}
    for key, line in lines.items():
        *parents, name = key.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[name] = line
    return _merged(tree)


def _merged(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Write neighbors that are numbered in a row and alike once, from the leaves on."""
    runs: list[tuple[list[str], Any]] = []
    for name, child in tree.items():
        value = _merged(child) if isinstance(child, dict) else child
        if runs and runs[-1][1] == value and _follows(name, runs[-1][0][-1]):
            runs[-1][0].append(name)
        else:
            runs.append(([name], value))
    return {
        names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}": value for names, value in runs
    }


def _follows(name: str, other: str) -> bool:
    return name.isdigit() and other.isdigit() and int(name) == int(other) + 1


def _render(tree: Mapping[str, Any], indent: str = "") -> str:
    """Write a tree as JSON, the tensors of one module in one line."""
    if all(isinstance(child, str) for child in tree.values()):
        return json.dumps(tree)
    deeper = f"{indent} "
    lines = (
        f"{deeper}{json.dumps(name)}: "
        + (json.dumps(child) if isinstance(child, str) else _render(child, deeper))
        for name, child in tree.items()
    )
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def unfolded(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted keys of a tree, each with its line.

    Raises:
        ValueError: It has more numbered modules than any model.
    """
    for name, child in tree.items():
        for each in _numbers(name):
            if isinstance(child, str):
                yield f"{prefix}{each}", child
            else:
                yield from unfolded(child, f"{prefix}{each}.")


def _numbers(name: str) -> list[str]:
    first, _, last = name.partition("-")
    if first.isdigit() and last.isdigit():
        if int(last) - int(first) > _MOST_NUMBERED:
            raise ValueError(f"{name} has too many modules")
        return [str(number) for number in range(int(first), int(last) + 1)]
    return [name]
