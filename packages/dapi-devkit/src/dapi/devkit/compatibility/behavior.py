"""Behavior: compare the answers of models in two images, which prove equal behavior."""

from __future__ import annotations

from collections.abc import Iterator

from dapi import Difference
from dapi.devkit.compatibility import structure
from dapi.devkit.compatibility.load import MISFITS
from dapi.devkit.compatibility.pair import NOWHERE, Pair, is_of_machine
from dapi.devkit.compatibility.rules import Finding, finding
from dapi.devkit.compatibility.verdicts import STAGES, Behavior, said

_RULES = {
    "transforms": "TRANSFORMS_SAME_OUTPUT",
    "model": "EVAL_OUTPUT_SAME",
    "postprocess": "POSTPROCESS_SAME",
    "training": "TRAIN_STEP_SAME",
}


def find(pair: Pair, behavior: Behavior) -> Iterator[Finding]:
    """Compare the answers of models, then their modules."""
    yield from _answers(pair, behavior)
    yield from structure.find(pair, behavior)
    yield from _stale(pair, behavior)
    yield from _lost(pair)
    yield from _unrecorded(pair)


def _answers(pair: Pair, behavior: Behavior) -> Iterator[Finding]:
    """Report the first stage that differs, which causes the later differences."""
    groups: dict[tuple[str, str], list[tuple[str, Difference]]] = {}
    for name, verdict in behavior.code.items():
        stage = next((each for each in STAGES if each in verdict.differences), None)
        if stage is not None and not _is_declared(pair, name, stage):
            key = name.partition(":")[0], stage
            groups.setdefault(key, []).append((name, verdict.differences[stage]))
    for (builder, stage), several in groups.items():
        count = sum(name.partition(":")[0] == builder for name in behavior.code)
        is_all = len(several) == count and stage in ("model", "training")
        for name, difference in several[:1] if is_all else several:
            yield _of_answer(pair, name, builder if is_all else name, difference)
    for name, verdict in behavior.weights.items():
        code = behavior.code.get(name)
        for stage in STAGES:
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
        text += "".join(f" {each}." for each in structure.changes(pair, name))
    text += _versions(pair, name)
    return _of_stage(difference.stage, target, text, difference, pair.where(target))


def _versions(pair: Pair, name: str) -> str:
    """Return the changed versions of the libraries of the model."""
    old, new = (
        said(pair, which, getattr(pair, which)["answers"]["code"][name])["recorded"]
        for which in ("old", "new")
    )
    names = [each for each in old if each in new and each not in (pair.new.name, "accepted")]
    changed = [f"{n} was {old[n]}, is {new[n]}" for n in names if old[n] != new[n]]
    return f" {'; '.join(changed)}." if changed else ""


def _of_stage(stage: str, target: str, text: str, difference: Difference, where: str) -> Finding:
    return finding(_RULES[stage], target, text, where, witness=str(difference))


def _stale(pair: Pair, behavior: Behavior) -> Iterator[Finding]:
    for name, difference in pair.new["stale"].items():
        builder = name.partition(":")[0]
        is_told = any(behavior.differs(builder, stage) for stage in STAGES)
        if name not in pair.old["stale"] and not is_told:
            text = f"Its outputs differ from the recorded answer: {difference}."
            yield finding("ANSWERS_HOLD", name, text, pair.where(name), witness=difference)


def _lost(pair: Pair) -> Iterator[Finding]:
    """Report models that ran before, but now raise an error or cannot be compared."""
    for kind, prefix in (("code", "answer of "), ("weights", "answer of the weights ")):
        new = pair.new["answers"][kind]
        for name, key in pair.old["answers"][kind].items():
            where, today = pair.where(name), new.get(name)
            if today is None or not said(pair, "new", today)["live"]:
                yield from _failed(name, kind, _why_lost(pair, name, prefix), where)
            elif _is_otherwise_run(pair, key, today):
                text = "Its answers were recorded differently, or with a smaller model."
                yield finding("STILL_COMPARED", name, text, where)


def _unrecorded(pair: Pair) -> Iterator[Finding]:
    """Report what could not be recorded as a whole: it hides what changed."""
    for what in ("models", "answers"):
        reason = pair.new["missing"].get(what)
        if reason is not None and what not in pair.old["missing"]:
            text = f"Its {what} cannot be compared: {reason}"
            yield finding("STILL_COMPARED", pair.new.name, text, NOWHERE)


def _failed(name: str, kind: str, reason: str, where: str) -> Iterator[Finding]:
    """Report why weights do not run, if that was tried."""
    is_told = not reason or reason.startswith(MISFITS)  # a file that does not fit is one of LOAD
    is_unsure = reason.startswith("AnswersError") or is_of_machine(reason)
    if kind == "code" and reason and not is_unsure:
        text = f"It ran, and raises an error: {reason}"
        yield finding("EVAL_OUTPUT_SAME", name, text, where, witness=reason)
    elif not is_told:
        text = f"It cannot be compared: {reason}"
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
    before, after = said(pair, "old", old), said(pair, "new", new)
    return any(before[fact] != after[fact] for fact in ("config", "dtype"))
