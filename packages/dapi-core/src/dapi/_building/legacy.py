"""LegacyArgument: a deprecated argument of a builder's predecessor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dapi._values import notices
from dapi._values.frozen import FrozenDict
from dapi._values.public import public
from dapi._values.record import Record
from dapi._weights.enum import Weights
from dapi.exceptions import LegacyArgumentWarning, UnknownWeightsError


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
