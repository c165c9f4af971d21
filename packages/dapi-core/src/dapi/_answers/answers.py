"""Answers: a model's output for a fixed input, kept in a file of a distribution.

The file is JSON with one answer per line; see ``leaves`` for the values in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dapi._answers.leaves import Leaf, canonical
from dapi._plugins import discovery
from dapi._values.frozen import FrozenDict
from dapi._values.record import Record
from dapi.exceptions import AnswersError

FORMAT = 1
_NOWHERE = Path()
_FIELDS = ("member", "config", "dtype", "tolerance", "input", "omitted", "by", "leaves")


class Answer(Record):
    """The recorded output of one model.

    Attributes:
        name: The builder's name, if its weights were synthetic, or the name of the weights.
        member: The weights whose build, transforms and postprocess were used; empty for none.
        config: Arguments of the builder that made the model smaller than published.
        dtype: The dtype in which the model computed.
        tolerance: The largest deviation that is noise, relative to the standard deviation, if it
            is larger than that of the type: a part computes in float32, or in float32 the noise
            was measured to be larger.
        input: A hash of the model's input bytes; if the current ones differ by rounding only, the
            model is compared as if it computed in float32.
        leaves: The recorded values, in the order in which they occurred.
        omitted: Stages that are not part of it, with reasons.
        recorded: The versions of the libraries that it was recorded with, and the kind of CPU.
    """

    name: str
    member: str = ""
    config: Mapping[str, Any] = FrozenDict()
    dtype: str = "float64"
    tolerance: float = 0.0
    input: str = ""
    leaves: tuple[Leaf, ...] = ()
    omitted: Mapping[str, str] = FrozenDict()
    recorded: Mapping[str, str] = FrozenDict()


class Answers:
    """The answers of a distribution, by name.

    Attributes:
        path: Their file; it need not exist.
        found: The answers.
        left_out: Names that could not be recorded, with reasons.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Answer] = {}
        self.left_out: dict[str, str] = {}

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read a file; without one there are no answers.

        Raises:
            AnswersError: It is damaged, or written by a newer dapi-core.
        """
        if not path.exists():
            return cls(path)
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeError as cause:
            raise AnswersError(path, "it is not text", "Install its distribution again.") from cause
        return cls.parse(text, path, path)

    @classmethod
    def parse(cls, text: str, source: object, path: Path = _NOWHERE) -> Answers:
        """Read the text of a file; ``source`` is named in errors.

        Raises:
            AnswersError: It is damaged, or written by a newer dapi-core.
        """
        answers = cls(path)
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                reason = f"its format is {content['format']}, but this dapi-core reads {FORMAT}"
                raise AnswersError(source, reason, "Upgrade: pip install --upgrade dapi-core")
            answers.left_out = dict(content["left_out"])
            for name, fields in content["answers"].items():
                by = FrozenDict(content["recorded"][fields.pop("by")])
                leaves = tuple(fields.pop("leaves"))
                if fields["dtype"] not in ("float64", "float32"):
                    raise ValueError(f"{name} has the type {fields['dtype']!r}")
                answers.found[name] = Answer(name, **fields, leaves=leaves, recorded=by)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as cause:
            if isinstance(cause, AnswersError):
                raise
            reason = f"it is damaged ({type(cause).__name__}: {str(cause)[:200]})"
            raise AnswersError(source, reason, "Install its distribution again.") from cause
        return answers

    def write(self) -> None:
        """Replace the file atomically."""
        unfinished = self.path.with_name(f".{os.getpid()}-{self.path.name}")
        try:
            unfinished.write_text(self.text(), encoding="utf-8")
            unfinished.replace(self.path)
        finally:
            unfinished.unlink(missing_ok=True)

    def text(self) -> str:
        """Return the content of the file: equal answers give equal text."""
        recorded: list[Mapping[str, str]] = []
        lines = []
        for name, answer in sorted(self.found.items()):
            if answer.recorded not in recorded:
                recorded.append(answer.recorded)
            facts = {**vars(answer), "by": recorded.index(answer.recorded)}
            fields = {key: facts[key] for key in _FIELDS}
            lines.append(f"{canonical(name)}:{canonical(fields)}")
        parts = {
            "format": str(FORMAT),
            "recorded": f"[{_lines(map(canonical, recorded))}]",
            "left_out": canonical(dict(sorted(self.left_out.items()))),
            "answers": f"{{{_lines(lines)}}}",
        }
        return f"{{{_lines(f'{canonical(key)}:{part}' for key, part in parts.items())}}}\n"


def _lines(lines: Iterable[str]) -> str:
    return ",\n".join(lines)


def path_of(distribution: str) -> Path:
    """Return the path of a distribution's answers: in the package that it advertises.

    Raises:
        AnswersError: It advertises no package, or one that does not exist.
    """
    point = _points().get(distribution)
    if point is None:
        reason = "their entry point names no file"
        line = '[project.entry-points."dapi.answers"]  answers = "its.package"'
        raise AnswersError(distribution, reason, f"Add to its pyproject.toml: {line}")
    try:
        spec = find_spec(point.target)
    except (ImportError, ValueError):
        spec = None
    for folder in (spec and spec.submodule_search_locations) or ():
        return Path(folder) / "answers.json"
    reason = f"the entry point names {point.target!r}, which is not a package"
    raise AnswersError(distribution, reason, "Name the package that holds answers.json.")


def of(distribution: str) -> Answers:
    """Read the answers of a distribution; empty if it advertises none."""
    is_named = distribution in _points()
    return Answers.read(path_of(distribution)) if is_named else Answers(_NOWHERE)


def owners() -> list[str]:
    """List the distributions that advertise answers."""
    return list(_points())


def _points() -> dict[str, discovery.EntryPoint]:
    """Return the entry point of each distribution; of several, the first."""
    found: dict[str, discovery.EntryPoint] = {}
    for point in discovery.entry_points("dapi.answers"):
        found.setdefault(point.distribution, point)
    return found
