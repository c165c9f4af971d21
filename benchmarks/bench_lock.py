"""A lock of 300 files: checked, and synced beside ``hf download`` and a loop over ``dapi fetch``.

The server on loopback speaks the Hugging Face Hub's API; each command runs in a process of its own,
into an empty cache in memory, and the commands take turns, so that a machine that changes its speed
changes it for all. Quote the ratios, not the seconds. The loop fetches a tenth of the files, and is
multiplied. dapi verifies every sha256, hf the size.

Run: ``nox -s benchmarks``, or ``python benchmarks/bench_lock.py [--runs N] [--large MB] [--json]``
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha1, sha256
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from dapi.lock import Lock, LockedFile, LockedWeights
from dapi.lock.document import render

FILES, SMALL, TENTH = 300, 20_000, 10
START, BASE = "start-up: dapi --version", "dapi sync, 300 files"
IN_PLACE = "dapi sync, all in place"
HUB = Path(__file__).parents[1] / "packages" / "dapi-lock" / "tests" / "hub.py"

# Runs a command, and prints its figures, its status and its errors.
MEASURED = """
import json, os, resource, subprocess, sys, time
began = time.perf_counter()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
took = time.perf_counter() - began
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
figures = [took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]
print(json.dumps([figures, status.returncode, status.stderr.decode()[-2000:]]))
"""
DAPI = [sys.executable, "-m", "dapi"]
HF = [sys.executable, "-m", "huggingface_hub.cli.hf"]

MEMBERS = """
from dapi import WeightEntry, Weights, register_model

class ManyWeights(Weights):
{members}

@register_model(weights=ManyWeights)
def many(*, weights=None, progress=True):
    raise NotImplementedError
