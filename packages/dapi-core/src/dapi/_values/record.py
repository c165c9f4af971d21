"""Record: a frozen dataclass that costs next to nothing to declare.

``dataclasses`` imports ``inspect`` and compiles methods for every class, which together take an
eighth of a search in a new process. Here the methods are inherited, and the dataclass itself is
made when it is first asked for: by ``dataclasses.replace``, ``fields`` and ``asdict``, by a
dataclass that extends the record, or by ``inspect.signature``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from dapi._text.urls import redact

if TYPE_CHECKING:
    from dataclasses import Field

    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:
        return lambda cls: cls


class _Late:
    """An attribute that ``dataclasses`` adds to a class, created when it is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, record: object, cls: Any) -> Any:
        return getattr(_dataclass(cls), self._name)


class _LateSignature:
    """The signature that ``inspect`` finds on the class; an instance may be callable itself."""

    def __get__(self, record: object, cls: Any) -> Any:
        if record is not None:
            raise AttributeError("__signature__")
        from inspect import signature

        return signature(_dataclass(cls))


@cache
def _dataclass(cls: type[Any]) -> type:
    """Make the dataclass that has the fields of a record."""
    from dataclasses import make_dataclass

    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        hints.update(vars(base).get("__annotations__", {}))
    return make_dataclass(
        cls.__name__,
        [(name, hints[name]) for name in cls.__match_args__],
        namespace=cls._defaults,
        frozen=True,
    )


@dataclass_transform(frozen_default=True)
class Record:
    """Base of immutable values: annotations in a subclass are fields, as in a dataclass.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(1) == Point(x=1, y=0)
    (Point(x=1, y=0), True)
    """

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    else:
        __dataclass_fields__ = _Late()
        __dataclass_params__ = _Late()
        __replace__ = _Late()  # of copy.replace, since Python 3.13
        __signature__ = _LateSignature()

    __match_args__: ClassVar[tuple[str, ...]] = ()
    _names: ClassVar[frozenset[str]] = frozenset()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        own = vars(cls).get("__annotations__", {})
        names = cls.__match_args__ = tuple(dict.fromkeys((*cls.__match_args__, *own)))  # type: ignore[misc]
        cls._names = frozenset(names)
        cls._defaults = {name: getattr(cls, name) for name in names if hasattr(cls, name)}

    def __init__(self, *args: Any, **fields: Any) -> None:
        given = dict(zip(self.__match_args__, args), **fields)  # noqa: B905  # checked below
        values = {**self._defaults, **given}
        if len(given) != len(args) + len(fields) or values.keys() != self._names:
            from inspect import signature

            signature(type(self)).bind(*args, **fields)  # raises the error of a function call
        vars(self).update(values)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields, or convert them with ``object.__setattr__``."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__match_args__))

    def __repr__(self) -> str:
        fields = (f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return redact(f"{type(self).__qualname__}({', '.join(fields)})")
