"""BuilderConfig: the arguments that every builder accepts in addition to its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

from dapi._values.public import public

if TYPE_CHECKING:
    import torch

    class _Declared(TypedDict):
        pass
else:

    class _Declared(dict):
        # TypedDict compiles each annotation, for every family that a search reads; this merges
        # them with those of the bases, as that does, and is a dict when it is called.
        def __init_subclass__(cls, total: bool = True) -> None:
            inherited = (getattr(base, "__annotations__", {}) for base in reversed(cls.__bases__))
            own = vars(cls).get("__annotations__", {})
            cls.__annotations__ = {
                key: each for hints in (*inherited, own) for key, each in hints.items()
            }
            cls.__total__ = total


@public
class BuilderConfig(_Declared, total=False):
    """The arguments that every builder accepts in addition to its own; the decorator handles them.

    Extend it by the arguments that a builder passes on, so that editors complete them, type
    checkers know them, and a call with any other is refused::

        class NetConfig(BuilderConfig, total=False):
            dropout: float

        @register_model(weights=NetWeights)
        def net(*, weights=None, progress=True, **config: Unpack[NetConfig]) -> Net: ...

    Attributes:
        new_head: Whether the size of the head may contradict the weights, and is not loaded.
        new_stem: The same of the stem's channels; ``"adapt"`` fits the filters to them. See
            ``dapi.build_model``.
        device: The device of the model; ``"meta"`` loads nothing. See ``dapi.build_model``.
        dtype: The floating-point type of the model, also by its name, as in ``"float16"``, or
            ``"auto"`` for that of the file; by default that of the constructor.
    """

    new_head: bool
    new_stem: bool | Literal["adapt"]
    device: torch.device | str | None
    dtype: torch.dtype | str | None
