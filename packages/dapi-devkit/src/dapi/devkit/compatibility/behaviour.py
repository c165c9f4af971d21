"""Behaviour: the answers of models, and their modules, in both images.

A model's answers are the proof. A change of its code proves nothing: a faster kernel, a renamed
class or a split block is harmless while the answers are the same. Only without answers are modules
compared by their classes and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from math import sqrt
from typing import Any, NamedTuple

from dapi import Difference, catalog
from dapi.devkit.compatibility import pair as _pair
from dapi.devkit.compatibility.load import MISFITS
from dapi.devkit.compatibility.pair import Pair
from dapi.devkit.compatibility.recording import answer_of
from dapi.devkit.compatibility.rules import Finding, finding

_SIGMAS = 6.0  # of the error of a mean, or of a standard deviation: two draws are never so far
_SHOWN = 3

_RULES = {
    "transforms": "TRANSFORMS_SAME_OUTPUT",
    "model": "EVAL_OUTPUT_SAME",
    "postprocess": "POSTPROCESS_SAME",
    "training": "TRAIN_STEP_SAME",
}
_STAGES = tuple(_RULES)
_HARMLESS = {"inplace"}  # attributes of modules that change no number
# Modules that return their input.
_TRANSPARENT = {"Identity", "ModuleDict", "ModuleList", "Sequential"}


class Verdict(NamedTuple):
    """The comparison of the answers of one set of weights.

    Attributes:
        differences: The first difference of each stage.
        compared: The stages that both answers have, if the code ran for the new image.
    """

    differences: Mapping[str, Difference]
    compared: frozenset[str]

    def of_transforms(self) -> Verdict:
        """Return the facts that hold for all weights."""
        kept = {stage: each for stage, each in self.differences.items() if stage == _STAGES[0]}
        return Verdict(kept, self.compared & {_STAGES[0]})

    def is_equal(self, stage: str) -> bool:
        """Whether a stage was compared, and is the same."""
        return stage in self.compared and stage not in self.differences


class Behaviour:
    """The answers of the models of two images."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    @cached_property
    def code(self) -> dict[str, Verdict]:
        """The verdicts on the code, with synthetic weights, by the names of the weights."""
        return dict(self._verdicts("code"))

    @cached_property
    def weights(self) -> dict[str, Verdict]:
        """The verdicts on weights with their files."""
        return dict(self._verdicts("weights"))

    def is_same(self, builder: str, stage: str) -> bool:
        """Whether a stage was compared for a builder, and is the same for all of its weights."""
        found = [v for name, v in self.code.items() if name.partition(":")[0] == builder]
        return bool(found) and all(verdict.is_equal(stage) for verdict in found)

    def differs(self, builder: str, stage: str) -> bool:
        """Whether a stage differs for any weights of a builder."""
        return any(
            stage in verdict.differences
            for name, verdict in self.code.items()
            if name.partition(":")[0] == builder
        )

    def _verdicts(self, kind: str) -> Iterator[tuple[str, Verdict]]:
        old, new = self.pair.old["answers"][kind], self.pair.new["answers"][kind]
        for name, key in old.items():
            if name not in new:
                continue
            if key == new[name]:
                stages = _stages(_said(self.pair, "old", key))
                yield name, Verdict({}, stages if self._is_live(key) else frozenset())
                continue
            before, after = _said(self.pair, "old", key), _said(self.pair, "new", new[name])
            if (before["config"], before["dtype"]) != (after["config"], after["dtype"]):
                continue
            verdict = self._compared(name, before, after)
            if kind == "code" and not self._has_same_tensors(name):
                verdict = verdict.of_transforms()
            yield name, verdict

    def _has_same_tensors(self, name: str) -> bool:
        """Whether tensors have the names and shapes that synthetic weights follow from."""
        old, new = self.pair.old["built"].get(name), self.pair.new["built"].get(name)
        if old is None or new is None or old == new:
            return True
        schemas = (
            _pair.lines(_pair.model(image, key)["schema"])
            for image, key in ((self.pair.old, old), (self.pair.new, new))
        )
        return next(schemas) == next(schemas)

    def _is_live(self, key: str) -> bool:
        return bool(_said(self.pair, "new", key)["live"])

    def _compared(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> Verdict:
        old, new = answer_of(name, before), answer_of(name, after)
        # A kernel that partly computes in float32 is not a different result: use the wider
        # tolerance.
        old = replace(old, tolerance=max(old.tolerance, new.tolerance))
        check = catalog.compare_answers(old, new)
        found: dict[str, Difference] = {}
        for each in check.differences:
            if not _is_inside(each):
                found.setdefault(each.stage, each)
        shared = _stages(before) & _stages(after)
        return Verdict(found, frozenset(shared if after["live"] else ()))


def _said(pair: Pair, which: str, key: str) -> dict[str, Any]:
    image = pair.old if which == "old" else pair.new
    found: dict[str, Any] = image["said"][key]
    return found


def _stages(said: Mapping[str, Any]) -> frozenset[str]:
    texts = (str(leaf.get("at", "")) for leaf in said["leaves"])
    return frozenset(stage for text in texts for stage in _STAGES if text.startswith(stage))


def _is_inside(each: Difference) -> bool:
    """Whether it is of a module inside the model, whose outputs may change."""
    return each.stage == "model" and each.where[:1] not in ("", ".", "[")


def find(pair: Pair, behaviour: Behaviour) -> Iterator[Finding]:
    """Compare the answers of models, then their modules."""
    yield from _answers(pair, behaviour)
    yield from _modules(pair, behaviour)
    yield from _ties(pair)
    yield from _starts(pair)
    yield from _stale(pair, behaviour)
    yield from _lost(pair)


def _answers(pair: Pair, behaviour: Behaviour) -> Iterator[Finding]:
    """Report the first stage that differs, which causes the later differences."""
    groups: dict[tuple[str, str], list[tuple[str, Difference]]] = {}
    for name, verdict in behaviour.code.items():
        stage = next((each for each in _STAGES if each in verdict.differences), None)
        if stage is not None and not _is_declared(pair, name, stage):
            key = name.partition(":")[0], stage
            groups.setdefault(key, []).append((name, verdict.differences[stage]))
    for (builder, stage), several in groups.items():
        count = sum(name.partition(":")[0] == builder for name in behaviour.code)
        is_all = len(several) == count and stage in ("model", "training")
        for name, difference in several[:1] if is_all else several:
            yield _of_answer(pair, name, builder if is_all else name, difference)
    for name, verdict in behaviour.weights.items():
        code = behaviour.code.get(name)
        for stage in _STAGES:
            if stage in verdict.differences and not (code and code.differences):
                text = f"With its file, its outputs changed: {verdict.differences[stage]}."
                yield _of_stage(stage, name, text, verdict.differences[stage], pair.where(name))
                break


def _is_declared(pair: Pair, name: str, stage: str) -> bool:
    """Whether the weights' declaration changed, which another rule reports."""
    part = {"transforms": "transforms", "model": "build", "training": "build"}.get(stage)
    member = next((each for each in pair.members if each.name == name), None)
    return part is not None and member is not None and member.old[part] != member.new[part]


def _of_answer(pair: Pair, name: str, target: str, difference: Difference) -> Finding:
    """Report changed answers of some weights, or of all weights of a builder."""
    text = f"Its outputs changed: {difference}."
    if difference.stage in ("model", "training"):
        text += "".join(f" {each}." for each in _changes(pair, name)[:_SHOWN])
    text += _versions(pair, name)
    return _of_stage(difference.stage, target, text, difference, pair.where(target))


def _versions(pair: Pair, name: str) -> str:
    """Return the changed versions of the libraries of the model."""
    old, new = (
        _said(pair, which, getattr(pair, which)["answers"]["code"][name])["recorded"]
        for which in ("old", "new")
    )
    names = [each for each in old if each in new and each not in (pair.new.name, "accepted")]
    changed = [f"{n} was {old[n]}, is {new[n]}" for n in names if old[n] != new[n]]
    return f" {'; '.join(changed)}." if changed else ""


def _of_stage(stage: str, target: str, text: str, difference: Difference, where: str) -> Finding:
    return finding(_RULES[stage], target, text, where, witness=str(difference))


def _changes(pair: Pair, name: str) -> list[str]:
    """List how the modules of a model changed."""
    for found, old, new in pair.built:
        if found == name:
            return [text for text, _, _ in _of_modules(pair, old, new)]
    return []


def _of_modules(
    pair: Pair, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[tuple[str, str, bool]]:
    """List changes of modules: the text, the kind of change, and whether it affects numbers.

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
            found.append((f"{path} ({_short(was)}) was removed", "place", _computes(was)))
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
            found.append((f"{path} ({_short(now)}) was added", "place", _computes(now)))
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
        parts = (
            *(f"{each} was removed" for each in lost),
            *(f"{each} was added" for each in added),
        )
        yield ", ".join(parts), False


def _short(kind: Mapping[str, Any]) -> str:
    return str(kind["class"]).rpartition(":")[2]


def _is_torch(kind: Mapping[str, Any]) -> bool:
    return str(kind["class"]).startswith("torch.")


def _computes(kind: Mapping[str, Any]) -> bool:
    """Whether a module of torch changes its input."""
    is_off = _short(kind).startswith("Dropout") and not kind["attributes"].get("p")
    return _is_torch(kind) and _short(kind) not in _TRANSPARENT and not is_off


def _modules(pair: Pair, behaviour: Behaviour) -> Iterator[Finding]:
    """Compare the modules of models, once for those of a builder that changed alike."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for name, old, new in pair.built:
        builder = name.partition(":")[0]
        if behaviour.differs(builder, "model") or behaviour.differs(builder, "training"):
            continue  # already found, with the modules
        changes = _of_modules(pair, old, new)
        key = builder, tuple(text for text, _, _ in changes)
        if changes and key not in seen:
            seen.add(key)
            yield from _judged(pair, behaviour, name, changes)
        yield from _transient(pair, name, old, new)


def _judged(
    pair: Pair, behaviour: Behaviour, name: str, changes: list[tuple[str, str, bool]]
) -> Iterator[Finding]:
    """Separate relevant changes from those that answers, or their kind, show to be harmless."""
    builder, where = name.partition(":")[0], pair.where(name)
    is_same = behaviour.is_same(builder, "model")
    is_proven = is_same and behaviour.is_same(builder, "training")
    grave, light = list[str](), list[str]()
    for text, kind, matters in changes:
        # The same answers allow another structure; a number may be one for training only.
        counts = matters and not is_proven and not (is_same and kind == "place")
        (grave if counts else light).append(text)
    if grave:
        text = f"{_listed(grave)}."
        yield finding("MODULE_TREE_SAME", name, text, where, witness=_listed(grave))
    if light:
        what = "Its answers are unchanged. " if is_same else ""
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
    """Compare the initial values of parameters, as far as randomness allows."""
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


def _stale(pair: Pair, behaviour: Behaviour) -> Iterator[Finding]:
    for name, difference in pair.new["stale"].items():
        builder = name.partition(":")[0]
        is_told = any(behaviour.differs(builder, stage) for stage in _STAGES)
        if name not in pair.old["stale"] and not is_told:
            text = f"Its outputs differ from the recorded answer: {difference}."
            yield finding("ANSWERS_HOLD", name, text, pair.where(name), witness=difference)


def _lost(pair: Pair) -> Iterator[Finding]:
    """Report models that ran before, but now raise an error or cannot be compared."""
    for kind, prefix in (("code", "answer of "), ("weights", "answer of the weights ")):
        new = pair.new["answers"][kind]
        for name, key in pair.old["answers"][kind].items():
            where, reason = pair.where(name), _why_lost(pair, name, prefix)
            ran = bool(pair.old["said"].get(key, {}).get("live", False))
            if name not in new or (ran and reason):  # the shipped answer was recorded when it ran
                if ran and reason and kind == "code" and not reason.startswith("AnswersError"):
                    text = f"It ran before, and now raises an error: {reason}"
                    yield finding("EVAL_OUTPUT_SAME", name, text, where, witness=reason)
                elif reason and not reason.startswith(MISFITS):
                    text = f"It cannot be compared: {reason}"
                    yield finding("STILL_COMPARED", name, text, where)
            elif _is_otherwise_run(pair, key, new[name]):
                text = "Its answers were recorded differently, or with a smaller model."
                yield finding("STILL_COMPARED", name, text, where)


def _why_lost(pair: Pair, name: str, prefix: str) -> str:
    """Return why there is no current answer, if one was attempted."""
    missing = pair.new["missing"]
    builder = name.partition(":")[0]
    own = missing.get(f"{prefix}{name}")
    if own is None:  # several that are alike are run once, under the name of the first
        start = f"{prefix}{builder}:"
        own = next((why for what, why in missing.items() if what.startswith(start)), "")
    return str(own) if builder in pair.new["builders"] or own else ""


def _is_otherwise_run(pair: Pair, old: str, new: str) -> bool:
    before, after = _said(pair, "old", old), _said(pair, "new", new)
    return any(before[fact] != after[fact] for fact in ("config", "dtype"))
