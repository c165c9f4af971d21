"""The target: where a model shall be in the end, and in which floating-point type."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import nn


class Target(NamedTuple):
    """Where a model shall be, and in which floating-point type; None leaves it as it is."""

    device: torch.device | str | None = None
    dtype: torch.dtype | None = None

    def move(self, model: nn.Module) -> None:
        """Move what is not there yet."""
        if self.device is not None or self.dtype is not None:
            model.to(device=self.device, dtype=self.dtype)


def default_device() -> torch.device:
    """Return the device on which tensors are made now.

    PyTorch 2.6 raises in ``torch.get_default_device`` once a default was set and taken back.
    """
    import torch

    return torch.empty(0).device
