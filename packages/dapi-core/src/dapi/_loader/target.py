"""The target: the final device and floating-point type of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import nn


class Target(NamedTuple):
    """The final device and floating-point type of a model; None keeps what it has."""

    device: torch.device | str | None = None
    dtype: torch.dtype | None = None

    def move(self, model: nn.Module) -> None:
        """Move a model to the target, unless it is there."""
        if self.device is not None or self.dtype is not None:
            model.to(device=self.device, dtype=self.dtype)


def default_device() -> torch.device:
    """Return the device on which tensors are made now.

    PyTorch 2.6 raises in ``torch.get_default_device`` once a default was set and taken back.
    """
    import torch

    return torch.empty(0).device
