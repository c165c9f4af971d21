"""Structure: what models are made of, in both images.

That the code is another proves nothing: a faster kernel, a class with another name, a block that
was split do no harm while the answers are the same. Only where no answers tell are modules compared
by their classes and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Any

from dapi.devkit.compatibility import pair as _pair
from dapi.devkit.compatibility.pair import Pair
from dapi.devkit.compatibility.rules import Finding, finding
from dapi.devkit.compatibility.verdicts import Behavior

_SIGMAS = 6.0  # of the error of a mean, or of a standard deviation: two draws are never so far
_SHOWN = 3

_HARMLESS = {"inplace"}  # attributes of modules that change no number
# Modules that pass on what they get.
_TRANSPARENT = {"Identity", "ModuleDict", "ModuleList", "Sequential"}


def find(pair: Pair, behavior: Behavior) -> Iterator[Finding]:
    """Compare modules, ties and initial values."""
    yield from _modules(pair, behavior)
    yield from _ties(pair)
    yield from _starts(pair)


def changes(pair: Pair, name: str) -> list[str]:
    """List how the modules of a model changed, the first few."""
    for found, old, new in pair.built:
        if found == name:
            return [text for text, _, _ in _of_modules(pair, old, new)][:_SHOWN]
    return []


def _of_modules(
    pair: Pair, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[tuple[str, str, bool]]:
    """List how modules changed: in words, the kind of change, and whether numbers follow from it.

    The kinds are ``class``, ``attribute`` and ``place``.
    """
    before, after = _pair.modules(pair.old, old), _pair.modules(pair.new, new)
    found = []
    for path, other in _moved(before, after):
        found.append((f"{path} ({_short(before.pop(path))}) is {other} now", "place", False))
        del after[other]
    for path, was in before.items():
        now = after.get(path)
        if now is None:
            found.append((f"{path} ({_short(was)}) is gone", "place", _computes(was)))
        elif was["class"] != now["class"]:
            is_torch = _is_torch(was) and _is_torch(now)
            text = f"{path or 'the model'} was {_short(was)}, is {_short(now)}"
            found.append((text, "class", is_torch))
        else:
            found += [
                (f"{path or 'the model'}: {text}", "attribute", matters)
                for text, matters in _of_attributes(was["attributes"], now["attributes"])
            ]
    for path, now in after.items():
        if path not in before:
            found.append((f"{path} ({_short(now)}) is new", "place", _computes(now)))
    return found


def _moved(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Pair modules that are gone with new ones of the same kind, in their order."""
    gone = [path for path in old if path not in new]
    left = [path for path in new if path not in old]
    found = []
    for path in gone:
        twin = next((each for each in left if new[each] == old[path]), None)
        if twin is not None:
            left.remove(twin)
            found.append((path, twin))
    return found


def _of_attributes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    for name, was in old.items():
        if name in new and new[name] != was and name not in _HARMLESS:
            yield f"{name} was {was!r}, is {new[name]!r}", True
    lost, added = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    if lost or added:
        parts = (*(f"{each} is gone" for each in lost), *(f"{each} is new" for each in added))
        yield ", ".join(parts), False


def _short(kind: Mapping[str, Any]) -> str:
    return str(kind["class"]).rpartition(":")[2]


def _is_torch(kind: Mapping[str, Any]) -> bool:
    return str(kind["class"]).startswith("torch.")


def _computes(kind: Mapping[str, Any]) -> bool:
    """Whether a module of torch does something to what it is given."""
    is_off = _short(kind).startswith("Dropout") and not kind["attributes"].get("p")
    return _is_torch(kind) and _short(kind) not in _TRANSPARENT and not is_off


def _modules(pair: Pair, behavior: Behavior) -> Iterator[Finding]:
    """Compare the modules of models, once for those of a builder that changed alike."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for name, old, new in pair.built:
        builder = name.partition(":")[0]
        if behavior.differs(builder, "model") or behavior.differs(builder, "training"):
            continue  # that is found already, and says which modules
        changed = _of_modules(pair, old, new)
        key = builder, tuple(text for text, _, _ in changed)
        if changed and key not in seen:
            seen.add(key)
            yield from _judged(pair, behavior, name, changed)
        yield from _transient(pair, name, old, new)


def _judged(
    pair: Pair, behavior: Behavior, name: str, changed: list[tuple[str, str, bool]]
) -> Iterator[Finding]:
    """Tell changes that matter from those that the answers, or their kind, show to be harmless."""
    builder, where = name.partition(":")[0], pair.where(name)
    is_same = behavior.is_same(builder, "model")
    is_proven = is_same and behavior.is_same(builder, "training")
    grave, light = list[str](), list[str]()
    for text, kind, matters in changed:
        # The same answers allow another structure; a number may be one for training only.
        counts = matters and not is_proven and not (is_same and kind == "place")
        (grave if counts else light).append(text)
    if grave:
        text = f"{_listed(grave)}."
        yield finding("MODULE_TREE_SAME", name, text, where, witness=_listed(grave))
    if light:
        what = "Its answers are the same. " if is_same else ""
        yield finding("MODULE_RENAMED", name, f"{what}{_listed(light)}.", where)


def _listed(texts: list[str]) -> str:
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def _transient(
    pair: Pair, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Finding]:
    before, after = (
        _pair.lines(old["transient"]),
        _pair.lines(new["transient"]),
    )
    changed = sorted(k for k in {**before, **after} if before.get(k) != after.get(k))
    if changed:
        text = f"Buffers that are not saved changed: {_listed(changed)}."
        yield finding("BUFFER_CHANGED", name, text, pair.where(name))


def _ties(pair: Pair) -> Iterator[Finding]:
    for name, old, new in pair.built:
        before, after = ({tuple(group) for group in each["tied"]} for each in (old, new))
        names = _pair.lines(old["schema"]).keys()
        same_names = names == _pair.lines(new["schema"]).keys()
        if before != after and same_names:
            untied = [f"{' and '.join(each)} were one" for each in sorted(before - after)]
            tied = [f"{' and '.join(each)} are one" for each in sorted(after - before)]
            text = f"{_listed([*untied, *tied])}."
            yield finding("PARAMS_SAME_TIES", name, text, pair.where(name), witness=text)


def _starts(pair: Pair) -> Iterator[Finding]:
    """Compare the values that parameters start with, as far as drawing them allows."""
    for name, old, new in pair.built:
        changed = [
            f"{key}: mean and std were {was[0]:.3g} and {was[1]:.3g}, "
            f"are {new['start'][key][0]:.3g} and {new['start'][key][1]:.3g}"
            for key, was in old["start"].items()
            if len(was) == 3
            and new["start"].get(key, [])[2:] == was[2:]
            and _is_apart(was, new["start"][key])
        ]
        if changed:
            yield finding("INIT_SAME", name, f"{_listed(changed)}.", pair.where(name))


def _is_apart(old: list[float], new: list[float]) -> bool:
    (mean, deviation, count), (other_mean, other_deviation, _) = old, new
    error = max(deviation, other_deviation) / sqrt(max(count, 1))
    tiny = 1e-6 * max(abs(mean), abs(other_mean), deviation)
    return (
        abs(mean - other_mean) > _SIGMAS * error * sqrt(2) + tiny
        or abs(deviation - other_deviation) > _SIGMAS * error + tiny
    )
