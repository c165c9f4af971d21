"""What maps the keys of a published file to those of the model, so that loading stays strict.

Each step is a value: it compares and prints as such, and takes a state dict (and the builder's
config) to a new one. An entry lists its steps in ``Build(adapt=...)``; they run in order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from dapi._record import Record

V = TypeVar("V")


class Step(Protocol):
    """Anything that takes a state dict and the builder's config to a new state dict."""

    def __call__(self, state_dict: Mapping[str, V], config: Mapping[str, Any]) -> dict[str, V]:
        """Return the adapted state dict."""
        ...


class StripPrefix(Record):
    """Remove a prefix from the keys that have it; other keys stay.

    >>> StripPrefix("encoder.")({"encoder.weight": 1, "bias": 2}, {})
    {'weight': 1, 'bias': 2}
    """

    prefix: str

    def __call__(self, state_dict: Mapping[str, V], config: Mapping[str, Any]) -> dict[str, V]:
        """Return the adapted state dict."""
        return {key.removeprefix(self.prefix): value for key, value in state_dict.items()}


class Drop(Record):
    r"""Leave out the keys that a regular expression matches at their start.

    Attributes:
        pattern: The regular expression.
        unless: Name of a config argument; when that is given and true, the keys are kept.

    >>> Drop(r"aux\.", unless="aux_logits")({"aux.weight": 1, "fc.weight": 2}, {})
    {'fc.weight': 2}
    """

    pattern: str
    unless: str | None = None

    def __call__(self, state_dict: Mapping[str, V], config: Mapping[str, Any]) -> dict[str, V]:
        """Return the adapted state dict."""
        if self.unless and config.get(self.unless):
            return dict(state_dict)
        return {key: value for key, value in state_dict.items() if not re.match(self.pattern, key)}


class Rename(Record):
    r"""Replace what a regular expression matches, in every key.

    >>> Rename(r"\.gamma$", ".weight")({"norm.gamma": 1}, {})
    {'norm.weight': 1}
    """

    pattern: str
    replacement: str

    def __call__(self, state_dict: Mapping[str, V], config: Mapping[str, Any]) -> dict[str, V]:
        """Return the adapted state dict."""
        return {
            re.sub(self.pattern, self.replacement, key): value for key, value in state_dict.items()
        }


class DropRows(Record):
    r"""Leave out rows of the tensors whose keys a regular expression matches at their start.

    For the symbols that a vocabulary reserves and that no output ever is: fairseq's heads have
    rows for them, and the models that were converted from it do not.

    Attributes:
        pattern: The regular expression.
        rows: Indices into the first dimension, as the file has it.

    >>> import torch
    >>> head = torch.tensor([[1.0], [2.0], [3.0]])
    >>> DropRows(r"head\.", rows=(1,))({"head.weight": head}, {})["head.weight"].tolist()
    [[1.0], [3.0]]
    """

    pattern: str
    rows: tuple[int, ...]

    def __call__(self, state_dict: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the adapted state dict."""
        return {
            key: self._without(value) if re.match(self.pattern, key) else value
            for key, value in state_dict.items()
        }

    def _without(self, tensor: Any) -> Any:
        return tensor[[row for row in range(len(tensor)) if row not in self.rows]]
