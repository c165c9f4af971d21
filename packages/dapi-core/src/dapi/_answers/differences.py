"""Compare a model's current outputs with its recorded answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import hypot, inf, isfinite, isnan
from typing import Any, Literal, NamedTuple

from dapi._answers.answers import Answer
from dapi._answers.leaves import Leaf
from dapi._values.frozen import FrozenDict
from dapi._values.public import public

# The largest deviation that is noise, relative to the standard deviation of the tensor.
TOLERANCES = {"float64": 1e-9, "float32": 3e-5, "float": 3e-5, "float16": 3e-2, "bfloat16": 2e-1}
ROUNDED = TOLERANCES["float32"]
MIXED = 1e-4  # of a model that computes in float64, except for a part

# The minimum standard deviation that counts, relative to the values themselves: below it, the
# tolerance would be less than the precision of float32.
_LEAST_SPREAD = 1e-3
_LEAST_SPREAD_ROUNDED = 3e-2


@public
class Difference(NamedTuple):
    """One difference from a recorded answer.

    Attributes:
        stage: ``transforms``, ``model``, ``postprocess`` or ``training``.
        where: The module inside the model, or the path in a stage's output; may be empty.
        what: The difference, in a few words.
        units: Its size in units of the tolerance; infinite for values that must be equal.
        tolerance: The tolerance, relative to the standard deviation of the tensor.
    """

    stage: str
    where: str
    what: str
    units: float
    tolerance: float = 0.0

    def __str__(self) -> str:
        place = f"{self.stage} {self.where}".strip()
        far = "" if self.units == inf else f", {self.units:.3g} times the tolerance"
        return f"{place}: {self.what}{far}"


@public
class Check(NamedTuple):
    """The result of comparing one model.

    Attributes:
        name: The builder, whose weights were synthetic, or the weights.
        state: ``equal``; ``differs``; or ``unchecked`` if it could not be compared.
        differences: All differences, in order of occurrence.
        margin: The largest deviation, in units of the tolerance.
        recorded: The versions that the answer was recorded with.
        today: The current versions.
        omitted: Stages that are not part of the answer, with reasons.
        reason: Why it could not be compared, with a remedy.
    """

    name: str
    state: Literal["equal", "differs", "unchecked"]
    differences: tuple[Difference, ...] = ()
    margin: float = 0.0
    recorded: Any = FrozenDict()
    today: Any = FrozenDict()
    omitted: Any = FrozenDict()
    reason: str = ""

    @property
    def first(self) -> Difference | None:
        """The first difference, which usually causes the later ones."""
        return self.differences[0] if self.differences else None

    def _repr_html_(self) -> str:
        from dapi._text import notebook

        rows = [each._asdict() for each in self.differences]
        return notebook.card(self.name, {**self._asdict(), "name": "", "differences": rows})


def compare(recorded: Answer, today: Answer) -> Check:
    """Compare two answers of one model."""
    is_exact = recorded.input == today.input and recorded.dtype == "float64"
    least = max(recorded.tolerance, 0.0 if is_exact else ROUNDED)
    measured = list(_measured(recorded, today, least))
    differences = tuple(each for each in measured if each.units > 1)
    return Check(
        recorded.name,
        "differs" if differences else "equal",
        differences,
        max((each.units for each in measured), default=0.0),
        recorded.recorded,
        today.recorded,
        recorded.omitted,
    )


def _measured(recorded: Answer, today: Answer, least: float) -> Iterator[Difference]:
    now, before = ({leaf["at"]: leaf for leaf in each.leaves} for each in (today, recorded))
    for at, leaf in before.items():
        is_exact = leaf["at"].startswith("transforms")
        if at in now:
            yield from _of_leaf(leaf, now[at], 0.0 if is_exact else least)
        elif not at.startswith("model:"):  # names of inner modules may change
            why = today.omitted.get(stage_of(leaf))
            yield Difference(*_place(leaf), f"it was removed{f' ({why})' if why else ''}", inf)
    for at, leaf in now.items():
        stage = stage_of(leaf)
        if at not in before and not at.startswith("model:") and stage not in recorded.omitted:
            yield Difference(*_place(leaf), "it was added", inf)


def _place(leaf: Leaf) -> tuple[str, str]:
    """Split the path of a leaf into its stage and the rest."""
    stage = stage_of(leaf)
    return stage, leaf["at"][len(stage) :].removeprefix(":")


def stage_of(leaf: Leaf) -> str:
    """Return the stage that a leaf belongs to.

    >>> stage_of({"at": "postprocess[*].label"})
    'postprocess'
    """
    return re.split(r"\W", leaf["at"], maxsplit=1)[0]


def _of_leaf(leaf: Leaf, other: Leaf, least: float) -> Iterator[Difference]:
    if "norms" in leaf:
        yield from _of_norms(leaf, other, least)
        return
    what = _changed(leaf, other)
    if what:
        yield Difference(*_place(leaf), what, inf)
    elif "samples" in leaf:
        yield _of_values(leaf, other, least)


def _changed(leaf: Leaf, other: Leaf) -> str:
    """Return what differs of the facts that must be equal; empty if nothing does."""
    for fact in ("dtype", "shape"):
        if leaf.get(fact) != other.get(fact):
            return f"{fact} was {leaf.get(fact)}, is {other.get(fact)}"
    if "samples" in leaf:
        if leaf["count"] == other.get("count"):
            return ""
        return f"{leaf['count']} values were finite, {other.get('count')} are"
    if all(leaf.get(key) == other.get(key) for key in ("values", "sha256")):
        return ""
    for number, (old, new) in enumerate(zip(leaf["values"], other["values"], strict=False)):
        if old != new:
            return f"value {number} was {old!r}, is {new!r}"
    return "values differ"


def _of_values(leaf: Leaf, other: Leaf, least: float) -> Difference:
    """Measure the distance of two tensors, by their statistics and their samples."""
    tolerance = max(TOLERANCES.get(leaf["dtype"], ROUNDED), least)
    size = leaf["l2"] / max(leaf["count"], 1) ** 0.5
    least_spread = _LEAST_SPREAD if leaf["dtype"] == "float64" else _LEAST_SPREAD_ROUNDED
    scale = max(leaf["std"], least_spread * size) or 1.0
    deviations = [
        *(abs(leaf[key] - other[key]) for key in ("mean", "std")),
        abs(leaf["l2"] - other["l2"]) / max(leaf["count"], 1) ** 0.5,
        *map(_apart, leaf["samples"], other["samples"]),
    ]
    largest = max(deviations)
    units = inf if isnan(largest) else largest / scale / tolerance
    what = f"std was {leaf['std']:.6g}, is {other['std']:.6g}; largest deviation {largest:.3g}"
    return Difference(*_place(leaf), what, units, tolerance)


def _apart(old: Any, new: Any) -> float:
    """Return the distance of two numbers; those that are not finite are equal or far apart."""
    if all(isinstance(each, int | float) and isfinite(each) for each in (old, new)):
        return float(abs(old - new))
    return 0.0 if repr(old) == repr(new) else inf


def _left_alone(*leaves: Leaf) -> set[str]:
    """Return the modules whose buffers no training step changed, in each answer that has them."""
    names = {name for leaf in leaves for name in leaf.get("norms", {})}
    moved = {n for leaf in leaves for n in leaf.get("norms", {}) if n not in leaf.get("still", ())}
    return names - moved


def _of_norms(leaf: Leaf, other: Leaf, least: float) -> Iterator[Difference]:
    """Compare norms by module; a very small one is compared as a part of the largest."""
    tolerance = max(TOLERANCES["float64"], least)
    stage, _, kind = leaf["at"].partition(":")
    old, new = (
        {key: float(norm) for key, norm in each.get("norms", {}).items()} for each in (leaf, other)
    )
    for name in _left_alone(leaf, other):
        old.pop(name, None)
        new.pop(name, None)
    if old.keys() != new.keys():  # modules were moved: compare all of them together
        old, new = ({"all": hypot(*norms.values())} for norms in (old, new))
    largest = max(filter(isfinite, old.values()), default=0.0)
    for name, norm in old.items():
        scale = max(norm, _LEAST_SPREAD * largest) if isfinite(norm) else 1.0
        units = _apart(norm, new[name]) / (scale or 1.0) / tolerance
        what = f"norm was {norm:.6g}, is {new[name]:.6g}"
        yield Difference(stage, f"{kind} of {name}", what, units, tolerance)
