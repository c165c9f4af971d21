"""Errors of building: arguments, declarations, and weights or assets that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from os import PathLike

from dapi._text.urls import redact
from dapi.exceptions import _LONGEST, DapiError, _suggest, excerpt, how_to_load

__name__ = "dapi.exceptions"  # of the classes: pickles and tracebacks name the public module


class InputError(DapiError, ValueError):
    """A model cannot process an input."""

    def __init__(self, source: str, reason: str, *, expected: str) -> None:
        self.source, self.reason, self.expected = source, reason, expected
        super().__init__(f"{source}: {reason}. Expected {expected}.")


class DeviceError(DapiError, ValueError):
    """A model cannot be moved to a device."""

    def __init__(self, device: str, *, reason: str) -> None:
        self.device, self.reason = device, reason
        super().__init__(
            f"The device {device!r} cannot be used: {reason.rstrip('.')}. "
            "Use an available device, as in 'cpu', 'cuda:0' or 'mps'."
        )


class WeightsTypeError(DapiError, TypeError):
    """The value of ``weights`` is not weights of this builder."""

    def __init__(
        self,
        builder: str,
        weights: object,
        *,
        expected: Sequence[str],
        owners: Sequence[str] = (),
        equivalents: Sequence[str] = (),
    ) -> None:
        self.builder, self.weights, self.expected = builder, weights, tuple(expected)
        self.owners, self.equivalents = tuple(owners), tuple(equivalents)
        whose = f", which are weights of {' and '.join(owners)}" if owners else ""
        kinds = [f"a member of {name}" for name in expected]
        text = (
            f"{builder} does not accept weights={_named(weights)}{whose}. "
            f"Expected {', '.join([*kinds, 'a WeightEntry'])}, or None."
        )
        if equivalents:
            text += f" In dapi: {' or '.join(equivalents)}: {builder}(weights={equivalents[0]})"
        elif how_to_load(weights):
            text += f" {how_to_load(weights)}"
        elif isinstance(weights, str) and _may_be_listed(builder):
            text += f" By name: dapi.get_model({builder!r}, weights={excerpt(weights)})"
        elif weights is True and _may_be_listed(builder):
            text += f" With the latest weights: dapi.get_model({builder!r})"
        super().__init__(text)


class ForeignWeightsError(DapiError, TypeError):
    """The weights require arguments that the builder does not have."""

    def __init__(self, builder: str, weights: str, *, arguments: Sequence[str]) -> None:
        self.builder, self.weights, self.arguments = builder, weights, tuple(arguments)
        super().__init__(
            f"{builder} does not accept {weights}: these weights require {', '.join(arguments)}, "
            f"which {builder} does not have. They belong to another builder."
            + (f" To list its weights: dapi show {builder}" if _may_be_listed(builder) else "")
        )


def _may_be_listed(builder: str) -> bool:
    """Whether a name can be used in a command: builders are in lower case, classes are not."""
    return builder.isidentifier() and builder == builder.lower()


def _named(weights: object) -> str:
    """Return the text of weights if it is short, else an excerpt."""
    text = str(weights) if isinstance(weights, Enum | PathLike | str) else ""
    return text if 0 < len(text) < _LONGEST else excerpt(weights)


class UnexpectedArgumentError(DapiError, TypeError):
    """A builder does not have the argument, which may be misspelt.

    Attributes:
        builder: The name of the builder.
        argument: The unexpected argument.
        available: The builder's own arguments.
        constructor: The class that receives other arguments and refused this one; may be empty.
    """

    def __init__(
        self, builder: str, argument: str, *, available: Sequence[str], constructor: str = ""
    ) -> None:
        self.builder, self.argument, self.available = builder, argument, tuple(available)
        self.constructor = constructor
        found = _suggest(argument, available)
        if argument == "pretrained":
            found = (
                f" Pass pretrained weights by name: {builder}(weights=...), or use the latest: "
                f"dapi.get_model({builder!r}); weights=None initializes the model randomly."
            )
        elif constructor:
            found += f" Other arguments are passed to {constructor}."
        super().__init__(f"{builder}() has no argument {argument!r}.{found}")


class PositionalArgumentError(DapiError, TypeError):
    """A builder takes its arguments by keyword only."""

    def __init__(self, builder: str, given: str, *, parameters: Sequence[str]) -> None:
        self.builder, self.given, self.parameters = builder, given, tuple(parameters)
        super().__init__(
            f"{builder}({given}) passes arguments by position; use keywords, as in "
            f"{builder}(weights=...). Its arguments: {', '.join(parameters)}. To list its weights: "
            f"dapi show {builder}"
        )


class LegacyConflictError(DapiError, TypeError):
    """A deprecated argument was passed together with its replacement."""

    def __init__(self, builder: str, argument: str, *, parameter: str) -> None:
        self.builder, self.argument, self.parameter = builder, argument, parameter
        super().__init__(
            f"{builder}() got both {argument}= and {parameter}=, which mean the same. "
            f"Remove {argument}=, which is deprecated."
        )


class ConfigConflictError(DapiError, ValueError):
    """An argument contradicts what the weights were trained with."""

    def __init__(
        self,
        weights: str,
        argument: str,
        *,
        given: object,
        fixed: object,
        head: Sequence[str] = (),
        stem: Sequence[str] = (),
    ) -> None:
        self.weights, self.argument, self.given, self.fixed = weights, argument, given, fixed
        self.head, self.stem = tuple(head), tuple(stem)
        # Named with its value: the other one may be the builder's default, which nobody passed.
        ways = [f"Pass {argument}={excerpt(fixed)}", "weights=None"]
        if head:
            ways.append(f"add new_head=True to initialize a new {', '.join(head)}")
        if stem:
            ways.append(
                f"add new_stem=True to initialize a new {', '.join(stem)} (or new_stem='adapt' to "
                "fit its filters to the channels)"
            )
        super().__init__(
            f"{argument}={excerpt(given)} contradicts {weights}, whose weights have "
            f"{argument}={excerpt(fixed)}. {', '.join(ways[:-1])}, or {ways[-1]}."
        )


class UnreadOverrideError(DapiError, RuntimeError):
    """No constructor read an override of the weights."""

    def __init__(self, weights: str, *, target: str, parameters: Sequence[str]) -> None:
        self.weights, self.target, self.parameters = weights, target, tuple(parameters)
        super().__init__(
            f"{weights} requires {', '.join(parameters)} to be overridden in {target}, but no "
            "constructor read the override: the class was renamed, or no longer calls "
            "ContextParams.get. The model would not behave as these weights require. "
            f"Maintainers: make {target} call ContextParams.get again, or publish a new builder."
        )


class BuilderError(DapiError, RuntimeError):
    """A builder, or a task's predictor, raised an error."""

    def __init__(self, builder: str, *, distribution: str, cause: BaseException) -> None:
        self.builder, self.distribution = builder, distribution
        first_line = str(cause).strip().partition("\n")[0]
        self.reason = redact(f"{type(cause).__name__}: {first_line}".rstrip(".: "))
        super().__init__(
            f"{builder!r} of {distribution} cannot be used: {self.reason}. For details: "
            f"dapi doctor {distribution}"
        )


