"""Return docs/models.md: every set of weights of our distributions, by task, from the enums.

``python tools/write_names.py`` writes it, after entries were added or changed.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

from dapi._catalog import metrics as _metrics
from dapi._catalog import search
from dapi._catalog.found import Found
from dapi._catalog.metrics import Metric

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = ("dapi-audio", "dapi-text", "dapi-vision")

HEAD = """# Models

This page lists every set of weights of our distributions, by task, the best first on each
dataset. To build a model: `dapi.get_model("resnet50:ImageNet1K_RefV2")`. Weights in bold are
the latest of their dataset and recipe. To search all installed distributions, use `dapi search`
or `dapi.search()`.

{counts}

This page is generated from the enums by [generate_models.py](generate_models.py). An empty
cell means that no value is published.
"""
COLUMNS = ("weights", "metrics", "params (M)", "GFLOPs", "MiB", "license", "recipe")


def page() -> str:
    """Return the text of the page."""
    everything = [each for each in search.everything() if each.distribution in DISTRIBUTIONS]
    everything.sort(key=_task)
    tasks = [(task, list(found)) for task, found in groupby(everything, key=_task)]
    counts = [
        f"| [{task}](#{task}) | {len({each.model for each in found})} | {len(found)} |"
        for task, found in tasks
    ]
    head = HEAD.format(counts="\n".join(["| task | models | weights |", "|---|--:|--:|", *counts]))
    return "\n".join([head, *(_section(task, found) for task, found in tasks)])


def _section(task: str, found: list[Found]) -> str:
    """Return the heading and the table of a task."""
    common = Counter(_headline(each)[:2] for each in found)
    ranks = {headline: rank for rank, (headline, _) in enumerate(common.most_common())}
    found.sort(key=lambda each: (ranks[_headline(each)[:2]], -_headline(each).merit, each.name))
    rows = [_row(each) for each in found]
    rule = ("---", "---", *["--:"] * 3, "---", "---")
    return "\n".join([f"## {task}\n", *map(_line, [COLUMNS, rule, *rows]), ""])


def _task(found: Found) -> str:
    return str(found.meta.get("task", "other"))


def _headline(found: Found) -> Metric:
    return next(_metrics.read(found.meta), Metric("", "", 0))


def _row(found: Found) -> list[str]:
    params = found.number("num_params")
    return [
        f"**{found.name}**" if found.weights.latest else found.name,
        _measured(found),
        f"{params / 1e6:.1f}" if params else "",
        _number(found.number("gflops")),
        _number(found.mib),
        str(found.meta.get("license", "unknown")),
        _link(str(found.meta.get("recipe", "unknown"))),
    ]


def _measured(found: Found) -> str:
    """Return the metrics, by dataset."""
    by_dataset = groupby(_metrics.read(found.meta), key=lambda metric: metric.dataset)
    return "; ".join(
        ", ".join(f"{metric.name} {metric.value:g}" for metric in metrics) + f" ({dataset})"
        for dataset, metrics in by_dataset
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _link(recipe: str) -> str:
    """Return a link to a page or to a file of the repository; other words as they are."""
    url, _, words = recipe.partition(" ")
    if url.startswith("https://"):
        return f"[recipe]({url}){f' {words}' if words else ''}"
    return f"[recipe](../{recipe})" if (ROOT / recipe).is_file() else recipe


def _line(cells: Any) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
