"""How listing grows with the number of installed distributions, beside the bare entry-point call.

Of the distributions that are made for this, every tenth advertises a model. Each first listing runs
in a process of its own, in turn with the bare call; the repeated one within one process. Quote the
ratios, not the milliseconds.

Run: ``nox -s benchmarks``, or ``python benchmarks/bench_plugins.py [--runs N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

COUNTS = (0, 100, 500, 1000)
BARE = "import importlib.metadata as m; m.entry_points(group='dapi.models')"
FIRST = "import dapi; dapi.list_models()"
REPEATED = """
import dapi, timeit
dapi.list_models()
print(min(timeit.repeat(dapi.list_models, number=100, repeat=7)) / 100)
"""


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="counted runs of each (default 11)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(install(Path(folder), count), count, options.runs) for count in COUNTS]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'distributions':>13}{'bare s':>9}{'first s':>9}{'ratio':>7}{'repeated ms':>13}")
    for row in rows:
        print(
            f"{row['distributions']:>13}{row['bare']:>9.3f}{row['first']:>9.3f}"
            f"{row['ratio']:>7.2f}{row['repeated'] * 1000:>13.3f}"
        )


def install(folder: Path, count: int) -> Path:
    """Write the metadata of ``count`` distributions; returns the directory that holds them."""
    site = folder / str(count)
    site.mkdir()
    for number in range(count):
        metadata = site / f"made{number}-1.0.dist-info"
        metadata.mkdir()
        readme = "A line of a readme.\n" * 100
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: made{number}\nVersion: 1.0\n\n{readme}"
        )
        group = "console_scripts" if number % 10 else "dapi.models"
        (metadata / "entry_points.txt").write_text(f"[{group}]\nnet{number} = made{number}:net\n")
    return site


def measure(site: Path, count: int, runs: int) -> dict[str, float]:
    """Run each command once to warm up, then ``runs`` times in turn."""
    times: dict[str, list[float]] = {BARE: [], FIRST: []}
    for run in range(runs + 1):
        for code, taken in times.items():
            start = time.perf_counter()
            python(site, code)
            if run:
                taken.append(time.perf_counter() - start)
    pairs = zip(times[FIRST], times[BARE], strict=True)
    return {
        "distributions": count,
        "bare": round(median(times[BARE]), 4),
        "first": round(median(times[FIRST]), 4),
        "ratio": round(median(first / bare for first, bare in pairs), 3),
        "repeated": float(python(site, REPEATED)),
    }


def python(site: Path, code: str) -> str:
    """Run code with the distributions of ``site`` on the path; returns what it prints."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(site)]))
    # Compiled as pip leaves a wheel.
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
