"""``dapi list``, ``dapi search`` and ``dapi show``: the models and their weights."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import groupby
from textwrap import shorten
from typing import Any

from dapi._catalog import builders, lookup
from dapi._catalog import metrics as _metrics
from dapi._catalog import search as _search
from dapi._catalog.builders import list_models
from dapi._catalog.found import Cached, Found, status
from dapi._catalog.metrics import Metric
from dapi._catalog.search import Query
from dapi._cli import terminal
from dapi._cli.names import in_dapi
from dapi._cli.options import add_command
from dapi._cli.tables import (
    print_heading,
    print_json,
    print_rows,
    print_table,
    print_tree,
    tell_hidden,
    without_secrets,
)
from dapi._plugins.status import plugins
from dapi._values.frozen import to_json


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    text = "list the installed models by task"
    listing = add_command(commands, "list", _list, text, is_long=True)
    text = "only names that match one of these patterns, as in 'resnet*'"
    listing.add_argument("include", nargs="*", metavar="PATTERN", help=text)
    text = "no names that match this pattern; may be given several times"
    listing.add_argument("--exclude", action="append", metavar="PATTERN", help=text)
    text = "only models of this distribution, or of those that match a pattern"
    listing.add_argument("--distribution", action="append", help=text)
    text = "only models for this task, as in object-detection"
    listing.add_argument("--task", action="append", help=text)
    _add_search(commands)
    text = "list the weights of a model, or show the details of one set of weights"
    show = add_command(commands, "show", _show, text, is_long=True)
    show.add_argument(
        "name", help="as in resnet50, or resnet50:ImageNet1K_RefV2, or another library's name"
    )


def _add_search(commands: Any) -> None:
    search = add_command(commands, "search", _find, "search the installed weights", is_long=True)
    search.add_argument("text", nargs="*", help="words in names, tasks and datasets")
    search.add_argument("--task", action="append", help="a task, as in image-classification")
    text = "a dataset of training or evaluation, as in COCO"
    search.add_argument("--dataset", action="append", help=text)
    text = "an SPDX expression, as in BSD-3-Clause"
    search.add_argument("--license", action="append", help=text)
    text = "only weights that may be used under this license; may be given several times"
    search.add_argument("--allow-license", action="append", metavar="LICENSE", help=text)
    text = "only weights of this distribution"
    search.add_argument("--distribution", action="append", help=text)
    _add_bound(search, "--min", "minimum value of a metric, as in acc@1=80")
    _add_bound(search, "--max", "maximum value of a metric, as in wer=5")
    search.add_argument(
        "--max-params", type=_number, help="maximum number of parameters, as in 30M"
    )
    search.add_argument(
        "--max-gflops", type=float, help="maximum billions of multiply-adds for one input"
    )
    search.add_argument("--latest", action="store_true", help="only weights marked latest")
    orders = ", ".join(_search.ORDERS)
    search.add_argument(
        "--sort", default="name", help=f"{orders}, or a metric (by dataset, the best first)"
    )


def _add_bound(search: argparse.ArgumentParser, name: str, text: str) -> None:
    search.add_argument(
        name, action="append", type=_bound, metavar="METRIC=VALUE", default=[], help=text
    )


def _bound(text: str) -> tuple[str, float]:
    """Read a metric and its value, as in acc@1=80."""
    name, _, value = text.rpartition("=")
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form METRIC=VALUE")
    return name, _number(value)


def _number(text: str) -> float:
    """Read a number such as 30M."""
    try:
        return _search.number(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, such as 80 or 30M") from None


def _list(options: argparse.Namespace) -> int:
    names = list_models(
        options.include,
        exclude=options.exclude,
        distribution=options.distribution,
        task=options.task,
    )
    models, cached = builders.listed(), Cached()
    offered: dict[str, list[Found]] = {}
    for found in _search.offered(set(names)):
        offered.setdefault(found.model, []).append(found)
    rows = [
        _model(name, models[name].distribution, task, found, cached)
        for name in names
        for task, found in _by_task(offered.get(name, [])).items()
    ]
    rows.sort(key=lambda row: row["task"])
    rows = [row for row in rows if not options.task or row["task"] in options.task]
    if options.json or not rows:
        print_rows(options, rows, empty=_nothing(options))
        return 0
    hidden: dict[str, None] = {}
    for task, group in groupby(rows, key=lambda row: row["task"]):
        print_heading(f"{without_secrets(task) or 'without published weights'}:")
        hidden |= dict.fromkeys(print_table(list(map(_columns_for_task, group)), indent="  "))
    tell_hidden(list(hidden))
    return 0


def _by_task(offered: list[Found]) -> dict[str, list[Found]]:
    """Group the weights of a model by task; a model of several tasks is listed under each."""
    tasks = [str(found.meta["task"]) for found in offered if "task" in found.meta]
    grouped: dict[str, list[Found]] = {}
    for found in offered:
        task = str(found.meta.get("task", "")) or next(iter(tasks), "")
        grouped.setdefault(task, []).append(found)
    return grouped or {"": []}


def _model(
    name: str, distribution: str, task: str, offered: list[Found], cached: Cached
) -> dict[str, Any]:
    """Describe a model by its first latest weights and the best value of their headline metric."""
    default = next((each for each in offered if each.weights.latest), None)
    meta = default.meta if default else offered[0].meta if offered else {}
    headline = next(_metrics.read(meta), None)
    metrics = (metric for each in offered for metric in _metrics.read(each.meta))
    best = headline and _metrics.best(m for m in metrics if m[:2] == headline[:2])
    return {
        "task": task,
        "model": name,
        "distribution": distribution,
        "weights": str(default.weights) if default else None,
        "params": meta.get("num_params"),
        "metric": headline and headline._asdict(),
        "best": best._asdict() if best and best != headline else None,
        "sets": len(offered),
        "cached": default is not None and cached.has(default.weights),
        **status(name, (default or offered[0]).weights if offered else None),
    }


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that people compare: the facts of a row, flat and short."""
    columns: dict[str, Any] = {}
    for key, value in row.items():
        columns |= _FLAT[key](row, value) if key in _FLAT else {key: value}
    return columns


