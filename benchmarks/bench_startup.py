"""What listing, reading metadata and the first model cost in a new process, beside the peers.

Each command runs in a process of its own; the commands take turns, so that a machine that changes
its speed changes it for all. Quote the ratios, not the milliseconds.

Run: ``nox -s benchmarks``, or ``python benchmarks/bench_startup.py [--runs N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from importlib.util import find_spec
from statistics import median

COMMANDS = {
    "python": "pass",
    "entry points alone": "import importlib.metadata as m; m.entry_points(group='dapi.models')",
    "dapi.list_models": "import dapi; dapi.list_models()",
    "dapi.list_weights": "import dapi; dapi.list_weights('resnet50')",
    "dapi ... .meta": "import dapi; dapi.get_weights('resnet50:ImageNet1K_RefV2').meta",
    "dapi.search": "import dapi; dapi.search()",
    "dapi.search(...)": (
        "import dapi; dapi.search(task='image-classification', min_metric={'acc@1': 80},"
        " max_params=30e6, sort='acc@1')"
    ),
    "dapi list": "from dapi._cli import main; main(['list'])",
    "torchvision.list_models": "import torchvision; torchvision.models.list_models()",
    "torchvision ... .meta": (
        "import torchvision; torchvision.models.get_weight('ResNet50_Weights.DEFAULT').meta"
    ),
    "timm.list_models": "import timm; timm.list_models()",
    # The first model of a process, by the peer, by its builder's module, and by its name.
    "torchvision resnet18": "from torchvision.models import resnet18; resnet18()",
    "dapi.vision resnet18": (
        "import torchvision; from dapi.vision import resnet18; resnet18(weights=None)"
    ),
    "dapi.get_model": "import torchvision, dapi; dapi.get_model('resnet18', weights=None)",
}
BASE = "entry points alone"
FIRST_MODEL = "torchvision resnet18"
FIRST_MODELS = ("dapi.vision resnet18", "dapi.get_model")


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each (default 7)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    times, cpu = measure(installed(COMMANDS), options.runs)
    rows = {
        name: {
            "seconds": round(median(taken), 4),
            "cpu": round(median(cpu[name]), 4),
            "of entry points": round(ratio(times, name, BASE), 2),
            "of python": round(ratio(times, name, "python"), 2),
        }
        for name, taken in times.items()
    }
    for name in FIRST_MODELS if FIRST_MODEL in cpu else ():
        rows[name]["cpu over torchvision"] = round(difference(cpu, name, FIRST_MODEL), 4)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    columns = [*rows[BASE]]
    print(f"{'command in a new process':<26}{''.join(f'{name:>17}' for name in columns)}")
    for name, row in rows.items():
        print(
            f"{name:<26}{row['seconds']:>17.3f}{''.join(f'{row[c]:>17.2f}' for c in columns[1:])}"
        )
    for name, row in rows.items():
        if "cpu over torchvision" in row:
            print(f"{name}: {1000 * row['cpu over torchvision']:.0f} ms over {FIRST_MODEL}, of CPU")


def installed(commands: dict[str, str]) -> dict[str, str]:
    """Leave out the peers that are not installed."""
    return {
        name: code
        for name, code in commands.items()
        if find_spec(name.partition(".")[0].split()[0]) or name in ("python", BASE)
    }


def measure(
    commands: dict[str, str], runs: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Run each command once to warm up, then ``runs`` times in turn; return wall and CPU time."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    cpu: dict[str, list[float]] = {name: [] for name in commands}
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # as pip leaves a wheel: compiled
    for run in range(runs + 1):
        for name, code in commands.items():
            start, before = time.perf_counter(), of_children()
            subprocess.run(
                [sys.executable, "-c", code], env=environment, check=True, capture_output=True
            )
            if run:
                times[name].append(time.perf_counter() - start)
                cpu[name].append(of_children() - before)
    return times, cpu


def of_children() -> float:
    """Return the CPU time of the processes that have ended: a busy machine changes it less."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def difference(cpu: dict[str, list[float]], name: str, base: str) -> float:
    """Compare pair by pair with another command, and take the median of the differences."""
    return median(one - other for one, other in zip(cpu[name], cpu[base], strict=True))


def ratio(times: dict[str, list[float]], name: str, base: str) -> float:
    """Compare pair by pair with another command, and take the median."""
    return median(one / other for one, other in zip(times[name], times[base], strict=True))


if __name__ == "__main__":
    main()
