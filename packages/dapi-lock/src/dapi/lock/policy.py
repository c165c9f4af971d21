"""Policy: which weights a project allows, by license, published hashes and lifecycle."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from dapi.lock.exceptions import LockError

_FORMS: Mapping[str, tuple[type, str]] = {
    "licenses": (list, "a list of SPDX expressions"),
    "require-hash": (bool, "true or false"),
    "require-signature": (bool, "true or false"),
    "allow-deprecated": (bool, "true or false"),
}


class Policy(NamedTuple):
    """``[tool.dapi.policy]`` of a pyproject.toml; a lock file contains a copy.

    Attributes:
        licenses: The SPDX expressions that are allowed; None allows every license. "unknown" is the
            license of entries without one.
        require_hash: Whether every file must have a full sha256 that its publisher declares.
        allow_deprecated: Whether deprecated weights may be used.
        require_signature: Whether the lock must be signed by a key that the machine trusts.
    """

    licenses: tuple[str, ...] | None = None
    require_hash: bool = False
    allow_deprecated: bool = True
    require_signature: bool = False

    @classmethod
    def from_table(cls, table: Any, where: object) -> Policy:
        """Read a policy from TOML; an unknown key is an error, as it would not be enforced.

        Raises:
            LockError: It has an invalid form.
        """
        if not isinstance(table, dict):
            raise LockError(where, "policy is not a table", "Write [tool.dapi.policy].")
        for key, value in table.items():
            expected, form = _FORMS.get(key, (None, ""))
            if expected is None:
                known = ", ".join(_FORMS)
                raise LockError(where, f"unknown key {key!r} in the policy", f"Keys are: {known}.")
            if not isinstance(value, expected):
                raise LockError(where, f"{key} = {value!r} in the policy", f"Expected {form}.")
        licenses = table.get("licenses")
        if licenses is not None and not all(isinstance(each, str) for each in licenses):
            raise LockError(where, "licenses in the policy", "Expected a list of SPDX expressions.")
        return cls(
            None if licenses is None else tuple(sorted(set(licenses))),
            bool(table.get("require-hash", False)),
            bool(table.get("allow-deprecated", True)),
            bool(table.get("require-signature", False)),
        )

    def as_table(self) -> dict[str, Any]:
        """Return the values that differ from the default, as TOML."""
        table: dict[str, Any] = {}
        if self.licenses is not None:
            table["licenses"] = list(self.licenses)
        if self.require_hash:
            table["require-hash"] = True
        if self.require_signature:
            table["require-signature"] = True
        if not self.allow_deprecated:
            table["allow-deprecated"] = False
        return table


class Facts(NamedTuple):
    """The facts of one set of weights for a policy.

    Attributes:
        weights: Their name.
        licenses: The license of the weights under ``""``, and those of other weights that they
            use (a vocoder) by the name of the asset.
        state: ``active``, ``deprecated`` or ``withdrawn``; the worst of all of them.
        unhashed: The names of the files whose publisher declares no full sha256.
    """

    weights: str
    licenses: Mapping[str, str]
    state: str
    unhashed: tuple[str, ...]


def violations(policy: Policy, facts: Facts) -> Iterator[str]:
    """Yield the violations of the policy, as sentences without a full stop."""
    here = _allowed_here()
    for asset, license_ in facts.licenses.items():
        whose = f"{asset} of {facts.weights}" if asset else facts.weights
        if policy.licenses is not None and not is_allowed(license_, policy.licenses):
            yield f"{whose} has the license {license_!r}"
        elif here is not None and not is_allowed(license_, here):
            yield f"{whose} has the license {license_!r}, which DAPI_LICENSES does not allow"
    if facts.state == "withdrawn" or (facts.state == "deprecated" and not policy.allow_deprecated):
        yield f"{facts.weights} is {facts.state}"
    if policy.require_hash and facts.unhashed:
        names = ", ".join(facts.unhashed)
        yield f"{facts.weights} has no published sha256 for {names}"


def spdx(license_: str) -> str:
    """Return a license in canonical SPDX form; other texts are returned unchanged.

    >>> spdx("apache-2.0"), spdx("llama3.1")
    ('Apache-2.0', 'llama3.1')
    """
    from license_expression import get_spdx_licensing

    try:
        return str(get_spdx_licensing().parse(license_, validate=True).render())
    except Exception:  # noqa: BLE001 - the parser may raise anything
        return license_


def is_spdx(license_: str) -> bool:
    """Whether a license is an SPDX expression in canonical form.

    >>> is_spdx("MIT OR Apache-2.0"), is_spdx("mit"), is_spdx("llama3.1")
    (True, False, False)
    """
    from license_expression import get_spdx_licensing

    try:
        return bool(get_spdx_licensing().parse(license_, validate=True).render() == license_)
    except Exception:  # noqa: BLE001 - the parser may raise anything
        return False


def _allowed_here() -> tuple[str, ...] | None:
    """Return the licenses that this machine allows, regardless of the project."""
    names = os.environ.get("DAPI_LICENSES", "").split(",")
    return tuple(filter(None, map(str.strip, names))) or None


@lru_cache(maxsize=1024)
def is_allowed(license_: str, allowed: tuple[str, ...]) -> bool:
    """Whether an SPDX expression is satisfied by licenses that are allowed.

    ``A OR B`` needs one of the two, ``A AND B`` both. Other texts are compared as a whole.

    >>> is_allowed("MIT OR GPL-3.0-only", ("MIT",)), is_allowed("MIT AND GPL-3.0-only", ("MIT",))
    (True, False)
    """
    if license_ in allowed:
        return True
    from license_expression import get_spdx_licensing  # reads the SPDX list

    licensing = get_spdx_licensing()

    def parse(text: str) -> Any:
        try:
            return licensing.parse(text)
        except Exception:  # noqa: BLE001 - the parser may raise anything
            return None

    good = {parsed.render().lower() for text in allowed if (parsed := parse(text)) is not None}

    def holds(expression: Any) -> bool:
        if expression.render().lower() in good:
            return True
        parts = [holds(part) for part in getattr(expression, "args", ())]
        return bool(parts) and (all if expression.operator.strip() == "AND" else any)(parts)

    expression = parse(license_)
    return expression is not None and holds(expression)
