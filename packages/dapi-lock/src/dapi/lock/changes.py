"""Changes: how two locks differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Literal, NamedTuple

from dapi.catalog import counted
from dapi.lock._terminal import amount
from dapi.lock.document import Lock, LockedFile, LockedWeights

_POLICY = ("licenses", "require-hash", "allow-deprecated", "require-signature")


class Change(NamedTuple):
    """One difference.

    Attributes:
        kind: ``added``, ``removed`` or ``changed``; ``version`` if only the versions of
            distributions differ, which weights outlive.
        subject: The name of the weights, ``policy`` or ``requires``.
        details: What differs, as short texts.
    """

    kind: Literal["added", "removed", "changed", "version"]
    subject: str
    details: tuple[str, ...]

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~", "version": "~"}[self.kind]
        return f"{sign} {self.subject}  {'; '.join(self.details)}".rstrip()


def compare(old: Lock, new: Lock) -> list[Change]:
    """List what changes from one lock to another, sorted by name."""
    before = {weights.name: weights for weights in old.weights}
    after = {weights.name: weights for weights in new.weights}
    changes = list(_of_the_whole(old, new))
    for name in sorted({*before, *after}):
        if name not in after:
            changes.append(Change("removed", name, (_summary(before[name]),)))
        elif name not in before:
            details = [_summary(after[name]), *_successions(after[name], old)]
            changes.append(Change("added", name, tuple(details)))
        else:
            changes += _of_weights(before[name], after[name])
    return changes


def is_stale(changes: list[Change]) -> bool:
    """Whether the older lock differs from the newer one, ignoring versions."""
    return any(change.kind != "version" for change in changes)


def _of_the_whole(old: Lock, new: Lock) -> Iterator[Change]:
    if old.policy != new.policy:
        fields = zip(_POLICY, old.policy, new.policy, strict=True)
        details = [f"{name} {_shown(a)} -> {_shown(b)}" for name, a, b in fields if a != b]
        yield Change("changed", "policy", tuple(details))
    added, removed = {*new.requires} - {*old.requires}, {*old.requires} - {*new.requires}
    if added or removed:
        signed = [
            *(f"+{name}" for name in sorted(added)),
            *(f"-{name}" for name in sorted(removed)),
        ]
        yield Change("changed", "requires", tuple(signed))


def _shown(value: object) -> str:
    """Return a value of a policy as people write it."""
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "all" if value is None else str(value).lower()


def _summary(weights: LockedWeights) -> str:
    size = sum({file.sha256: file.size for file in weights.files}.values())
    return f"{amount(size)} in {counted(len(weights.files), 'file')}, {weights.license}"


def _successions(weights: LockedWeights, old: Lock) -> Iterator[str]:
    """Describe which weights a request selected before."""
    before = {name: each.name for each in old.weights for name in each.requested}
    for name in weights.requested:
        if before.get(name, weights.name) != weights.name:
            yield f"{name} was {before[name]}"


def _of_weights(old: LockedWeights, new: LockedWeights) -> Iterator[Change]:
    details = [
        f"{field} {a} -> {b}"
        for field, a, b in (
            ("license", old.license, new.license),
            ("status", old.state, new.state),
            ("builder", old.builder, new.builder),
            ("requested", " ".join(old.requested), " ".join(new.requested)),
            ("revision", old.revision[:8], new.revision[:8]),
            ("include", " ".join(old.include), " ".join(new.include)),
            ("exclude", " ".join(old.exclude), " ".join(new.exclude)),
            ("answers", _digest(old.answers), _digest(new.answers)),
        )
        if a != b
    ]
    details += _of_files(old, new)
    if details:
        yield Change("changed", new.name, tuple(details))
    versions = [
        f"{name} {a} -> {b}"
        for name, a, b in {
            (old.distribution, old.version, new.version),
            (old.builder.partition("/")[0], old.builder_version, new.builder_version),
        }
        if a != b
    ]
    if versions:
        yield Change("version", new.name, tuple(sorted(versions)))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8] if text else "none"


def _of_files(old: LockedWeights, new: LockedWeights) -> Iterator[str]:
    before, after = _by_name(old.files), _by_name(new.files)
    for key in sorted({*before, *after}):
        a, b = before.get(key), after.get(key)
        name = ": ".join(filter(None, key[:2]))
        if a is None or b is None:
            yield f"{'added' if a is None else 'removed'} {name}"
        elif a != b:
            yield f"{name} {', '.join(_of_file(a, b))}"


def _by_name(files: Iterable[LockedFile]) -> dict[tuple[str, str, int], LockedFile]:
    """Return files by asset, name and number, as several may have the same name."""
    found: dict[tuple[str, str, int], LockedFile] = {}
    for file in sorted(files, key=lambda each: each.urls):  # which change least
        number = sum(key[:2] == (file.asset, file.name) for key in found)
        found[file.asset, file.name, number] = file
    return found


def _of_file(old: LockedFile, new: LockedFile) -> Iterator[str]:
    if old.sha256 != new.sha256:
        yield f"sha256 {old.sha256[:8]} -> {new.sha256[:8]}"
    for field in ("size", "license", "urls", "is_published", "prefix", "weights"):
        a, b = getattr(old, field), getattr(new, field)
        if a != b:
            yield f"{field.replace('is_published', 'published')} {_short(a)} -> {_short(b)}"
    if old.url_sha256 != new.url_sha256:
        yield "another query in its URL"


def _short(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value) or "none"
