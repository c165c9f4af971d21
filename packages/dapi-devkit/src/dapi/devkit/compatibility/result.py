"""Rules of the category RESULT about declarations: transforms, names, defaults.

If a declaration changed, the answers decide whether it matters; without answers, the two values are
the proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dapi.devkit.compatibility import behavior as _behavior
from dapi.devkit.compatibility.pair import Member, Pair, members, texts
from dapi.devkit.compatibility.rules import Finding, finding
from dapi.devkit.compatibility.verdicts import Behavior

_NAMES = ("categories", "labels", "keypoint_names")
_OWN = ("weights", "progress")  # arguments that change no model
_BUILD = ("config", "defaults", "context", "code_version")


def find(pair: Pair) -> Iterator[Finding]:
    """Compare the declarations that results depend on."""
    behavior = Behavior(pair)
    yield from _behavior.find(pair, behavior)
    for member in pair.members:
        yield from _factory(pair, behavior, member, "transforms", "TRANSFORMS_SAME_CONFIG")
        yield from _factory(pair, behavior, member, "postprocess", "POSTPROCESS_SAME")
        yield from _names(pair, member)
        yield from _agreement(pair, member)
        yield from _build(pair, behavior, member)
        yield from _task(member)
        yield from _metrics(member)
    for name, old, new in pair.builders:
        yield from _defaults(pair, name, old, new)
        yield from _head(name, old, new)
        yield from _legacy(name, old, new)
    yield from _latest(pair)


def _factory(
    pair: Pair, behavior: Behavior, member: Member, stage: str, rule: str
) -> Iterator[Finding]:
    """Compare how the transforms, or the postprocess, are configured."""
    old, new = member.old[stage], member.new[stage]
    if old == new or old is None:
        return
    verdict = behavior.code.get(member.name)
    if verdict and stage in verdict.differences and rule == "POSTPROCESS_SAME":
        return  # that is found already
    changes, matters = _of_factory(pair, old, new)
    text = f"{stage.capitalize()}: {'; '.join(changes)}."
    proof = text
    if verdict and stage in verdict.differences:
        proof, matters = str(verdict.differences[stage]), True
    elif verdict and verdict.is_equal(stage):
        text, matters = f"{text} Their outputs are unchanged.", False
    if changes:
        yield finding(
            rule, member.name, text, member.where, was=old, now=new,
            witness=proof if matters else "", level="break" if matters else "note",
        )  # fmt: skip


def _of_factory(pair: Pair, old: Any, new: Any) -> tuple[list[str], bool]:
    """List how a factory changed, and whether that alone proves that it does something else."""
    if new is None:
        return ["none are declared now"], True
    if not (
        isinstance(old, dict) and isinstance(new, dict) and "target" in old and "target" in new
    ):
        return [f"was {_short(old)}, is {_short(new)}"], False
    before, after = (
        {**each.get("defaults", {}), **each.get("arguments", {})} for each in (old, new)
    )
    before, after = _resolved(pair.old, before), _resolved(pair.new, after)
    changed = [
        f"{name} was {_short(value)}, is {_short(after[name])}"
        for name, value in before.items()
        if name in after and after[name] != value
    ]
    lost = [f"{name} was removed" for name in old.get("arguments", {}) if name not in after]
    added = [f"{name} was added" for name in new.get("arguments", {}) if name not in before]
    moved = [f"was {old['target']}, is {new['target']}"] if old["target"] != new["target"] else []
    is_lone_addition = bool(added) and not new.get("defaults")
    return [*changed, *lost, *added, *moved], bool(changed or lost or is_lone_addition)


def _resolved(image: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace lists that are stored by hash by their items."""
    found = {name: texts(image, value) for name, value in values.items()}
    return {name: value if found[name] is None else found[name] for name, value in values.items()}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]}..."


def _names(pair: Pair, member: Member) -> Iterator[Finding]:
    for key in _NAMES:
        old = texts(pair.old, member.old["meta"].get(key))
        new = texts(pair.new, member.new["meta"].get(key))
        if old is not None and new is not None and old != new:
            text = f"{key}: {_first_change(old, new)}."
            yield finding("META_SAME_CATEGORIES", member.name, text, member.where, witness=text)


def _first_change(old: list[Any], new: list[Any]) -> str:
    for number, (was, now) in enumerate(zip(old, new, strict=False)):
        if was != now:
            more = (
                " The same names are in another order"
                if sorted(map(str, old)) == sorted(map(str, new))
                else ""
            )
            return f"number {number} was {was!r}, is {now!r}{'.' if more else ''}{more}"
    return f"there were {len(old)}, there are {len(new)}"


def _agreement(pair: Pair, member: Member) -> Iterator[Finding]:
    """Compare the postprocess with meta, unless they disagreed before."""
    problem = _disagreement(pair.new, member.new)
    if problem and not _disagreement(pair.old, member.old):
        yield finding(
            "POSTPROCESS_MATCHES_META", member.name, f"{problem}.", member.where, witness=problem
        )


def _disagreement(image: Any, facts: Mapping[str, Any]) -> str:
    factory = facts["postprocess"]
    arguments = factory.get("arguments", {}) if isinstance(factory, dict) else {}
    for key in _NAMES:
        own, said = texts(image, arguments.get(key)), texts(image, facts["meta"].get(key))
        if own is not None and said is not None and own != said:
            return f"{key} of meta and of the postprocess: {_first_change(said, own)}"
    return ""


