"""Notes: release notes for users, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dapi.devkit.compatibility.image import Image
from dapi.devkit.compatibility.pair import members
from dapi.devkit.compatibility.rules import Finding

# The rules of each heading, in the order in which users want to read them.
_HEADINGS = {
    "Licenses": ("WEIGHTS_MEMBER_SAME_LICENSE",),
    "Latest weights": ("LATEST_MOVED", "LATEST_SAME_USE"),
    "Deprecated, withdrawn and removed": (
        "WEIGHTS_MEMBER_STATUS", "WEIGHTS_MEMBER_NO_DELETE", "BUILDER_NO_DELETE",
    ),
    "Corrected metrics": ("META_METRICS_CHANGED",),
    "Requirements": ("REQUIRES_RAISED",),
    "Training": ("INIT_SAME",),
}  # fmt: skip


def notes(old: Image, new: Image, found: Iterable[Finding]) -> str:
    """Return release notes.

    Args:
        old: The release that users have.
        new: The release that they get.
        found: What changed between them.
    """
    findings = list(found)
    parts = [f"# {new.name} {new.version}", "", f"Changes since {old.version}.", ""]
    parts += _section("Breaking changes", map(_break, _of_level(findings, "break")))
    parts += _section("New models", map(_builder, _of(findings, "BUILDER_ADDED")))
    added = (_weights(new, each) for each in _of(findings, "WEIGHTS_MEMBER_ADDED"))
    parts += _section("New weights", added)
    arguments = (f"`{e.target}`: {e.text}" for e in _of(findings, "PARAM_ADDED_OPTIONAL"))
    parts += _section("New arguments", arguments)
    for heading, rules in _HEADINGS.items():
        told = [each for each in _of(findings, *rules) if each.level != "break"]
        parts += _section(heading, (f"`{each.target}`: {each.text}" for each in told))
    if len(parts) == 4:
        parts += ["No changes for users.", ""]
    return "\n".join(parts)


def _section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    items = [f"- {_escaped(line)}" for line in lines]
    if items:
        yield from (f"## {heading}", "", *items, "")


def _escaped(text: str) -> str:
    """Escape untrusted text for Markdown, on one line."""
    return " ".join(text.replace("<", "&lt;").split())


def _of_level(findings: list[Finding], level: str) -> list[Finding]:
    return [each for each in findings if each.level == level]


def _of(findings: list[Finding], *names: str) -> list[Finding]:
    return [each for each in findings if each.rule.name in names]


def _break(each: Finding) -> str:
    return f"`{each.target}`: {each.text} {each.rule.sees}"


def _builder(each: Finding) -> str:
    replaced = f", which supersedes `{each.now}`" if each.now else ""
    return f"`{each.target}`{replaced}"


def _weights(new: Image, each: Finding) -> str:
    meta: dict[str, Any] = members(new)[each.target]["meta"]
    metrics = meta.get("metrics")
    facts = [
        f"{metric.get('name')} {metric.get('value')} on {metric.get('dataset')}"
        for metric in (metrics if isinstance(metrics, list) else ())
        if isinstance(metric, dict)
    ]
    facts += [f"license {meta['license']}"] if meta.get("license") else []
    return f"`{each.target}`" + (f": {', '.join(facts)}" if facts else "")
