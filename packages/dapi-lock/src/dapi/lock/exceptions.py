"""Errors of dapi-lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dapi.catalog import counted
from dapi.exceptions import DapiError, DapiWarning

# The maximum number of items in a message.
_SHOWN = 5


class LockError(DapiError, ValueError):
    """A lock file, or the pyproject.toml beside it, cannot be used.

    Attributes:
        path: The file.
        reason: The problem.
    """

    def __init__(self, path: object, reason: str, remedy: str) -> None:
        self.path, self.reason, self.remedy = path, reason, remedy
        super().__init__(f"{path}: {reason}. {remedy}")


class MissingLockError(DapiError, FileNotFoundError):
    """The expected lock file does not exist."""

    def __init__(self, path: object) -> None:
        self.path = path
        super().__init__(f"{path}: there is no such lock file. To write one: dapi lock NAME ...")


class StaleLockError(LockError):
    """The lock does not match the pyproject.toml beside it."""

    def __init__(self, path: object, changes: Sequence[str]) -> None:
        self.changes = tuple(changes)
        super().__init__(
            path,
            f"it does not match pyproject.toml ({'; '.join(changes)})",
            "To update it: dapi lock; to use it as it is: --frozen",
        )


class ListedError(DapiError):
    """An error with several items, which lists all of them.

    Attributes:
        summary: The problem, as a sentence.
        items: Each of them; the message shows the first five, the commands show all.
        remedy: The remedy, as a sentence.
    """

    def __init__(self, summary: str, items: Sequence[str], remedy: str) -> None:
        self.summary, self.items, self.remedy = summary, tuple(items), remedy
        shown = [item.rstrip(".") for item in items[:_SHOWN]]
        if len(items) > _SHOWN:
            shown.append(f"and {len(items) - _SHOWN} more")
        super().__init__(f"{summary} {'; '.join(shown)}. {remedy}".rstrip())


class UnlockableError(ListedError, ValueError):
    """Some of the requested weights cannot be locked; nothing was written.

    Attributes:
        failures: The reasons, by request.
    """

    def __init__(self, failures: Mapping[str, str]) -> None:
        self.failures = dict(failures)
        items = [f"[{name}] {reason}" for name, reason in failures.items()]
        summary = "Some of the requested weights cannot be locked, and nothing was written."
        super().__init__(summary, items, "To list the available weights: dapi search")


class UnhashedError(ListedError, LookupError):
    """Files have no published sha256 or size, and may not be downloaded to compute them."""

    def __init__(self, files: Sequence[str]) -> None:
        self.files = tuple(files)
        super().__init__(
            "Some files have no published full sha256, or no published size.",
            files,
            "To download them once and hash them: dapi lock without --no-fetch",
        )


class PolicyError(ListedError, ValueError):
    """The policy of the project, or of the lock, does not allow some weights.

    Attributes:
        violations: The weights with reasons, as sentences.
    """

    def __init__(self, violations: Sequence[str]) -> None:
        self.violations = tuple(violations)
        super().__init__(
            "[tool.dapi.policy], or DAPI_LICENSES, does not allow some weights.",
            violations,
            "Choose other weights, or change the policy and run: dapi lock",
        )


class SyncError(ListedError, OSError):
    """Files that the lock names are missing and could not be downloaded.

    Attributes:
        failures: The reasons, by file.
    """

    def __init__(self, failures: Mapping[str, str], *, remedy: str) -> None:
        self.failures = dict(failures)
        count = f"{len(failures)} {'file is' if len(failures) == 1 else 'files are'}"
        items = [f"{name}: {reason}" for name, reason in failures.items()]
        super().__init__(f"{count} missing.", items, remedy)


class BundleError(DapiError, ValueError):
    """A bundle is damaged, incomplete, or has forbidden content."""

    def __init__(self, path: object, reason: str, *, remedy: str = "") -> None:
        self.path, self.reason = path, reason
        advice = remedy or "Write it again: dapi bundle dapi.lock -o FILE"
        super().__init__(f"{path}: {reason}. {advice}")


class KeyFileError(DapiError, ValueError):
    """A file is not a key that signs or verifies locks.

    Attributes:
        path: The file.
        reason: The problem.
        remedy: The remedy, as a sentence.
    """

    def __init__(self, path: object, reason: str, remedy: str) -> None:
        self.path, self.reason, self.remedy = path, reason, remedy
        super().__init__(f"{path}: {reason}. {remedy}")


class SignatureError(DapiError, ValueError):
    """A signature is missing, not valid, or belongs to another lock.

    Attributes:
        path: The file of the signature.
        reason: The problem.
        remedy: The remedy, as a sentence.
    """

    def __init__(self, path: object, reason: str, remedy: str = "") -> None:
        self.path, self.reason = path, reason
        self.remedy = remedy or "To sign the lock, once it is right: dapi sign dapi.lock --key KEY"
        super().__init__(f"{path}: {reason}. {self.remedy}")


class AdapterError(DapiError, ValueError):
    """An adapter of PEFT cannot be saved, or does not belong to a model.

    Attributes:
        path: The directory of the adapter.
        reason: The problem.
        remedy: The remedy, as a sentence.
    """

    def __init__(self, path: object, reason: str, remedy: str) -> None:
        self.path, self.reason, self.remedy = path, reason, remedy
        super().__init__(f"The adapter {path}: {reason}. {remedy}")


class AdapterBaseError(AdapterError):
    """An adapter of PEFT was trained on another model.

    Attributes:
        base: The weights of the model that it was trained on, as far as they have a name.
        differing: The keys of the tensors that differ.
    """

    def __init__(
        self, path: object, *, base: str, differing: Sequence[str], total: int, remedy: str
    ) -> None:
        self.base, self.differing = base, tuple(differing)
        more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
        super().__init__(
            path,
            f"it was trained on {base or 'a model without a name'}, and {len(differing)} of "
            f"this model's {counted(total, 'tensor')} differ ({', '.join(differing[:3])}{more})",
            remedy,
        )


class UnchangedModelWarning(DapiWarning):
    """An adapter of PEFT changes nothing: the model computes what it computes without it."""
