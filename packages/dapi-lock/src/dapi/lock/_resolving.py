"""Resolving: from the names that a project requires to a lock, with every file's hash."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from dapi import File, Weights, cache, catalog
from dapi.exceptions import ArgumentError, DapiError
from dapi.lock import _declared
from dapi.lock._downloading import Job, download
from dapi.lock.document import Lock, LockedFile, LockedWeights, url_key, url_sha256
from dapi.lock.exceptions import PolicyError, SyncError, UnhashedError, UnlockableError
from dapi.lock.policy import Policy, violations

_BLOCK = 1 << 20


class Measured(NamedTuple):
    """The full hash and the size of a file."""

    sha256: str
    size: int


class Draft(NamedTuple):
    """Weights that are to be locked, and what they were requested as."""

    name: str
    builder: catalog.Builder
    distribution: str
    weights: Weights
    requested: set[str]
    is_upgraded: bool


Measure = Callable[[list[tuple[File, str]]], dict[File, Measured]]


def resolve(
    requires: Iterable[str],
    policy: Policy,
    *,
    known: Lock | None = None,
    upgrade: Collection[str] = (),
    measure: Measure | None = None,
) -> Lock:
    """Return the lock of what is required.

    Members and hashes that ``known`` has stay, except those of ``upgrade``.

    Args:
        requires: Names of models (their latest weights) and of weights.
        policy: What the lock must conform to.
        known: The lock so far.
        upgrade: Names that are resolved and hashed anew.
        measure: Returns hash and size of files that publish none; None refuses them.

    Raises:
        UnlockableError: Some names have no weights, or weights that cannot be locked.
        UnhashedError: Hashes are missing, and ``measure`` is None.
        PolicyError: The policy does not allow all of them.
    """
    known = known or Lock()
    drafts = _draft(sorted(set(requires)), known, upgrade)
    locked = _Files(drafts, known).lock(measure)
    weights = tuple(
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
        )
        for draft in sorted(drafts, key=lambda draft: draft.name)
    )
    lock = Lock(tuple(sorted(set(requires))), weights, policy)
    check(policy, lock)
    return lock


def check(policy: Policy, lock: Lock) -> None:
    """Refuse a lock that a policy does not allow.

    Raises:
        PolicyError: It does not.
    """
    found = [text for weights in lock.weights for text in violations(policy, weights.facts)]
    if found:
        raise PolicyError(found)


def _draft(requires: list[str], known: Lock, upgrade: Collection[str]) -> list[Draft]:
    """Find the weights of every name; all that fails is reported together."""
    locked = {name: each.name for each in known.weights for name in each.requested}
    drafts: dict[str, Draft] = {}
    failures: dict[str, str] = {}
    for required in requires:
        is_upgraded = bool({required, locked.get(required)} & set(upgrade))
        chosen = required if is_upgraded else locked.get(required, required)
        try:
            found = _find(chosen, required, is_upgraded)
        except DapiError as error:
            gone = f" To choose anew: dapi lock --upgrade {required}" if chosen != required else ""
            failures[required] = f"{error}{gone}"
            continue
        draft = drafts.setdefault(found.name, found)
        draft.requested.add(required)
    if failures:
        raise UnlockableError(failures)
    return list(drafts.values())


def _find(name: str, required: str, is_upgraded: bool) -> Draft:
    builder, weights = catalog.resolve(name)
    assert isinstance(weights, Weights)  # a name stands for nothing else
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
    """The files of drafts: what is published of each, was locked before, or must be measured."""

    def __init__(self, drafts: list[Draft], known: Lock) -> None:
        self._drafts = drafts
        upgraded = {draft.name for draft in drafts if draft.is_upgraded}
        self._known = {
            file.key: file
            for weights in known.weights
            for file in weights.files
            if weights.name not in upgraded
        }

    def lock(self, measure: Measure | None) -> dict[str, tuple[LockedFile, ...]]:
        """Return the locked files by the name of the draft."""
        owned = [
            (draft, each, file)
            for draft in self._drafts
            for each in _declared.owned_files(draft.weights)
            for file in each.files
        ]
        facts = {file: self._measured(file) for _, _, file in owned}
        unknown = {file: draft.name for draft, _, file in owned if facts[file] is None}
        if unknown and measure is None:
            raise UnhashedError([f"{file.name} of {name}" for file, name in unknown.items()])
        if measure is not None:
            facts.update(measure(list(unknown.items())))
        locked: dict[str, tuple[LockedFile, ...]] = {}
        for draft, each, file in owned:
            found = _locked(draft, each, file, facts[file])
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
    )


def fetch_and_hash(files: list[tuple[File, str]], *, progress: bool) -> dict[File, Measured]:
    """Download files that publish no hash, and hash them.

    Raises:
        SyncError: Some cannot be had.
    """
    jobs = [Job(file, name, file.size or 0) for file, name in files]
    outcome = download(jobs, progress=progress)
    if outcome.failures:
        told = {file.name: str(error) for file, error in outcome.failures.items()}
        raise SyncError(told, remedy="Nothing was written.")
    return {
        file: Measured(hash_file(path), path.stat().st_size) for file, path in outcome.paths.items()
    }


def hash_cached(files: list[tuple[File, str]]) -> dict[File, Measured]:
    """Hash files that publish no hash, from the cache or an installed package alone.

    Raises:
        UnhashedError: Some are not there.
    """
    found: dict[File, Measured] = {}
    missing = []
    for file, name in files:
        is_local = file.url.startswith("package:")
        path = cache.fetch(file) if is_local else cache.find(file)
        if path is None:
            missing.append(f"{file.name} of {name}")
        else:
            found[file] = Measured(hash_file(path), path.stat().st_size)
    if missing:
        raise UnhashedError(missing)
    return found


def hash_file(path: Path) -> str:
    """Return the sha256 of a file."""
    digest = sha256()
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
