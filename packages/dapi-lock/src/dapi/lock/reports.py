"""``dapi sbom``, ``dapi card`` and ``dapi check --lock``: reports for others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dapi
from dapi.catalog import counted
from dapi.lock import _answering, _card, _declared, _evidence, _files, _project, _sbom
from dapi.lock._reading import read
from dapi.lock._terminal import put, put_json, say
from dapi.lock.commands import FAILED, default, listing_all, parser_of
from dapi.lock.exceptions import LockError

if TYPE_CHECKING:
    from dapi.answers import Check

# As in dapi check: weights could not be compared, and none differs.
UNCHECKED = 2

_SHOWN = 5  # differences of one set of weights


@listing_all
def sbom(words: Sequence[str]) -> int:
    """Run ``dapi sbom``."""
    text = "Write a lock as a CycloneDX bill of materials, in JSON."
    parser = parser_of("sbom", text, "dapi sbom -o dapi.cdx.json")
    text = "the lock file (default: DAPI_LOCK, or dapi.lock)"
    parser.add_argument("lock", nargs="?", type=Path, default=default(), metavar="LOCK", help=text)
    text = "the file to write (default: standard output)"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)
    options = parser.parse_args(words)
    with dapi.use_lock(None):
        project = _project.beside(options.lock)
        found = _sbom.document(read(options.lock), project.name or options.lock.name)
    _write(json.dumps(found, indent=2, ensure_ascii=False) + "\n", options.output)
    return 0


@listing_all
def card(words: Sequence[str]) -> int:
    """Run ``dapi card``."""
    text = "Write a model card for weights, in the format of the Hugging Face Hub."
    parser = parser_of("card", text, "dapi card resnet50:ImageNet1K_RefV2 -o README.md")
    parser.add_argument("name", help="a model (its latest weights) or weights")
    text = "the file to write (default: standard output)"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)
    options = parser.parse_args(words)
    builder, weights = dapi.catalog.resolve(options.name)
    if not isinstance(weights, dapi.Weights):
        raise LockError(options.name, "it has no published weights", "Name weights: dapi list")
    distribution = _declared.offerer(builder, weights)
    name = f"{distribution}/{builder.name}:{weights.name}"
    installed = {plugin.name: plugin.version for plugin in dapi.catalog.plugins()}
    _write(_card.card(name, weights, installed.get(distribution, "")), options.output)
    return 0


def _write(text: str, output: Path | None) -> None:
    if output is None:
        print(text, end="")
    else:
        _files.replace(output, text)
        say(f"{output} was written.")


def check(path: str, *, as_json: bool) -> int:
    """Run ``dapi check --lock``; ``path`` is empty for the usual lock."""
    chosen = Path(path or default())
    rows = []
    for name, found in _answering.check(read(chosen), chosen):
        rows.append(_answering.as_row(name, found))
        if not as_json:
            _tell(name, found)
    states = {row["state"] for row in rows}
    worst = next((state for state in ("differs", "unchecked") if state in states), "equal")
    if as_json:
        put_json(_evidence.report("dapi check --lock", chosen, worst, {"weights": rows}))
    return {"equal": 0, "differs": FAILED, "unchecked": UNCHECKED}[worst]


def _tell(name: str, found: Check) -> None:
    if found.state == "unchecked":
        put(f"{name}: could not be checked. {found.reason}")
        return
    put(f"{name}: {found.state} ({found.margin:.1g} of the tolerance)")
    for each in found.differences[:_SHOWN]:
        put(f"  {each}")
    if len(found.differences) > _SHOWN:
        put(f"  and {counted(len(found.differences) - _SHOWN, 'more place')}")
    for key in dict.fromkeys((*found.recorded, *found.today)) if found.differences else ():
        was, now = found.recorded.get(key, "none"), found.today.get(key, "none")
        if was != now:
            put(f"  {key} was {was} when it was recorded, and is {now}")
