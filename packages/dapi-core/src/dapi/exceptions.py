"""Every error and warning that dapi raises on purpose.

Each error is a ``DapiError`` and also the builtin that a caller would catch; its facts are
attributes; its text says what happened, what was expected or exists, and what to do::

    DapiError
    ├── InvalidNameError          (ValueError)      not ``[distribution/]builder[:member]``
    ├── UnknownModelError         (LookupError)     no builder of that name
    │   ├── RemovedModelError                       ... any more: its tombstone says more
    │   └── DisabledModelError                      ... because a variable leaves it out
    ├── UnknownPluginError        (LookupError)     no distribution of that name advertises
    ├── AmbiguousModelError       (LookupError)     several distributions give the name
    ├── AmbiguousExtensionError   (LookupError)     several distributions provide one extension
    ├── DuplicateModelError       (ValueError)      one module registers a name twice
    ├── UnknownWeightsError       (LookupError, AttributeError)  no such member
    │   └── RemovedWeightsError                     ... any more: their tombstone says more
    ├── UnknownFacetError         (LookupError)     a search for what no weights have
    ├── UnknownTaskError          (LookupError)     nobody says how a task's files are read
    ├── ArgumentError             (TypeError, ValueError)  of a kind that a function does not take
    ├── InputError                (ValueError)      a file or text that no model can work on
    ├── AnswersError              (ValueError)      answers that cannot be read, or replaced
    ├── DeviceError               (ValueError)      a device that is not there
    ├── WeightsTypeError          (TypeError)       not weights of this builder
    ├── ForeignWeightsError       (TypeError)       an entry that another builder needs
    ├── WeightsDeclarationError   (TypeError)       an entry or enum is declared wrongly
    ├── NotLockedError            (LookupError)     not in the lock that this process is bound to
    ├── WithdrawnWeightsError     (ValueError)      their publisher took them back
    ├── LicenseError              (ValueError)      a licence that DAPI_LICENSES does not allow
    ├── NoWeightsError            (LookupError)     nothing to name, load or apply
    ├── UnexpectedArgumentError   (TypeError)       a misspelt argument of a builder
    ├── PositionalArgumentError   (TypeError)       an argument by position, as in the past
    ├── LegacyConflictError       (TypeError)       an old argument beside the one of today
    ├── ConfigConflictError       (ValueError)      an argument contradicts the weights
    ├── UnreadOverrideError       (RuntimeError)    an override that no constructor read
    ├── StateDictMismatchError    (RuntimeError)    keys or shapes that do not fit
    ├── MissingFileError          (FileNotFoundError)  no such local checkpoint
    ├── CheckpointError           (ValueError)      a file that is no readable checkpoint
    ├── AssetError                (ValueError)      a tokenizer or vocabulary that is none
    ├── UnreadableFileError       (OSError)         a checkpoint that this machine cannot read
    ├── SavingError               (TypeError)       a model that cannot be saved
    ├── RebuildError              (RuntimeError)    a saved model that cannot be built again
    ├── BuilderError              (RuntimeError)    a builder, or a task, that raised something
    ├── PluginLoadError           (ImportError)     a distribution's code fails to import
    │   └── IncompatiblePluginError                 ... must not: it needs another dapi-core
    ├── MissingDependencyError    (ImportError)     something optional is not installed
    ├── HashMismatchError         (ValueError)      bytes that a published hash forbids
    │   └── PlaceholderError                        ... of a pointer, or a page, in their place
    ├── CacheError                (OSError)         the cache directory cannot be used
    └── FetchError                (OSError)         a file could not be had
        ├── OfflineError                            ... because ``DAPI_OFFLINE`` is set
        └── MissingHashError                        ... because no full sha256 is published

    DapiWarning (UserWarning)
    ├── OutdatedWeightsWarning                      later weights exist, or these are deprecated
    ├── ReplacedBuilderWarning                      another builder supersedes this one
    ├── RandomBackboneWarning                       a network is built on one that knows nothing
    ├── LegacyArgumentWarning     (FutureWarning)   ``pretrained=True`` and its like
    ├── PluginWarning             (RuntimeWarning)  a distribution was skipped
    └── CacheWarning              (RuntimeWarning)  something in the cache is not used
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from os import PathLike
from typing import Any

from dapi._text.untrusted import printable
from dapi._text.urls import redact, redacted

# What is longer says less to a reader than its type.
_LONGEST = 120

# What the names of checkpoints end in.
_SUFFIXES = (".bin", ".ckpt", ".pkl", ".pt", ".pth", ".safetensors", ".tar")


class DapiError(Exception):
    """The root of all of dapi's errors. Pickles with its facts, and shows no password of a URL."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(redact(arg) if isinstance(arg, str) else arg for arg in args))

    def __str__(self) -> str:
        """Return the message alone (OSError and KeyError would add to it), on one line.

        Names, reasons and addresses in it were written by strangers: what controls a terminal is
        left out. The facts are as they came.
        """
        return printable(str(self.args[0])) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by facts: the constructors take facts, not the message."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[DapiError], args: tuple[Any, ...], facts: dict[str, Any]) -> DapiError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


