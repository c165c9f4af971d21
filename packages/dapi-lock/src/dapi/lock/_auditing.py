"""Audit: licenses, hashes, lifecycle and signature of locked weights, checked by the policy."""

from __future__ import annotations

from typing import Any

from dapi import Weights
from dapi.lock import _declared
from dapi.lock.document import Lock, LockedWeights
from dapi.lock.policy import Policy, violations


def audit(lock: Lock, policy: Policy, *, signature: str) -> list[dict[str, Any]]:
    """Return a row for each set of locked weights.

    Its ``lifecycle`` is the current one of the installed distribution, or ``not installed``;
    ``violations`` are the policy's sentences about the locked and the declared facts.

    Args:
        lock: The lock.
        policy: The policy.
        signature: The state of the lock's signature, which is that of all of its weights.
    """
    return [_row(weights, policy, signature) for weights in lock.weights]


def _row(weights: LockedWeights, policy: Policy, signature: str) -> dict[str, Any]:
    declared = None if weights.is_source else _declared.today(weights.name)
    found = dict.fromkeys(violations(policy, weights.facts))
    if declared is not None:
        today = _declared.facts_of(declared, weights.name)._replace(unhashed=())
        found.update(dict.fromkeys(violations(policy, today)))
    if policy.require_signature and signature != "valid":
        found[f"{weights.name} is in a lock whose signature is {signature}"] = None
    licenses = {license_ for license_ in weights.facts.licenses.values() if license_}
    return {
        "weights": weights.name,
        "license": ", ".join(sorted(licenses)),
        "hashes": "fetched" if weights.facts.unhashed else "published",
        "lifecycle": "" if weights.is_source else _lifecycle(declared),
        "signature": signature,
        "version": weights.revision or f"{weights.distribution} {weights.version}".strip(),
        "violations": list(found),
    }


def _lifecycle(weights: Weights | None) -> str:
    if weights is None:
        return "not installed"
    state = _declared.state_of(weights)
    later = [m for m in type(weights) if m.latest and m.dataset == weights.dataset]
    if state == "active" and later and not weights.latest:
        return f"superseded by {later[0]}"
    replacement = weights.status.replacement
    return f"{state}, replaced by {replacement}" if replacement else state
