"""Errors of files: checkpoints, saved models, the cache, and downloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dapi._text import counted
from dapi._text.untrusted import printable
from dapi._text.urls import redact, redacted
from dapi.exceptions import DapiError

__name__ = "dapi.exceptions"  # of the classes: pickles and tracebacks name the public module


class StateDictMismatchError(DapiError, RuntimeError):
    """The keys, shapes or types of a state dict do not match the model."""

    def __init__(
        self,
        source: str,
        *,
        missing: Sequence[str] = (),
        unexpected: Sequence[str] = (),
        shapes: Mapping[str, tuple[Sequence[int], Sequence[int]]] | None = None,
        dtypes: Mapping[str, tuple[str, str]] | None = None,
        reason: str = "",
        path: object = None,
        head: Sequence[str] = (),
    ) -> None:
        self.source, self.missing, self.unexpected = source, tuple(missing), tuple(unexpected)
        self.head = tuple(head)
        self.shapes, self.dtypes, self.path = dict(shapes or {}), dict(dtypes or {}), path
        parts = [
            f"{source} does not match the model{f' (file: {path})' if path else ''}.",
            f"{reason}." if reason else "",
            _keys(missing, "missing"),
            f"Add new_head=True to initialize a new {', '.join(head)}." if head else "",
            _keys(unexpected, "unexpected"),
            _prefixes(missing, unexpected) or _renames(missing, unexpected),
            *_differences({key: map(tuple, both) for key, both in self.shapes.items()}),
            *_differences(self.dtypes),
            "Check that the weights belong to this builder and its arguments; to map keys that "
            "were renamed: Build(adapt=...).",
        ]
        super().__init__(" ".join(filter(None, parts)))


def _keys(keys: Sequence[str], what: str, shown: int = 5) -> str:
    """Return how many keys are missing or unexpected, and the first of them."""
    if not keys:
        return ""
    rest = f", and {len(keys) - shown} more" if len(keys) > shown else ""
    count = counted(len(keys), "key is", "keys are")
    return f"{count} {what}: {', '.join(keys[:shown])}{rest}."


def _differences(both: Mapping[str, Iterable[object]]) -> list[str]:
    return [
        f"{key} is {found} in the file and {wanted} in the model."
        for key, (found, wanted) in list(both.items())[:3]
    ]


def _prefixes(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """Return the step for a prefix that all unexpected keys have, and the missing ones lack."""
    wanted = missing[0] if missing else ""
    for key in unexpected if wanted else ():
        prefix = key.removesuffix(wanted)
        if key != prefix and prefix.endswith(".") and all(k.startswith(prefix) for k in unexpected):
            return f"To remove their prefix: add StripPrefix({prefix!r}) to Build(adapt=...)."
    return ""


def _renames(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    from dapi._text.similar import KEY, nearest

    near = ((key, nearest(key, missing, count=1, cutoff=KEY)) for key in unexpected[:3])
    return " ".join(f"Was {match[0]} renamed to {key}?" for key, match in near if match)


class MissingFileError(DapiError, FileNotFoundError):
    """A local checkpoint does not exist."""

    def __init__(self, path: object) -> None:
        self.path = path
        super().__init__(
            f"The file {path} does not exist. Expected the path of a .safetensors or .pth "
            "checkpoint; for a URL: dapi.WeightEntry(url); for a name: dapi.get_model(name)"
        )


class MissingDirectoryError(DapiError, FileNotFoundError):
    """The directory of a file to write does not exist."""

    def __init__(self, path: object) -> None:
        self.path = path
        super().__init__(f"The directory {path} does not exist. Create it first: mkdir -p {path}")


class CheckpointError(DapiError, ValueError):
    """A file cannot be read as a checkpoint."""

    def __init__(self, path: object, *, source: str, reason: str) -> None:
        self.path, self.source, self.reason = path, redact(source), reason
        super().__init__(
            f"{source} cannot be read as a checkpoint: {reason} (file: {path}). Expected "
            "safetensors, or a .pth file that contains only tensors."
        )


class NestedCheckpointError(CheckpointError):
    """A file has its tensors under a key, or other values beside them.

    Attributes:
        tensors: The number of tensors under each path of keys that holds some; the empty path is
            the top of the file. The path with most tensors is first.
        others: The type of each other value, by its key.
        keys: The path of the remedy: ``Build(adapt=Take(*keys))``.
    """

    def __init__(
        self,
        path: object,
        *,
        source: str,
        tensors: Mapping[tuple[str, ...], int],
        others: Mapping[str, str],
    ) -> None:
        self.path, self.source = path, redact(source)
        self.tensors, self.others = dict(tensors), dict(others)
        self.keys = next(iter(self.tensors))
        self.reason = _nesting(self.tensors, self.others)
        takes = [f"Take({', '.join(map(repr, keys))})" for keys in list(self.tensors)[:3]]
        DapiError.__init__(
            self,
            f"{source} is not a state dict alone: {self.reason} (file: {path}). To take these "
            f"tensors: Build(adapt={takes[0]}){''.join(f', or {each}' for each in takes[1:])}",
        )


def _nesting(tensors: Mapping[tuple[str, ...], int], others: Mapping[str, str]) -> str:
    """Describe the keys of a file that hold tensors, and the other values."""
    parts = [
        f"its key {''.join(f'[{key!r}]' for key in keys) if len(keys) > 1 else repr(keys[0])} "
        f"holds {counted(count, 'tensor')}"
        if keys
        else f"it holds {counted(count, 'tensor')} at its top"
        for keys, count in list(tensors.items())[:3]
    ]
    rest = [f"{len(tensors) - 3} more such keys"] if len(tensors) > 3 else []
    named = [f"{key} ({kind})" for key, kind in list(others.items())[:5]]
    rest += [*named, f"{len(others) - 5} more"] if len(others) > 5 else named
    return ", ".join(parts) + (f"; also {', '.join(rest)}" if rest else "")


class UnreadableFileError(DapiError, OSError):
    """A file could not be read because of memory, the disk or torch, not of its content."""

    def __init__(self, path: object, *, source: str, reason: str) -> None:
        self.path, self.source, self.reason = path, source, reason
        super().__init__(
            f"{source} could not be read on this machine: {reason} (file: {path}). The file is "
            "kept. Check the free memory, the disk, and the version of torch, then try again."
        )


class SavingError(DapiError, TypeError):
    """A model cannot be saved in a way that it could be built again."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject, self.reason = subject, reason
        super().__init__(
            f"This {subject} cannot be saved: {reason}. To save only its tensors: "
            "torch.save(model.state_dict(), path)"
        )


