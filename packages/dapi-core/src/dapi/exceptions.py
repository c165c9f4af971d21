"""All errors and warnings of dapi.

Each error is a ``DapiError`` and also the builtin that a caller would catch. Its attributes are the
facts; its text states the fact, then the expected or available values, then the remedy::

    DapiError
    ├── InvalidNameError          (ValueError)      not of the grammar of names
    ├── UnknownModelError         (LookupError)     no builder with that name
    │   ├── RemovedModelError                       the model was removed: see its tombstone
    │   └── DisabledModelError                      an environment variable disables it
    ├── UnknownPluginError        (LookupError)     no distribution with that name has models
    ├── AmbiguousModelError       (LookupError)     several distributions provide the name
    ├── AmbiguousExtensionError   (LookupError)     several distributions provide an extension
    ├── DuplicateModelError       (ValueError)      a module registers a name twice
    ├── UnknownWeightsError       (LookupError, AttributeError)  no such member
    │   └── RemovedWeightsError                     they were removed: see their tombstone
    ├── UnknownFacetError         (LookupError)     a search for a value that no weights have
    ├── UnknownTaskError          (LookupError)     no distribution runs the task on files
    ├── ArgumentError             (TypeError, ValueError)  an argument of the wrong kind
    ├── InputError                (ValueError)      a file or text that the model cannot process
    ├── AnswersError              (ValueError)      answers that cannot be read, or replaced
    ├── DeviceError               (ValueError)      a device that is not available
    ├── WeightsTypeError          (TypeError)       not weights of this builder
    ├── ForeignWeightsError       (TypeError)       weights for another builder
    ├── WeightsDeclarationError   (TypeError)       an invalid declaration of an entry or enum
    ├── NotLockedError            (LookupError)     not in the lock of this process
    ├── WithdrawnWeightsError     (ValueError)      the publisher withdrew the weights
    ├── LicenseError              (ValueError)      DAPI_LICENSES does not allow the licence
    ├── NoWeightsError            (LookupError)     weights are required
    ├── UnexpectedArgumentError   (TypeError)       a misspelt or unknown argument of a builder
    ├── PositionalArgumentError   (TypeError)       an argument by position
    ├── LegacyConflictError       (TypeError)       a deprecated argument beside its replacement
    ├── ConfigConflictError       (ValueError)      an argument contradicts the weights
    ├── UnreadOverrideError       (RuntimeError)    no constructor read an override
    ├── StateDictMismatchError    (RuntimeError)    keys or shapes that do not match the model
    ├── MissingFileError          (FileNotFoundError)  no such local checkpoint
    ├── MissingDirectoryError     (FileNotFoundError)  no such directory to write to
    ├── CheckpointError           (ValueError)      the file is not a readable checkpoint
    │   └── NestedCheckpointError                   its tensors are under a key, or beside others
    ├── AssetError                (ValueError)      an unusable tokenizer or vocabulary
    ├── UnreadableFileError       (OSError)         this machine cannot read the checkpoint
    ├── SavingError               (TypeError)       the model cannot be saved
    ├── RebuildError              (RuntimeError)    a saved model cannot be built again
    ├── BuilderError              (RuntimeError)    a builder, or a task, raised an error
    ├── PluginLoadError           (ImportError)     a distribution fails to import
    │   └── IncompatiblePluginError                 it requires another dapi-core
    ├── MissingDependencyError    (ImportError)     an optional dependency is not installed
    ├── HashMismatchError         (ValueError)      the bytes do not match the hash
    │   └── PlaceholderError                        a Git LFS pointer or web page in place of a file
    ├── CacheError                (OSError)         the cache directory cannot be used
    └── FetchError                (OSError)         a file could not be downloaded
        ├── OfflineError                            ... because ``DAPI_OFFLINE`` is set
        └── MissingHashError                        ... because no full sha256 is published

    DapiWarning (UserWarning)
    ├── OutdatedWeightsWarning                      newer weights exist, or these are deprecated
    ├── ChangedWeightsWarning                       a saved model changed since it was saved
    ├── ReplacedBuilderWarning                      another builder supersedes this one
    ├── RandomBackboneWarning                       the backbone has no pretrained weights
    ├── LegacyArgumentWarning     (FutureWarning)   a deprecated argument, as ``pretrained=True``
    ├── PluginWarning             (RuntimeWarning)  a distribution was skipped
    └── CacheWarning              (RuntimeWarning)  a file in the cache is not used
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from os import PathLike
from typing import Any

from dapi._text import counted
from dapi._text.untrusted import printable
from dapi._text.urls import redact, redacted

# Longer values are shown by their type.
_LONGEST = 120

# Suffixes of checkpoints.
_SUFFIXES = (".bin", ".ckpt", ".pkl", ".pt", ".pth", ".safetensors", ".tar")


class DapiError(Exception):
    """The root of dapi's errors. Pickles with its facts; its text has no passwords of URLs."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(redact(arg) if isinstance(arg, str) else arg for arg in args))

    def __str__(self) -> str:
        """Return the message alone (OSError and KeyError would add to it), on one line.

        Control characters are removed, since names, reasons and URLs in it are untrusted. The
        attributes keep them.
        """
        return printable(str(self.args[0])) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by facts: the constructors take facts, not the message."""
        return _restore, (type(self), self.args, self.__dict__)

    @classmethod
    def code(cls) -> str:
        """Return the name of the class for programs: the ``code`` of errors in JSON.

        >>> HashMismatchError.code(), OfflineError.code()
        ('hash-mismatch', 'offline')
        """
        import re  # every start of dapi imports this module

        words = re.findall(r"[A-Z][a-z0-9]*", cls.__name__.removesuffix("Error"))
        return "-".join(words).lower() or "error"


def _restore(cls: type[DapiError], args: tuple[Any, ...], facts: dict[str, Any]) -> DapiError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


def nearest(name: str, available: Iterable[str]) -> list[str]:
    """Return the available names most similar to ``name``, at most three."""
    from difflib import get_close_matches

    folded = {candidate.lower(): candidate for candidate in sorted(available)}
    return [folded[match] for match in get_close_matches(name.lower(), folded, n=3, cutoff=0.6)]


def _suggest(name: str, available: Iterable[str], *, shown: int = 10) -> str:
    """Suggest the most similar names, or list the available ones."""
    names = sorted(available)
    near = nearest(name, names)
    if near:
        return f" Did you mean {_alternatives(near)}?"
    if not names:
        return ""
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f" Available: {', '.join(names[:shown])}{rest}."


def _translate(name: object, equivalents: Sequence[str]) -> str:
    """Name the equivalents in dapi of another library's name."""
    return (
        f"{name!r} is called {' or '.join(equivalents)} in dapi. "
        f"Use dapi.get_model({equivalents[0]!r}). For details: dapi show {equivalents[0]}"
    )


