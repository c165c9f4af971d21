"""The binding: the interface of a lock for dapi-core."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from dapi import File, WeightEntry, Weights, catalog
from dapi.exceptions import NotLockedError
from dapi.lock import _declared, _signing
from dapi.lock.document import Lock, LockedFile, LockedWeights, url_key
from dapi.lock.exceptions import PolicyError
from dapi.lock.policy import Facts, violations


def bind(path: str | os.PathLike[str]) -> LockBinding:
    """Return the binding to a lock file; the file is read once.

    Raises:
        MissingLockError: It does not exist.
        LockError: It is not a valid lock.
        SignatureError: It must be signed, but is not signed by a trusted key.
    """
    document, place = _signing.read(Path(path)), Path(path).absolute()
    _signing.require(document, place)
    return LockBinding(document.lock, place)


class LockBinding:
    """A lock that provides members and files. Made by ``bind``.

    Attributes:
        lock: The content of the lock file.
        path: Its path.
    """

    def __init__(self, lock: Lock, path: Path) -> None:
        self.lock, self.path = lock, path
        self._by_url: dict[str, tuple[LockedWeights, LockedFile]] = {}
        self._by_hash: dict[str, LockedFile] = {}
        for weights in lock.weights:
            for file in weights.files:
                self._by_url[file.key] = weights, file
                self._by_hash[file.sha256] = file
        self._names = {weights.name for weights in lock.weights}
        self._names |= {file.weights for weights in lock.weights for file in weights.files}

    def latest(self, builder: str) -> Weights:
        """Return the weights of ``LATEST`` for ``"distribution/builder"``.

        Raises:
            NotLockedError: The lock has no weights of the builder, or several and none as its
                latest.
        """
        found = [each for each in self.lock.weights if each.builder == builder]
        latest = [each for each in found if any(":" not in name for name in each.requested)]
        chosen = latest or found
        if len(chosen) != 1:
            names = ", ".join(each.name for each in chosen)
            reason = (
                f"it has several weights of this model ({names})"
                if names
                else "it has no weights of this model"
            )
            raise self._refusal(builder, reason, add=builder)
        weights = catalog.resolve(chosen[0].name)[1]
        assert isinstance(weights, Weights)  # the name has a member
        return weights

    def admit(self, weights: Weights | WeightEntry) -> None:
        """Refuse weights that are not locked, or that the policy of the lock does not allow.

        Raises:
            NotLockedError: They are not locked.
            PolicyError: Their current license or lifecycle is not allowed.
        """
        if isinstance(weights, Weights):
            if not self._names.intersection(_declared.names_of(weights)):
                raise self._refusal(str(weights), "it does not name them", add=str(weights))
        else:
            for file in weights.files:
                self.locked(file, str(weights))
        found = list(violations(self.lock.policy, self._facts(weights)))
        if found:
            raise PolicyError(found)

    def locked(self, file: File, wanted: str) -> File:
        """Return a file with its locked hash and size.

        Raises:
            NotLockedError: The lock does not name it, or has another hash for it.
        """
        if file.is_pinned and file.sha256 in self._by_hash:
            known = self._by_hash[str(file.sha256)]
        elif url_key(file.url) in self._by_url:
            weights, known = self._by_url[url_key(file.url)]
            if not known.sha256.startswith(file.sha256 or ""):
                reason = (
                    f"it has sha256 {known.sha256} for {file.name}, but {file.sha256} is declared"
                )
                raise self._refusal(wanted, reason, upgrade=weights.name)
        else:
            add = wanted if _is_name(wanted) else ""
            raise self._refusal(wanted, f"it does not name the file {file.url}", add=add)
        return File(file.url, known.sha256, known.size, file.mirrors, file.prefix)

    def _facts(self, weights: Weights | WeightEntry) -> Facts:
        """Return the current declared facts; the lock fills in the hashes."""
        facts = _declared.facts_of(weights, str(weights))
        unhashed = []
        if self.lock.policy.require_hash:
            for file in catalog.files(weights):
                digest = self.locked(file, str(weights)).sha256
                if not self._by_hash[str(digest)].is_published:
                    unhashed.append(file.name)
        return facts._replace(unhashed=tuple(unhashed))

    def _refusal(
        self, wanted: str, reason: str, *, add: str = "", upgrade: str = ""
    ) -> NotLockedError:
        where = (
            "" if self.path == Path("dapi.lock").absolute() else f" --lock {quote(str(self.path))}"
        )
        remedy = f"To add it: dapi lock {add}{where}." if add else ""
        if upgrade:
            remedy = f"To accept the new one: dapi lock --upgrade {upgrade}{where}."
        return NotLockedError(wanted, lock=self.path, reason=reason, remedy=remedy)


def _is_name(text: str) -> bool:
    return ":" in text and "://" not in text and " " not in text
