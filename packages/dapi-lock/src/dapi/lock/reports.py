"""``dapi sbom`` and ``dapi card``, and ``dapi check --lock``: what others want in writing."""

from __future__ import annotations

from pathlib import Path

from dapi.answers import Check
from dapi.lock import _answering, _evidence
from dapi.lock._reading import read
from dapi.lock._terminal import put, put_json
from dapi.lock.commands import FAILED, default

# As of dapi check: weights could not be compared, and none differs.
UNCHECKED = 2

_SHOWN = 5  # differences of one set of weights


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
        put(f"  and {len(found.differences) - _SHOWN} more places")
    for key in dict.fromkeys((*found.recorded, *found.today)) if found.differences else ():
        was, now = found.recorded.get(key, "none"), found.today.get(key, "none")
        if was != now:
            put(f"  {key} was {was} when it was recorded, and is {now}")