def nearest(name: str, available: Iterable[str]) -> list[str]:
    """Return the names that are nearest to one that does not exist; at most three."""
    from difflib import get_close_matches

    folded = {candidate.lower(): candidate for candidate in sorted(available)}
    return [folded[match] for match in get_close_matches(name.lower(), folded, n=3, cutoff=0.6)]


def _suggest(name: str, available: Iterable[str], *, shown: int = 10) -> str:
    """Say which of ``available`` is near to ``name``, or what there is."""
    names = sorted(available)
    near = nearest(name, names)
    if near:
        return f" Did you mean {_alternatives(near)}?"
    if not names:
        return ""
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f" There are: {', '.join(names[:shown])}{rest}."


def _translate(name: object, equivalents: Sequence[str]) -> str:
    """Say which names here mean what ``name`` means elsewhere."""
    return (
        f"{name!r} is {' or '.join(equivalents)} here. "
        f"Write dapi.get_model({equivalents[0]!r}). To look closer: dapi show {equivalents[0]}"
    )


def _alternatives(names: Iterable[str]) -> str:
    return " or ".join(repr(name) for name in names)


def excerpt(value: object) -> str:
    """Return a short form of a value for an error, which may be a state dict or a whole model.

    >>> excerpt("resnet50"), excerpt({"conv.weight": 0, "fc.bias": 0}), excerpt(range)
    ("'resnet50'", "a dict of 2 items: 'conv.weight', 'fc.bias'", "<class 'range'>")
    """
    if isinstance(value, Mapping):
        keys = ", ".join(excerpt(key) for key, _ in zip(value, range(3)))  # noqa: B905
        more = ", ..." if len(value) > 3 else ""
        return f"a {type(value).__name__} of {len(value)} items: {keys}{more}"
    try:
        text = redact(repr(value))  # before it is cut: half a password is one too
    except Exception:  # noqa: BLE001 - the error is about the value, not about its repr
        text = f"a {type(value).__name__}"
    if len(text) <= _LONGEST:
        return text
    if isinstance(value, str | bytes):
        return f"{text[: _LONGEST - 4]}...{text[-1]}"
    return f"a {type(value).__name__}"


def how_to_load(source: object) -> str:
    """Say how what is in a file, at a URL or in memory becomes a model's; empty for all else."""
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
    """A name is not of the form ``[distribution/]builder[:member]``."""

    def __init__(self, name: object, *, equivalents: Sequence[str] = (), remedy: str = "") -> None:
        self.name, self.equivalents, self.remedy = name, tuple(equivalents), remedy
        if equivalents:
            text = _translate(name, equivalents)
        else:
            remedy = remedy or "To see the names: dapi list"
            text = (
                f"{excerpt(name)} is not a name of a model or of weights. Expected "
                "'[distribution/]builder[:member]', as in 'resnet50' or "
                f"'resnet50:ImageNet1K_RefV2'. {remedy}"
            )
        super().__init__(text)


