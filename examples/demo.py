"""What the demos share: their command line, loading by name, and reporting."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import dapi
from dapi.exceptions import DapiError


def read_arguments(
    description: str | None, task: str, model: str, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """Read a demo's command line; ``task`` and ``model`` are what it does and does it with."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", help="what to work on")
    parser.add_argument("--weights", default=model, help=f"a model or weights (default: {model})")
    parser.add_argument("--output", type=Path, default=Path("output"), help="default: output/")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.set_defaults(task=task)
    return parser.parse_args(arguments)


def load(options: argparse.Namespace) -> tuple[Any, dapi.Weights | dapi.WeightEntry]:
    """Build the model of ``--weights`` in evaluation mode; on an error, say it and stop."""
    try:
        model = dapi.get_model(options.weights).eval()
    except DapiError as error:
        sys.exit(f"{options.weights}: {error}")
    weights = dapi.weights_of(model)
    task = weights.meta.get("task", "an unknown task")
    if task != options.task:
        sys.exit(f"{weights} is for {task}, and this demo is for {options.task}.")
    return model, weights


def read_image(path: str) -> Image.Image:
    """Read a picture; on an error, say it and stop."""
    try:
        image: Image.Image = Image.open(path)
        image.load()  # reads the whole file, and closes it
        return image
    except OSError as error:
        sys.exit(f"{path} cannot be read as a picture: {error}")


def report(options: argparse.Namespace, subject: str, result: dict[str, Any]) -> None:
    """Print a result, and add it to the task's file in the output directory."""
    options.output.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"input": subject, **result})
    with (options.output / f"{options.task}.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print(line if options.json else _for_people(subject, result))


def _for_people(subject: str, result: dict[str, Any]) -> str:
    lines = [f"{subject}  ({result['weights']})"]
    for key, value in result.items():
        if isinstance(value, list):
            lines += ["  " + "  ".join(str(item) for item in row.values()) for row in value]
        elif key != "weights":
            lines.append(f"  {key}: {value}")
    return "\n".join(lines)