"""


class Figures(NamedTuple):
    """What a command took: seconds, seconds of CPU, and the peak of its memory in MB."""

    seconds: float
    cpu: float
    peak: float


class Place:
    """The folder of a benchmark: repositories, locks, a distribution, and what is downloaded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.target = folder, folder / "target"
        self.repos, self.site = folder / "repos", folder / "site"
        self.host = ""

    def add(self, name: str, sizes: Sequence[int]) -> list[LockedFile]:
        """Write a repository of random files; return them as a lock has them."""
        bodies = {f"part-{rank:03}.bin": os.urandom(size) for rank, size in enumerate(sizes)}
        folder = self.repos / "acme" / name
        folder.mkdir(parents=True)
        for path, body in bodies.items():
            (folder / path).write_bytes(body)
        commit = commit_of(bodies)
        files = [
            LockedFile(
                path, sha256(body).hexdigest(), len(body), (f"hf://acme/{name}@{commit}/{path}",)
            )
            for path, body in bodies.items()
        ]
        entry = LockedWeights(
            f"acme/{name}", (f"hf:acme/{name}",), "", "", "", "", "MIT", "active", tuple(files),
            revision=commit,
        )  # fmt: skip
        text = render(Lock((f"hf:acme/{name}",), (entry,)))
        (self.folder / f"{name}.lock").write_text(text)
        return files

    def offer(self, files: Sequence[LockedFile]) -> None:
        """Write a distribution whose weights are these files, for the loop over dapi fetch."""
        metadata = self.site / "acme_many-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-many\nVersion: 1\n")
        points = (
            "[dapi.models]\nmany = acme_many:many\n[dapi.weights]\nmany = acme_many:ManyWeights"
        )
        (metadata / "entry_points.txt").write_text(points)
        members = "\n".join(
            f'    File{rank}_RefV1 = WeightEntry("{file.urls[0]}", sha256="{file.sha256}")'
            for rank, file in enumerate(files)
        )
        (self.site / "acme_many.py").write_text(MEMBERS.format(members=members))

    def run(self, command: Sequence[str], *, keep: bool = False) -> Figures:
        """Run a command with an empty cache."""
        if not keep:
            shutil.rmtree(self.target, ignore_errors=True)
            self.target.mkdir()
        environment = {
            **os.environ, "DAPI_CACHE": str(self.target / "dapi"), "HF_ENDPOINT": self.host,
            "HF_HOME": str(self.target / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "*", "PYTHONPATH": str(self.site),
            "PYTHONDONTWRITEBYTECODE": "", "HF_TOKEN": "",
        }  # fmt: skip
        result = subprocess.run(
            [sys.executable, "-c", MEASURED, *command],
            env=environment, cwd=self.folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        figures, status, errors = json.loads(result.stdout)
        if status:
            raise SystemExit(f"{' '.join(command)}: {errors}")
        return Figures(*figures)

    def sync(self, name: str, *, keep: bool = False) -> Figures:
        """Run ``dapi sync`` with the lock of a repository."""
        return self.run([*DAPI, "sync", "--quiet", "--lock", f"{name}.lock"], keep=keep)


def commit_of(bodies: dict[str, bytes]) -> str:
    """Return the commit that the server gives these files."""
    blobs = {path: sha1(b"blob %d\0" % len(body) + body) for path, body in bodies.items()}  # noqa: S324 - as Git has it
    known = sorted((path, blob.hexdigest()) for path, blob in blobs.items())
    return sha1(repr(known).encode()).hexdigest()  # noqa: S324 - as above


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--large", type=int, default=256, help="MB of the large file (default 256)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        place = Place(Path(name))
        files = place.add("many", [SMALL] * FILES)
        place.offer(files[:: FILES // (FILES // TENTH)])
        place.add("few", [SMALL] * (FILES // TENTH))
        place.add("large", [options.large * 1_000_000])
        with served(place):
            rows = measure(place, options.runs)
    print(json.dumps(rows, indent=2) if options.json else table(rows))


class served:  # noqa: N801 - read as a with statement
    """Serves the repositories of a place while a block runs."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        command = [sys.executable, str(HUB), str(self._place.repos)]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._server.stdout is not None
        self._place.host = f"http://127.0.0.1:{int(self._server.stdout.readline())}"

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.wait()


def measure(place: Place, runs: int) -> list[dict[str, Any]]:
    """Let the commands take turns."""
    loop = "; ".join(
        f"{sys.executable} -m dapi fetch --quiet many:File{rank}_RefV1"
        for rank in range(FILES // TENTH)
    )
    taken: dict[str, list[Figures]] = {}

    def note(what: str, found: Figures, factor: int = 1) -> None:
        whole = Figures(factor * found.seconds, factor * found.cpu, found.peak)
        taken.setdefault(what, []).append(whole)

    place.sync("many")
    for _ in range(5 * runs):
        note(START, place.run([*DAPI, "--version"], keep=True))
        note(IN_PLACE, place.sync("many", keep=True))
    for _ in range(runs):
        note(BASE, place.sync("many"))
        if find_spec("huggingface_hub"):
            note("hf download, 300 files", place.run([*HF, "download", "acme/many", "--quiet"]))
        note("dapi sync, 30 files", place.sync("few"))
        note("dapi sync, one large file", place.sync("large"))
        note("loop over dapi fetch", place.run(["sh", "-ec", loop]), TENTH)
    return [row(what, results, taken) for what, results in taken.items()]


def row(what: str, results: list[Figures], taken: dict[str, list[Figures]]) -> dict[str, Any]:
    """Sum up the runs of a command, compared run by run with the sync.

    What is beyond the start-up is the difference of the least: whatever else the machine does can
    only add to it.
    """
    pairs = list(zip(results, taken[BASE], strict=False))
    least, start = (
        (min(each.seconds for each in found), min(each.cpu for each in found))
        for found in (results, taken[START])
    )
    return {
        "what": what,
        "seconds": round(median(each.seconds for each in results), 3),
        "of dapi sync": round(median(a.seconds / b.seconds for a, b in pairs), 2),
        "CPU of dapi sync": round(median(a.cpu / b.cpu for a, b in pairs), 2),
        "ms beyond start-up": round(1000 * (least[0] - start[0]), 1),
        "CPU ms beyond": round(1000 * (least[1] - start[1]), 1),
        "peak MB": round(max(each.peak for each in results), 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Lay out the rows."""
    cells = [list(rows[0]), *([str(value) for value in each.values()] for each in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(c.rjust(w) for c, w in zip(each, widths, strict=True)) for each in cells
    )


if __name__ == "__main__":
    main()
