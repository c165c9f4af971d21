"""Allowances: what a project accepts is accepted until a day, for a reason, and no more."""

from datetime import date, timedelta

import pytest

from dapi.devkit.compatibility import allowances
from dapi.devkit.compatibility.rules import finding
from dapi.devkit.exceptions import AllowanceError

TODAY = date(2027, 2, 1)
FOUND = finding("EVAL_OUTPUT_SAME", "net", "It differs.", "acme/nets.py:3", witness="1 is 2")
NOTE = finding("INIT_SAME", "net", "It starts elsewhere.", "acme/nets.py:3")
TABLE = """
[[tool.dapi.breaking.allow]]
rule = "{rule}"
target = "{target}"
reason = "eps was wrong"
until = {until}
"""


def outcome(folder, *, rule="DAPI-B040", target="net", until="2027-03-01"):
    """Apply one allowance."""
    text = TABLE.format(rule=rule, target=target, until=until)
    (folder / "pyproject.toml").write_text(text)
    return allowances.apply([FOUND, NOTE], allowances.read(folder), TODAY)


@pytest.mark.parametrize("rule", ["DAPI-B040", "EVAL_OUTPUT_SAME"])
@pytest.mark.parametrize("target", ["net", "n*"])
def test_a_break_is_accepted_by_rule_and_target(tmp_path, rule, target):
    """It does not fail, and is told with its reason; notes stay notes."""
    found = outcome(tmp_path, rule=rule, target=target)

    assert [] == found.breaks
    assert [NOTE] == found.found
    assert ["eps was wrong"] == [allowance.reason for _, allowance in found.accepted]


def test_an_allowance_of_something_else_is_told_as_unused(tmp_path):
    """What is not needed is to be removed."""
    found = outcome(tmp_path, target="othernet")

    assert [FOUND] == found.breaks
    assert ["othernet"] == [each.target for each in found.unused]


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_an_allowance_counts_through_its_last_day(tmp_path, days):
    """After that it fails, and says that it is past."""
    found = outcome(tmp_path, until=str(TODAY + timedelta(days)))

    assert (days < 0) == bool(found.breaks) == bool(found.expired)


def test_without_a_project_nothing_is_accepted(tmp_path):
    """There may be no pyproject.toml."""
    assert [] == allowances.read(tmp_path)


BAD = {
    "no reason": '[[tool.dapi.breaking.allow]]\nrule="DAPI-B040"\ntarget="net"\nuntil=2027-03-01',
    "an empty reason": TABLE.format(rule="DAPI-B040", target="net", until="2027-03-01").replace(
        "eps was wrong", " "
    ),
    "an unknown rule": TABLE.format(rule="DAPI-B999", target="net", until="2027-03-01"),
    "a text for a day": TABLE.format(rule="DAPI-B040", target="net", until='"soon"'),
    "other bytes": TABLE.format(rule="DAPI-B002", target="net", until="2027-03-01"),
    "one table": '[tool.dapi.breaking]\nallow = "all"',
    "no TOML": "[[",
}


@pytest.mark.parametrize("what", BAD)
def test_an_allowance_that_says_too_little_is_refused(tmp_path, what):
    """Nothing is accepted for ever, without a reason, or against every lock."""
    (tmp_path / "pyproject.toml").write_text(BAD[what])

    with pytest.raises(AllowanceError, match="Expected rule, target, reason, and until"):
        allowances.read(tmp_path)
