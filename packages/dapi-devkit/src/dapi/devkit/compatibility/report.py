"""Report: findings as text, as JSON, as annotations of GitHub, and as SARIF."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dapi import catalog
from dapi.devkit.compatibility.allowances import Allowance, Outcome
from dapi.devkit.compatibility.rules import RULES, Finding, Rule, finding

FORMATS = ("text", "json", "github", "sarif")

_SARIF = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_COMMANDS = {"break": "error", "note": "notice", "added": "notice"}
_SARIF_LEVELS = {"break": "error", "note": "note", "added": "none"}


def written(outcome: Outcome, form: str, project: Path) -> str:
    """Write the findings.

    Args:
        outcome: The findings.
        form: One of ``FORMATS``.
        project: The directory of the project, to locate files.
    """
    if form == "json":
        return json.dumps(_as_json(outcome, project), indent=2)
    if form == "sarif":
        return json.dumps(_as_sarif(outcome, project), indent=2)
    lines = _as_github(outcome, project) if form == "github" else _as_text(outcome, project)
    return "\n".join(lines)


def place(each: Finding, project: Path) -> tuple[str, int]:
    """Return file and line of a finding: relative to the current directory, if the file exists."""
    name, _, line = each.where.rpartition(":")
    number = int(line) if line.isdigit() else 1
    if name == "pyproject.toml":
        number = _line_of(project / name, each.target)
    for candidate in (f"src/{name}", name):
        if (project / candidate).is_file():
            name = candidate
            with suppress(ValueError):  # the project is somewhere else
                name = (project / name).absolute().relative_to(Path.cwd()).as_posix()
            break
    return name, max(number, 1)


def _line_of(path: Path, target: str) -> int:
    """Find the line of a pyproject.toml that names something, or its first."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 1
    name = target.rpartition("/")[2]
    return next((n for n, line in enumerate(lines, 1) if name in line), 1)


def _as_text(outcome: Outcome, project: Path) -> Iterator[str]:
    for each in outcome.found:
        name, line = place(each, project)
        yield catalog.printable(f"{each.level}: {each.target}: {each.text}")
        against = f", against {', '.join(each.versions)}" if each.versions else ""
        yield catalog.printable(
            f"  {each.rule.id} {each.rule.name} ({each.rule.category}), {name}:{line}{against}"
        )
        if each.level == "break":
            yield f"  user:   {each.rule.sees}"
            if each.witness not in each.text:
                yield catalog.printable(f"  proof:  {each.witness}")
            yield f"  remedy: {each.rule.remedy}"
    for found, allowance in outcome.accepted:
        yield catalog.printable(f"accepted: {found.target}: {found.text} {allowance}")
    for allowance in outcome.expired:
        yield catalog.printable(f"expired: {allowance}")
    for allowance in outcome.unused:
        yield catalog.printable(f"unused: {allowance}. Remove it from pyproject.toml")
    yield summary(outcome)


def summary(outcome: Outcome) -> str:
    """Summarize the findings in a sentence."""
    counts = {
        level: sum(each.level == level for each in outcome.found)
        for level in ("break", "note", "added")
    }
    breaks = counts["break"]
    accepted = f", {len(outcome.accepted)} accepted" if outcome.accepted else ""
    head = catalog.counted(breaks, "break") if breaks else "No breaking changes"
    notes = catalog.counted(counts["note"], "note")
    return f"{head}{accepted}; {notes}, {counts['added']} added."


def _as_github(outcome: Outcome, project: Path) -> Iterator[str]:
    """Write workflow commands: https://docs.github.com/actions/reference/workflow-commands."""
    for each in outcome.found:
        name, line = place(each, project)
        title = f"{each.rule.id} {each.rule.name}"
        remedy = f" {each.rule.remedy}" if each.level == "break" else ""
        facts = f"file={_property(name)},line={line},title={_property(title)}"
        yield f"::{_COMMANDS[each.level]} {facts}::{_data(f'{each.target}: {each.text}{remedy}')}"
    for level, title, allowance in _overdue(outcome):
        name, line = _place_of(allowance, project)
        facts = f"file={_property(name)},line={line},title={title}"
        yield f"::{level} {facts}::{_data(str(allowance))}"


def _overdue(outcome: Outcome) -> Iterator[tuple[str, str, Allowance]]:
    """Yield the allowances to remove from a project, each with a level and a word."""
    yield from (("error", "expired", each) for each in outcome.expired)
    yield from (("warning", "unused", each) for each in outcome.unused)


def _place_of(allowance: Allowance, project: Path) -> tuple[str, int]:
    """Return file and line of an allowance."""
    return place(finding(allowance.rule.name, allowance.target, "", "pyproject.toml:1"), project)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _as_json(outcome: Outcome, project: Path) -> dict[str, Any]:
    return {
        "found": [_finding(each, project) for each in outcome.found],
        "accepted": [
            {**_finding(each, project), "reason": allowance.reason, "until": str(allowance.until)}
            for each, allowance in outcome.accepted
        ],
        "expired": list(map(str, outcome.expired)),
        "unused": list(map(str, outcome.unused)),
        "breaks": len(outcome.breaks),
    }


def _finding(each: Finding, project: Path) -> dict[str, Any]:
    name, line = place(each, project)
    return {
        "rule": each.rule.id,
        "name": each.rule.name,
        "category": each.rule.category,
        "level": each.level,
        "target": each.target,
        "text": each.text,
        "was": each.was,
        "now": each.now,
        "witness": each.witness,
        "remedy": each.rule.remedy,
        "file": name,
        "line": line,
        "against": list(each.versions),
    }


def _as_sarif(outcome: Outcome, project: Path) -> dict[str, Any]:
    """Write SARIF 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/."""
    rules = [
        {
            "id": rule.id,
            "name": rule.name,
            "shortDescription": {"text": rule.sees},
            "help": {"text": rule.remedy},
            "properties": {"category": rule.category},
        }
        for rule in RULES.values()
    ]
    results = [_result(each, project) for each in outcome.found]
    results += [
        {
            **_result(each, project),
            "suppressions": [{"kind": "external", "justification": allowance.reason}],
        }
        for each, allowance in outcome.accepted
    ]
    for level, word, allowance in _overdue(outcome):
        name, line = _place_of(allowance, project)
        text = f"{word}: {allowance}. Remove it from {name}"
        results.append(_sarif_result(allowance.rule, level, text, name, line))
    driver: Mapping[str, Any] = {"name": "dapi breaking", "rules": rules}
    return {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _result(each: Finding, project: Path) -> dict[str, Any]:
    name, line = place(each, project)
    remedy = f" {each.rule.remedy}" if each.level == "break" else ""
    text = f"{each.target}: {each.text}{remedy}"
    return _sarif_result(each.rule, _SARIF_LEVELS[each.level], text, name, line)


def _sarif_result(rule: Rule, level: str, text: str, name: str, line: int) -> dict[str, Any]:
    place_of = {"artifactLocation": {"uri": name}, "region": {"startLine": line}}
    return {
        "ruleId": rule.id,
        "ruleIndex": list(RULES).index(rule.name),
        "level": level,
        "kind": "informational" if level == "none" else "fail",
        "message": {"text": text},
        "locations": [{"physicalLocation": place_of}],
    }
