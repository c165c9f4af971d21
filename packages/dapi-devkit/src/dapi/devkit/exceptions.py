"""What the tools of publishers raise."""

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
    """Conformance tests are declared in a way that would make them say nothing."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = where, problem, remedy
        super().__init__(f"{where} {problem}. {remedy}")


class BuilderArgumentsError(DapiError, TypeError):
    """A builder cannot be called with what its weights say of its arguments."""

    def __init__(self, builder: str, reason: str) -> None:
        self.builder, self.reason = builder, reason
        super().__init__(
            f"{builder} cannot be built: {reason}. Give the arguments that the weights fix: "
            "--config NAME=VALUE"
        )


class ProjectNameError(DapiError, ValueError):
    """A name cannot be that of a new distribution, or of a new model."""

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
    """There is no project where one was said to be."""

    def __init__(self, path: object, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(
            f"{path} {problem}. Expected the folder of a project. To begin one: dapi new NAME"
        )


class WheelError(DapiError, ValueError):
    """A file is not a wheel that can be tested."""

    def __init__(self, path: object, reason: str, remedy: str = "") -> None:
        self.path, self.reason = path, reason
        build = "To build one: pip wheel --no-deps --wheel-dir dist ."
        super().__init__(f"{path} {reason}. {remedy or build}")