class UnknownModelError(DapiError, LookupError):
    """No builder of that name is installed or registered.

    Attributes:
        name: What was asked for.
        available: The names of all models.
        provider: The distribution that has the model, when it is known but not installed.
        equivalents: The names of what another library calls so.
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
                "To install some: pip install dapi-vision (or dapi-text, dapi-audio)"
            )
        else:
            found = _suggest(name, available)
            text = f"No model named {excerpt(name)}.{found} To see all: dapi list"
        super().__init__(text)


class RemovedModelError(UnknownModelError):
    """A distribution gave the model once, and says what became of it."""

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
        DapiError.__init__(self, f"{name!r} is no model of {_obituary(self)}")


def _obituary(error: RemovedModelError | RemovedWeightsError) -> str:
    """Say whose it is no longer, why, and what there is instead."""
    parts = [f"{error.distribution} {error.version} any more"]
    if error.reason:
        parts.append(error.reason.rstrip("."))
    if error.successor:
        parts.append(f"Use {error.successor!r} instead")
    if error.last_version:
        parts.append(f"To keep it: pip install '{error.distribution}=={error.last_version}'")
    return ". ".join(parts)


class DisabledModelError(UnknownModelError):
    """A distribution gives the model, and a variable leaves that distribution out."""

    def __init__(self, name: str, *, distribution: str, variable: str) -> None:
        self.distribution, self.variable = distribution, variable
        self.name, self.available, self.provider = name, (), None
        remedy = (
            f"add it to {variable}, or unset {variable}"
            if variable == "DAPI_PLUGINS"
            else f"take it out of {variable}"
        )
        DapiError.__init__(
            self,
            f"{name!r} is given by {distribution}, which {variable} leaves out. "
            f"To use it: {remedy}",
        )


class UnknownPluginError(DapiError, LookupError):
    """No installed distribution of that name advertises anything to dapi."""

    def __init__(self, name: str, *, available: Sequence[str], variable: str = "") -> None:
        self.name, self.available, self.variable = name, tuple(available), variable
        found = _suggest(name, available) or " None does."
        where = f" (in {variable})" if variable else ""
        super().__init__(
            f"No distribution named {name!r}{where} advertises anything to dapi.{found} "
            "To see all: dapi doctor"
        )


class AmbiguousModelError(DapiError, LookupError):
    """Several distributions give the name; dapi never chooses between them."""

    def __init__(self, name: str, *, candidates: Sequence[str]) -> None:
        self.name, self.candidates = name, tuple(candidates)
        super().__init__(
            f"{name!r} is given by {len(candidates)} distributions. "
            f"Use a qualified name: {_alternatives(candidates)}; "
            f"or set DAPI_PREFER={candidates[0].partition('/')[0]}"
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
            found = f" It is {' or '.join(equivalents)} here."
        else:
            found = _suggest(member, available) or " It has none."
            found += f" {how_to_load(member)}".rstrip()
        super().__init__(f"{owner} has no weights named {excerpt(member)}.{found}")


class RemovedWeightsError(UnknownWeightsError):
    """A distribution gave the weights once, and says what became of them."""

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
        DapiError.__init__(self, f"'{owner}:{member}' are no weights of {_obituary(self)}")


class UnknownFacetError(DapiError, LookupError):
    """A search asks for a task, dataset, licence, ... that no weights have."""

    def __init__(self, facet: str, value: str, *, available: Sequence[str]) -> None:
        self.facet, self.value, self.available = facet, value, tuple(available)
        found = _suggest(value, available) or (
            " No weights that are installed say any. "
            "To install some: pip install dapi-vision (or dapi-text, dapi-audio)"
        )
        super().__init__(f"No weights have {facet}={excerpt(value)}.{found}")


class UnknownTaskError(DapiError, LookupError):
    """No distribution says how the files of a task are read and its results shown."""

    def __init__(self, weights: str, task: str | None, *, available: Sequence[str]) -> None:
        self.weights, self.task, self.available = weights, task, tuple(available)
        fact = f"nothing here runs {task!r} on files" if task else "they name no task"
        names = ", ".join(available) or "none"
        super().__init__(
            f"{weights} cannot be run: {fact}. Tasks that are: {names}. "
            "To install more: pip install dapi-vision (or dapi-text, dapi-audio); to offer one: "
            "the entry-point group dapi.tasks"
        )


class ArgumentError(DapiError, TypeError, ValueError):
    """An argument is of a kind, or says something, that the function does not take."""

    def __init__(self, function: str, argument: str, value: object, *, expected: str) -> None:
        self.function, self.argument, self.value = function, argument, value
        self.expected = expected
        super().__init__(
            f"{function} cannot take {argument}={excerpt(value)}. Expected {expected}."
        )


class InputError(DapiError, ValueError):
    """What a model was to work on is nothing that it can work on."""

    def __init__(self, source: str, reason: str, *, expected: str) -> None:
        self.source, self.reason, self.expected = source, reason, expected
        super().__init__(f"{source}: {reason}. Expected {expected}.")


class AnswersError(DapiError, ValueError):
    """The answers of a distribution cannot be read, or must not be replaced."""

    def __init__(self, source: object, reason: str, remedy: str) -> None:
        self.source, self.reason, self.remedy = str(source), reason, remedy
        super().__init__(f"The answers of {source} cannot be used: {reason}. {remedy}")


class DeviceError(DapiError, ValueError):
    """A model cannot be put on a device."""

    def __init__(self, device: str, *, reason: str) -> None:
        self.device, self.reason = device, reason
        super().__init__(
            f"The device {device!r} cannot be used: {reason.rstrip('.')}. "
            "Expected one that is there, as in 'cpu', 'cuda' or 'mps'."
        )


class WeightsTypeError(DapiError, TypeError):
    """What was passed as ``weights`` is not weights of this builder."""

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
            f"{builder} cannot take weights={_named(weights)}{whose}. "
            f"Expected {', '.join([*kinds, 'a WeightEntry'])}, or None."
        )
        if equivalents:
            text += f" Here it is {' or '.join(equivalents)}: {builder}(weights={equivalents[0]})"
        elif how_to_load(weights):
            text += f" {how_to_load(weights)}"
        elif isinstance(weights, str) and _may_be_listed(builder):
            text += f" By name: dapi.get_model({builder!r}, weights={excerpt(weights)})"
        elif weights is True and _may_be_listed(builder):
            text += f" With the latest weights: dapi.get_model({builder!r})"
        super().__init__(text)


def _may_be_listed(builder: str) -> bool:
    """Whether a command can have the name: builders are in lower case, classes are not."""
    return builder.isidentifier() and builder == builder.lower()


def _named(weights: object) -> str:
    """Return weights as they print, where that is short."""
    text = str(weights) if isinstance(weights, Enum | PathLike | str) else ""
    return text if 0 < len(text) < _LONGEST else excerpt(weights)


class ForeignWeightsError(DapiError, TypeError):
    """An entry wants arguments that the builder does not have."""

    def __init__(self, builder: str, weights: str, *, arguments: Sequence[str]) -> None:
        self.builder, self.weights, self.arguments = builder, weights, tuple(arguments)
        super().__init__(
            f"{builder} cannot take {weights}: these weights want {', '.join(arguments)}, which "
            f"{builder} does not have. They belong to another builder."
            + (f" To see what it takes: dapi show {builder}" if _may_be_listed(builder) else "")
        )


class WeightsDeclarationError(DapiError, TypeError):
    """An entry, or an enum of weights, is declared wrongly."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = redact(where), redact(problem), remedy
        super().__init__(f"{where} {problem}. {remedy}")


