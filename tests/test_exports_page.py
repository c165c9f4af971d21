"""The table of exports: each family of the installed distributions has a row, or a reason."""

import re
from pathlib import Path

import pytest

from dapi import catalog

PAGE = Path(__file__).parents[1] / "docs" / "export.md"
# Of the formats: what the file contains, the size of its input, the difference, and a note.
CELL = re.compile(
    r"(with transforms|model alone), (any|fixed) size, [\d.e-]+( \(\d+\))?|no \(\d+\)"
)


@pytest.fixture
def rows():
    """The cells of each row, by the name of its model."""
    table = PAGE.read_text("utf-8").partition("<!-- begin: tools/write_exports.py -->")[2]
    found = re.findall(r"^\| `(\S+)` \| (.*) \|$", table, re.MULTILINE)
    return {name: cells.split(" | ") for name, cells in found}


def test_each_family_has_a_row(rows):
    """A family is a module of builders; to add one: python tools/write_exports.py NAME."""
    families = {}
    for builder in catalog.builders():
        families.setdefault(builder.target.partition(":")[0], set()).add(builder.name)

    assert [] == [module for module, names in families.items() if not names & rows.keys()]


def test_each_row_says_what_works_or_why_not(rows):
    """A failure without a reason, or with one that is about the run, is no result."""
    notes = dict(re.findall(r"^(\d+)\. `(.+)`$", PAGE.read_text("utf-8"), re.MULTILINE))

    for name, (task, *cells) in rows.items():
        assert task and 2 == len(cells) and all(map(CELL.fullmatch, cells)), name
        assert set(re.findall(r"\((\d+)\)", " ".join(cells))) <= notes.keys()
    assert not [note for note in notes.values() if "crashed" in note or "more than" in note]