def _build(pair: Pair, behavior: Behavior, member: Member) -> Iterator[Finding]:
    old, new = (
        {**each["build"], "prefixes": [file.get("prefix", "") for file in each["files"]]}
        for each in (member.old, member.new)
    )
    changed = [
        f"{part} was {_short(old.get(part))}, is {_short(new.get(part))}"
        for part in _BUILD
        if old.get(part) != new.get(part)
    ]
    rule, where = "WEIGHTS_MEMBER_SAME_BUILD", member.where
    if changed:
        text = f"{'; '.join(changed)}."
        verdict = behavior.code.get(member.name)
        found = verdict.differences if verdict else {}
        proof = next((str(found[stage]) for stage in ("model", "training") if stage in found), "")
        is_same = pair.is_same_model(member.name) or bool(verdict and verdict.is_equal("model"))
        harmless = is_same and not proof
        level = "note" if harmless else "break"
        yield finding(
            rule, member.name, text, where, was=old, now=new,
            witness="" if harmless else proof or text, level=level,
        )  # fmt: skip
    for part in ("adapt", "computed", "prefixes"):  # a file that they no longer fit is not loaded
        one, other = old.get(part, []), new.get(part, [])
        if one != other:
            text = f"{part} was {_short(one)}, is {_short(other)}."
            yield finding(rule, member.name, text, where, level="note")


def _task(member: Member) -> Iterator[Finding]:
    old, new = (each["meta"].get("task") for each in (member.old, member.new))
    if old != new and old is not None:
        text = f"Its task was {old}, is {new}."
        yield finding(
            "META_SAME_TASK", member.name, text, member.where, was=old, now=new, witness=text
        )


def _metrics(member: Member) -> Iterator[Finding]:
    old, new = (each["meta"].get("metrics") for each in (member.old, member.new))
    if old != new:
        text = f"Its metrics were {_values(old)}, are {_values(new)}."
        yield finding("META_METRICS_CHANGED", member.name, text, member.where, was=old, now=new)


def _values(metrics: Any) -> str:
    found = [
        f"{each.get('name')} {each.get('value')} on {each.get('dataset')}"
        for each in (metrics if isinstance(metrics, list) else ())
        if isinstance(each, dict)
    ]
    return ", ".join(found) or "none"


def _defaults(
    pair: Pair, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Finding]:
    after = {each["name"]: each for each in new["parameters"]}
    for was in old["parameters"]:
        now = after.get(was["name"])
        if (
            now is None
            or now["required"]
            or was["required"]
            or "config" in (was["kind"], now["kind"])
        ):
            continue
        if was["default"] == now["default"]:
            continue
        harmless = was["name"] in _OWN or pair.is_same_model(name)
        values = f"was {_short(was['default'])}, is {_short(now['default'])}"
        text = f"The default of {was['name']!r} {values}."
        yield finding(
            "PARAM_SAME_DEFAULT", name, text, str(new["where"]),
            was=was["default"], now=now["default"],
            witness="" if harmless else text, level="note" if harmless else "break",
        )  # fmt: skip


def _head(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    if old["head"] and set(old["head"]) != set(new["head"]):
        text = f"head was {', '.join(old['head'])}, is {', '.join(new['head']) or 'none'}."
        yield finding(
            "HEAD_SAME", name, text, str(new["where"]), was=old["head"], now=new["head"],
            witness=text,
        )  # fmt: skip


def _legacy(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare the equivalents of deprecated arguments; LOAD reports removed ones."""
    for argument, values in old["legacy"].items():
        today = new["legacy"].get(argument)
        for value, meant in values.items():
            if today is not None and today.get(value, meant) != meant:
                text = f"{argument}={value} meant {meant}, means {today[value]}."
                yield finding(
                    "LEGACY_SAME_MEANING", name, text, str(new["where"]),
                    was=meant, now=today[value], witness=text,
                )  # fmt: skip


def _latest(pair: Pair) -> Iterator[Finding]:
    """Compare the latest weights of each builder."""
    before, after = _latest_of(pair.old), _latest_of(pair.new)
    declared = members(pair.new)
    for builder, old in before.items():
        new = after.get(builder)
        if new is None or new == old:
            continue
        facts, now = members(pair.old)[old], declared[new]
        text = f"It was {old}, is {new}."
        use = _other_use(pair, facts, now)
        if use:
            yield finding(
                "LATEST_SAME_USE", builder, f"{text} {use}", now["where"], was=old, now=new,
                witness=use,
            )  # fmt: skip
        else:
            yield finding("LATEST_MOVED", builder, text, now["where"], was=old, now=new)


def _latest_of(image: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, facts in members(image).items():
        if facts["latest"]:
            found.setdefault(name.partition(":")[0], name)
    return found


def _other_use(pair: Pair, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if old["meta"].get("task") != new["meta"].get("task"):
        return f"The task was {old['meta'].get('task')}, is {new['meta'].get('task')}."
    for key in _NAMES:
        was = texts(pair.old, old["meta"].get(key))
        now = texts(pair.new, new["meta"].get(key))
        if was is not None and now is not None and was != now:
            return f"{key}: {_first_change(was, now)}."
    return ""
