"""``dapi predict``: a model, run on files."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi import _catalog, _fetching
from dapi._cli.options import FAILED, add_command, say
from dapi._cli.tables import print_facts
from dapi._frozen import to_json

if TYPE_CHECKING:
    from dapi._prediction import Outcome, Plan, Run
    from dapi._weights import Weights


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    predict = add_command(commands, "predict", _predict, "run a model on files, or on words")
    predict.add_argument("model", help="as in resnet50 (its latest weights), or resnet50:MEMBER")
    predict.add_argument(
        "inputs",
        nargs="+",
        metavar="input",
        help="a file, or words; of words, - reads standard input",
    )
    predict.add_argument("--weights", metavar="MEMBER", help="which weights of the model")
    predict.add_argument(
        "--output", type=_folder, default=Path("output"), metavar="DIR",
        help="where pictures and sounds are written (default: output)",
    )  # fmt: skip
    predict.add_argument("--device", default="cpu", help="as in cuda (default: cpu)")
    predict.add_argument(
        "--seed", type=_seed, default=0, metavar="N",
        help="of what a model draws at random, before each input (default: 0)",
    )  # fmt: skip


def _folder(text: str) -> Path:
    """Read where to write; that it cannot be should not be found out after all was fetched."""
    import tempfile

    path = Path(text)
    try:
        whole = path.absolute()
        there = next(each for each in (whole, *whole.parents) if each.exists())
        with tempfile.TemporaryFile(dir=there):
            return path
    except OSError as cause:
        raise argparse.ArgumentTypeError(
            f"{text} is no place to write to ({cause.strerror}); "
            "expected a directory that can be written to, or a new name in one"
        ) from cause


def _seed(text: str) -> int:
    """Read what torch takes for a seed."""
    if not text.isdecimal() or int(text) >= 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 0 to 2**64 - 1")
    return int(text)


def _predict(options: argparse.Namespace) -> int:
    from dapi._prediction import Run, plan  # the other commands need nothing of it

    planned = plan(options.model, options.weights)
    _announce(planned)
    run = Run(planned.build(options.device), output=options.output, seed=options.seed)
    if not options.json:
        print(f"{planned.weights}:", flush=True)
    failed = 0
    for outcome in _watched(run, options.inputs):
        failed += bool(outcome.error)
        _report(options, planned, outcome)
    summary = run.summary()
    if summary:
        failed += bool(summary.error)
        _report(options, planned, summary)
    return FAILED if failed else 0


def _announce(planned: Plan) -> None:
    """Say what will be fetched, before it is."""
    sizes = [file.size or 0 for file in _fetching.missing(planned.weights)]
    if sizes:
        files = f"{len(sizes)} file{'s' * (len(sizes) > 1)}"
        known = f", {_amount(sum(sizes))}" if any(sizes) else " of unknown size"
        more = " and more" if any(sizes) and not all(sizes) else ""
        others = ", ".join(map(str, _here(planned)))
        instead = f" Here already: {others}." if others else ""
        say(f"{planned.weights} is to be fetched: {files}{known}{more}.{instead}")


def _here(planned: Plan) -> list[Weights]:
    """List the model's weights for the same task that need not be fetched."""
    return [
        weights
        for weights in _catalog.list_weights(planned.model.qualified)
        if weights.meta.get("task") == planned.weights.meta.get("task")
        and not _fetching.missing(weights)
    ]


def _amount(size: float) -> str:
    """Say how many bytes, in the unit in which they are few.

    >>> _amount(102_530_333)
    '102.5 MB'
    """
    for unit in ("kB", "MB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} GB"


def _watched(run: Run, sources: Sequence[str]) -> Iterator[Outcome]:
    """Draw a bar on a terminal when there is something to wait for."""
    from tqdm import tqdm

    # disable=None: not where standard error is no terminal; what is done at once needs no bar
    with tqdm(disable=None, delay=1, leave=False, dynamic_ncols=True) as bar:
        for outcome in run.outcomes(sources):
            bar.total = run.total
            bar.clear()  # what is printed meanwhile stands above it
            yield outcome
            bar.update()


def _report(options: argparse.Namespace, planned: Plan, outcome: Outcome) -> None:
    """Print what became of an input; results are for standard output, errors for both."""
    if outcome.error:
        say(f"{outcome.name if outcome.name.strip() else repr(outcome.name)}: {outcome.error}")
    if options.json:
        print(json.dumps(_finite(to_json(_as_json(planned, outcome)))), flush=True)
    elif not outcome.error:
        print_facts(outcome.name, outcome.facts, "  ")
        for path in outcome.files:
            print(f"    written  {path}")
        sys.stdout.flush()


def _as_json(planned: Plan, outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {"input": outcome.name, "weights": str(planned.weights)}
    if outcome.error:
        return {**told, "error": outcome.error}
    return {**told, "facts": outcome.facts, "files": list(map(str, outcome.files))}


def _finite(value: Any) -> Any:
    """Put null where JSON has no number.

    >>> _finite({"scores": [0.5, math.nan, -math.inf]})
    {'scores': [0.5, None, None]}
    """
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
