"""The table of checks: what it promises to those who rely on it."""

from pathlib import Path

import pytest

from dapi.devkit._checks import CHECKS, LEVEL
from dapi.devkit._subjects import Builder, Distribution, Enum, Line, Member

DOCS = Path(__file__).parents[3] / "docs" / "conformance.md"

# What was published: an identifier stays, and so does what it is about and since when.
PUBLISHED = {
    1: {
        Distribution: (1, 2, 3, 4),
        Line: (5, 6),
        Builder: (10, 11, 12, 13, 14, 15, 50, 51),
        Enum: (20, 21, 22),
        Member: (30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 52, 53, 54, 55),
    },
    2: {Distribution: (7, 8), Member: (40, 41), Builder: (56,)},
    3: {Distribution: (60,), Builder: (61,), Member: (62,)},
}


def test_identifiers_stay():
    """None is taken back, moved to another level, or given to a check of something else."""
    expected = {
        (f"DAPI-C{number:03}", level, of)
        for level, subjects in PUBLISHED.items()
        for of, numbers in subjects.items()
        for number in numbers
    }

    assert expected == {(check.id, check.level, check.of) for check in CHECKS}
    assert sorted(check.id for check in CHECKS) == [check.id for check in CHECKS]
    assert max(PUBLISHED) == LEVEL


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_check_says_its_rule_reason_and_remedy(check):
    """In sentences; and its function says how it is checked."""
    assert check.rule.endswith(".")
    assert check.reason.endswith(".")
    assert check.remedy
    assert check.test.__doc__


def test_documentation_has_the_table():
    """docs/conformance.md lists each check: ``python tools/write_names.py`` writes it."""
    rows = [f"| {c.id} | {c.level} | {c.rule} | {c.remedy} |" for c in CHECKS]
    found = [line for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| DAPI-")]

    assert rows == found
