"""``dapi predict``: a model, run on files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi._catalog import files, lookup
from dapi._cli import downloads
from dapi._cli.downloads import Download
from dapi._cli.failures import FAILED, described
from dapi._cli.names import in_dapi
from dapi._cli.options import add_command, say
from dapi._cli.tables import print_facts, print_line, put
from dapi._cli.waiting import watched
from dapi._store import disk, settings
from dapi._values.frozen import to_json
from dapi.exceptions import InputError

if TYPE_CHECKING:
    from dapi._prediction.outcomes import Outcome, Run
    from dapi._prediction.plan import Plan
    from dapi._weights.enum import Weights

_OUTPUT = Path("output")


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    predict = add_command(commands, "predict", _predict, "run a model on files or text")
    predict.add_argument("model", help="as in resnet50 (its latest weights), or resnet50:MEMBER")
    predict.add_argument(
        "inputs",
        nargs="+",
        metavar="input",
        help="a file, or text (- reads standard input)",
    )
    predict.add_argument("--weights", metavar="MEMBER", help="which weights of the model")
    predict.add_argument(
        "--output", type=_folder, default=_OUTPUT, metavar="DIR",
        help="directory for pictures and sounds (default: output)",
    )  # fmt: skip
    predict.add_argument("--yes", action="store_true", help="do not ask before a large download")
    predict.add_argument("--device", default="cpu", help="as in cuda (default: cpu)")
    predict.add_argument(
        "--seed", type=_seed, default=0, metavar="N",
        help="random seed, set before each input (default: 0)",
    )  # fmt: skip


def _folder(text: str) -> Path:
    """Return a writable directory; fail before the downloads, not after."""
    path = Path(text)
    obstacle = disk.obstacle(path)
    if obstacle:
        raise argparse.ArgumentTypeError(
            f"{text} is not writable ({obstacle}); "
            "expected a directory that can be written to, or a new name in one"
        )
    return path


def _seed(text: str) -> int:
    """Return a valid seed for torch."""
    if not text.isdecimal() or int(text) >= 1 << 64:  # what torch.manual_seed accepts
        raise argparse.ArgumentTypeError(f"{text} is not an integer between 0 and 2**64 - 1")
    return int(text)


def _predict(options: argparse.Namespace) -> int:
    from dapi._prediction.outcomes import Run
    from dapi._prediction.plan import plan  # the other commands do not need it

    known = in_dapi(options.model)
    planned = plan(known[0] if len(known) == 1 else options.model, options.weights)
    planned.check(options.device)
    download = downloads.of(planned.weights)
    bad: dict[str, str] = {}
    if download.parts and not settings.is_offline():
        bad = planned.unreadable(options.inputs)
        if not _may_download(options, planned, download, bad):
            return FAILED
    predictor = planned.ready(planned.build(options.device))
    run = Run(predictor, output=options.output, seed=options.seed)
    if not options.json:
        put(f"{planned.weights}:")
        sys.stdout.flush()
    failed = 0
    for outcome in _outcomes(run, options.inputs):
        failed += bool(outcome.error)
        _report(options, planned, outcome, is_known=outcome.name in bad)
    return FAILED if failed else 0


def _may_download(
    options: argparse.Namespace, planned: Plan, download: Download, bad: Mapping[str, str]
) -> bool:
    """Report invalid inputs and the download; ask before a large one."""
    from dapi._prediction.outcomes import Outcome

    if bad.keys() >= set(options.inputs):  # no input is valid, so nothing is needed
        for source in options.inputs:
            _report(options, planned, Outcome(source, error=bad[source]))
        return False
    for source, reason in bad.items():
        _complain(source, reason)
    downloads.announce(planned.weights, download, instead=_here(planned))
    obstacle = disk.obstacle(options.output)
    if obstacle:  # only of the default, which not every task uses: another directory was checked
        say(f"Cannot write to {options.output} ({obstacle}): results in files fail; see --output")
    if downloads.is_agreed(download, yes=options.yes, unattended=False):
        return True
    say(
        f"Nothing was downloaded. To download {disk.amount(download.size)} without being asked: "
        f"add --yes, or first run: dapi fetch {planned.weights}"
    )
    return False


def _here(planned: Plan) -> list[Weights]:
    """List the model's weights for the same task that need no download."""
    return [
        weights
        for weights in lookup.list_weights(planned.model.qualified)
        if weights.meta.get("task") == planned.weights.meta.get("task") and files.is_here(weights)
    ]


def _outcomes(run: Run, sources: Sequence[str]) -> Iterator[Outcome]:
    """Yield the result of each input, and of all."""
    yield from watched(run.outcomes(sources), lambda: run.total)
    summary = run.summary()
    if summary:
        yield summary


def _report(
    options: argparse.Namespace, planned: Plan, outcome: Outcome, *, is_known: bool = False
) -> None:
    """Print the result of an input; results go to standard output, errors to both."""
    if outcome.error and not is_known:
        _complain(outcome.name, outcome.error)
    if options.json:
        print_line(to_json(_as_json(planned, outcome)))
    elif not outcome.error:
        print_facts(outcome.name, outcome.facts, "  ")
        for path in outcome.files:
            put(f"    written  {path}")
        sys.stdout.flush()


def _as_json(planned: Plan, outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {"input": outcome.name, "weights": str(planned.weights)}
    if outcome.error:
        return {**told, "error": described(InputError.code(), outcome.error)}
    return {**told, "facts": outcome.facts, "files": list(map(str, outcome.files))}


def _complain(name: str, error: str) -> None:
    say(f"{name if name.strip() else repr(name)}: {error}")
