"""Requirements of a distribution (PEP 508), and whether a version satisfies them (PEP 440).

The tests compare this module with ``packaging``, which is not used: requirements are checked before
a distribution is first imported, and after a listing ``packaging.requirements`` takes 25 ms more to
import, this module 1. A requirement that cannot be read (a URL, ``===``, an unknown marker) counts
as satisfied: a check that does not understand must not refuse.
"""

from __future__ import annotations

import operator
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from dapi._values.names import normalize
from dapi._values.record import Record

_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?\s*(@\s*\S+|\(?[^;()]*\)?)\s*(?:;(.*))?", re.ASCII
)
_CLAUSE = re.compile(r"(~=|===|==|!=|<=|>=|<|>)\s*(.+)")
_VERSION = re.compile(
    r"v?(?:(\d+)!)?(\d+(?:\.\d+)*)"
    r"(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?"
    r"(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?"
    r"(?:[-_.]?(dev)[-_.]?(\d*))?"
    r"(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.ASCII,
)
_NO_DEV = (1, 0)  # after every development release
_PHASES = {"alpha": "a", "beta": "b", "preview": "rc", "pre": "rc", "c": "rc"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, "==": operator.eq,
    "!=": operator.ne, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip


class Requirement(Record):
    """One line of a distribution's ``Requires-Dist``."""

    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{self.specifier}"

    def applies(self, extras: Iterable[str] = ()) -> bool:
        """Whether the marker holds on this Python, with these extras asked for."""
        return not self.marker or any(_holds(self.marker, extra) for extra in [*extras, ""])

    def allows(self, version: str) -> bool:
        """Whether a version satisfies the specifier; text that is not a version does."""
        found = _parse(version)
        clauses = [_CLAUSE.fullmatch(clause.strip()) for clause in self.specifier.split(",")]
        return found is None or all(_fulfils(found, *match.groups()) for match in clauses if match)


def parse(line: str) -> Requirement | None:
    """Read a requirement, as in ``"torch[opt]>=2,<3; python_version > '3.9'"``; None if it is none.

    >>> print(parse("Dapi_Core[torch] (~=0.1.0) ; extra == 'x'"))
    dapi-core[torch]~=0.1.0
    """
    match = _REQUIREMENT.fullmatch(line)
    if match is None:
        return None
    name, extras, specifier, marker = match.groups(default="")
    wanted = tuple(normalize(extra.strip()) for extra in extras.split(",") if extra.strip())
    clauses = "" if specifier.startswith("@") else specifier.strip(" \t()")
    return Requirement(normalize(name), wanted, clauses, marker.strip())


def in_metadata(text: str) -> Iterator[Requirement]:
    """Yield the requirements of a METADATA file."""
    for line in text.splitlines():
        if not line.strip():  # the description begins here
            return
        field, _, value = line.partition(":")
        requirement = parse(value) if field.lower() == "requires-dist" else None
        if requirement:
            yield requirement


class _Version(Record):
    """A version, ordered by PEP 440 up to its local part."""

    epoch: int
    release: tuple[int, ...]
    phase: tuple[int, str, int]
    post: int
    dev: tuple[int, int]
    local: str

    @property
    def order(self) -> tuple[Any, ...]:
        return self.epoch, self.release, self.phase, self.post, self.dev

    @property
    def is_early(self) -> bool:
        return self.phase < (1,) or self.dev < (1,)


def _parse(text: str) -> _Version | None:
    match = _VERSION.fullmatch(text.strip().lower())
    if match is None:
        return None
    epoch, numbers, word, count, dash, late, post, dev, day, local = match.groups()
    # PEP 440: 1.0 equals 1.0.0.
    release = tuple(map(int, re.sub(r"(\.0+)+$", "", numbers).split(".")))
    phase = (1, "", 0)
    if word:
        phase = (0, _PHASES.get(word, word), int(count or 0))
    elif dev and not (dash or late):
        phase = (-1, "", 0)  # 1.0.dev1 is before 1.0a1
    return _Version(
        int(epoch or 0), release, phase,
        int(dash or post or 0) if dash or late else -1,
        (0, int(day or 0)) if dev else _NO_DEV,
        re.sub(r"[-_]", ".", local or ""),
    )  # fmt: skip


def order(version: str) -> tuple[Any, ...]:
    """Return the sort key of a version; text that is not a version sorts first."""
    found = _parse(version)
    return found.order if found else ()


def _fulfils(found: _Version, comparison: str, text: str) -> bool:
    """Whether a version satisfies one clause of a specifier, as in ``>=1.2``."""
    if text.endswith(".*"):
        begins = _begins(found, text[:-2])
        return {"==": begins, "!=": not begins}.get(comparison, True)
    wanted = _parse(text)
    if wanted is None or comparison == "===":
        return True
    if comparison == "~=":
        series, _, _ = re.split(r"[^\d.!]", text)[0].rstrip(".").rpartition(".")
        return not series or (found.order >= wanted.order and _begins(found, series))
    if comparison in ("==", "!=") and wanted.local:
        return (found == wanted) == (comparison == "==")
    if (found.epoch, found.release) == (wanted.epoch, wanted.release):
        # PEP 440: <2.0 excludes 2.0rc1, and >2.0 excludes 2.0.post1.
        is_of_post = found.post == wanted.post and found.phase == wanted.phase
        is_early = found.is_early and not wanted.is_early and (wanted.post < 0 or is_of_post)
        is_late = found.post >= 0 > wanted.post and found.phase == wanted.phase
        if (comparison == "<" and is_early) or (
            comparison == ">" and is_late and wanted.dev == _NO_DEV
        ):
            return False
    return _COMPARISONS[comparison](found.order, wanted.order)


def _begins(found: _Version, text: str) -> bool:
    """Whether a version begins as another one."""
    match = _VERSION.fullmatch(text.lower())
    if match is None:
        return True
    numbers = tuple(map(int, match[2].split(".")))
    padded = found.release + (0,) * len(numbers)
    return (found.epoch, padded[: len(numbers)]) == (int(match[1] or 0), numbers)


def _holds(marker: str, extra: str) -> bool:
    """Evaluate a marker. One that cannot be read asks for nothing."""
    import ast

    try:  # a marker is an expression of Python, too: its names are looked up here, never run
        return _evaluate(ast.parse(marker, mode="eval").body, extra)
    except (SyntaxError, ValueError, AttributeError, KeyError):
        return False


def _evaluate(node: Any, extra: str) -> bool:
    import ast

    if isinstance(node, ast.BoolOp):
        combine = all if isinstance(node.op, ast.And) else any
        return combine(_evaluate(value, extra) for value in node.values)
    ((sign, right),) = zip(node.ops, node.comparators, strict=True)
    sides = (node.left, right)
    first, second = (_value(side, extra) for side in sides)
    if isinstance(sign, ast.In | ast.NotIn):
        return (first in second) == isinstance(sign, ast.In)
    comparison = _SIGNS[type(sign).__name__]
    if any(getattr(side, "id", "") == "extra" for side in sides):
        return _COMPARISONS[comparison](normalize(first), normalize(second))
    found, wanted = _parse(first), _parse(second.removesuffix(".*"))
    if found and wanted:
        return _fulfils(found, comparison, second)
    return _COMPARISONS[comparison](first, second)


_SIGNS = {"Lt": "<", "LtE": "<=", "Eq": "==", "NotEq": "!=", "GtE": ">=", "Gt": ">"}


def _value(node: Any, extra: str) -> str:
    name = getattr(node, "id", None)
    if name is None:
        return str(node.value)
    return extra if name == "extra" else _environment()[name]


@cache
def _environment() -> dict[str, str]:
    """Return the environment markers of this Python."""
    import platform

    return {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
    }
