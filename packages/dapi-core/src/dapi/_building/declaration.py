"""Declaration: what register_model was told of a builder, and read from its function.

``LegacyArgument`` is a part of it: an argument of the builder's predecessor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from dapi._building.annotations import unwrapped
from dapi._catalog import offers
from dapi._values import notices
from dapi._values.frozen import FrozenDict
from dapi._values.public import public
from dapi._values.record import Record
from dapi._weights import known_as
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights
from dapi.exceptions import (
    LegacyArgumentWarning,
    LegacyConflictError,
    UnknownWeightsError,
    WeightsDeclarationError,
    WeightsTypeError,
)

if TYPE_CHECKING:
    from dapi._building.head_and_stem import Ends

_CO_VARARGS = 0x04  # of ``inspect``, which takes longer to import than all builders of a family


@public
class LegacyArgument(Record):
    """A deprecated argument of a builder's predecessor, and its current equivalent.

    Attributes:
        name: The argument, such as ``pretrained``.
        values: The weights (or None) that each of its values selects.
        parameter: The argument that replaces it.
        when: Values of other arguments that must match for this to apply.
    """

    name: str
    values: Mapping[Any, Weights | None]
    parameter: str = "weights"
    when: Mapping[str, Any] = FrozenDict()

    def is_meant(self, arguments: Mapping[str, Any]) -> bool:
        """Whether it applies to a call with these arguments."""
        return self.name in arguments and all(
            arguments.get(name) == value for name, value in self.when.items()
        )

    def translate(self, builder: str, value: Any) -> Weights | None:
        """Return the weights of ``value``, and warn with the exact replacement.

        Raises:
            UnknownWeightsError: It never accepted this value.
        """
        known = [meant for old, meant in self.values.items() if old == value]
        if not known:
            raise UnknownWeightsError(
                f"{builder}({self.name}=...)", str(value), available=list(map(str, self.values))
            )
        meant = known[0]
        name = f"{type(meant).__name__}.{meant.name}" if meant is not None else None
        notices.warn(
            f"{builder}({self.name}={value!r}) is deprecated. "
            f"Write {builder}({self.parameter}={name}).",
            LegacyArgumentWarning,
        )
        return meant


class Declaration(Record):
    """The declaration of a builder; the function's attribute ``__dapi_builder__``."""

    name: str
    module: str
    weights: tuple[type[Weights], ...]
    head: tuple[str, ...]
    stem: tuple[str, ...]
    replaces: str | None
    legacy: tuple[LegacyArgument, ...]
    parameters: tuple[str, ...]
    function: str
    positional: tuple[str, ...]
    most_positional: int

    @property
    def target(self) -> str:
        """The function, in the form of entry points."""
        return f"{self.module}:{self.function}"

    @property
    def ends(self) -> Ends:
        """The layers in which a model may differ from weights."""
        from dapi._building.head_and_stem import Ends

        return Ends(self.head, self.stem)

    def check_weights(self, weights: Any, builder: Callable[..., Any]) -> None:
        """Accept None, any entry, members of its own enums, and those offered for ``builder``."""
        if weights is None or isinstance(weights, (WeightEntry, *self.weights)):
            return
        owners: list[str] = []
        if isinstance(weights, Weights):
            if offers.takes(builder, self.name, type(weights)):
                return
            owners = [offer.point.name for offer in offers.leading_to(type(weights))]
        raise WeightsTypeError(
            self.name,
            weights,
            expected=[enum.__name__ for enum in self.weights],
            owners=owners,
            equivalents=self._equivalents(weights),
        )

    def _equivalents(self, weights: object) -> list[str]:
        """List its own members that a string, or a member of another library's enum, refers to."""
        if isinstance(weights, Enum):
            weights = f"{type(weights).__name__}.{weights.name}"
        if not isinstance(weights, str):
            return []
        members = (m for enum in self.weights for m in known_as.own_members(weights, enum))
        return [f"{type(member).__name__}.{member.name}" for member in members]

    def translate_legacy(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Replace deprecated arguments by current ones, each with a warning."""
        translated = dict(config)
        for legacy in self.legacy:
            if not legacy.is_meant(translated):
                continue
            if legacy.parameter in translated:
                raise LegacyConflictError(self.name, legacy.name, parameter=legacy.parameter)
            value = legacy.translate(self.name, translated.pop(legacy.name))
            translated[legacy.parameter] = value
        return translated


def declaration(builder: Callable[..., Any]) -> Declaration:
    """Return the declaration of a function that ``register_model`` decorated."""
    found: Declaration = builder.__dapi_builder__  # type: ignore[attr-defined]
    return found


def read_function(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the facts of a declaration that are in the function itself.

    Its parameters, without ``*args`` and ``**kwargs``, are read from its code:
    ``inspect.signature`` takes ten times as long, for every builder of every enum that a search
    reads.

    Raises:
        WeightsDeclarationError: It is a class or another callable, or ``weights`` is not
            keyword-only.
    """
    code = getattr(unwrapped(function), "__code__", None)
    if code is None:
        raise WeightsDeclarationError(
            f"The builder {function!r}",
            "is not a function",
            "Write a function that constructs it: def net(*, weights=None, progress=True): ...",
        )
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if "weights" not in names[code.co_argcount :]:
        raise WeightsDeclarationError(
            f"The builder {function.__name__}",
            "has no keyword-only parameter 'weights'",
            f"Write: def {function.__name__}(*, weights=None, progress=True, **config)",
        )
    return {
        "module": function.__module__,
        "function": function.__qualname__,
        "parameters": names,
        "positional": () if code.co_posonlyargcount else names[: code.co_argcount],
        "most_positional": sys.maxsize if code.co_flags & _CO_VARARGS else code.co_argcount,
    }
