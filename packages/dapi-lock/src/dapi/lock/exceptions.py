"""What dapi-lock raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dapi.exceptions import DapiError


class LockError(DapiError, ValueError):
    """A lock file, or the pyproject.toml beside it, cannot be used.

    Attributes:
        path: The file.
        reason: What is wrong with it.
    """

    def __init__(self, path: object, reason: str, remedy: str) -> None:
        self.path, self.reason, self.remedy = path, reason, remedy
        super().__init__(f"{path}: {reason}. {remedy}")


class MissingLockError(LockError, FileNotFoundError):
    """There is no lock file where one was expected."""

    def __init__(self, path: object) -> None:
        super().__init__(path, "there is no such lock file", "To write one: dapi lock NAME ...")


class StaleLockError(LockError):
    """The lock does not match the pyproject.toml beside it."""

    def __init__(self, path: object, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        super().__init__(
            path,
            f"it does not match pyproject.toml ({'; '.join(changes)})",
            "To update it: dapi lock; to use it as it is: --frozen",
        )


class UnlockableError(DapiError, ValueError):
    """Some of the requested weights cannot be locked; nothing was written.

    Attributes:
        failures: Why, by what was requested.
    """

    def __init__(self, failures: Mapping[str, str]) -> None:
        self.failures = dict(failures)
        told = " ".join(f"[{name}] {reason}" for name, reason in failures.items())
        count = f"{len(failures)} of the requested weights"
        super().__init__(f"{count} cannot be locked, and nothing was written. {told}")


class UnhashedError(DapiError, LookupError):
    """Files have no published sha256 or size, and they may not be downloaded to compute them."""

    def __init__(self, files: Sequence[str]) -> None:
        self.files = tuple(files)
        super().__init__(
            f"These files have no published full sha256, or no published size: {', '.join(files)}. "
            "To download them once and hash them: dapi lock without --no-fetch"
        )


class PolicyError(DapiError, ValueError):
    """The policy of the project, or of the lock, does not allow some weights.

    Attributes:
        violations: Which weights, and why, as sentences.
    """

    def __init__(self, violations: Sequence[str]) -> None:
        self.violations = tuple(violations)
        super().__init__(
            f"[tool.dapi.policy] does not allow: {'; '.join(violations)}. "
            "Choose other weights, or change the policy and run: dapi lock"
        )


class SyncError(DapiError, OSError):
    """Files that the lock names are missing and could not be downloaded.

    Attributes:
        failures: Why, by the file.
    """

    def __init__(self, failures: Mapping[str, str], *, remedy: str) -> None:
        self.failures, self.remedy = dict(failures), remedy
        told = "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in failures.items())
        count = f"{len(failures)} {'file is' if len(failures) == 1 else 'files are'}"
        super().__init__(f"{count} missing: {told}. {remedy}")


class BundleError(DapiError, ValueError):
    """A bundle is damaged, incomplete, or holds something that a bundle must not hold."""

    def __init__(self, path: object, reason: str, *, remedy: str = "") -> None:
        self.path, self.reason = path, reason
        advice = remedy or "Write it again: dapi bundle dapi.lock -o FILE"
        super().__init__(f"{path}: {reason}. {advice}")