class WithdrawnWeightsError(DapiError, ValueError):
    """The weights were taken back by their publisher."""

    def __init__(self, weights: str, *, reason: str, replacement: str | None) -> None:
        self.weights, self.reason, self.replacement = weights, reason, replacement
        instead = f"Use {replacement} instead. " if replacement else ""
        super().__init__(
            f"{weights} was withdrawn: {reason or 'no reason was given'}. {instead}To load it all "
            "the same: weights=dataclasses.replace(member.value, status=dapi.Status())"
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
            f"{whose} has the licence {excerpt(license)}, and DAPI_LICENSES allows "
            f"{', '.join(self.allowed)}. To find others: dapi search --allow-license LICENSE. If "
            "you may use these, add their licence to DAPI_LICENSES."
        )


class NotLockedError(DapiError, LookupError):
    """Weights, or a file, are not in the lock that this process is bound to.

    Attributes:
        wanted: What was asked for.
        lock: The path of the lock file.
        reason: What the lock says, or does not say.
        remedy: The command that adds it, as a sentence; empty if none does.
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
    """There are no weights where some were needed."""

    def __init__(self, subject: str, remedy: str) -> None:
        self.subject, self.remedy = subject, remedy
        super().__init__(f"{subject}. {remedy}")


class UnexpectedArgumentError(DapiError, TypeError):
    """A builder was given an argument that it does not have, perhaps a misspelt one.

    Attributes:
        builder: The builder's name.
        argument: What was given.
        available: Its own arguments.
        constructor: What it passes others on to, and refused this one; empty if it passes none.
    """

    def __init__(
        self, builder: str, argument: str, *, available: Sequence[str], constructor: str = ""
    ) -> None:
        self.builder, self.argument, self.available = builder, argument, tuple(available)
        self.constructor = constructor
        found = _suggest(argument, available)
        if argument == "pretrained":
            found = (
                f" Pretrained weights are named: {builder}(weights=...), or the latest by "
                f"dapi.get_model({builder!r}); weights=None is random initialisation."
            )
        elif constructor:
            found += f" Others are those of {constructor}."
        super().__init__(f"{builder}() has no argument {argument!r}.{found}")


class PositionalArgumentError(DapiError, TypeError):
    """A builder was given by position what it takes by keyword."""

    def __init__(self, builder: str, given: str, *, parameters: Sequence[str]) -> None:
        self.builder, self.given, self.parameters = builder, given, tuple(parameters)
        super().__init__(
            f"{builder}({given}): arguments are taken by keyword, as in {builder}(weights=...). "
            f"They are: {', '.join(parameters)}. To see the weights: dapi show {builder}"
        )


class LegacyConflictError(DapiError, TypeError):
    """An argument of the past was given beside the one that takes its place."""

    def __init__(self, builder: str, argument: str, *, parameter: str) -> None:
        self.builder, self.argument, self.parameter = builder, argument, parameter
        super().__init__(
            f"{builder}() was given {argument}= and {parameter}=, which mean the same. "
            f"Leave out {argument}=."
        )


class ConfigConflictError(DapiError, ValueError):
    """An argument contradicts what the weights were trained with."""

    def __init__(
        self, weights: str, argument: str, *, given: object, fixed: object, head: Sequence[str]
    ) -> None:
        self.weights, self.argument, self.given, self.fixed = weights, argument, given, fixed
        self.head = tuple(head)
        ways = [f"Leave {argument} out", "pass weights=None"]
        if head:
            ways.append(f"add new_head=True to initialise {', '.join(head)} anew")
        super().__init__(
            f"{argument}={excerpt(given)} contradicts {weights}, whose weights have "
            f"{argument}={excerpt(fixed)}. {', '.join(ways[:-1])}, or {ways[-1]}."
        )


class UnreadOverrideError(DapiError, RuntimeError):
    """No constructor read an override that the weights carry."""

    def __init__(self, weights: str, *, target: str, parameters: Sequence[str]) -> None:
        self.weights, self.target, self.parameters = weights, target, tuple(parameters)
        super().__init__(
            f"{weights} needs {', '.join(parameters)} overridden in {target}, but nothing read "
            "that while the model was built: the class was renamed, or no longer calls "
            "ContextParams.get. The model would not behave as these weights need. To the "
            f"maintainer of the builder: let {target} read it again, or publish a new builder."
        )


class StateDictMismatchError(DapiError, RuntimeError):
    """The keys or shapes of a state dict are not those of the model."""

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
    ) -> None:
        self.source, self.missing, self.unexpected = source, tuple(missing), tuple(unexpected)
        self.shapes, self.dtypes, self.path = dict(shapes or {}), dict(dtypes or {}), path
        parts = [f"{source} does not fit the model{f' (file: {path})' if path else ''}."]
        if reason:
            parts.append(f"{reason}.")
        if missing:
            parts.append(f"{len(missing)} keys are missing: {_first(missing)}.")
        if unexpected:
            parts.append(f"{len(unexpected)} keys are not the model's: {_first(unexpected)}.")
            parts.append(_renames(missing, unexpected))
        parts += [
            f"{key} is {tuple(found)} in the file and {tuple(wanted)} in the model."
            for key, (found, wanted) in list(self.shapes.items())[:3]
        ]
        parts += [
            f"{key} is {found} in the file and {wanted} in the model."
            for key, (found, wanted) in list(self.dtypes.items())[:3]
        ]
        parts.append(
            "Check that the weights belong to this builder and its arguments; a key that only "
            "has another name is mapped with Build(adapt=...)."
        )
        super().__init__(" ".join(part for part in parts if part))


def _first(keys: Sequence[str], shown: int = 5) -> str:
    rest = f", and {len(keys) - shown} more" if len(keys) > shown else ""
    return ", ".join(keys[:shown]) + rest


def _renames(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = ((key, get_close_matches(key, missing, n=1, cutoff=0.8)) for key in unexpected[:3])
    return " ".join(f"Is {key} perhaps {match[0]}?" for key, match in near if match)


class MissingFileError(DapiError, FileNotFoundError):
    """There is no file where a local checkpoint was said to be."""

    def __init__(self, path: object) -> None:
        self.path = path
        super().__init__(
            f"There is no file at {path}. Expected the path of a .safetensors or .pth checkpoint; "
            "for a URL: dapi.WeightEntry(url); for a name: dapi.get_model(name)"
        )


class CheckpointError(DapiError, ValueError):
    """A file cannot be read as a checkpoint."""

    def __init__(self, path: object, *, source: str, reason: str) -> None:
        self.path, self.source, self.reason = path, redact(source), reason
        super().__init__(
            f"{source} cannot be read as a checkpoint: {reason} (file: {path}). Expected "
            "safetensors, or a .pth file that holds tensors only."
        )


class AssetError(DapiError, ValueError):
    """A file that weights need beside their own, such as a vocabulary, cannot be used."""

    def __init__(self, path: object, *, name: str, reason: str) -> None:
        self.path, self.name, self.reason = path, name, reason
        super().__init__(f"{name} cannot be used: {reason} (file: {path}).")


class UnreadableFileError(DapiError, OSError):
    """A file could not be read, and is not to blame: memory, the disk or torch gave out."""

    def __init__(self, path: object, *, source: str, reason: str) -> None:
        self.path, self.source, self.reason = path, source, reason
        super().__init__(
            f"{source} could not be read on this machine: {reason} (file: {path}). The file is "
            "kept. Check the free memory, the disk, and the version of torch, then try again."
        )


class SavingError(DapiError, TypeError):
    """A model cannot be written so that it could be built again."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject, self.reason = subject, reason
        super().__init__(
            f"This {subject} cannot be saved: {reason}. To write its tensors alone: "
            "torch.save(model.state_dict(), path)"
        )


