"""Arguments that a file may pass to a builder: a closed list, since files are untrusted.

A file may pass arguments that the builder declares, by parameters with types or a TypedDict, with
values of these types. To parameters without a type it may pass numbers, booleans and None, which
name nothing. A file never decides how and where a model runs.
"""

from __future__ import annotations

import builtins
import re
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from types import NoneType
from typing import Any, Final, ForwardRef, Literal, NamedTuple, Union, get_args, get_origin

from dapi._building.annotations import unwrapped
from dapi._values.frozen import FrozenDict
from dapi._weights.build import CALLERS

# Flags of code objects, of ``inspect``, which takes long to import.
_VARARGS, _KEYWORDS = 0x04, 0x08


class Arguments(NamedTuple):
    """The declared arguments of a builder.

    Attributes:
        builder: Its name, for errors.
        types: By argument; Any if it declares no type.
        takes_others: Whether it accepts undeclared arguments.
        defaults: By argument, if it has a default.
    """

    builder: str
    types: Mapping[str, Any]
    takes_others: bool
    defaults: Mapping[str, Any] = FrozenDict()

    @classmethod
    def of(cls, function: Callable[..., Any], builder: str) -> Arguments:
        """Read the arguments that the function of a builder declares."""
        function = unwrapped(function)
        code, scope, hints = function.__code__, function.__globals__, function.__annotations__
        count = code.co_argcount + code.co_kwonlyargcount
        found = {
            name: _evaluated(hints.get(name, Any), scope)
            for name in code.co_varnames[code.co_posonlyargcount : count]
        }
        usual = reversed(function.__defaults__ or ())
        defaults = dict(zip(reversed(code.co_varnames[: code.co_argcount]), usual, strict=False))
        defaults |= function.__kwdefaults__ or {}
        takes_others = bool(code.co_flags & _KEYWORDS)
        if takes_others:
            rest = code.co_varnames[count + bool(code.co_flags & _VARARGS)]
            declared = _evaluated(hints.get(rest, Any), scope)
            if hasattr(declared, "__total__"):  # a TypedDict
                found, takes_others = {**found, **_declared(declared)}, False
        return cls(builder, found, takes_others, defaults)

    def admit(self, name: str, value: Any) -> Any:
        """Convert a value from a file to the argument's type.

        Raises:
            ValueError: A file may not pass this argument, or not this value.
        """
        if name in CALLERS:
            raise ValueError(f"it names {name} among the arguments, which only a caller may pass")
        if name not in self.types and not self.takes_others:
            raise ValueError(f"it passes {name!r}, which {self.builder} does not accept")
        try:
            return _fitted(value, self.types.get(name, Any))
        except _MisfitError:
            raise ValueError(
                f"it gives {name}={value!r:.80}, but {self.builder} declares no such value"
            ) from None


def _declared(config: type) -> dict[str, Any]:
    """Return the types that a TypedDict declares; a subclass repeats the text of its bases."""
    texts: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for each in reversed(config.__mro__):
        scope = getattr(sys.modules.get(each.__module__), "__dict__", {})
        for key, hint in getattr(each, "__annotations__", {}).items():
            if key not in texts or texts[key] != hint:  # else it was written in a base's module
                texts[key], found[key] = hint, _evaluated(hint, scope)
    return found


def is_inert(value: Any) -> bool:
    """Whether a value names nothing: it is None or a number, or a list of these."""
    if isinstance(value, tuple | list):
        return all(map(is_inert, value))
    return value is None or type(value) in (bool, int, float)


class _MisfitError(Exception):
    """A value is not of a type."""


class _UnknownType(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __getitem__(cls, item: object) -> Any:
        return cls


class _Unknown(metaclass=_UnknownType):
    """A type that is imported for type checkers only: no value in a file has it."""


class _Qualified:
    """A qualifier of a type, such as Required."""

    def __class_getitem__(cls, item: Any) -> Any:
        return item


_QUALIFIERS = dict.fromkeys(("NotRequired", "ReadOnly", "Required", "Unpack"), _Qualified)


class _Scope(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        return _Unknown


def _evaluated(hint: Any, scope: Mapping[str, Any]) -> Any:
    """Return the type of an annotation; ``_Unknown`` if it cannot be evaluated."""
    if isinstance(hint, ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        # Names that only type checkers import are unknown types, not errors.
        names = _Scope({**vars(builtins), **scope, **_QUALIFIERS})
        try:
            hint = eval(hint, {"__builtins__": {}}, names)  # noqa: S307 - the builder's own code
        except Exception:  # noqa: BLE001 - its author wrote it for type checkers
            return _Unknown
    qualifier = str(get_origin(hint)).rpartition(".")[2]
    return get_args(hint)[0] if qualifier in _QUALIFIERS else hint


def _fitted(value: Any, hint: Any) -> Any:
    """Convert a JSON value to a type.

    Raises:
        _MisfitError: It is not of the type.
    """
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind in (Union, types.UnionType):
        return _fitted_one_of(value, inner)
    if kind in _SEQUENCES:
        return _fitted_sequence(value, inner, is_fixed=kind is tuple and ... not in inner)
    if kind in (dict, Mapping):
        return _fitted_mapping(value, *(inner or (str, Any)))
    if kind is Literal:
        fits = any(type(value) is type(each) and value == each for each in inner)
    elif kind in (Any, object):
        fits = is_inert(value)
    else:
        fits = type(value) in _SCALARS.get(kind, ())
    if not fits:
        raise _MisfitError
    return value


_SEQUENCES = (tuple, list, Sequence, Iterable, Collection)
# JSON has one type of numbers: 2.0 may have been written as 2. It has no other scalars.
_SCALARS: Final[Mapping[Any, Collection[type]]] = {
    **{each: (each,) for each in (NoneType, bool, int, str)},
    None: (NoneType,),
    float: (int, float),
}


def _fitted_one_of(value: Any, hints: Iterable[Any]) -> Any:
    for hint in hints:
        with suppress(_MisfitError):
            return _fitted(value, hint)
    raise _MisfitError


def _fitted_sequence(value: Any, hints: Sequence[Any], *, is_fixed: bool) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        raise _MisfitError
    if hints and is_fixed:
        if len(value) != len(hints):
            raise _MisfitError
        return tuple(map(_fitted, value, hints))
    return tuple(_fitted(each, hints[0] if hints else Any) for each in value)


def _fitted_mapping(value: Any, key_hint: Any, hint: Any) -> dict[Any, Any]:
    """Convert a mapping; JSON turned numeric keys into strings."""
    if not isinstance(value, Mapping):
        raise _MisfitError
    if key_hint is not int:
        return {_fitted(key, key_hint): _fitted(each, hint) for key, each in value.items()}
    if not all(re.fullmatch("-?[0-9]{1,18}", str(key)) for key in value):
        raise _MisfitError
    return {int(key): _fitted(each, hint) for key, each in value.items()}
