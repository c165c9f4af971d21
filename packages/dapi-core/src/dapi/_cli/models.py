"""``dapi list`` and ``dapi show``: the models and their weights."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from dapi import _catalog, _names
from dapi._cli.options import add_command
from dapi._cli.tables import print_rows, print_tree
from dapi._frozen import to_json


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    listing = add_command(commands, "list", _list, "list the models that are installed")
    listing.add_argument("pattern", nargs="?", help="only names that match, as in 'resnet*'")
    listing.add_argument("--distribution", help="only models of this distribution")
    show = add_command(commands, "show", _show, "show a model's weights, or all about one of them")
    show.add_argument("name", help="as in resnet50, or resnet50:ImageNet1K_RefV2")


def _list(options: argparse.Namespace) -> int:
    names = _catalog.list_models(options.pattern, distribution=options.distribution)
    rows = [{"model": name, "distribution": _catalog.find(name).distribution} for name in names]
    print_rows(options, rows, empty=_nothing())
    return 0


def _nothing() -> str:
    """Say why no model is listed."""
    installed = len(_catalog.list_models())
    if installed:
        return f"None of the {installed} installed models match. To see all: dapi list"
    return "No models. To install some: pip install dapi-vision (or dapi-text, dapi-audio)"


def _show(options: argparse.Namespace) -> int:
    if _names.parse(options.name).member:
        details = _details(_catalog.get_weights(options.name))
        if options.json:
            print(json.dumps(details, indent=2))
        else:
            print_tree(details)
        return 0
    rows = [_summary(weights) for weights in _catalog.list_weights(options.name)]
    print_rows(options, rows, empty=f"{options.name} has no published weights.")
    return 0


def _summary(weights: Any) -> dict[str, Any]:
    metrics = weights.meta.get("metrics", ())
    return {
        "weights": str(weights),
        "latest": weights.latest,
        "license": weights.meta.get("license", "unknown"),
        "params": weights.meta.get("num_params"),
        "bytes": sum(file.size or 0 for file in weights.files) or None,
        "metrics": ", ".join(map(_metric, metrics)),
    }


def _metric(metric: Any) -> str:
    """Print a metric in a few words, of whatever form an author gave it."""
    if not isinstance(metric, Mapping):
        return str(metric)
    return " ".join(str(metric[key]) for key in ("dataset", "name", "value") if key in metric)


def _details(weights: Any) -> dict[str, Any]:
    return {
        "weights": str(weights),
        "latest": weights.latest,
        "status": weights.status.state,
        "files": [
            {"url": file.url, "sha256": file.sha256, "size": file.size} for file in weights.files
        ],
        "assets": {
            name: str(getattr(asset, "url", asset)) for name, asset in weights.assets.items()
        },
        "transforms": repr(weights.transforms),
        "config": to_json({**weights.build.defaults, **weights.build.config}),
        "context": to_json(weights.build.context),
        "meta": to_json(weights.meta),
    }
