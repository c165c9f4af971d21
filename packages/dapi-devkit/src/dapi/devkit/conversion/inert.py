"""Unpickle without running code: what a pickle names is replaced by stand-ins of this module.

``pickle`` runs a file's code because it imports what the file names and calls it. ``Reader``
imports nothing: a name becomes a class of its own that keeps its arguments, state and items, and
does nothing with them. The functions with which PyTorch rebuilds tensors become classes that keep
where a tensor's numbers are. No object of PyTorch exists while a file is unpickled.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, ClassVar, NamedTuple

from dapi.devkit.conversion import arrays


class Inert:
    """A stand-in for an object: keeps what the file says of it."""

    __slots__ = ("args", "items", "pairs", "state")

    module: ClassVar[str] = ""
    name: ClassVar[str] = ""
    args: tuple[Any, ...]
    items: list[Any]
    pairs: list[tuple[Any, Any]]
    state: Any

    def __new__(cls, *args: Any, **_: Any) -> Any:
        """Keep the arguments."""
        made = object.__new__(cls)
        made.args, made.state, made.items, made.pairs = args, None, [], []
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args: Any) -> Any:
        """Stand for the result of a method."""
        return Inert(self, args)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.pairs.append((key, value))

    def append(self, item: Any) -> None:
        """Keep an item, as of a list."""
        self.items.append(item)

    def extend(self, items: Iterable[Any]) -> None:
        """Keep items, as of a list."""
        self.items.extend(items)

    add = append  # as of a set


class Map(dict[Any, Any]):
    """A stand-in for subclasses of dict: its state is kept, and never becomes its attributes."""

    __slots__ = ("state",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*(each for each in args if isinstance(each, dict | list)))
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Storage(NamedTuple):
    """Numbers in a file.

    Attributes:
        key: Its name in the file.
        dtype: The type of its numbers, as ``torch.`` has it; empty for bytes of any type.
        length: How many numbers it has; of bytes of any type, how many bytes.
        begin: The first number that belongs to it, where it is a part of another one.
    """

    key: str
    dtype: str
    length: int
    begin: int = 0


class Stored:
    """A stand-in for a tensor: where its numbers are."""

    __slots__ = ("dtype", "offset", "size", "storage", "stride")

    def __init__(self, storage: Any, offset: Any, size: Any, stride: Any, dtype: str = "") -> None:
        counts = (offset, *size, *stride)
        if not isinstance(storage, Storage) or len(size) != len(stride):
            raise pickle.UnpicklingError("it has a tensor without numbers")
        if not all(type(count) is int and 0 <= count < 1 << 63 for count in counts):
            raise pickle.UnpicklingError("it has a tensor of an impossible shape")
        self.storage, self.offset = storage, offset
        self.size, self.stride = tuple(size), tuple(stride)
        self.dtype = storage.dtype or dtype

    def __setstate__(self, state: Any) -> None:
        pass  # attributes that somebody set on a tensor


class _Rebuilding(Inert):
    """Base of the stand-ins for PyTorch's functions that rebuild tensors."""

    __slots__ = ()


class _Tensor(_Rebuilding):
    """``_rebuild_tensor`` and ``_rebuild_tensor_v2``."""

    __slots__ = ()

    def __new__(
        cls, storage: Any, offset: Any, size: Any, stride: Any, *more: Any, **_: Any
    ) -> Any:
        if more[2:] and more[2]:
            raise pickle.UnpicklingError("it has a conjugated or negated tensor")
        return Stored(storage, offset, size, stride)


class _TypedTensor(_Rebuilding):
    """``_rebuild_tensor_v3``, for types that have no kind of storage of their own."""

    __slots__ = ()

    def __new__(
        cls,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        _: Any,
        __: Any,
        dtype: Any,
        *___: Any,
    ) -> Any:
        if not (isinstance(dtype, type) and issubclass(dtype, Inert)):
            raise pickle.UnpicklingError("it has a tensor without a type")
        return Stored(storage, offset, size, stride, dtype.name)


class _Parameter(_Rebuilding):
    """``_rebuild_parameter`` and ``_rebuild_parameter_with_state``."""

    __slots__ = ()

    def __new__(cls, data: Any, *_: Any, **__: Any) -> Any:
        return data


class _Subclass(_Rebuilding):
    """``_rebuild_from_type_v2``: a tensor of a class, or with attributes."""

    __slots__ = ()

    def __new__(cls, function: Any, _: Any, args: Any, *__: Any) -> Any:
        if isinstance(function, type) and issubclass(function, _Rebuilding):
            return function(*args)
        return Inert.__new__(Inert, function, args)


_KNOWN: Mapping[tuple[str, str], type] = {
    **arrays.KNOWN,
    ("collections", "OrderedDict"): Map,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _TypedTensor,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _Parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _Subclass,
}
# Modules whose names are in every file.
_USUAL = ("torch._utils", "torch.distributed.checkpoint", "torch.serialization")
# Kinds of storage, of which each has numbers of one type.
_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "",
}


class Reader(pickle.Unpickler):
    """Unpickles a stream into dicts, lists, numbers, text and stand-ins.

    Attributes:
        storages: The numbers that it refers to, by key.
        unknown: The names that were replaced, as ``module.name``.
    """

    def __init__(self, stream: BinaryIO) -> None:
        # Python 2 wrote the oldest files, whose text has no encoding.
        super().__init__(stream, encoding="utf-8", errors="surrogateescape")
        self.storages: dict[str, Storage] = {}
        self.unknown: dict[str, None] = {}
        self._classes: dict[tuple[str, str], type] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the stand-in for a name; nothing is imported."""
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if (module, name) not in self._classes:
            facts = {"__slots__": (), "module": module, "name": name}
            self._classes[module, name] = type("Inert", (Inert,), facts)
            if module not in ("torch", "torch.cuda", "torch.storage") and not (
                module.startswith(_USUAL)
            ):
                self.unknown[f"{module}.{name}"] = None
        return self._classes[module, name]

    def persistent_load(self, pid: Any, /) -> Any:
        """Return where the numbers of a storage are."""
        kind, cls, key, *rest = pid
        if kind == "module":  # a class, with its source
            return cls
        name = cls.name if isinstance(cls, type) and issubclass(cls, Inert) else ""
        if kind != "storage" or name not in _DTYPES:
            raise pickle.UnpicklingError(
                f"it refers to {name or 'something'} outside of the pickle"
            )
        count, view = rest[1], rest[2] if len(rest) > 2 else None
        if type(key) is not str or type(count) is not int or count < 0:
            raise pickle.UnpicklingError("it has numbers without a name or a count")
        root = self.storages.setdefault(key, Storage(key, _DTYPES[name], count))
        if view is None:
            return root
        _, begin, length = view
        if not all(type(each) is int and each >= 0 for each in (begin, length)):
            raise pickle.UnpicklingError("it has a part of numbers that is not in them")
        return Storage(key, root.dtype, length, begin)
