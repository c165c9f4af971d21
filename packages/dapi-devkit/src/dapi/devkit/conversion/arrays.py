"""Arrays of numpy in a pickle: stand-ins that keep their bytes."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from torch import Tensor

# By numpy's code of a type, without the byte order: the type in torch.
_TYPES: Final = {
    "f8": "float64",
    "f4": "float32",
    "f2": "float16",
    "i8": "int64",
    "i4": "int32",
    "i2": "int16",
    "i1": "int8",
    "u1": "uint8",
    "b1": "bool",
    "c8": "complex64",
    "c16": "complex128",
}
_OWN_ORDER: Final = ("=", "|", "<" if sys.byteorder == "little" else ">")


class Kind:
    """A stand-in for ``numpy.dtype``."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code, self.order = code if isinstance(code, str) else "", "="

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "="
        self.order = order if isinstance(order, str) else ""


class Array:
    """A stand-in for ``numpy.ndarray``."""

    __slots__ = ("content", "in_columns", "kind", "shape")

    def __init__(self, *_: Any) -> None:
        self._keep(Kind(), (0,), in_columns=False, content=b"")

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 4:
            raise pickle.UnpicklingError("it has an array that numpy did not write")
        shape, kind, in_columns, content = state[-4:]
        self._keep(kind, shape, in_columns=bool(in_columns), content=content)

    def _keep(self, kind: Any, shape: Any, *, in_columns: bool, content: Any) -> None:
        is_shape = isinstance(shape, tuple) and all(
            type(length) is int and length >= 0 for length in shape
        )
        if not is_shape or not isinstance(kind, Kind):
            raise pickle.UnpicklingError("it has an array of an impossible shape")
        if isinstance(content, str):  # of Python 2, decoded as the unpickler decodes text
            content = content.encode("utf-8", "surrogateescape")
        self.kind, self.shape, self.in_columns = kind, shape, in_columns
        self.content = content if isinstance(content, bytes | bytearray) else None

    @property
    def is_numeric(self) -> bool:
        """Whether it holds numbers that torch has; otherwise it is left out."""
        return self.kind.code in _TYPES and self.content is not None

    def load(self) -> Tensor:
        """Return a tensor."""
        import torch

        if self.kind.order not in _OWN_ORDER:
            raise ValueError("its numbers are in the byte order of another machine")
        dtype = getattr(torch, _TYPES[self.kind.code])
        content = bytearray(self.content or b"")
        if len(content) != prod(self.shape) * torch.empty(0, dtype=dtype).element_size():
            raise ValueError("it has an array whose bytes are not those of its shape")
        if not content:
            return torch.empty(self.shape, dtype=dtype)
        flat = torch.frombuffer(content, dtype=dtype)
        if not self.in_columns:
            return flat.reshape(self.shape)
        turned = flat.reshape(self.shape[::-1])
        return turned.permute(*reversed(range(turned.dim()))).contiguous()


class _FromBuffer:
    """``_frombuffer``, with which protocol 5 makes an array."""

    def __new__(cls, content: Any, kind: Any, shape: Any, order: Any, *_: Any) -> Any:
        made = Array()
        made._keep(kind, shape, in_columns=order == "F", content=content)
        return made


class _Encoded:
    """``_codecs.encode``, with which protocol 2 makes bytes."""

    def __new__(cls, text: Any, encoding: Any = "latin1", *_: Any) -> Any:
        if not isinstance(text, str) or encoding != "latin1":
            raise pickle.UnpicklingError("it has text in an unusual encoding")
        return text.encode("latin1")


class _Empty:
    """``bytes``, which protocol 2 calls without arguments: with one, it would take memory."""

    def __new__(cls) -> Any:
        return b""


KNOWN: Final[Mapping[tuple[str, str], type]] = {
    ("_codecs", "encode"): _Encoded,
    ("__builtin__", "bytes"): _Empty,
    ("builtins", "bytes"): _Empty,
    ("numpy", "dtype"): Kind,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", Array),
            ("numeric", "_frombuffer", _FromBuffer),
        )
    },
}