def _alternatives(names: Iterable[str]) -> str:
    return " or ".join(repr(name) for name in names)


def excerpt(value: object) -> str:
    """Return a short form of a value, such as a state dict or a model, for an error.

    >>> excerpt("resnet50"), excerpt({"conv.weight": 0, "fc.bias": 0}), excerpt(range)
    ("'resnet50'", "a dict of 2 items: 'conv.weight', 'fc.bias'", "<class 'range'>")
    """
    if isinstance(value, Mapping):
        keys = ", ".join(excerpt(key) for key, _ in zip(value, range(3)))  # noqa: B905
        more = ", ..." if len(value) > 3 else ""
        return f"{_instance(value)} of {len(value)} items: {keys}{more}"
    try:
        text = redact(repr(value))  # before it is cut, which could leave half a password
    except Exception:  # noqa: BLE001 - the error is about the value, not about its repr
        text = _instance(value)
    if len(text) <= _LONGEST:
        return text
    if isinstance(value, str | bytes):
        return f"{text[: _LONGEST - 4]}...{text[-1]}"
    return _instance(value)


def _instance(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def how_to_load(source: object) -> str:
    """Return how to load a file, a URL or a state dict into a model; empty for anything else."""
    text = source if isinstance(source, str) else ""
    if "://" in text:
        return f"For a published file: weights=dapi.WeightEntry({text!r})"
    if isinstance(source, PathLike) or text.endswith(_SUFFIXES) or "\\" in text:
        return (
            f"For a checkpoint: weights=dapi.WeightEntry.from_file({str(source)!r}); "
            f"for a file that dapi.save wrote: dapi.load({str(source)!r})"
        )
    if isinstance(source, Mapping):
        return "For a state dict: build with weights=None, then model.load_state_dict(...)"
    return ""


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
        self.name, self.available, self.provider = name, (), None
        self.distribution, self.version = distribution, version
        self.successor, self.last_version, self.reason = successor, last_version, reason
        DapiError.__init__(self, _removal(self, name))


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


class DisabledModelError(UnknownModelError):
    """An environment variable disables the distribution that provides the model."""

    def __init__(self, name: str, *, distribution: str, variable: str) -> None:
        self.distribution, self.variable = distribution, variable
        self.name, self.available, self.provider = name, (), None
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


class AmbiguousExtensionError(DapiError, LookupError):
    """Several distributions provide one scheme, format, task or command."""

    def __init__(self, group: str, key: str, *, distributions: Sequence[str]) -> None:
        self.group, self.key, self.distributions = group, key, tuple(distributions)
        super().__init__(
            f"{key!r} of {group} is provided by {' and by '.join(distributions)}. "
            f"Set DAPI_PREFER={distributions[0]}, or keep one of them: "
            f"pip uninstall {distributions[-1]}"
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
        self.owner, self.member, self.available = owner, member, ()
        self.distribution, self.version = distribution, version
        self.successor, self.last_version, self.reason = successor, last_version, reason
        DapiError.__init__(self, _removal(self, f"{owner}:{member}"))


class UnknownFacetError(DapiError, LookupError):
    """A search for a task, dataset, licence, ... that no weights have."""

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


class ArgumentError(DapiError, TypeError, ValueError):
    """An argument has a type or a value that the function does not accept."""

    def __init__(self, function: str, argument: str, value: object, *, expected: str) -> None:
        self.function, self.argument, self.value = function, argument, value
        self.expected = expected
        super().__init__(
            f"{function} does not accept {argument}={excerpt(value)}. Expected {expected}."
        )


class InputError(DapiError, ValueError):
    """A model cannot process an input."""

    def __init__(self, source: str, reason: str, *, expected: str) -> None:
        self.source, self.reason, self.expected = source, reason, expected
        super().__init__(f"{source}: {reason}. Expected {expected}.")


class AnswersError(DapiError, ValueError):
    """The answers of a distribution cannot be read, or must not be replaced."""

    def __init__(self, source: object, reason: str, remedy: str) -> None:
        self.source, self.reason, self.remedy = str(source), reason, remedy
        super().__init__(f"The answers of {source} cannot be used: {reason}. {remedy}")


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


def _may_be_listed(builder: str) -> bool:
    """Whether a name can be used in a command: builders are in lower case, classes are not."""
    return builder.isidentifier() and builder == builder.lower()


def _named(weights: object) -> str:
    """Return the text of weights if it is short, else an excerpt."""
    text = str(weights) if isinstance(weights, Enum | PathLike | str) else ""
    return text if 0 < len(text) < _LONGEST else excerpt(weights)


class ForeignWeightsError(DapiError, TypeError):
    """The weights require arguments that the builder does not have."""

    def __init__(self, builder: str, weights: str, *, arguments: Sequence[str]) -> None:
        self.builder, self.weights, self.arguments = builder, weights, tuple(arguments)
        super().__init__(
            f"{builder} does not accept {weights}: these weights require {', '.join(arguments)}, "
            f"which {builder} does not have. They belong to another builder."
            + (f" To list its weights: dapi show {builder}" if _may_be_listed(builder) else "")
        )


class WeightsDeclarationError(DapiError, TypeError):
    """The declaration of an entry, or of an enum of weights, is invalid."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = redact(where), redact(problem), remedy
        super().__init__(f"{where} {problem}. {remedy}")


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
    """The weights, or other weights that they use, have a licence that is not allowed here.

    Attributes:
        weights: The weights.
        asset: The asset that has the licence; empty if it is the weights' own.
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
            f"{whose} has the licence {excerpt(license)}, but DAPI_LICENSES allows only "
            f"{', '.join(self.allowed)}. To find others: dapi search --allow-license LICENSE. If "
            "you may use these, add their licence to DAPI_LICENSES."
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


class NoWeightsError(DapiError, LookupError):
    """Weights are required, but there are none."""

    def __init__(self, subject: str, remedy: str) -> None:
        self.subject, self.remedy = subject, remedy
        super().__init__(f"{subject}. {remedy}")


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
                f"dapi.get_model({builder!r}); weights=None initialises the model randomly."
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
            ways.append(f"add new_head=True to initialise a new {', '.join(head)}")
        if stem:
            ways.append(
                f"add new_stem=True to initialise a new {', '.join(stem)} (or new_stem='adapt' to "
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
        parts = [f"{source} does not match the model{f' (file: {path})' if path else ''}."]
        if reason:
            parts.append(f"{reason}.")
        if missing:
            count = counted(len(missing), "key is", "keys are")
            parts.append(f"{count} missing: {_first(missing)}.")
        if head:
            parts.append(f"Add new_head=True to initialise a new {', '.join(head)}.")
        if unexpected:
            count = counted(len(unexpected), "key is", "keys are")
            parts.append(f"{count} unexpected: {_first(unexpected)}.")
            parts.append(_prefixes(missing, unexpected) or _renames(missing, unexpected))
        parts += [
            f"{key} is {tuple(found)} in the file and {tuple(wanted)} in the model."
            for key, (found, wanted) in list(self.shapes.items())[:3]
        ]
        parts += [
            f"{key} is {found} in the file and {wanted} in the model."
            for key, (found, wanted) in list(self.dtypes.items())[:3]
        ]
        parts.append(
            "Check that the weights belong to this builder and its arguments; to map keys that "
            "were renamed: Build(adapt=...)."
        )
        super().__init__(" ".join(part for part in parts if part))


def _first(keys: Sequence[str], shown: int = 5) -> str:
    rest = f", and {len(keys) - shown} more" if len(keys) > shown else ""
    return ", ".join(keys[:shown]) + rest


def _prefixes(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """Return the step for a prefix that all unexpected keys have, and the missing ones lack."""
    wanted = missing[0] if missing else ""
    for key in unexpected if wanted else ():
        prefix = key.removesuffix(wanted)
        if key != prefix and prefix.endswith(".") and all(k.startswith(prefix) for k in unexpected):
            return f"To remove their prefix: add StripPrefix({prefix!r}) to Build(adapt=...)."
    return ""


def _renames(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = ((key, get_close_matches(key, missing, n=1, cutoff=0.8)) for key in unexpected[:3])
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


class AssetError(DapiError, ValueError):
    """A file that belongs to weights, such as a vocabulary, cannot be used."""

    def __init__(self, path: object, *, name: str, reason: str) -> None:
        self.path, self.name, self.reason = path, name, reason
        super().__init__(f"{name} cannot be used: {reason} (file: {path}).")


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
        self.distribution, self.version = distribution, version
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


class DapiWarning(UserWarning):
    """The root of dapi's warnings."""


class OutdatedWeightsWarning(DapiWarning):
    """Newer weights exist for the same dataset, or these are deprecated."""


class ChangedWeightsWarning(DapiWarning):
    """A saved model, or the weights that it started from, changed since it was saved."""


class ReplacedBuilderWarning(DapiWarning):
    """Another builder of the same module supersedes this one."""


class RandomBackboneWarning(DapiWarning):
    """A model, such as a detector, was built with a randomly initialised backbone."""


class LegacyArgumentWarning(DapiWarning, FutureWarning):
    """A deprecated argument was translated to its replacement."""


class PluginWarning(DapiWarning, RuntimeWarning):
    """A distribution was skipped because it failed."""


class CacheWarning(DapiWarning, RuntimeWarning):
    """A file in the cache is damaged, was changed, or could be another user's."""
