"""Errors of lookup: arguments, names, and the distributions that provide them."""

from __future__ import annotations

from collections.abc import Sequence

from dapi._text import counted
from dapi._text.urls import redact
from dapi.exceptions import DapiError, _alternatives, _suggest, _translate, excerpt, how_to_load

__name__ = "dapi.exceptions"  # of the classes: pickles and tracebacks name the public module


class ArgumentError(DapiError, TypeError, ValueError):
    """An argument has a type or a value that the function does not accept."""

    def __init__(self, function: str, argument: str, value: object, *, expected: str) -> None:
        self.function, self.argument, self.value = function, argument, value
        self.expected = expected
        super().__init__(
            f"{function} does not accept {argument}={excerpt(value)}. Expected {expected}."
        )


class InvalidNameError(DapiError, ValueError):
    """A name is not of the form ``[distribution/]builder[:[publisher/]member]``."""

    def __init__(self, name: object, *, equivalents: Sequence[str] = (), remedy: str = "") -> None:
        self.name, self.equivalents, self.remedy = name, tuple(equivalents), remedy
        if equivalents:
            text = _translate(name, equivalents)
        else:
            remedy = remedy or "To list all names: dapi list"
            text = (
                f"{excerpt(name)} is not a valid name of a model or of weights. Expected "
                "'[distribution/]builder[:[publisher/]member]', as in 'resnet50' or "
                f"'resnet50:ImageNet1K_RefV2'. {remedy}"
            )
        super().__init__(text)


class UnknownModelError(DapiError, LookupError):
    """No builder of that name is installed or registered.

    Attributes:
        name: The requested name.
        available: The names of all models.
        provider: The distribution that provides the model, if it is known but not installed.
        equivalents: The names in dapi, if another library uses this name.
    """

    def __init__(
        self,
        name: str,
        *,
        available: Sequence[str] = (),
        provider: str | None = None,
        equivalents: Sequence[str] = (),
    ) -> None:
        self.name, self.available, self.provider = name, tuple(available), provider
        self.equivalents = tuple(equivalents)
        if equivalents:
            text = _translate(name, equivalents)
        elif provider:
            text = (
                f"{name!r} is provided by {provider}, which is not installed. "
                f"To install it: pip install {provider}"
            )
        elif not available:
            text = (
                f"No model named {name!r}: no distribution with models is installed. "
                "To install one: pip install dapi-vision (or dapi-text, dapi-audio)"
            )
        else:
            found = _suggest(name, available)
            text = f"No model named {excerpt(name)}.{found} To list all: dapi list"
        super().__init__(text)


class RemovedModelError(UnknownModelError):
    """The distribution no longer provides the model; its tombstone has the reason."""

    def __init__(
        self,
        name: str,
        *,
        distribution: str,
        version: str,
        successor: str = "",
        last_version: str = "",
        reason: str = "",
    ) -> None:
        self.name, self.available, self.provider, self.equivalents = name, (), None, ()
        self.distribution, self.version = distribution, version
        self.successor, self.last_version, self.reason = successor, last_version, reason
        DapiError.__init__(self, _removal(self, name))


class DisabledModelError(UnknownModelError):
    """An environment variable disables the distribution that provides the model."""

    def __init__(self, name: str, *, distribution: str, variable: str) -> None:
        self.name, self.available, self.provider, self.equivalents = name, (), None, ()
        self.distribution, self.variable = distribution, variable
        remedy = (
            f"add it to {variable}, or unset {variable}"
            if variable == "DAPI_PLUGINS"
            else f"remove it from {variable}"
        )
        DapiError.__init__(
            self,
            f"{name!r} is provided by {distribution}, which {variable} disables. "
            f"To use it: {remedy}",
        )


class AmbiguousModelError(DapiError, LookupError):
    """Several distributions provide the name; dapi never chooses between them."""

    def __init__(self, name: str, *, candidates: Sequence[str]) -> None:
        self.name, self.candidates = name, tuple(candidates)
        givers = [each.rpartition("/")[0].rpartition(":")[2] for each in candidates]
        if len(set(givers)) > 1:
            fact = f"is provided by {counted(len(candidates), 'distribution')}"
            remedy = f"; or set DAPI_PREFER={givers[0]}"
        else:
            fact, remedy = f"matches {counted(len(candidates), 'set')} of weights", ""
        super().__init__(
            f"{name!r} {fact}. Use a qualified name: {_alternatives(candidates)}{remedy}"
        )


class DuplicateModelError(DapiError, ValueError):
    """One module registers two builders under one name."""

    def __init__(self, name: str, *, first: str, second: str) -> None:
        self.name, self.first, self.second = name, first, second
        super().__init__(
            f"Two builders are registered as {name!r}: {first} and {second}. "
            "Rename one of them, or pass register_model(name=...)."
        )


class UnknownWeightsError(DapiError, LookupError, AttributeError):
    """No weights of that name. Also an AttributeError: members are attributes of their enum."""

    def __init__(
        self, owner: str, member: str, *, available: Sequence[str], equivalents: Sequence[str] = ()
    ) -> None:
        self.owner, self.member, self.available = owner, member, tuple(available)
        self.equivalents = tuple(equivalents)
        if equivalents:
            found = f" It is called {' or '.join(equivalents)} in dapi."
        else:
            found = _suggest(member, available) or " It has none."
            found += f" {how_to_load(member)}".rstrip()
        super().__init__(f"{owner} has no weights named {excerpt(member)}.{found}")