class RebuildError(DapiError, RuntimeError):
    """A saved model cannot be built again."""

    def __init__(
        self,
        path: object,
        *,
        reason: str,
        remedy: str = "Its tensors can still be read: safetensors.torch.load_file(path)",
    ) -> None:
        self.path, self.reason, self.remedy = path, reason, remedy
        super().__init__(
            f"{path} cannot be loaded as a saved model: {reason.rstrip('.')}. {remedy}".rstrip()
        )


class HashMismatchError(DapiError, ValueError):
    """The bytes do not match the published hash; a downloaded file was discarded."""

    def __init__(self, source: str, *, expected: str, found: str, held_for: str = "") -> None:
        self.source, self.expected, self.found = redact(source), expected, found
        why = "was trusted when it was first loaded" if held_for else "was published"
        if held_for:
            from shlex import quote

            held_for = quote(redact(held_for))
            remedy = f"If its publisher replaced it: dapi trust --forget {held_for}"
        elif "://" in source:
            remedy = (
                "The file was replaced, or damaged in transit: try again, or use another mirror; "
                "if the error persists, report it to the publisher."
            )
        else:
            remedy = (
                "The file changed after its entry was written: reinstall its distribution, or "
                "create a new entry for your own file: dapi.WeightEntry.from_file(path)"
            )
        super().__init__(f"{source} has sha256 {found}, but {expected} {why}. {remedy}")


class PlaceholderError(HashMismatchError):
    """A Git LFS or git-annex pointer, or a web page, is in place of the file."""

    def __init__(self, path: object, *, kind: str, remedy: str, expected: str, found: str) -> None:
        self.source, self.expected, self.found = str(path), expected, found
        self.kind, self.remedy = kind, remedy
        DapiError.__init__(
            self,
            f"{path} is {kind}, not the file itself (sha256 {expected or 'unknown'}). {remedy}. "
            "If a distribution installed it, that release was built without its files: install "
            "another release.",
        )


class CacheError(DapiError, OSError):
    """The cache directory cannot be read or written."""

    def __init__(self, path: object, *, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"The cache at {path} cannot be used: {reason}. Free up disk space, fix its "
            "permissions, or set DAPI_CACHE to a writable directory."
        )


class FetchError(DapiError, OSError):
    """A file could not be downloaded from any of its URLs.

    Attributes:
        wanted: The weights, or the purpose of the file.
        failures: The reason for each URL; URLs without passwords and queries.
        remedy: The remedy, as a sentence; empty if the network may be the cause.
    """

    def __init__(self, wanted: str, *, failures: Mapping[str, str], remedy: str = "") -> None:
        wanted = redact(printable(wanted))
        self.wanted, self.failures, self.remedy = wanted, _without_secrets(failures), remedy
        tried = "; ".join(f"{url}: {reason}" for url, reason in self.failures.items())
        advice = remedy or "Check the network and the proxy settings, then try again."
        super().__init__(f"{wanted} could not be downloaded. Tried {tried}. {advice}")


def _without_secrets(failures: Mapping[str, str]) -> dict[str, str]:
    """Redact URLs; join the reasons of those that are then equal."""
    found: dict[str, str] = {}
    for url, reason in failures.items():
        shown = redacted(url)
        found[shown] = "; ".join(filter(None, (found.get(shown), redact(printable(reason)))))
    return found


class OfflineError(FetchError):
    """``DAPI_OFFLINE`` is set, and the file is missing or damaged in the cache."""

    def __init__(
        self,
        wanted: str,
        *,
        url: str,
        sha256: str | None,
        path: object,
        is_damaged: bool = False,
    ) -> None:
        wanted, url = redact(printable(wanted)), redacted(url)
        self.url, self.sha256, self.path, self.is_damaged = url, sha256, path, is_damaged
        has_name = ":" in wanted and "://" not in wanted and " " not in wanted
        ask = f"dapi fetch {wanted}" if has_name else "call weights.fetch()"
        what = f"is not in the cache ({path})"
        if is_damaged:
            what = f"is in the cache, but damaged ({path})"
        DapiError.__init__(
            self,
            f"{wanted} {what}, and DAPI_OFFLINE prevents downloading {url} "
            f"(sha256 {sha256 or 'not published'}). While online: "
            f"{ask}; with a copy of the file: dapi cache add FILE",
        )
        self.wanted, self.failures, self.remedy = wanted, {url: "DAPI_OFFLINE is set"}, ""


class MissingHashError(FetchError):
    """A full published sha256 is required, but some files have none."""

    def __init__(self, wanted: str, *, files: Iterable[str]) -> None:
        self.wanted, self.remedy = redact(wanted), ""
        self.failures = _without_secrets(dict.fromkeys(files, "it has no full sha256"))
        DapiError.__init__(
            self,
            f"{wanted} was not fetched: no full sha256 is published for "
            f"{', '.join(self.failures)}. Choose other weights, or omit --require-hash.",
        )
