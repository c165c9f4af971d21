"""``dapi check`` and ``dapi answers``: compare models with their recorded answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi._cli.failures import FAILED
from dapi._cli.options import add_command, misused
from dapi._cli.tables import print_line, tell
from dapi._cli.waiting import watched
from dapi._plugins import bound_lock
from dapi._text import counted
from dapi._text.untrusted import printable
from dapi._values.names import normalize
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
        reports = bound_lock.package("dapi.lock.reports")
        return int(reports.check(options.lock, as_json=options.json))
    from dapi._answers import distribution

    names = list(options.name)
    if options.all:
        names += [name for name in distribution.names() if name not in names]
    if not names:
        text = "Name a model, as in: dapi check resnet50; or check all: dapi check --all"
        return misused(text, as_json=options.json)
    states = set()
    checks = (_checked(name, options.answers) for name in names)
    for found in watched(checks, lambda: len(names)):
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


def _report(options: argparse.Namespace, found: Check) -> None:
    if options.json:
        differences = [each._asdict() for each in found.differences]
        print_line({**found._asdict(), "differences": differences})
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


def _answers(options: argparse.Namespace) -> int:
    if options.record:
        return _recorded(options, normalize(options.record))
    if not options.output or not options.name:
        return misused(
            "Name a distribution, as in: dapi answers --record dapi-vision; or models and a file: "
            "dapi answers resnet50 --output answers.json",
            as_json=options.json,
        )
    return _written(options, options.name, options.output)


def _recorded(options: argparse.Namespace, distribution: str) -> int:
    from dapi._answers.distribution import record_distribution

    left_out, accept = 0, options.accept
    for name, reason in record_distribution(distribution, options.name, accept=accept):
        left_out += bool(reason)
        state = "left out" if reason else "recorded"
        if options.json:
            print_line({"name": name, "state": state, "reason": reason})
        else:
            print(printable(f"{name}: {state}{reason and f'. {reason}'}"), flush=True)
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
        print_line({"name": name, "state": "recorded", "reason": ""})
    if not options.json:
        print(f"written  {path}")
    return 0
