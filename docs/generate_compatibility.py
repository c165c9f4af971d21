"""Return docs/compatibility.md with its tables of rules, from the rules themselves.

``python tools/write_names.py`` writes it.
"""

from __future__ import annotations

from pathlib import Path

from dapi.devkit.compatibility.rules import CATEGORIES, RULES, Rule

PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"
BEGIN, END = "<!-- rules: begin -->\n", "<!-- rules: end -->"

WHO = {
    "lock": "for all users, also those who only download and lock files",
    "load": "for users who build models and load checkpoints",
    "result": "for users who compare results",
    "source": "for users whose code imports, calls or is type-checked",
}


def page() -> str:
    """Return the text of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}"


def tables() -> str:
    """Return a table of rules for each category."""
    return "\n".join(_table(category) for category in CATEGORIES)


def _table(category: str) -> str:
    rows = [_row(rule) for rule in RULES.values() if rule.category == category]
    head = ["| rule | level | what a user sees | what to do instead |", "|---|---|---|---|"]
    return "\n".join([f"### {category.upper()}: {WHO[category]}", "", *head, *rows, ""])


def _row(rule: Rule) -> str:
    fixed = ", cannot be allowed" if rule.is_fixed else ""
    cells = (f"{rule.id} `{rule.name}`", rule.level + fixed, rule.sees, rule.remedy)
    return f"| {' | '.join(cells)} |"