class WeightsDeclarationError(DapiError, TypeError):
    """The declaration of an entry, or of an enum of weights, is invalid."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = redact(where), redact(problem), remedy
        super().__init__(f"{where} {problem}. {remedy}")


class NoWeightsError(DapiError, LookupError):
    """Weights are required, but there are none."""

    def __init__(self, subject: str, remedy: str) -> None:
        self.subject, self.remedy = subject, remedy
        super().__init__(f"{subject}. {remedy}")


class WithdrawnWeightsError(DapiError, ValueError):
    """The publisher withdrew the weights."""

    def __init__(self, weights: str, *, reason: str, replacement: str | None) -> None:
        self.weights, self.reason, self.replacement = weights, reason, replacement
        instead = f"Use {replacement} instead. " if replacement else ""
        super().__init__(
            f"{weights} was withdrawn: {reason or 'no reason was given'}. {instead}To load it "
            "anyway: weights=dataclasses.replace(member.value, status=dapi.Status())"
        )


class LicenseError(DapiError, ValueError):
    """The weights, or other weights that they use, have a license that is not allowed here.

    Attributes:
        weights: The weights.
        asset: The asset that has the license; empty if it is the weights' own.
        license: An SPDX expression, or "unknown".
        allowed: What ``DAPI_LICENSES`` names.
    """

    def __init__(
        self,
        weights: str,
        *,
        asset: str,
        license: str,  # noqa: A002  # the key in the metadata
        allowed: Sequence[str],
    ) -> None:
        self.weights, self.asset, self.license = redact(weights), asset, license
        self.allowed = tuple(allowed)
        whose = f"{asset} of {self.weights}" if asset else self.weights
        super().__init__(
            f"{whose} has the license {excerpt(license)}, but DAPI_LICENSES allows only "
            f"{', '.join(self.allowed)}. To find others: dapi search --allow-license LICENSE. If "
            "you may use these, add their license to DAPI_LICENSES."
        )


class NotLockedError(DapiError, LookupError):
    """Weights, or a file, are not in the lock of this process.

    Attributes:
        wanted: The requested weights or file.
        lock: The path of the lock file.
        reason: Why the lock refuses it.
        remedy: The command that adds it, as a sentence; empty if there is none.
    """

    def __init__(self, wanted: str, *, lock: object, reason: str, remedy: str = "") -> None:
        self.wanted, self.lock, self.reason = redact(wanted), lock, redact(reason)
        self.remedy = remedy
        advice = f"{remedy} " if remedy else ""
        super().__init__(
            f"{wanted} is refused by {lock}: {reason}. {advice}To build without the lock: unset "
            "DAPI_LOCK, or with dapi.use_lock(None): ..."
        )


class AnswersError(DapiError, ValueError):
    """The answers of a distribution cannot be read, or must not be replaced."""

    def __init__(self, source: object, reason: str, remedy: str) -> None:
        self.source, self.reason, self.remedy = str(source), reason, remedy
        super().__init__(f"The answers of {source} cannot be used: {reason}. {remedy}")


class AssetError(DapiError, ValueError):
    """A file that belongs to weights, such as a vocabulary, cannot be used."""

    def __init__(self, path: object, *, name: str, reason: str) -> None:
        self.path, self.name, self.reason = path, name, reason
        super().__init__(f"{name} cannot be used: {reason} (file: {path}).")