class RebuildError(DapiError, RuntimeError):
    """A saved model cannot be built again."""

    def __init__(self, path: object, *, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path} cannot be built again: {reason.rstrip('.')}. Its tensors can still be read: "
            "safetensors.torch.load_file(path)"
        )


class BuilderError(DapiError, RuntimeError):
    """A builder, or what runs its task, raised an error of its own while a model was made ready."""

    def __init__(self, builder: str, *, distribution: str, cause: BaseException) -> None:
        self.builder, self.distribution = builder, distribution
        first_line = str(cause).strip().partition("\n")[0]
        self.reason = redact(f"{type(cause).__name__}: {first_line}".rstrip(".: "))
        super().__init__(
            f"{builder!r} of {distribution} cannot be used: {self.reason}. To look closer: "
            f"dapi doctor {distribution}"
        )


class PluginLoadError(DapiError, ImportError):
    """A distribution advertises something that cannot be imported."""

    def __init__(self, entry_point: str, *, distribution: str, cause: BaseException) -> None:
        self.entry_point, self.distribution = entry_point, distribution
        self.reason = redact(f"{type(cause).__name__}: {cause}")
        super().__init__(
            f"{distribution} could not be loaded: importing {entry_point} raised "
            f"{self.reason}. Other distributions are not affected. To look closer: "
            f"dapi doctor {distribution}; to remove it: pip uninstall {distribution}"
        )


