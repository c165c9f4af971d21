"""lazy: a factory that is imported when it is called, and compares by value until then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from dapi._text.urls import redact
from dapi._values.file import File
from dapi._values.frozen import FrozenDict, freeze
from dapi._values.public import public
from dapi._values.record import Record
from dapi.exceptions import AssetError, DapiError, NoWeightsError, WeightsDeclarationError

_NOTHING: FrozenDict[Any] = FrozenDict()
# Arguments of a postprocess that belong to one head: names of its outputs, and their words.
HEAD_NAMES = ("categories", "keypoint_names", "labels")
_HEAD_WORDS = "words"


@public
class Asset(Record):
    """A reference to a file (or another entry) in the ``assets`` of a WeightEntry.

    Attributes:
        name: Its key in ``assets``.
    """

    name: str

    def __repr__(self) -> str:
        return f"Asset({self.name!r})"


@public
class Lazy:
    """The result of ``lazy``: calling it imports the target and calls that."""

    __slots__ = ("assets", "kwargs", "nameless", "target")
    target: str
    kwargs: FrozenDict[Any]
    assets: FrozenDict[Any]
    nameless: tuple[str, ...]  # arguments that name outputs of a new head: the caller must

    def __init__(
        self,
        target: str,
        kwargs: Mapping[str, Any],
        assets: Mapping[str, Any] | None = None,
        nameless: tuple[str, ...] = (),
    ) -> None:
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "nameless", nameless)
        object.__setattr__(self, "kwargs", freeze(kwargs))
        object.__setattr__(self, "assets", freeze(assets or _NOTHING))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Lazy is read-only.")

    def __call__(self, **overrides: Any) -> Any:
        """Import the target and call it.

        Files among the arguments are downloaded first and become paths.

        Args:
            **overrides: Arguments that replace the declared ones.

        Raises:
            NoWeightsError: The outputs of a new head have no names; the caller must pass them.
            AssetError: The content of a file is not as expected.
        """
        missing = [name for name in self.nameless if name not in overrides]
        if missing:
            names = ", ".join(f"{name}=[...]" for name in missing)
            raise NoWeightsError(
                "The outputs of a new head have no names yet", f"Name them: postprocess({names})."
            )
        declared = {key: value for key, value in self.kwargs.items() if key not in overrides}
        files = [file for file in map(self._bound, declared.values()) if isinstance(file, File)]
        arguments = {key: self._argument(value) for key, value in declared.items()}
        try:
            return resolve(self.target)(**arguments, **overrides)
        except Exception as cause:
            if files and not overrides:  # other arguments may be the cause
                _reject(files, cause)
            raise

    def bind(self, assets: Mapping[str, Any]) -> Lazy:
        """Return a copy whose Assets are bound to those of ``assets``.

        Raises:
            KeyError: One of its Assets is missing.
        """
        names = [value.name for value in self.kwargs.values() if isinstance(value, Asset)]
        if not names and not self.assets:
            return self
        bound = {name: assets[name] for name in names}
        return Lazy(self.target, self.kwargs, bound, self.nameless)

    def without_names(self) -> Lazy:
        """Return a copy whose caller must name the outputs of a new head."""
        names = tuple(name for name in HEAD_NAMES if name in self.kwargs)
        kept = {
            key: value
            for key, value in self.kwargs.items()
            if not names or key not in (*names, _HEAD_WORDS)
        }
        return Lazy(self.target, kept, self.assets, names)

    def _bound(self, value: Any) -> Any:
        return self.assets[value.name] if isinstance(value, Asset) else value

    def _argument(self, value: Any) -> Any:
        found = self._bound(value)
        if not isinstance(found, File):
            return found
        from dapi import _store  # a declaration must not import what downloading needs
        from dapi._store import placeholder

        path = _store.fetch(found)
        # A pinned file has the bytes that were published; any other may be a page that says no.
        reason = "" if found.is_pinned else placeholder.explain(path, found.name)
        if reason:
            _store.reject(found)
            raise AssetError(path, name=found.name, reason=reason)
        return path

    def _value(self) -> tuple[str, FrozenDict[Any], FrozenDict[Any], tuple[str, ...]]:
        return self.target, self.kwargs, self.assets, self.nameless

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lazy) and self._value() == other._value()

    def __hash__(self) -> int:
        return hash(self._value())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._value()

    def __repr__(self) -> str:
        arguments = "".join(f", {key}={value!r}" for key, value in self.kwargs.items())
        return redact(f"lazy({self.target!r}{arguments})")


def _reject(files: Sequence[File], cause: Exception) -> None:
    """Forget files without a full hash that proved unusable, unless another cause is to blame."""
    from dapi import _store
    from dapi._store import faults

    is_of_caller = isinstance(cause, DapiError | TypeError) and not isinstance(cause, AssetError)
    if not faults.is_of_machine(cause) and not is_of_caller:
        for file in files:
            _store.reject(file)


@public
def lazy(target: str, /, **kwargs: Any) -> Lazy:
    """Declare a factory without importing it.

    Args:
        target: ``"module:attribute"``.
        **kwargs: Its arguments; ``Asset("name")`` refers to an asset of the entry.

    Returns:
        A callable that compares, hashes, pickles and prints by value.

    Raises:
        WeightsDeclarationError: ``target`` is not of that form.

    >>> lazy("fractions:Fraction", numerator=3, denominator=4)()
    Fraction(3, 4)
    """
    module, _, attribute = str(target).partition(":")
    if not module or not attribute:
        raise WeightsDeclarationError(
            f"lazy({target!r})", "has no attribute", "Write 'module:attribute'."
        )
    return Lazy(target, kwargs)


def resolve(target: str) -> Any:
    """Import the object that ``"module:attribute"`` names."""
    module, _, attribute = target.partition(":")
    found = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found
