"""Steps that map the keys of a published file to those of the model, so that loading stays strict.

Each step is a value with equality and a repr, and a function from a state dict (and the builder's
config) to a new one. An entry lists its steps in ``Build(adapt=...)``; they run in order. The steps
here keep the module versions that torch records on a state dict (``_metadata``), under the new
paths of the modules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from dapi._values.record import Record
from dapi.exceptions import excerpt

__all__ = ["Channels", "Drop", "DropRows", "Rename", "Step", "StripPrefix", "Take"]

V = TypeVar("V")

# Keys of values that are not tensors in state dicts of torch: the last two are of quantized ones.
BESIDE_TENSORS = ("_extra_state", "_packed_params._packed_params", "_packed_params.dtype")


class _StateDict(dict[str, V]):
    """A dict with the versions of the modules that wrote the tensors, like torch's own."""

    _metadata: Mapping[str, Any]


def _of(
    state_dict: Mapping[str, V],
    items: Iterable[tuple[str, V]],
    rename: Callable[[str], str] = str,
) -> dict[str, V]:
    """Make a state dict from another one, keeping the versions that modules dispatch on.

    Args:
        state_dict: The original.
        items: The items of the new one.
        rename: Maps a key of the original to its new name.
    """
    versions = getattr(state_dict, "_metadata", None)
    if versions is None:
        return dict(items)
    found = _StateDict(items)
    # A module's path is the prefix of its keys, without the dot. If two become one, the later one
    # counts, which is the inner one: the model, not its wrapper.
    found._metadata = {
        rename(f"{path}." if path else "").removesuffix("."): facts
        for path, facts in versions.items()
    }
    return found


class Step(Protocol):
    """A callable from a state dict and the builder's config to a new state dict."""

    def __call__(self, state_dict: Mapping[str, V], config: Mapping[str, Any]) -> dict[str, V]:
        """Return the adapted state dict."""
        ...


class _Step(Record):
    """A step that treats each tensor alone: it renames its key, changes it, or drops it."""

    def __call__(self, state_dict: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the adapted state dict."""
        items = (
            (self._rename(key), self._change(key, value, config))
            for key, value in state_dict.items()
            if self._keeps(key, config)
        )
        return _of(state_dict, items, self._rename)

    def _rename(self, key: str) -> str:
        return key

    def _change(self, key: str, value: Any, config: Mapping[str, Any]) -> Any:
        return value

    def _keeps(self, key: str, config: Mapping[str, Any]) -> bool:
        return True


class Take(Record):
    """Take the tensors under a path of keys, and leave the rest of the file.

    For files that hold more than one state dict: ``Take("state_dict")`` of PyTorch Lightning,
    ``Take("params_ema")``, ``Take("model", "ema")``. ``Take()`` takes the tensors at the top of a
    file that has other values beside them, such as ``epoch``. Values that are not tensors are left
    out, too. It is applied while the file is read, so it must be the first step, and
    ``state_dict()`` of the entry returns these tensors.

    Attributes:
        keys: The keys, from the outside in.

    >>> import torch
    >>> list(Take("state_dict")({"state_dict": {"weight": torch.ones(2)}, "epoch": 3}, {}))
    ['weight']
    """

    keys: tuple[str, ...]

    def __init__(self, *keys: str) -> None:
        super().__init__(keys)

    def __repr__(self) -> str:
        return f"Take({', '.join(map(repr, self.keys))})"

    def __call__(self, state_dict: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the tensors.

        Raises:
            ValueError: There is no such key, or no tensors are under it.
        """
        import torch

        found: Any = state_dict
        for key in self.keys:
            if not isinstance(found, Mapping) or key not in found:
                raise ValueError(f"it has no key {key!r} for {self!r}{_keys_of(found)}")
            found = found[key]
        items = [
            (key, value)
            for key, value in (found.items() if isinstance(found, Mapping) else ())
            if isinstance(key, str)
            and (isinstance(value, torch.Tensor) or key.endswith(BESIDE_TENSORS))
        ]
        if not items:
            raise ValueError(f"it holds no tensors by key where {self!r} looks{_keys_of(found)}")
        return _of(found, items)


def _keys_of(found: object, shown: int = 5) -> str:
    if not isinstance(found, Mapping) or not found:
        return ""
    keys = [excerpt(key) for key in found if isinstance(key, str)][:shown]
    return f"; its keys are {', '.join(keys)}{', ...' if len(found) > shown else ''}"


class StripPrefix(_Step):
    """Remove a prefix from the keys that have it; other keys are unchanged.

    >>> StripPrefix("encoder.")({"encoder.weight": 1, "bias": 2}, {})
    {'weight': 1, 'bias': 2}
    """

    prefix: str

    def _rename(self, key: str) -> str:
        return key.removeprefix(self.prefix)


class Drop(_Step):
    r"""Drop the keys that a regular expression matches at their start.

    Attributes:
        pattern: The regular expression.
        unless: Name of a config argument; if it is true, the keys are kept.

    >>> Drop(r"aux\.", unless="aux_logits")({"aux.weight": 1, "fc.weight": 2}, {})
    {'fc.weight': 2}
    """

    pattern: str
    unless: str | None = None

    def _keeps(self, key: str, config: Mapping[str, Any]) -> bool:
        return bool(self.unless and config.get(self.unless)) or not re.match(self.pattern, key)


class Rename(_Step):
    r"""Replace the matches of a regular expression in every key.

    >>> Rename(r"\.gamma$", ".weight")({"norm.gamma": 1}, {})
    {'norm.weight': 1}
    """

    pattern: str
    replacement: str

    def _rename(self, key: str) -> str:
        return re.sub(self.pattern, self.replacement, key)


class Channels(_Step):
    """Fit the filters of a convolution to images with another number of channels.

    For one channel, the filters of all channels are added. For others they are repeated in order
    (those of red, green, blue, red, ...) and scaled by the quotient of the numbers, so that sums
    stay about as large. This is what timm does with ``in_chans``. Equal numbers change nothing.

    Attributes:
        module: The name of the convolution.
        argument: Name of the config argument that is the number of channels.

    >>> import torch
    >>> rgb = torch.tensor([[1.0, 2.0, 3.0]])
    >>> fit = Channels("conv")
    >>> fit({"conv.weight": rgb}, {"in_channels": 1})["conv.weight"].tolist()
    [[6.0]]
    >>> fit({"conv.weight": rgb}, {"in_channels": 4})["conv.weight"].tolist()
    [[0.75, 1.5, 2.25, 0.75]]
    """

    module: str
    argument: str = "in_channels"

    def _change(self, key: str, value: Any, config: Mapping[str, Any]) -> Any:
        count = config.get(self.argument)
        if key != f"{self.module}.weight" or not count or count == value.shape[1]:
            return value
        if count == 1:
            return value.sum(dim=1, keepdim=True)
        former = value.shape[1]
        return value[:, [place % former for place in range(count)]] * (former / count)


class DropRows(_Step):
    r"""Drop rows of the tensors whose keys a regular expression matches at their start.

    For reserved symbols of a vocabulary that are never an output: fairseq's heads have rows for
    them, but converted models do not.

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

    def _change(self, key: str, value: Any, config: Mapping[str, Any]) -> Any:
        if not re.match(self.pattern, key):
            return value
        return value[[row for row in range(len(value)) if row not in self.rows]]