def _columns_for_task(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of rows that are all for one task, which the reader knows."""
    columns = _columns(row)
    columns.pop("task", None)
    return columns


def _flat_metric(_: object, metric: dict[str, Any] | None) -> dict[str, Any]:
    dataset, name, value = metric.values() if metric else (None,) * 3
    return {"metric": name, "value": value, "dataset": shorten(dataset or "", 32)}


def _flat_metrics(row: dict[str, Any], metrics: list[dict[str, Any]]) -> dict[str, Any]:
    texts = (f"{each['name']} {each['value']} ({each['dataset']})" for each in metrics)
    return {} if "metric" in row else {"metrics": ", ".join(texts)}


# The columns of facts that are objects, or longer than people need.
_FLAT: dict[str, Callable[[dict[str, Any], Any], dict[str, Any]]] = {
    "weights": lambda row, name: {} if "sets" in row else {"weights": name},
    "sets": lambda _, count: {"weights": count},
    "metric": _flat_metric,
    "metrics": _flat_metrics,
    "best": lambda _, metric: {"best": metric and metric["value"]},
    "bytes": lambda _, size: {"mib": size and round(size / 2**20, 1)},
    "estimated": lambda *_: {},
    "status": lambda row, state: {"status": _in_words(state, row["replacement"])},
    "replacement": lambda *_: {},
}


def _in_words(state: str, replacement: str | None) -> str:
    """Return the status in words; empty for active weights."""
    words = f"{state}, use {replacement}" if replacement else state
    return "" if state == "active" else words


def _nothing(options: argparse.Namespace) -> str:
    """Explain why no model is listed."""
    installed = len(builders.listed())
    if installed:
        wider = [f"*{pattern}*" for pattern in options.include]
        found = wider and list_models(wider, distribution=options.distribution)
        words = " ".join(f"'{pattern}'" for pattern in wider)
        part = f", or those with it in their name: dapi list {words}" if found else ""
        return f"None of the {installed} installed models match. To list all: dapi list{part}"
    disabled = [plugin.name for plugin in plugins() if plugin.models and plugin.state == "disabled"]
    if disabled:
        names = ", ".join(disabled)
        return f"No models: an environment variable disables {names}. For details: dapi doctor"
    return "No models. To install some: pip install dapi-vision (or dapi-text, dapi-audio)"


def _find(options: argparse.Namespace) -> int:
    query = Query.of(
        text=" ".join(options.text),
        task=options.task,
        dataset=options.dataset,
        license=options.license,
        allow_license=options.allow_license,
        distribution=options.distribution,
        min_metric=dict(options.min),
        max_metric=dict(options.max),
        max_params=options.max_params,
        max_gflops=options.max_gflops,
        latest_only=options.latest,
        sort=options.sort,
    )
    matching = query.run(_search.everything())
    ranking, cached = query.ranking(matching), Cached()
    rows = [found.row(found.name, _metric(found, query, ranking), cached) for found in matching]
    empty = "No weights match. To list all: dapi search"
    is_narrow = terminal.width() is not None and len({row["task"] for row in rows}) == 1
    columns = _columns_for_task if is_narrow else _columns
    print_rows(options, rows, empty=empty, columns=columns)
    return 0


def _metric(found: Found, query: Query, ranking: Any) -> Metric | None:
    """Return the requested metric of weights, otherwise their first."""
    bounded = [*(query.min_metric or ()), *(query.max_metric or ())]
    metrics = [found.metric(name, query.dataset) for name in bounded]
    metrics.insert(0, query.ranked(found, ranking))
    return next(filter(None, metrics), next(_metrics.read(found.meta), None))


def _show(options: argparse.Namespace) -> int:
    names = in_dapi(options.name)
    if len(names) == 1 and not lookup.parse(names[0]).member:
        return _show_model(options, names[0])
    members = list(map(lookup.get_weights, names))
    if len(members) > 1:
        return _print(options, [Found(lookup.find(each).name, "", each) for each in members])
    details = without_secrets(_details(members[0]))
    if options.json:
        print_json(details)
    else:
        print_tree(details)
    return 0


def _show_model(options: argparse.Namespace, name: str) -> int:
    weights, wanted = lookup.list_weights(name), lookup.find(name).qualified
    listed = (name for name, each in builders.listed().items() if each.qualified == wanted)
    model = next(listed, "")
    empty = f"{name} has no published weights."
    return _print(options, [Found(model, "", each) for each in weights], empty=empty)


def _print(options: argparse.Namespace, found: list[Found], *, empty: str = "") -> int:
    cached = Cached()
    rows = [{"weights": str(each.weights), **each.facts(cached)} for each in found]
    print_rows(options, rows, empty=empty, columns=_columns)
    return 0


def _details(weights: Any) -> dict[str, Any]:
    return {
        "weights": str(weights),
        "latest": weights.latest,
        "status": weights.status.state,
        "replacement": weights.status.replacement,
        "reason": weights.status.reason,
        "files": [
            {"url": file.url, "sha256": file.sha256, "bytes": file.size} for file in weights.files
        ],
        "assets": {
            name: str(getattr(asset, "url", asset)) for name, asset in weights.assets.items()
        },
        "transforms": repr(weights.transforms),
        "config": to_json({**weights.build.defaults, **weights.build.config}),
        "context": to_json(weights.build.context),
        "meta": to_json(weights.meta),
    }