class IncompatiblePluginError(PluginLoadError):
    """A distribution needs another dapi-core; nothing of it is imported."""

    def __init__(
        self, distribution: str, *, version: str, requirement: str, installed: str
    ) -> None:
        self.distribution, self.version = distribution, version
        self.requirement, self.installed = requirement, installed
        self.reason = f"it needs {requirement}, and dapi-core {installed} is installed"
        DapiError.__init__(
            self,
            f"{distribution} {version} needs {requirement}, but dapi-core {installed} is "
            "installed. Other distributions are not affected. "
            f"To mend it: pip install --upgrade {distribution} dapi-core",
        )


class MissingDependencyError(DapiError, ImportError):
    """Something optional is needed and not installed.

    Attributes:
        what: What is needed, and for what.
        requirement: What to install; empty if nobody says it.
    """

    def __init__(self, what: str, *, requirement: str) -> None:
        self.what, self.requirement = redact(what), requirement
        remedy = (
            f"To install it: pip install '{requirement}'"
            if requirement
            else "Ask its publisher which distribution provides it: another may have that name."
        )
        super().__init__(f"{what}. {remedy}")


class HashMismatchError(DapiError, ValueError):
    """The bytes are not those that were published; what was fetched was discarded."""

    def __init__(self, source: str, *, expected: str, found: str, held_for: str = "") -> None:
        self.source, self.expected, self.found = redact(source), expected, found
        why = "was trusted when it was first loaded" if held_for else "was published"
        if held_for:
            from shlex import quote

            held_for = quote(redact(held_for))
            remedy = f"If its publisher replaced it: dapi trust --forget {held_for}"
        elif "://" in source:
            remedy = (
                "The file was replaced or damaged on its way: try again, or another mirror; if it "
                "persists, tell the publisher."
            )
        else:
            remedy = (
                "It was changed after its entry was written: install its distribution again, or "
                "describe a file of your own anew: dapi.WeightEntry.from_file(path)"
            )
        super().__init__(f"{source} has sha256 {found}, but {expected} {why}. {remedy}")


