"""Incidents: what users of models met is found before a release, and harmless changes are not."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dapi.devkit.compatibility.rules import RULES

pytest.importorskip("torch")

FOLDER = Path(__file__).with_name("incidents")
sys.path.insert(0, str(FOLDER))
try:
    import replay
finally:
    sys.path.remove(str(FOLDER))

KNOWN = replay.incidents()
PAGE = replay.PAGE.read_text("utf-8")
# One of each group and family of models; ``slow`` replays all.
SAMPLE = ["frozen-norm-eps", "token-ids", "layer-scale-ones", "score-threshold", "comment"]


def replayed(names):
    """Replay incidents in a process of its own: it forks, which this one must not."""
    command = [sys.executable, str(FOLDER / "replay.py"), "--json", *names]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return {name: replay.Found(**found) for name, found in json.loads(result.stdout).items()}


def test_sample_is_found_and_told_on_the_page():
    """What is found is what must be, and what the page says."""
    found = replayed(SAMPLE)

    for name in SAMPLE:
        assert not replay.problems(KNOWN[name], found[name])
        assert replay.row(KNOWN[name], found[name]) in PAGE.splitlines()


@pytest.mark.slow
def test_all_are_found_without_a_false_alarm():
    """Every incident is found, no harmless change is a break, and the page is current."""
    found = replayed([])

    wrong = {name: replay.problems(incident, found[name]) for name, incident in KNOWN.items()}
    assert {name: each for name, each in wrong.items() if each} == {}
    assert replay.page(KNOWN, found) == PAGE


def test_every_rule_has_an_incident():
    """A rule without one would not be tried."""
    named = {rule for incident in KNOWN.values() for rule in incident.rules}

    assert named == RULES.keys()


def test_there_are_enough_of_each_group():
    """The corpus only grows, and what happened names its thread."""
    counts = Counter(incident.group for incident in KNOWN.values())

    assert counts["real"] >= 30 and counts["generic"] >= 40 and counts["harmless"] >= 20
    assert len({each.title for each in KNOWN.values()}) == len(KNOWN)
    for incident in KNOWN.values():
        if incident.group == "real":
            assert incident.thread.startswith("https://github.com/") and incident.seen
        assert incident.group == "harmless" or incident.verdict == "silent" or incident.rules