class RemovedWeightsError(UnknownWeightsError):
    """The distribution no longer provides the weights; their tombstone has the reason."""

    def __init__(
        self,
        owner: str,
        member: str,
        *,
        distribution: str,
        version: str,
        successor: str = "",
        last_version: str = "",
        reason: str = "",
    ) -> None:
        self.owner, self.member, self.available, self.equivalents = owner, member, (), ()
        self.distribution, self.version = distribution, version
        self.successor, self.last_version, self.reason = successor, last_version, reason
        DapiError.__init__(self, _removal(self, f"{owner}:{member}"))


def _removal(error: RemovedModelError | RemovedWeightsError, name: str) -> str:
    """Describe a removed model or weights: by whom, why, and the replacement."""
    parts = [f"{error.distribution} {error.version} no longer provides {name!r}"]
    if error.reason:
        parts.append(error.reason.rstrip("."))
    if error.successor:
        parts.append(f"Use {error.successor!r} instead")
    if error.last_version:
        parts.append(f"To keep it: pip install '{error.distribution}=={error.last_version}'")
    return ". ".join(parts)


class UnknownFacetError(DapiError, LookupError):
    """A search for a task, dataset, license, ... that no weights have."""

    def __init__(self, facet: str, value: str, *, available: Sequence[str]) -> None:
        self.facet, self.value, self.available = facet, value, tuple(available)
        found = _suggest(value, available) or (
            f" None of the installed weights specify a {facet}. "
            "To install some: pip install dapi-vision (or dapi-text, dapi-audio)"
        )
        super().__init__(f"No weights have {facet}={excerpt(value)}.{found}")


class UnknownTaskError(DapiError, LookupError):
    """No distribution runs the task on files."""

    def __init__(self, weights: str, task: str | None, *, available: Sequence[str]) -> None:
        self.weights, self.task, self.available = weights, task, tuple(available)
        names = ", ".join(available) or "none"
        if task:
            fact = f"no installed distribution supports task {task!r}"
            remedy = (
                "To install more: pip install dapi-vision (or dapi-text, dapi-audio); to provide "
                "one: the entry-point group dapi.tasks"
            )
        else:
            fact = "their metadata states no task"
            remedy = "To state it in an entry: WeightEntry(..., meta={'task': TASK})"
        super().__init__(f"{weights} cannot be run: {fact}. Supported tasks: {names}. {remedy}")


class UnknownPluginError(DapiError, LookupError):
    """No installed distribution with that name has entry points for dapi."""

    def __init__(self, name: str, *, available: Sequence[str], variable: str = "") -> None:
        self.name, self.available, self.variable = name, tuple(available), variable
        found = _suggest(name, available) or " No installed distribution has any."
        where = f" (in {variable})" if variable else ""
        super().__init__(
            f"No distribution named {name!r}{where} has entry points for dapi.{found} "
            "To list all: dapi doctor"
        )


class AmbiguousExtensionError(DapiError, LookupError):
    """Several distributions provide one scheme, format, task or command."""

    def __init__(self, group: str, key: str, *, distributions: Sequence[str]) -> None:
        self.group, self.key, self.distributions = group, key, tuple(distributions)
        super().__init__(
            f"{key!r} of {group} is provided by {' and by '.join(distributions)}. "
            f"Set DAPI_PREFER={distributions[0]}, or keep one of them: "
            f"pip uninstall {distributions[-1]}"
        )


class PluginLoadError(DapiError, ImportError):
    """An entry point of a distribution cannot be imported."""

    def __init__(self, entry_point: str, *, distribution: str, cause: BaseException) -> None:
        self.entry_point, self.distribution = entry_point, distribution
        self.reason = redact(f"{type(cause).__name__}: {cause}")
        super().__init__(
            f"{distribution} could not be loaded: importing {entry_point} raised "
            f"{self.reason}. Other distributions are not affected. For details: "
            f"dapi doctor {distribution}; to remove it: pip uninstall {distribution}"
        )


class IncompatiblePluginError(PluginLoadError):
    """A distribution requires another dapi-core; it is not imported."""

    def __init__(
        self, distribution: str, *, version: str, requirement: str, installed: str
    ) -> None:
        self.entry_point, self.distribution, self.version = "", distribution, version
        self.requirement, self.installed = requirement, installed
        self.reason = f"it requires {requirement}, but dapi-core {installed} is installed"
        DapiError.__init__(
            self,
            f"{distribution} {version} requires {requirement}, but dapi-core {installed} is "
            "installed. Other distributions are not affected. "
            f"To fix it: pip install --upgrade {distribution} dapi-core",
        )


class MissingDependencyError(DapiError, ImportError):
    """An optional dependency is required but not installed.

    Attributes:
        what: The missing dependency, and its purpose.
        requirement: The requirement to install; empty if unknown.
    """

    def __init__(self, what: str, *, requirement: str) -> None:
        self.what, self.requirement = redact(what), requirement
        remedy = (
            f"To install it: pip install '{requirement}'"
            if requirement
            else "Ask the publisher which distribution provides it; others may have the same name."
        )
        super().__init__(f"{what}. {remedy}")
