"""Errors of the tools for publishers."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from dapi.exceptions import DapiError


class UnknownDistributionError(DapiError, LookupError):
    """No distribution with that name has entry points for dapi."""

    def __init__(self, name: str, *, available: Sequence[str]) -> None:
        self.name, self.available = name, tuple(available)
        near = get_close_matches(name, available, n=1)
        found = f"Did you mean {near[0]!r}?" if near else f"Available: {', '.join(available)}."
        super().__init__(
            f"{name!r} is not installed, or has no entry points of dapi. {found} "
            "To install a project in place: pip install -e ."
        )


class ConformanceError(DapiError, TypeError):
    """Conformance tests are declared in a way that would make them meaningless."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = where, problem, remedy
        super().__init__(f"{where} {problem}. {remedy}")


class BuilderArgumentsError(DapiError, TypeError):
    """A builder cannot be called with the arguments of its weights."""

    def __init__(self, builder: str, reason: str) -> None:
        self.builder, self.reason = builder, reason
        super().__init__(
            f"{builder} cannot be built: {reason}. Give the arguments that the weights fix: "
            "--config NAME=VALUE"
        )


class WrapError(DapiError, ValueError):
    """A class or a file of another distribution cannot be wrapped."""

    def __init__(self, subject: str, problem: str, remedy: str) -> None:
        self.subject, self.problem, self.remedy = subject, problem, remedy
        super().__init__(f"{subject} {problem}. {remedy}")


class ProjectNameError(DapiError, ValueError):
    """A name is not valid for a new distribution, or a new model."""

    def __init__(self, name: str, reason: str, what: str = "distribution") -> None:
        self.name, self.reason, self.what = name, reason, what
        expected = {
            "distribution": "letters, digits and hyphens, as in: dapi new acme-models",
            "model": "letters, digits and underscores, as in: plantnet_v2",
        }
        super().__init__(f"{name!r} cannot be a {what}'s name: {reason}. Expected {expected[what]}")


class ProjectExistsError(DapiError, FileExistsError):
    """There is something where a new project would be written."""

    def __init__(self, path: object) -> None:
        self.path = path
        super().__init__(
            f"{path} exists, and nothing is written over it. Choose another name, or remove it."
        )


class MissingProjectError(DapiError, FileNotFoundError):
    """The expected project does not exist."""

    def __init__(self, path: object, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(
            f"{path} {problem}. Expected the directory of a project. To begin one: dapi new NAME"
        )


class WheelError(DapiError, ValueError):
    """A file is not a wheel that can be tested."""

    def __init__(self, path: object, reason: str, remedy: str = "") -> None:
        self.path, self.reason = path, reason
        build = "To build one: pip wheel --no-deps --wheel-dir dist ."
        super().__init__(f"{path} {reason}. {remedy or build}")


class ImageError(DapiError, ValueError):
    """The image of a release cannot be read or written."""

    def __init__(self, source: object, reason: str, remedy: str) -> None:
        self.source, self.reason, self.remedy = str(source), reason, remedy
        super().__init__(f"{source} {reason}. {remedy}")


class RecordingError(DapiError, RuntimeError):
    """A distribution could not be recorded: its code crashed, exited, or did not end."""

    def __init__(self, distribution: str, reason: str, *, output: str = "") -> None:
        self.distribution, self.reason, self.output = distribution, reason, output
        said = f" Last output: {output}" if output else ""
        super().__init__(
            f"{distribution} could not be recorded: {reason}.{said} "
            "Nothing was written. To see which part of it fails: dapi doctor"
        )


class NoReleaseError(DapiError, LookupError):
    """No image of a release is kept where one was looked for."""

    def __init__(self, folder: object, wanted: str, *, available: Sequence[str]) -> None:
        self.folder, self.wanted, self.available = str(folder), wanted, tuple(available)
        kept = f"Available: {', '.join(available)}." if available else "It contains no images."
        super().__init__(
            f"{folder} has no image of {wanted}. {kept} To keep one at each release: "
            f"dapi snapshot DISTRIBUTION --output {folder}/VERSION.json.gz"
        )


class AllowanceError(DapiError, ValueError):
    """A project's allowance for a break is incomplete."""

    def __init__(self, path: object, problem: str) -> None:
        self.path, self.problem = str(path), problem
        super().__init__(
            f"{path}: [[tool.dapi.breaking.allow]] {problem}. Expected rule, target, reason, and "
            "until, a date as in 2027-03-01"
        )


class ConversionError(DapiError, ValueError):
    """The tensors of a file cannot be converted."""

    def __init__(self, path: object, reason: str) -> None:
        self.path, self.reason = str(path), reason
        super().__init__(
            f"{path} cannot be converted: {reason.rstrip('.')}. Nothing was written. "
            "To see what can be: dapi convert --help"
        )
