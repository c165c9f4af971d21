"""The target: the final device and floating-point type of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from dapi.exceptions import ArgumentError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Target(NamedTuple):
    """The final device and floating-point type of a model; None keeps what it has.

    ``is_of_file`` stands for the type of a file that was not read yet.
    """

    device: torch.device | str | None = None
    dtype: torch.dtype | None = None
    is_of_file: bool = False

    @classmethod
    def given(
        cls, function: str, device: torch.device | str | None, dtype: torch.dtype | str | None
    ) -> Target:
        """Return the target that a caller of a function means, who may name the type.

        Raises:
            ArgumentError: It is not a floating-point type.
        """
        if dtype is None or dtype == "auto":
            return cls(device, is_of_file=dtype is not None)
        import torch

        named = str(dtype).removeprefix("torch.")
        found = getattr(torch, named, None)
        if isinstance(found, torch.dtype) and (found.is_floating_point or found.is_complex):
            return cls(device, found)
        expected = "a floating-point type, as in torch.float16 or 'float16', or 'auto'"
        raise ArgumentError(function, "dtype", dtype, expected=expected)

    def for_file(self, state_dict: Mapping[str, Tensor]) -> Target:
        """Return the target for a file: its type may be the one that most of its numbers have."""
        if not self.is_of_file:
            return self
        sizes: Counter[torch.dtype] = Counter()
        for value in state_dict.values():
            if getattr(value, "is_floating_point", bool)():  # a step may have made another object
                sizes[value.dtype] += value.numel()
        return Target(self.device, max(sizes, key=sizes.__getitem__, default=None))

    def move(self, model: nn.Module) -> None:
        """Move a model to the target, unless it is there."""
        if self.device is not None or self.dtype is not None:
            model.to(device=self.device, dtype=self.dtype)

    def cast(self, model: nn.Module) -> None:
        """Give a model on meta its type; what its constructor computed stays where it is."""
        if self.dtype is not None:
            model.to(dtype=self.dtype)


def default_device() -> torch.device:
    """Return the device on which tensors are made now.

    PyTorch 2.6 raises in ``torch.get_default_device`` once a default was set and taken back.
    """
    import torch

    return torch.empty(0).device
