"""``dapi check`` and ``dapi answers``: compare models with their recorded answers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi._cli.failures import FAILED, MISUSED, print_error
from dapi._cli.options import add_command, say
from dapi._cli.tables import tell
from dapi._plugins import binding
from dapi._text import counted
from dapi._text.untrusted import printable
from dapi.exceptions import DapiError

if TYPE_CHECKING:
    from dapi._answers.differences import Check

# The exit status if a model could not be compared, and none differs.
UNCHECKED = 2

_SHOWN = 5  # differences of one model


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    text = "compare models' outputs with their recorded answers"
    check = add_command(commands, "check", _check, text)
    check.add_argument("name", nargs="*", help="as in resnet50, or resnet20:Digits_RefV2")
    check.add_argument("--all", action="store_true", help="check everything that needs no download")
    text = "compare with the answers in this file"
    check.add_argument("--answers", type=Path, metavar="FILE", help=text)
    text = "compare all weights of a lock (default: dapi.lock) with the answers in it"
    check.add_argument("--lock", nargs="?", const="", metavar="FILE", help=text)
    answers = add_command(commands, "answers", _answers, "record models' outputs as answers")
    answers.add_argument("name", nargs="*", help="only these models or weights")
    text = "write the answers into the file that this distribution ships"
    answers.add_argument("--record", metavar="DISTRIBUTION", help=text)
    text = "write the answers into this file"
    answers.add_argument("--output", type=Path, metavar="FILE", help=text)
    text = "replace answers of the same version, for this reason"
    answers.add_argument("--accept", default="", metavar="REASON", help=text)


def _check(options: argparse.Namespace) -> int:
    if options.lock is not None:
        reports = binding.package("dapi.lock.reports")
        return int(reports.check(options.lock, as_json=options.json))
    from dapi._answers import distribution

    names = list(options.name)
    if options.all:
        names += [name for name in distribution.names() if name not in names]
    if not names:
        return _misused(
            options, "Name a model, as in: dapi check resnet50; or check all: dapi check --all"
        )
    states = set()
    for found in _watched((_checked(name, options.answers) for name in names), len(names)):
        states.add(found.state)
        _report(options, found)
    return FAILED if "differs" in states else UNCHECKED if "unchecked" in states else 0


def _checked(name: str, answers: Path | None) -> Check:
    from dapi._answers.checking import check
    from dapi._answers.differences import Check

    try:
        return check(name, answers=answers)
    except DapiError as error:
        return Check(name, "unchecked", reason=str(error))


def _watched(found: Iterator[Any], total: int) -> Iterator[Any]:
    """Draw a progress bar on a terminal for long work."""
    from tqdm import tqdm

    with tqdm(total=total, disable=None, delay=1, leave=False, dynamic_ncols=True) as bar:
        for each in found:
            bar.clear()
            yield each
            bar.update()


def _report(options: argparse.Namespace, found: Check) -> None:
    if options.json:
        print(json.dumps(_as_json(found), default=dict), flush=True)
        return
    if found.state == "unchecked":
        tell(f"{found.name}: could not be checked. {found.reason}", "  ")
        sys.stdout.flush()
        return
    if found.state == "equal":
        print(f"{found.name}: equal ({found.margin:.1g} of the tolerance)", flush=True)
        return
    print(f"{found.name}: differs", flush=True)
    for each in found.differences[:_SHOWN]:
        tell(f"  {each}", "  ")
    if len(found.differences) > _SHOWN:
        print(f"  and {counted(len(found.differences) - _SHOWN, 'more place')}")
    for name in _changed(found):
        was, now = found.recorded.get(name, "none"), found.today.get(name, "none")
        print(printable(f"  {name} was {was} when it was recorded, and is {now}"))
    if not _changed(found):
        print("  The versions are those with which it was recorded.")


def _changed(found: Check) -> list[str]:
    names = dict.fromkeys((*found.recorded, *found.today))
    names.pop("accepted", None)
    return [name for name in names if found.recorded.get(name) != found.today.get(name)]


def _as_json(found: Check) -> dict[str, Any]:
    told = found._asdict()
    finite = [each._asdict() for each in found.differences]
    for each in finite:  # JSON has no infinity
        each["units"] = None if each["units"] == float("inf") else each["units"]
    margin = None if found.margin == float("inf") else found.margin
    return {**told, "differences": finite, "margin": margin}


def _answers(options: argparse.Namespace) -> int:
    if options.record:
        from dapi._values.names import normalize

        return _recorded(options, normalize(options.record))
    if not options.output or not options.name:
        return _misused(
            options,
            "Name a distribution, as in: dapi answers --record dapi-vision; or models and a file: "
            "dapi answers resnet50 --output answers.json",
        )
    return _written(options, options.name, options.output)


def _recorded(options: argparse.Namespace, distribution: str) -> int:
    from dapi._answers.distribution import record_distribution

    left_out, accept = 0, options.accept
    for name, reason in record_distribution(distribution, options.name, accept=accept):
        left_out += bool(reason)
        if options.json:
            state = "left out" if reason else "recorded"
            print(json.dumps({"name": name, "state": state, "reason": reason}), flush=True)
        else:
            text = f"{name}: {f'left out. {reason}' if reason else 'recorded'}"
            print(printable(text), flush=True)
    return UNCHECKED if left_out else 0


def _written(options: argparse.Namespace, names: Sequence[str], path: Path) -> int:
    from dapi._answers.answers import Answers
    from dapi._answers.recording import recorded

    answers = Answers(path)
    for name in names:
        answer = recorded(name)
        answers.found[answer.name] = answer
    answers.write()
    for name in names if options.json else ():
        print(json.dumps({"name": name, "state": "recorded", "reason": ""}))
    if not options.json:
        print(f"written  {path}")
    return 0


def _misused(options: argparse.Namespace, text: str) -> int:
    say(text)
    if options.json:
        print_error("usage", text)
    return MISUSED
