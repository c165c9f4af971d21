"""``dapi describe``: a ready WeightEntry for a checkpoint, and how it fits a builder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dapi import WeightEntry, catalog
from dapi.devkit._command_line import parser_of, put_json
from dapi.devkit._description import Description, describe, package_url, published
from dapi.devkit._source import entry_source

_MISFIT = 1
_ORIGIN = "No installed distribution has the file. Add the requirement to install: #REQUIREMENT"
_HINT = "An enum refuses a file: URL. To state where the file will be published: --url URL"


def main(arguments: Sequence[str]) -> int:
    """Run ``dapi describe``; its status is 1 where the file does not fit the builder."""
    options = _parser().parse_args(arguments)
    found = describe(options.file, model=options.model, config=dict(options.config))
    url = options.url or package_url(options.file) or options.file.resolve().as_uri()
    entry = published(found.entry, url)
    if options.json:
        put_json(_facts(found, entry))
    else:
        print(entry_source(entry))
        remarks = [*_remarks(found), *provenance_of(found), *_hints(url)]
        print(*(catalog.printable(f"# {line}") for line in remarks), sep="\n")
    return _MISFIT if found.misfit else 0


def provenance_of(found: Description) -> list[str]:
    """Describe the origin of the entry's transforms and names, and guesses among them."""
    origin, said = found.origin, []
    if origin.problem:
        said.append(f"The record of dapi.save in the file cannot be used. {origin.problem}")
    if origin.is_noted:
        arguments = ", ".join(f"{key}={value!r}" for key, value in origin.config.items())
        start = f", from {origin.weights}" if origin.weights else ""
        said.append(f"Recorded by dapi.save in the file: {found.model}({arguments}){start}.")
    if origin.weights and found.taken:
        whose = f"those of {origin.weights}"
        if origin.is_noted:
            said.append(
                f"Its {_joined(found.taken)} are {whose}. Correct them where training differed."
            )
        else:
            said.append(f"Its {_joined(found.taken)} are a guess: {whose}. The file states none.")
    return said


def _joined(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _hints(url: str) -> list[str]:
    """Return remarks on the URL."""
    if url.startswith("package:"):
        return [] if "#" in url else [_ORIGIN]
    return [] if url.startswith("https:") else [_HINT]


def _facts(found: Description, entry: WeightEntry) -> dict[str, Any]:
    origin = found.origin
    facts: dict[str, Any] = {
        "url": entry.url if isinstance(entry.url, str) else [file.url for file in entry.files],
        "sha256": entry.sha256,
        "bytes": entry.size,
        "format": found.format,
        "tensors": found.tensors,
        "params": entry.meta["num_params"],
    }
    if entry.build.take:
        facts["take"] = list(entry.build.take.keys)
    if found.model:
        facts |= {"model": found.model, "config": dict(entry.build.config)}
    if origin.weights:
        facts |= {
            "like": str(origin.weights),
            "taken": found.taken,
            "is_guess": not origin.is_noted,
        }
    return facts if found.misfit is None else {**facts, "misfit": vars(found.misfit)}


def _remarks(found: Description) -> list[str]:
    """Return remarks on facts that the entry does not show."""
    said = [f"{found.format}, {catalog.counted(found.tensors, 'tensor')}."]
    if found.entry.build.take:
        said.append("The file holds more than these tensors, which the entry leaves out.")
    if not found.model:
        said.append("num_params includes buffers. For details: --model NAME")
    if found.misfit is None:
        return said + ([f"It matches {found.model}."] if found.model else [])
    misfit, model = found.misfit, found.model
    said += [f"{key} of {model} is missing from the file." for key in misfit.missing]
    said += [f"{key} of the file is not in {model}." for key in misfit.unexpected]
    said += [
        f"{key} is {list(one)} in the file and {list(other)} in {model}."
        for key, (one, other) in misfit.shapes.items()
    ]
    return said + ([misfit.reason] if misfit.reason else [])


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``; each gives a name and a value."""
    parser.add_argument(
        "--config",
        type=_config_item,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a builder argument that these weights set, as in num_classes=10",
    )


def _config_item(text: str) -> tuple[str, Any]:
    """Read ``name=value``, the value as JSON, or as text if it is none."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "describe",
        "Print a WeightEntry for a checkpoint.",
        "dapi describe plantnet.safetensors --model plantnet",
        "dapi describe net.pth --model resnet50 \\\n      --config num_classes=10 --json",
    )
    parser.add_argument("file", type=Path, help="a checkpoint, or the index of one")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="the builder that it is for (default: the one that dapi.save recorded in it)",
    )
    add_config_option(parser)
    parser.add_argument("--url", help="where the file will be published")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")
    return parser
