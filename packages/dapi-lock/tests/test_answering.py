"""Answers in the lock: what a model said when it was locked, compared with what it says today."""

import json
import re
from pathlib import Path

import pytest

from dapi.lock import read

pytest.importorskip("torch")
pytest.importorskip("dapi.vision")
pytestmark = pytest.mark.usefixtures("project")

NAME = "dapi-vision/resnet20:Digits_RefV2"


def test_shipped_answers_are_locked_and_compared(zoo, run):
    """As evidence: what, where, when, versions, result; what has no answers is not equal."""
    run("lock", "resnet20:Digits_RefV2")
    alone, printed = run("check", "--lock", "--json")
    run("lock", "packed")
    status, text = run("check", "--lock")

    report = json.loads(printed)
    (row,) = report["weights"]
    assert (0, "equal", "dapi check --lock") == (alone, report["result"], report["report"])
    assert (NAME, "equal", "resnet20:Digits_RefV2") == (
        row["weights"],
        row["state"],
        row["compared"],
    )
    assert {"path", "sha256"} == set(report["lock"]) and report["when"] and report["where"]
    assert row["recorded"]["torch"] and row["today"]["torch"] and report["versions"]["dapi-lock"]
    assert 2 == status and f"{NAME}: equal" in text
    assert "acme-zoo/packed:Digits_RefV1: could not be checked. The lock has no answers" in text


def test_what_differs_is_told(run):
    """The first place, by how much, and exit status 1."""
    run("lock", "resnet20:Digits_RefV2")
    lock = Path("dapi.lock")
    text = re.sub(r'("at":"model:layer1".*?"mean":)[^,]*', r"\g<1>9.5", lock.read_text(), count=1)
    assert text != lock.read_text()
    lock.write_text(text)

    status, printed = run("check", "--lock")
    _, as_json = run("check", "--lock", "--json")

    assert 1 == status and f"{NAME}: differs" in printed and "model layer1" in printed
    (row,) = json.loads(as_json)["weights"]
    assert "layer1" == row["differences"][0]["where"] and row["differences"][0]["units"] > 1


def test_answers_stay_with_the_files(run):
    """A lock that has none is fresh; --answers records them here, and that is told."""
    run("lock", "resnet20:Digits_RefV2")
    lock, first = Path("dapi.lock"), read("dapi.lock")
    lock.write_text(lock.read_text().partition("[answers]")[0])

    checked = run("lock", "--check")
    recorded = run("lock", "--answers")

    assert 0 == checked[0] and first.weights[0].answers
    assert "answers none ->" in recorded[1] and read("dapi.lock").weights[0].answers
    assert 0 == run("check", "--lock")[0]


def test_text_that_is_no_answer_is_refused(run):
    """A lock may be a stranger's."""
    run("lock", "resnet20:Digits_RefV2")
    lock = Path("dapi.lock")
    lock.write_text(lock.read_text().partition("[answers]")[0] + f'[answers]\n"{NAME}" = "[]"\n')

    status, printed = run("check", "--lock")

    assert 2 == status and "cannot be used" in printed
