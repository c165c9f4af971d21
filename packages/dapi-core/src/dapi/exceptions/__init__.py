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
    ├── LicenseError              (ValueError)      DAPI_LICENSES does not allow the license
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
from os import PathLike
from typing import TYPE_CHECKING, Any

from dapi._text.untrusted import printable
from dapi._text.urls import redact

if TYPE_CHECKING:
    from dapi.exceptions._building import *  # noqa: F403  # all classes, by their names
    from dapi.exceptions._files import *  # noqa: F403
    from dapi.exceptions._finding import *  # noqa: F403
else:
    # Imported on first use, in this order: listing models needs the classes of the first only.
    _PARTS = ("_finding", "_building", "_files")

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name == "__all__":
            return [each for each in __dir__() if each.endswith(("Error", "Warning"))]
        for part in _PARTS if name.endswith("Error") else ():
            found = vars(import_module(f"{__name__}.{part}"))
            if name in found:
                globals()[name] = found[name]
                return found[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)

    def __dir__() -> list[str]:
        from importlib import import_module

        parts = [vars(import_module(f"{__name__}.{part}")) for part in _PARTS]
        return sorted({*globals(), *(key for part in parts for key in part if key[-5:] == "Error")})


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

        >>> from dapi import exceptions
        >>> exceptions.HashMismatchError.code(), exceptions.OfflineError.code()
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


class DapiWarning(UserWarning):
    """The root of dapi's warnings."""


class OutdatedWeightsWarning(DapiWarning):
    """Newer weights exist for the same dataset, or these are deprecated."""


class ChangedWeightsWarning(DapiWarning):
    """A saved model, or the weights that it started from, changed since it was saved."""


class ReplacedBuilderWarning(DapiWarning):
    """Another builder of the same module supersedes this one."""


class RandomBackboneWarning(DapiWarning):
    """A model, such as a detector, was built with a randomly initialized backbone."""


class LegacyArgumentWarning(DapiWarning, FutureWarning):
    """A deprecated argument was translated to its replacement."""


class PluginWarning(DapiWarning, RuntimeWarning):
    """A distribution was skipped because it failed."""


class CacheWarning(DapiWarning, RuntimeWarning):
    """A file in the cache is damaged, was changed, or could be another user's."""


def _suggest(name: str, available: Iterable[str], *, shown: int = 10) -> str:
    """Suggest the most similar names, or list the available ones."""
    from dapi._text.similar import nearest

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
