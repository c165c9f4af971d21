"""Rules of the category LOAD: builders, their arguments, and the tensors of their models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dapi.devkit.compatibility.pair import NOWHERE, Pair, buried, lines
from dapi.devkit.compatibility.rules import Finding, finding

_GROUPS = ("dapi.tasks", "dapi.schemes", "dapi.formats", "dapi.commands")
_SHOWN = 3  # keys of one finding

# Types to which a type can change without changing a value.
_WIDER = {
    "float16": ("float32", "float64"),
    "bfloat16": ("float32", "float64"),
    "float32": ("float64",),
    "uint8": ("int16", "int32", "int64"),
    "int8": ("int16", "int32", "int64"),
    "int16": ("int32", "int64"),
    "int32": ("int64",),
}
# Prefixes of reasons that a file does not fit its model.
MISFITS = (
    "StateDictMismatchError", "CheckpointError", "HashMismatchError", "ConfigConflictError",
    "UnreadOverrideError", "MissingFileError",
)  # fmt: skip

Builder = Mapping[str, Any]


def find(pair: Pair) -> Iterator[Finding]:
    """Compare the facts that old files and calls need."""
    yield from _entry_points(pair)
    yield from _removed(pair)
    for name, old, new in pair.builders:
        yield from _enums(pair, name, old, new)
        yield from _parameters(name, old, new)
    yield from _unbuilt(pair)
    yield from _states(pair)
    yield from _misfits(pair)


def _entry_points(pair: Pair) -> Iterator[Finding]:
    for group in _GROUPS:
        kept = pair.new["entry_points"].get(group, {})
        for name, target in pair.old["entry_points"].get(group, {}).items():
            if name not in kept:
                text = f"The entry point {name!r} of {group} was removed."
                yield finding(
                    "ENTRY_POINT_NO_DELETE", f"{group}:{name}", text, NOWHERE,
                    was=target, witness=text,
                )  # fmt: skip


def _removed(pair: Pair) -> Iterator[Finding]:
    for name, old in pair.old["builders"].items():
        if name in pair.new["builders"]:
            continue
        said = buried(pair.new, name)
        if said is not None:
            text = "It was removed, and has a tombstone."
            yield finding("BUILDER_NO_DELETE", name, text, old["where"], level="note")
            continue
        reason = str(pair.new["missing"].get(name, ""))
        text = (
            f"It cannot be imported: {reason}" if reason else "It was removed without a tombstone."
        )
        level = "note" if reason and not pair.failure(name) else "break"  # the machine lacks a part
        yield finding(
            "BUILDER_NO_DELETE", name, text, old["where"], was=name, witness=text, level=level
        )


def _enums(pair: Pair, name: str, old: Builder, new: Builder) -> Iterator[Finding]:
    """Compare the enums that a builder takes; a class that was renamed is a matter of SOURCE."""
    lost = [each for each in old["enums"] if each not in new["enums"] and each in pair.new["enums"]]
    for target in lost:
        text = f"It took {target.rpartition(':')[2]}, which still exists, but now refuses it."
        where = str(new["where"])
        yield finding("BUILDER_SAME_WEIGHTS_ENUM", name, text, where, was=target, witness=text)


def _parameters(name: str, old: Builder, new: Builder) -> Iterator[Finding]:
    after = {each["name"]: each for each in new["parameters"]}
    is_open = any(each["kind"] == "var_keyword" for each in new["parameters"])
    where, known = str(new["where"]), {each["name"] for each in old["parameters"]}
    for each in old["parameters"]:
        if each["name"] in after:
            yield from _required(name, each, after[each["name"]], where)
        else:
            yield from _lost(name, each, new, is_open=is_open)
    for argument in old["legacy"].keys() - new["legacy"].keys() - after.keys():
        text = f"The argument {argument!r} , which was deprecated, is no longer translated."
        call = f"{name}({argument}=...) raises UnexpectedArgumentError"
        yield finding("PARAM_NO_DELETE", name, text, where, witness=call)
    for each in new["parameters"]:
        if each["name"] not in known and each["required"]:
            text = f"The new argument {each['name']!r} has no default."
            yield finding("PARAM_ADDED_REQUIRED", name, text, where, witness=f"{name}() fails")


def _lost(name: str, old: Builder, new: Builder, *, is_open: bool) -> Iterator[Finding]:
    argument, where = old["name"], str(new["where"])
    text = f"The argument {argument!r} was removed."
    if old["kind"] == "var_keyword":
        text = "It accepted any argument, and now accepts only those that it declares."
        yield finding("PARAM_NO_DELETE", name, text, where, level="note")
    elif argument in new["legacy"]:  # which may raise a clearer error
        text = f"The argument {argument!r} is now deprecated, and translated."
        yield finding("PARAM_NO_DELETE", name, text, where, level="note")
    elif is_open and old["kind"] == "config":
        text += " Undeclared arguments are passed on, so it may still be accepted."
        yield finding("PARAM_NO_DELETE", name, text, where, level="note")
    else:
        call = f"{name}({argument}=...) raises UnexpectedArgumentError"
        yield finding("PARAM_NO_DELETE", name, text, where, was=old["default"], witness=call)


def _required(name: str, old: Builder, new: Builder, where: str) -> Iterator[Finding]:
    if new["required"] and not old["required"]:
        text = f"The argument {new['name']!r} no longer has a default."
        yield finding(
            "PARAM_CHANGED_REQUIRED", name, text, where,
            was=old["default"], witness=f"{name}() fails",
        )  # fmt: skip


def _unbuilt(pair: Pair) -> Iterator[Finding]:
    for name in pair.old["built"]:
        if name in pair.new["built"] or name not in pair.new["missing"]:
            continue
        if name not in pair.new["builders"] and ":" not in name:
            continue  # it was removed as a whole
        reason = pair.failure(name)
        text = f"It cannot be built: {pair.new['missing'][name]}"
        level = "break" if reason else "note"
        where = pair.where(name)
        yield finding("MODEL_BUILDS", name, text, where, witness=reason, level=level)


def _misfits(pair: Pair) -> Iterator[Finding]:
    for name in pair.old["answers"]["weights"]:
        reason = pair.failure(f"answer of the weights {name}")
        if reason.startswith(MISFITS):
            text = f"Its file does not fit: {reason}"
            yield finding("FILE_FITS_BUILDER", name, text, pair.where(name), witness=reason)


def _states(pair: Pair) -> Iterator[Finding]:
    """Compare the tensors of models; merge equal changes of several weights of a builder."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Finding]] = {}
    for name, old, new in pair.built:
        before, after = lines(old["schema"]), lines(new["schema"])
        claim = {"kind": "load", "name": f"{pair.new.name}/{name}", "schema": before}
        for rule, changes in _differences(before, after).items():
            found = _of_state(rule, name, changes, new["migrating"], pair.where(name))
            key = name.partition(":")[0], rule, tuple(changes)
            doubt = {**claim, **(found.claim or {})}
            groups.setdefault(key, []).append(found._replace(claim=doubt))
    for several in groups.values():
        first = several[0]
        more = f" The same applies to {len(several) - 1} of its weights." if several[1:] else ""
        yield first._replace(text=first.text + more)


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Group changes by rule: the keys, and how each changed."""
    found: dict[str, dict[str, str]] = {}
    for key, line in old.items():
        if key not in new:
            found.setdefault("STATE_KEY_NO_DELETE", {})[key] = line
        elif line.partition(" ")[2] != new[key].partition(" ")[2]:
            found.setdefault("STATE_SAME_SHAPE", {})[key] = f"{line} -> {new[key]}"
        elif line != new[key]:
            found.setdefault("STATE_SAME_DTYPE", {})[key] = f"{line} -> {new[key]}"
    added = {key: line for key, line in new.items() if key not in old}
    return {**found, **({"STATE_KEY_ADDED": added} if added else {})}


_SAID = {
    "STATE_KEY_NO_DELETE": "Keys were removed",
    "STATE_KEY_ADDED": "Keys were added",
    "STATE_SAME_SHAPE": "Shapes changed",
    "STATE_SAME_DTYPE": "Types changed",
}


def _of_state(
    rule: str, name: str, changes: Mapping[str, str], migrating: list[str], where: str
) -> Finding:
    shown = ", ".join(f"{key} ({change})" for key, change in list(changes.items())[:_SHOWN])
    more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    text = f"{_SAID[rule]}: {shown}{more}."
    if rule == "STATE_SAME_DTYPE":
        lossy = [key for key, change in changes.items() if not _is_widened(change)]
        level = "break" if lossy else "note"
        return finding(rule, name, text, where, witness=_narrowed(lossy, changes), level=level)
    if migrating:
        classes = ", ".join(each.rpartition(":")[2] for each in migrating)
        doubt = f"{classes} may read old state dicts"
        return finding(rule, name, text, where, claim={"doubt": doubt})
    witness = f"load_state_dict(strict=True) of an older state dict fails: {shown}{more}"
    return finding(rule, name, text, where, witness=witness)


def _is_widened(change: str) -> bool:
    old, new = (each.partition(" ")[0] for each in change.split(" -> "))
    return new in _WIDER.get(old, ())


def _narrowed(lossy: list[str], changes: Mapping[str, str]) -> str:
    return f"{lossy[0]}: {changes[lossy[0]]} keeps fewer digits" if lossy else ""
