"""Resolving: from the names that a project requires to a lock, with every file's hash."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from dapi import File, Weights, catalog
from dapi.exceptions import ArgumentError, DapiError
from dapi.lock import _answering, _declared, _sources
from dapi.lock._hashing import Measure, Measured
from dapi.lock.document import Lock, LockedFile, LockedWeights, check, url_key, url_sha256
from dapi.lock.exceptions import UnhashedError, UnlockableError
from dapi.lock.policy import Policy
from dapi.lock.requirement import Requirement


class Draft(NamedTuple):
    """Weights to lock, and the request that they answer."""

    name: str
    builder: catalog.Builder
    distribution: str
    weights: Weights
    requested: set[str]
    is_upgraded: bool


def resolve(
    requires: Iterable[Requirement],
    policy: Policy,
    *,
    folder: Path,
    known: Lock | None = None,
    upgrade: Collection[str] = (),
    measure: Measure | None = None,
) -> Lock:
    """Return the lock for some requirements.

    Members and hashes in ``known`` are kept, except those of ``upgrade``.

    Args:
        requires: Names of models (their latest weights) and of weights, and sources.
        policy: The policy that the lock must satisfy.
        folder: The directory of the lock; local sources are relative to it.
        known: The lock so far.
        upgrade: Names that are resolved and hashed again.
        measure: Returns hash and size of files that publish none; None refuses them.

    Raises:
        UnlockableError: Some names have no weights, or weights that cannot be locked.
        UnhashedError: Hashes are missing, and ``measure`` is None.
        PolicyError: The policy does not allow all of them.
    """
    known, wanted = known or Lock(), sorted(set(requires))
    failures: dict[str, str] = {}
    drafts = _draft([each.text for each in wanted if not each.is_source], known, upgrade, failures)
    kept, sources = _find_sources(wanted, known, upgrade, folder, failures)
    if failures:
        raise UnlockableError(failures)
    files = _Files(drafts, known)
    facts = _measured({**files.unknown(), **_unknown(sources)}, measure)
    locked = files.lock(facts)
    before = {each.name: each for each in known.weights}
    weights = [
        LockedWeights(
            draft.name,
            tuple(sorted(draft.requested)),
            draft.builder.qualified,
            version(draft.builder.distribution),
            draft.distribution,
            version(draft.distribution),
            _declared.license_of(draft.weights),
            _declared.state_of(draft.weights),
            locked[draft.name],
            answers=_answers(draft, before.get(draft.name), locked[draft.name]),
        )
        for draft in drafts
    ]
    weights += [*kept, *(_sources.locked(source, facts) for source in sources)]
    lock = Lock(tuple(sorted({each.shown for each in wanted})), tuple(sorted(weights)), policy)
    check(policy, lock)
    return lock


def _answers(draft: Draft, known: LockedWeights | None, files: tuple[LockedFile, ...]) -> str:
    """Return the kept answers of unchanged files, and for others the shipped ones."""
    hashes = {file.sha256 for file in files}
    if known and not draft.is_upgraded and hashes == {file.sha256 for file in known.files}:
        return known.answers
    return _answering.shipped(draft.name)


def _measured(unknown: dict[File, str], measure: Measure | None) -> dict[File, Measured]:
    """Compute unpublished hashes and sizes, for all files together.

    Raises:
        UnhashedError: There are such files, and ``measure`` is None.
    """
    if measure is None and unknown:
        raise UnhashedError([f"{file.name} of {name}" for file, name in unknown.items()])
    return {} if measure is None else measure(list(unknown.items()))


def _find_sources(
    wanted: list[Requirement],
    known: Lock,
    upgrade: Collection[str],
    folder: Path,
    failures: dict[str, str],
) -> tuple[list[LockedWeights], list[_sources.Source]]:
    """Return the sources that are kept as locked, and those that were resolved now."""
    kept, found, names = [], [], set[str]()
    for requirement in wanted:
        if not requirement.is_source:
            continue
        locked = _sources.known(requirement, known)
        is_upgraded = bool({requirement.text, requirement.name} & set(upgrade))
        try:
            if requirement.name in names:
                expected = "a different name for one of the two sources"
                raise ArgumentError("dapi lock", "name", requirement.name, expected=expected)
            names.add(requirement.name)
            if locked is None or is_upgraded:
                found.append(_sources.find(requirement, folder))
            else:
                kept.append(locked._replace(license=requirement.license or locked.license))
        except DapiError as error:
            failures[requirement.shown] = str(error)
    return kept, found


def _unknown(sources: list[_sources.Source]) -> dict[File, str]:
    return {
        part.file: source.requirement.name
        for source in sources
        for part in source.parts
        if part.facts is None
    }


def _draft(
    requires: list[str], known: Lock, upgrade: Collection[str], failures: dict[str, str]
) -> list[Draft]:
    """Find the weights of every name; add errors to ``failures``."""
    locked = {name: each.name for each in known.weights for name in each.requested}
    drafts: dict[str, Draft] = {}
    for required in requires:
        is_upgraded = bool({required, locked.get(required)} & set(upgrade))
        chosen = required if is_upgraded else locked.get(required, required)
        try:
            found = _find(chosen, required, is_upgraded)
        except DapiError as error:
            gone = f" To choose again: dapi lock --upgrade {required}" if chosen != required else ""
            failures[required] = f"{error}{gone}"
            continue
        draft = drafts.setdefault(found.name, found)
        draft.requested.add(required)
    return list(drafts.values())


def _find(name: str, required: str, is_upgraded: bool) -> Draft:
    builder, weights = catalog.resolve(name)
    assert isinstance(weights, Weights)  # a name refers to nothing else
    distribution = _declared.offerer(builder, weights)
    for owner in (builder.distribution, distribution):
        try:
            version(owner)
        except PackageNotFoundError:
            expected = "weights that an installed distribution advertises"
            raise ArgumentError("dapi lock", "name", name, expected=expected) from None
    qualified = catalog.Name(builder.distribution, builder.name, weights.name, distribution)
    return Draft(str(qualified), builder, distribution, weights, {required}, is_upgraded)


class _Files:
    """The files of drafts, with published, previously locked or newly computed hashes."""

    def __init__(self, drafts: list[Draft], known: Lock) -> None:
        self._owned = [
            (draft, each, file)
            for draft in drafts
            for each in _declared.owned_files(draft.weights)
            for file in each.files
        ]
        upgraded = {draft.name for draft in drafts if draft.is_upgraded}
        self._known = {
            file.key: file
            for weights in known.weights
            for file in weights.files
            if weights.name not in upgraded
        }

    def unknown(self) -> dict[File, str]:
        """Return the files that must be hashed, and their purposes."""
        return {file: draft.name for draft, _, file in self._owned if self._measured(file) is None}

    def lock(self, facts: dict[File, Measured]) -> dict[str, tuple[LockedFile, ...]]:
        """Return the locked files by the name of the draft."""
        locked: dict[str, tuple[LockedFile, ...]] = {}
        for draft, each, file in self._owned:
            found = _locked(draft, each, file, facts.get(file) or self._measured(file))
            locked[draft.name] = tuple(sorted({*locked.get(draft.name, ()), found}))
        return locked

    def _measured(self, file: File) -> Measured | None:
        if file.is_pinned and file.size is not None:
            return Measured(str(file.sha256), file.size)
        known = self._known.get(url_key(file.url))
        if known is None or not known.sha256.startswith(file.sha256 or ""):
            return None
        return Measured(known.sha256, known.size) if file.size in (None, known.size) else None


def _locked(draft: Draft, owned: _declared.Owned, file: File, facts: Any) -> LockedFile:
    urls = dict.fromkeys(map(catalog.redacted, (file.url, *file.mirrors)))
    is_own = owned.owner is draft.weights
    names = _declared.names_of(owned.owner) if isinstance(owned.owner, Weights) else []
    return LockedFile(
        file.name,
        facts.sha256,
        facts.size,
        tuple(urls),
        owned.asset,
        "" if is_own or not names else names[0],
        "" if is_own else _declared.license_of(owned.owner),
        file.is_pinned,
        url_sha256(file.url),
        file.prefix,
    )