class PlaceholderError(HashMismatchError):
    """A local file is a pointer of Git LFS or git-annex, or a web page, instead of the file."""

    def __init__(self, path: object, *, kind: str, remedy: str, expected: str, found: str) -> None:
        self.source, self.expected, self.found = str(path), expected, found
        self.kind, self.remedy = kind, remedy
        DapiError.__init__(
            self,
            f"{path} is {kind}, not the file itself (sha256 {expected or 'unknown'}). {remedy}. "
            "If a distribution installed it, it was built without its files: install another "
            "release of it.",
        )


class CacheError(DapiError, OSError):
    """The cache directory cannot be read or written."""

    def __init__(self, path: object, *, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"The cache at {path} cannot be used: {reason}. Free some room or fix its "
            "permissions, or set DAPI_CACHE to a directory that can be written."
        )


class FetchError(DapiError, OSError):
    """A file could not be fetched from any of its addresses.

    Attributes:
        wanted: What it is for.
        failures: Why each address failed; the addresses without passwords and queries.
        remedy: What to do, as a sentence; empty if the network may be the reason.
    """

    def __init__(self, wanted: str, *, failures: Mapping[str, str], remedy: str = "") -> None:
        wanted = redact(printable(wanted))
        self.wanted, self.failures, self.remedy = wanted, _without_secrets(failures), remedy
        tried = "; ".join(f"{url}: {reason}" for url, reason in self.failures.items())
        advice = remedy or "Check the network and the proxy settings, then try again."
        super().__init__(f"{wanted} could not be fetched. Tried {tried}. {advice}")


def _without_secrets(failures: Mapping[str, str]) -> dict[str, str]:
    """Redact addresses; the reasons of those that then look the same are joined."""
    found: dict[str, str] = {}
    for url, reason in failures.items():
        shown = redacted(url)
        found[shown] = "; ".join(filter(None, (found.get(shown), redact(printable(reason)))))
    return found


class OfflineError(FetchError):
    """``DAPI_OFFLINE`` is set and the file is not in the cache, or is damaged there."""

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
        ask = f"dapi fetch {wanted}" if has_name else "call fetch() of the weights"
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
    """Files without a full published sha256 are not to be fetched."""

    def __init__(self, wanted: str, *, files: Iterable[str]) -> None:
        self.wanted, self.remedy = redact(wanted), ""
        self.failures = _without_secrets(dict.fromkeys(files, "it has no full sha256"))
        DapiError.__init__(
            self,
            f"{wanted} is not fetched: no full sha256 is published for "
            f"{', '.join(self.failures)}. Choose other weights, or omit --require-hash.",
        )


class DapiWarning(UserWarning):
    """The root of all of dapi's warnings."""


class OutdatedWeightsWarning(DapiWarning):
    """Later weights exist for the same dataset, or these are deprecated."""


class ReplacedBuilderWarning(DapiWarning):
    """Another builder of the same module supersedes this one."""


class RandomBackboneWarning(DapiWarning):
    """A detector or the like was built without weights, and without those of its backbone."""


class LegacyArgumentWarning(DapiWarning, FutureWarning):
    """An argument of a predecessor was translated."""


class PluginWarning(DapiWarning, RuntimeWarning):
    """A distribution was skipped because it failed."""


class CacheWarning(DapiWarning, RuntimeWarning):
    """Something in the cache is damaged, was changed, or could be another user's."""
