"""Rules of the category SOURCE: facts that importing and calling code relies on, and additions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from dapi.devkit.compatibility.pair import NOWHERE, Member, Pair, members
from dapi.devkit.compatibility.pair import model as _model
from dapi.devkit.compatibility.pair import modules as _modules
from dapi.devkit.compatibility.rules import Finding, finding

# Facts of meta that have rules of their own.
_RULED = {"categories", "keypoint_names", "labels", "license", "metrics", "task"}
_BY_POSITION = ("positional_only", "positional_or_keyword")
_BY_NAME = ("keyword_only", "positional_or_keyword", "config")


def find(pair: Pair) -> Iterator[Finding]:
    """Compare the facts that code relies on."""
    for name, old, new in pair.builders:
        yield from _kinds(name, old, new)
        yield from _order(name, old, new)
        yield from _returned(pair, name, old, new)
        yield from _renamed(pair, name, old, new)
    yield from _enums(pair)
    for member in pair.members:
        yield from _meta(member)
    yield from _requirements(pair)
    yield from _added(pair)


def _kinds(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    after = {each["name"]: each["kind"] for each in new["parameters"]}
    for each in old["parameters"]:
        was, now = each["kind"], after.get(each["name"], each["kind"])
        by_position = was in _BY_POSITION and now not in _BY_POSITION
        by_name = was in _BY_NAME and now not in _BY_NAME
        if by_position or by_name:
            how = "by position" if by_position else "by name"
            text = f"{each['name']!r} can no longer be given {how}."
            yield finding(
                "PARAM_SAME_KIND", name, text, str(new["where"]), was=was, now=now, witness=text
            )


def _order(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    before, after = (
        [each["name"] for each in side["parameters"] if each["kind"] in _BY_POSITION]
        for side in (old, new)
    )
    kept = [each for each in before if each in after]
    if after[: len(kept)] != kept:
        text = f"By position were {', '.join(before)}; are {', '.join(after)}."
        yield finding(
            "PARAM_MOVED", name, text, str(new["where"]), was=before, now=after, witness=text
        )


def _returned(
    pair: Pair, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Finding]:
    was, now = old["returns"], new["returns"]
    if was == now or not was:
        return
    text = f"It returned {was}, and returns {now or 'something undeclared'}."
    target = _class_of_model(pair, name)
    is_private = any(part.startswith("_") for part in (was, *target.partition(":")[0].split(".")))
    is_public = bool(target) and not is_private
    level = "break" if is_public else "note"
    claim = pair.claim_of(target) if is_public else None
    yield finding(
        "RETURN_SAME_TYPE", name, text, str(new["where"]), was=was, now=now, level=level,
        claim=claim,
    )  # fmt: skip


def _class_of_model(pair: Pair, name: str) -> str:
    """Return where the class of a model was."""
    key = pair.old["built"].get(name)
    if key is None:
        return ""
    return str(_modules(pair.old, _model(pair.old, key)).get("", {}).get("class", ""))


def _renamed(
    pair: Pair, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Finding]:
    if old["target"] != new["target"]:
        text = f"Its function was {old['target']}, is {new['target']}."
        yield finding(
            "BUILDER_SAME_NAME", name, text, str(new["where"]),
            was=old["target"], now=new["target"],
            claim=pair.claim_of(old["target"]),
        )  # fmt: skip


def _enums(pair: Pair) -> Iterator[Finding]:
    builders = {each for enum in pair.new["enums"].values() for each in enum["builders"]}
    for target, enum in pair.old["enums"].items():
        if target in pair.new["enums"] or not builders.intersection(enum["builders"]):
            continue
        text = f"{target} no longer exists."
        where = next(
            str(each["where"])
            for each in pair.new["enums"].values()
            if set(each["builders"]) & set(enum["builders"])
        )
        yield finding(
            "ENUM_SAME_NAME", target.rpartition(":")[2], text, where, was=target,
            claim=pair.claim_of(target),
        )  # fmt: skip


def _meta(member: Member) -> Iterator[Finding]:
    old, new = member.old["meta"], member.new["meta"]
    for key, value in old.items():
        if key not in new:
            text = f"meta[{key!r}] was removed."
            yield finding(
                "META_KEY_NO_DELETE", member.name, text, member.where, was=value, witness=text
            )
        elif value != new[key] and key not in _RULED:
            text = f"meta[{key!r}] was {value!r:.80}, is {new[key]!r:.80}."
            yield finding("META_CHANGED", member.name, text, member.where, was=value, now=new[key])
    for key in new:
        if key not in old:
            text = f"meta[{key!r}] is {new[key]!r:.80}."
            yield finding("META_KEY_ADDED", member.name, text, member.where, now=new[key])


def _requirements(pair: Pair) -> Iterator[Finding]:
    old, new = (_floors(image["requires"]) for image in (pair.old, pair.new))
    for name, floor in new.items():
        was = old.get(name)
        if name not in old:
            text = f"It now requires {name}."
        elif floor is not None and (was is None or floor > was):
            text = f"It requires {name} {floor} or newer; {was or 'any version'} was enough."
        else:
            continue
        yield finding("REQUIRES_RAISED", pair.new.name, text, NOWHERE, was=str(was), now=str(floor))


def _floors(requires: Mapping[str, Any]) -> dict[str, Version | None]:
    """Return the oldest version of everything that is required."""
    found = {"python": _floor(requires["python"])}
    for line in requires["packages"]:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        found[requirement.name] = _floor(str(requirement.specifier))
    return found


def _floor(specifier: str) -> Version | None:
    try:
        clauses = SpecifierSet(specifier)
        floors = [
            Version(each.version.removesuffix(".*"))
            for each in clauses
            if each.operator in (">=", ">", "~=", "==")
        ]
    except (InvalidSpecifier, InvalidVersion):
        return None
    return max(floors, default=None)


def _added(pair: Pair) -> Iterator[Finding]:
    for name, facts in pair.new["builders"].items():
        old = pair.old["builders"].get(name)
        if old is None:
            replaced = f", which supersedes {facts['replaces']}" if facts["replaces"] else ""
            text = f"{name} was added{replaced}."
            yield finding("BUILDER_ADDED", name, text, facts["where"], now=facts["replaces"])
            continue
        known = {each["name"] for each in old["parameters"]}
        for each in facts["parameters"]:
            if each["name"] not in known and not each["required"]:
                text = f"The argument {each['name']!r} was added, and is optional."
                yield finding("PARAM_ADDED_OPTIONAL", name, text, facts["where"])
    before = members(pair.old)
    for name, member in members(pair.new).items():
        if name not in before:
            text = f"{name} was added."
            yield finding("WEIGHTS_MEMBER_ADDED", name, text, member["where"], now=member["latest"])
