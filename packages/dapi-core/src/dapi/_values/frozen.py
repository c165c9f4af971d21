"""FrozenDict: a mapping that cannot be written to, and pickles, copies and hashes."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any, TypeVar

from dapi._values.public import public

V = TypeVar("V")


@public
class FrozenDict(Mapping[str, V]):
    """A read-only mapping. Nested mappings and lists are frozen too.

    >>> meta = FrozenDict({"metrics": [{"acc@1": 76.13}]})
    >>> meta["metrics"][0]["acc@1"]
    76.13
    >>> meta["task"] = "other"
    Traceback (most recent call last):
    ...
    TypeError: 'FrozenDict' object does not support item assignment
    """

    __slots__ = ("_items",)
    _items: dict[str, V]

    def __init__(self, items: Mapping[str, V] | None = None) -> None:
        frozen = {
            key: value if type(value) in _FROZEN else freeze(value)
            for key, value in (items or {}).items()
        }
        object.__setattr__(self, "_items", frozen)

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    # The dict's own methods: those inherited from Mapping call __getitem__ for every key.
    def keys(self) -> KeysView[str]:
        """Return a view of the keys."""
        return self._items.keys()

    def values(self) -> ValuesView[V]:
        """Return a view of the values."""
        return self._items.values()

    def items(self) -> ItemsView[str, V]:
        """Return a view of the pairs."""
        return self._items.items()

    def __or__(self, other: FrozenDict[V]) -> FrozenDict[V]:
        """Return the items of both; those of the other one count more.

        >>> FrozenDict({"a": 1, "b": 1}) | FrozenDict({"b": 2})
        {'a': 1, 'b': 2}
        """
        both = object.__new__(type(self))  # values that are frozen already
        object.__setattr__(both, "_items", {**self._items, **other._items})
        return both

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._items,)

    def to_dict(self) -> dict[str, Any]:
        """Return dicts, lists and scalars that ``json.dumps`` takes.

        >>> FrozenDict({"datasets": ["COCO"]}).to_dict()
        {'datasets': ['COCO']}
        """
        plain: dict[str, Any] = to_json(self)
        return plain

    def __copy__(self) -> FrozenDict[V]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenDict[V]:
        return self


def freeze(value: Any) -> Any:
    """Return ``value`` with its dicts and lists made read-only, at every depth."""
    if type(value) in _FROZEN:
        return value
    if type(value) is dict:
        return FrozenDict(value)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return tuple([item if type(item) in _FROZEN else freeze(item) for item in value])
    return FrozenDict(value) if isinstance(value, Mapping) else value


# The most common types in metadata are tested first: each entry of every distribution is frozen.
_FROZEN = frozenset({FrozenDict, str, int, float, bool, type(None)})


def to_json(value: Any) -> Any:
    """Turn a frozen value into dicts, lists and scalars that ``json.dumps`` takes.

    >>> to_json(FrozenDict({"datasets": ("COCO",)}))
    {'datasets': ['COCO']}
    """
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return repr(value)
