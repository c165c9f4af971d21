"""Report: the same findings for people, for pipelines, and for code scanning."""

import json
from datetime import date
from pathlib import Path

import pytest

from dapi.devkit.compatibility import report
from dapi.devkit.compatibility.allowances import Allowance, apply
from dapi.devkit.compatibility.rules import RULES, finding

FOUND = [
    finding("EVAL_OUTPUT_SAME", "net", "100% other,\nnow: 2.", "acme/nets.py:3", witness="1 is 2"),
    finding("TOMBSTONE_NO_DELETE", "oldnet", "It was removed.", "pyproject.toml:1", witness="none"),
    finding("BUILDER_ADDED", "net_v2", "net_v2 was added.", "acme/nets.py:9"),
]
ALLOWED = Allowance(RULES["TOMBSTONE_NO_DELETE"], "oldnet", "by mistake", date(2027, 1, 1))
OUTCOME = apply(FOUND, [ALLOWED], date(2026, 12, 1))


def test_text_says_what_where_and_what_to_do(tmp_path):
    """Each break with its rule, place, proof and remedy; then a summary."""
    text = report.written(OUTCOME, "text", tmp_path)

    for words in ("net: 100% other", "DAPI-B040", "acme/nets.py:3", "1 is 2", "replaces=NAME"):
        assert words in text
    assert "accepted: oldnet" in text
    assert text.endswith("1 break, 1 accepted; 0 notes, 1 added.")


def test_json_has_every_finding(tmp_path):
    """With its facts, and what is accepted apart."""
    found = json.loads(report.written(OUTCOME, "json", tmp_path))

    assert ["DAPI-B040", "DAPI-B090"] == [each["rule"] for each in found["found"]]
    assert [("oldnet", "by mistake")] == [(e["target"], e["reason"]) for e in found["accepted"]]
    assert 1 == found["breaks"]


def test_annotations_are_one_line_each(tmp_path):
    """Line breaks and percent signs are escaped, as workflow commands want it."""
    first, second = report.written(OUTCOME, "github", tmp_path).splitlines()

    assert first.startswith("::error file=acme/nets.py,line=3,title=DAPI-B040 EVAL_OUTPUT_SAME::")
    assert "100%25 other,%0Anow: 2." in first
    assert second.startswith("::notice file=acme/nets.py,line=9")


# What the schema at https://docs.oasis-open.org/sarif/sarif/v2.1.0/ requires, and what it allows.
REQUIRED = {
    "log": ("version", "runs"),
    "run": ("tool",),
    "tool": ("driver",),
    "driver": ("name",),
    "rule": ("id",),
    "result": ("message",),
    "suppression": ("kind",),
}
LEVELS = {"none", "note", "warning", "error"}
KINDS = {"notApplicable", "pass", "fail", "review", "open", "informational"}


def test_sarif_has_what_its_schema_requires(tmp_path):
    """Version 2.1.0; rules by identifier and index; places with a line above 0."""
    log = json.loads(report.written(OUTCOME, "sarif", tmp_path))
    (run,) = log["runs"]
    driver, results = run["tool"]["driver"], run["results"]
    parts = {
        "log": [log], "run": [run], "tool": [run["tool"]], "driver": [driver],
        "rule": driver["rules"], "result": results,
        "suppression": [each for result in results for each in result.get("suppressions", ())],
    }  # fmt: skip

    for kind, keys in REQUIRED.items():
        assert parts[kind]
        assert all(key in part for part in parts[kind] for key in keys)
    assert "2.1.0" == log["version"]
    for result in results:
        assert result["ruleId"] == driver["rules"][result["ruleIndex"]]["id"]
        assert result["level"] in LEVELS
        assert result["kind"] in KINDS
        assert result["kind"] == "fail" or result["level"] == "none"
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert not place["artifactLocation"]["uri"].startswith("/")
        assert place["region"]["startLine"] >= 1
    assert [{"kind": "external", "justification": "by mistake"}] == parts["suppression"]
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])


OVERDUE = apply(
    FOUND,
    [ALLOWED, Allowance(RULES["BUILDER_SAME_NAME"], "other", "renamed", date(2027, 1, 1))],
    date(2027, 1, 2),
)


def test_sarif_has_allowances_that_expired_or_are_unused(tmp_path, monkeypatch):
    """The command fails because of the first, and code scanning says why and where."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "pyproject.toml").write_text('[tool]\ntarget = "oldnet"\n')
    monkeypatch.chdir(tmp_path)

    log = json.loads(report.written(OVERDUE, "sarif", Path("acme")))
    (*_, expired, unused) = log["runs"][0]["results"]
    assert ("error", "warning") == (expired["level"], unused["level"])
    assert "expired: DAPI-B" in expired["message"]["text"]
    assert "by mistake" in expired["message"]["text"]
    assert "unused: " in unused["message"]["text"]
    assert {"uri": "acme/pyproject.toml"} == (
        expired["locations"][0]["physicalLocation"]["artifactLocation"]
    )
    assert {"startLine": 2} == expired["locations"][0]["physicalLocation"]["region"]


def test_annotations_name_the_allowance(tmp_path, monkeypatch):
    """In the pyproject.toml of the project, which may be in a folder."""
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "pyproject.toml").write_text('[tool]\ntarget = "oldnet"\n')
    monkeypatch.chdir(tmp_path)

    lines = report.written(OVERDUE, "github", Path("acme")).splitlines()
    assert any(each.startswith("::error file=acme/pyproject.toml,line=2,title=expired::DAPI-B")
               for each in lines)  # fmt: skip


@pytest.mark.parametrize("layout", ["src", ""])
def test_files_are_named_as_they_lie_in_the_project(tmp_path, layout):
    """What a wheel has at its top is in a project under src/, or at its top."""
    path = tmp_path / layout / "acme" / "nets.py"
    path.parent.mkdir(parents=True)
    path.write_text("")

    assert (path.relative_to(tmp_path).as_posix(), 3) == report.place(FOUND[0], tmp_path)


def test_an_entry_point_is_found_in_pyproject(tmp_path):
    """The line that names it, or the first."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "acme"\noldnet = "acme:old"\n')

    assert ("pyproject.toml", 3) == report.place(FOUND[1], tmp_path)


def test_files_of_a_project_in_a_folder_are_named_from_here(tmp_path, monkeypatch):
    """Annotations name files from where the workflow runs."""
    (tmp_path / "packages" / "acme" / "src" / "acme").mkdir(parents=True)
    (tmp_path / "packages" / "acme" / "src" / "acme" / "nets.py").write_text("")
    monkeypatch.chdir(tmp_path)

    for project in (Path("packages/acme"), tmp_path / "packages" / "acme"):
        assert ("packages/acme/src/acme/nets.py", 3) == report.place(FOUND[0], project)
