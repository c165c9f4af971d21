"""``dapi predict`` runs the model on tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sklearn.datasets import load_wine


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command, and return what it printed."""
    command = [sys.executable, "-m", "dapi", "predict", "--json", "wine_mlp", *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_samples_are_named(tmp_path: Path) -> None:
    """Each line of a table is a sample; a table that is none stops no other."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    rows = load_wine().data[:2].tolist()
    good.write_text("\n".join(",".join(map(str, row)) for row in [*rows, [1.0]]))
    bad.write_text("alcohol,ash\n")
    result = run(str(bad), str(good))

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 1
    assert [line["input"] for line in lines] == [str(bad), *(f"{good}:{n}" for n in (1, 2, 3))]
    assert [line["facts"]["category"] for line in lines[1:3]] == ["cultivator 1"] * 2
    assert "could not convert string to float: 'alcohol'" in lines[0]["error"]["message"]
    assert "Expected samples of shape (N, 13)" in lines[3]["error"]["message"]
