"""Rules of the category LOCK: names of weights, their bytes, and their licenses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dapi import catalog
from dapi.devkit.compatibility.pair import NOWHERE, Member, Pair, buried, members
from dapi.devkit.compatibility.rules import Finding, finding

_UNKNOWN = (None, "", "unknown")

File = Mapping[str, Any]


def find(pair: Pair) -> Iterator[Finding]:
    """Compare the facts in lock files."""
    yield from _removed(pair)
    yield from _tombstones(pair)
    for member in pair.members:
        tensors = [image["tensors"].get(member.name) for image in (pair.old, pair.new)]
        again = "; its tensors are the same, and were written again" * (
            tensors[0] is not None and tensors[0] == tensors[1]
        )
        yield from _bytes(member, "SAME_BYTES", member.old["files"], member.new["files"], again)
        yield from _assets(member)
        yield from _license(member)
        yield from _status(member)


def _removed(pair: Pair) -> Iterator[Finding]:
    rule = "WEIGHTS_MEMBER_NO_DELETE"
    new = members(pair.new)
    for name, old in members(pair.old).items():
        if name in new:
            continue
        said = buried(pair.new, name)
        if said is not None:
            text = f"It was removed, and has a tombstone{_instead(said)}."
            yield finding(rule, name, text, old["where"], was=name, level="note")
            continue
        twins = [other for other, facts in new.items() if _is_twin(old, facts)]
        renamed = f" {twins[0]} has the same bytes: was it renamed?" if twins else ""
        reason = pair.failure(name.partition(":")[0])
        failed = f" ({reason})" if reason else ""
        text = f"It was removed without a tombstone{failed}.{renamed}"
        yield finding(rule, name, text, old["where"], was=name, witness=f"{name} has no entry")


def _instead(said: Mapping[str, str]) -> str:
    return f"; use {said['successor']}" if said.get("successor") else ""


def _is_twin(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    one, other = ([file["sha256"] for file in each["files"]] for each in (old, new))
    return all(one) and one == other


def _tombstones(pair: Pair) -> Iterator[Finding]:
    kept = {key.rpartition("/")[2] for key in pair.new["tombstones"]}
    before = {*pair.old["builders"], *members(pair.old)}
    alive = {**pair.new["builders"], **members(pair.new)}
    for key in pair.old["tombstones"]:
        name = key.rpartition("/")[2]
        if name in before:
            continue  # it was reused in that release, which was reported
        if name in alive:
            text = "Its tombstone was replaced: the name now refers to something else."
            where = alive[name]["where"]
            yield finding("NAME_NOT_REUSED", name, text, where, witness=f"it is at {where}")
        elif name not in kept:
            yield finding(
                "TOMBSTONE_NO_DELETE", name, "Its tombstone was removed.", NOWHERE,
                was=dict(pair.old["tombstones"][key]), witness="no entry point in dapi.removed",
            )  # fmt: skip


def _bytes(
    member: Member,
    rule: str,
    old: Sequence[File],
    new: Sequence[File],
    more: str = "",
    asset: str = "",
) -> Iterator[Finding]:
    """Compare the files of weights, or of an asset."""
    rule, what = f"WEIGHTS_MEMBER_{rule}", f"The asset {asset!r}" if asset else "It"
    if len(old) != len(new):
        text = f"{what} has {catalog.counted(len(new), 'file')} instead of {len(old)}."
        yield finding(rule, member.name, text, member.where, was=old, now=new, witness=text)
        return
    for before, after in zip(old, new, strict=True):
        reason = _why_other_bytes(before, after)
        if reason:
            yield finding(
                rule, member.name, f"{what} refers to other bytes: {reason}{more}.", member.where,
                was=_digest(before), now=_digest(after), witness=reason,
            )  # fmt: skip
        else:
            yield from _moved(member, before, after)
            yield from _unpinned(member, before, after)


def _why_other_bytes(old: File, new: File) -> str:
    """Return why two files cannot be equal; empty if they can."""
    one, other = old["sha256"] or "", new["sha256"] or ""
    if one and other:
        is_same = one.startswith(other) or other.startswith(one)
        return "" if is_same else f"sha256 was {one[:12]}, is {other[:12]}"
    if None not in (old["size"], new["size"]) and old["size"] != new["size"]:
        return f"size was {old['size']:,}, is {new['size']:,}"
    names = [each["url"].rpartition("/")[2] for each in (old, new)]
    if names[0] != names[1] and old["url"] not in new["mirrors"]:
        return f"no hash shows that {names[1]!r} equals the former {names[0]!r}"
    return ""


def _digest(file: File) -> str:
    return str(file["sha256"] or file["url"])


def _moved(member: Member, old: File, new: File) -> Iterator[Finding]:
    if old["url"] not in (new["url"], *new["mirrors"]):
        text = f"Its address was {old['url']}, is {new['url']}; the bytes are the same."
        yield finding(
            "WEIGHTS_MEMBER_SAME_URL", member.name, text, member.where,
            was=old["url"], now=new["url"],
        )  # fmt: skip


def _unpinned(member: Member, old: File, new: File) -> Iterator[Finding]:
    one, other = len(old["sha256"] or ""), len(new["sha256"] or "")
    if other < one:
        text = f"{one} digits of its sha256 were published, {other} are."
        yield finding(
            "WEIGHTS_MEMBER_KEEPS_HASH", member.name, text, member.where,
            was=old["sha256"], now=new["sha256"], witness=text,
        )  # fmt: skip


def _assets(member: Member) -> Iterator[Finding]:
    old, new = member.old["assets"], member.new["assets"]
    for name, files in old.items():
        yield from _bytes(member, "SAME_ASSETS", files, new.get(name, []), asset=name)


def _license(member: Member) -> Iterator[Finding]:
    old, new = (each["meta"].get("license") for each in (member.old, member.new))
    if old != new:
        is_known = old not in _UNKNOWN
        text = f"Its license was {old}, is {new}."
        yield finding(
            "WEIGHTS_MEMBER_SAME_LICENSE", member.name, text, member.where, was=old, now=new,
            witness=text if is_known else "", level="break" if is_known else "note",
        )  # fmt: skip


def _status(member: Member) -> Iterator[Finding]:
    old, new = member.old["status"], member.new["status"]
    if old["state"] != new["state"]:
        instead = f" Use {new['replacement']}." if new["replacement"] else ""
        text = f"It was {old['state']}, is {new['state']}. {new['reason']}".strip() + instead
        yield finding(
            "WEIGHTS_MEMBER_STATUS", member.name, text, member.where,
            was=old["state"], now=new["state"],
        )  # fmt: skip
