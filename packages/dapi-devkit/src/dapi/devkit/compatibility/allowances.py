"""Allowances: breaks that a project knows and accepts, each with a reason and a last day."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from dapi.devkit.compatibility.rules import Finding, Rule, find_rule
from dapi.devkit.exceptions import AllowanceError

if sys.version_info >= (3, 11):
    import tomllib
else:  # pytest itself needs it there
    import tomli as tomllib

_FIELDS = {"rule", "target", "reason", "until"}


class Allowance(NamedTuple):
    """A break that is accepted.

    Attributes:
        rule: The rule.
        target: The target, as in findings; ``*`` matches anything.
        reason: The reason, in a sentence.
        until: The last day on which it applies.
    """

    rule: Rule
    target: str
    reason: str
    until: date

    def covers(self, found: Finding) -> bool:
        """Whether it covers a finding."""
        return found.rule.id == self.rule.id and fnmatchcase(found.target, self.target)

    def __str__(self) -> str:
        return f"{self.rule.id} of {self.target}, until {self.until} ({self.reason})"


class Outcome(NamedTuple):
    """Findings, separated by the project's allowances.

    Attributes:
        found: Findings that are not accepted, including those with an expired allowance.
        accepted: Accepted findings, with their allowances.
        expired: Expired allowances that are still needed.
        unused: Allowances without a finding.
    """

    found: list[Finding]
    accepted: list[tuple[Finding, Allowance]]
    expired: list[Allowance]
    unused: list[Allowance]

    @property
    def breaks(self) -> list[Finding]:
        """The breaks that are not accepted."""
        return [each for each in self.found if each.level == "break"]


def read(project: Path) -> list[Allowance]:
    """Read a project's allowances: ``[[tool.dapi.breaking.allow]]`` in its pyproject.toml.

    Raises:
        AllowanceError: An allowance is incomplete, or allows a break that cannot be accepted.
    """
    path = project / "pyproject.toml"
    if not path.is_file():
        return []
    try:
        content: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise AllowanceError(path, f"cannot be read: {cause}") from cause
    for key in ("tool", "dapi", "breaking"):
        content = content.get(key, {}) if isinstance(content, dict) else {}
    stated = content.get("allow", []) if isinstance(content, dict) else []
    if not isinstance(stated, list):
        raise AllowanceError(path, "is not a list of tables")
    return [_read(path, table) for table in stated]


def _read(path: Path, table: Any) -> Allowance:
    if not isinstance(table, dict) or table.keys() != _FIELDS:
        raise AllowanceError(path, f"has {', '.join(sorted(table)) or 'nothing'}")
    texts = [table[key] for key in ("rule", "target", "reason")]
    if not all(isinstance(each, str) and each.strip() for each in texts):
        raise AllowanceError(path, "has an empty or invalid rule, target or reason")
    rule, until = find_rule(table["rule"]), table["until"]
    if rule is None:
        raise AllowanceError(path, f"names the rule {table['rule']!r}, which does not exist")
    if rule.is_fixed:
        raise AllowanceError(path, f"allows {rule.id} {rule.name}, which breaks every lock")
    if not isinstance(until, date):
        raise AllowanceError(path, f"has until = {until!r}, which is not a date")
    day = until.date() if isinstance(until, datetime) else until
    return Allowance(rule, table["target"], table["reason"], day)


def apply(
    found: Iterable[Finding], allowances: Sequence[Allowance], today: date | None = None
) -> Outcome:
    """Separate accepted findings from others.

    Args:
        found: All findings.
        allowances: The project's allowances.
        today: The current day; by default the machine's.
    """
    day = today or date.today()
    outcome = Outcome([], [], [], [])
    used: set[Allowance] = set()
    for each in found:
        covering = [a for a in allowances if each.level == "break" and a.covers(each)]
        used.update(covering)
        valid = next((a for a in covering if a.until >= day), None)
        if valid:
            outcome.accepted.append((each, valid))
            continue
        outcome.expired.extend(a for a in covering if a not in outcome.expired)
        outcome.found.append(each)
    outcome.unused.extend(a for a in allowances if a not in used)
    return outcome
