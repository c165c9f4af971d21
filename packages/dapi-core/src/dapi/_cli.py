"""The ``dapi`` command. Only this module prints."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from dapi import _catalog, _discovery, _names
from dapi._frozen import to_json
from dapi.exceptions import DapiError, NoWeightsError

# The exit status after an error, or when doctor found a problem.
_FAILED = 1

# Those of core; a distribution adds others in the entry-point group dapi.commands.
_COMMANDS = ("list", "show", "fetch", "doctor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name; by default that of the process.

    Returns:
        The exit status: 0, or 1 after an error or when ``doctor`` found a problem.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and words[0] not in _COMMANDS and not words[0].startswith("-"):
            command = _discovery.extension("dapi.commands", words[0])
            if command is not None:
                return int(command(words[1:]))
        options = _parser().parse_args(words)
        return int(options.run(options))
    except DapiError as error:
        print(f"dapi: {error}", file=sys.stderr)
        return _FAILED
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        sys.stderr.close()
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dapi", description="Find, inspect and fetch models and their weights."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = _add(commands, "list", _list, "list the models that are installed")
    listing.add_argument("pattern", nargs="?", help="only names that match, as in 'resnet*'")
    listing.add_argument("--distribution", help="only models of this distribution")
    show = _add(commands, "show", _show, "show a model's weights, or all about one of them")
    show.add_argument("name", help="as in resnet50, or resnet50:ImageNet1K_RefV2")
    fetch = _add(commands, "fetch", _fetch, "fetch weights with all that they need")
    fetch.add_argument("names", nargs="+", metavar="name", help="a model (its latest) or weights")
    fetch.add_argument("--quiet", action="store_true", help="draw no progress bar")
    _add(commands, "doctor", _doctor, "tell what keeps models from being found or built")
    _add_extensions(parser)
    return parser


def _add(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    command.set_defaults(run=run)
    return command


def _add_extensions(parser: argparse.ArgumentParser) -> None:
    points = _discovery.entry_points("dapi.commands")
    if points:
        more = (f"{point.name} ({point.distribution})" for point in points)
        parser.epilog = f"Further commands: {', '.join(more)}."


def _list(options: argparse.Namespace) -> int:
    names = _catalog.list_models(options.pattern, distribution=options.distribution)
    rows = [{"model": name, "distribution": _catalog.find(name).distribution} for name in names]
    _print(options, rows, empty="No models. To install some: pip install dapi-vision")
    return 0


def _show(options: argparse.Namespace) -> int:
    if _names.parse(options.name).member:
        details = _details(_catalog.get_weights(options.name))
        if options.json:
            print(json.dumps(details, indent=2))
        else:
            _print_tree(details)
        return 0
    rows = [_summary(weights) for weights in _catalog.list_weights(options.name)]
    _print(options, rows, empty=f"{options.name} has no published weights.")
    return 0


def _summary(weights: Any) -> dict[str, Any]:
    metrics = weights.meta.get("metrics", ())
    return {
        "weights": str(weights),
        "latest": weights.latest,
        "license": weights.meta.get("license", "unknown"),
        "params": weights.meta.get("num_params"),
        "bytes": sum(file.size or 0 for file in weights.files) or None,
        "metrics": ", ".join(f"{m['dataset']} {m['name']} {m['value']:g}" for m in metrics),
    }


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


def _fetch(options: argparse.Namespace) -> int:
    from dapi._fetching import fetch_everything

    rows, status = [], 0
    for name in options.names:
        try:
            for file, path in fetch_everything(_latest_or_named(name), progress=not options.quiet):
                rows.append({"name": name, "url": file.url, "path": str(path)})
        except DapiError as error:  # the others are still fetched
            print(f"dapi: {error}", file=sys.stderr)
            status = _FAILED
    _print(options, rows, empty="")
    return status


def _latest_or_named(name: str) -> Any:
    if _names.parse(name).member:
        return _catalog.get_weights(name)
    offers = _catalog.enums(_catalog.find(name))
    if not offers:
        raise NoWeightsError(f"{name} has no published weights", "There is nothing to fetch.")
    return offers[0][1].get_latest()


def _doctor(options: argparse.Namespace) -> int:
    from dapi._doctor import examine

    problems = [problem._asdict() for problem in examine()]
    if options.json:
        plugins = [plugin._asdict() for plugin in _discovery.plugins()]
        print(json.dumps({"plugins": plugins, "problems": problems}, indent=2))
    else:
        rows = [
            {
                "distribution": p.name,
                "version": p.version,
                "state": p.state,
                "models": len(p.models),
            }
            for p in _discovery.plugins()
        ]
        _print(options, rows, empty="No distribution with models is installed.")
        for problem in problems:
            print(f"\n{problem['distribution']}: {problem['what']}.\n  {problem['remedy']}")
    return _FAILED if problems else 0


def _print(options: argparse.Namespace, rows: list[dict[str, Any]], *, empty: str) -> None:
    if options.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        _print_table(rows)
    elif empty:
        print(empty)


def _print_table(rows: list[dict[str, Any]]) -> None:
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,}" if isinstance(value, int) else str("" if value is None else value)


def _print_tree(value: Any, indent: str = "") -> None:
    """Print nested dicts and lists, long lists shortened."""
    pairs: Iterable[tuple[str, Any]] = value.items() if isinstance(value, dict) else _items(value)
    for key, item in pairs:
        if isinstance(item, dict | list) and item:
            print(f"{indent}{key}")
            _print_tree(item, indent + "  ")
        else:
            print(f"{indent}{key}  {_cell(item) if item or item == 0 else '-'}")


def _items(values: list[Any], shown: int = 5) -> list[tuple[str, Any]]:
    pairs = [("-", value) for value in values[:shown]]
    return pairs + ([("...", f"{len(values) - shown} more")] if len(values) > shown else [])
