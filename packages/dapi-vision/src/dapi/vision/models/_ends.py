"""The ends of torchvision's models: a first convolution of other channels, and no head."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from torch import nn
from torch.nn.modules.module import register_module_module_registration_hook

M = TypeVar("M", bound=nn.Module)

_wanted = threading.local()


def with_channels(make: Callable[[], M], channels: int, *, former: int) -> M:
    """Construct a model whose first convolution has another number of input channels.

    The convolution is replaced while the constructor runs, so that the constructor initializes the
    new one by its own rule, which differs between families.

    Args:
        make: Constructs the model.
        channels: The number of channels.
        former: The number for which the constructor makes the convolution.
    """
    _wanted.numbers = (former, channels)
    try:
        return make()
    finally:
        _wanted.numbers = None


def _replaced(_parent: nn.Module, _name: str, child: nn.Module | None) -> nn.Module | None:
    """Return a convolution of the wanted channels in place of the first one."""
    numbers = getattr(_wanted, "numbers", None)
    if numbers is None or type(child) is not nn.Conv2d or child.in_channels != numbers[0]:
        return None
    _wanted.numbers = None
    return nn.Conv2d(
        numbers[1],
        child.out_channels,
        child.kernel_size,  # type: ignore[arg-type]  # of two numbers
        stride=child.stride,  # type: ignore[arg-type]
        padding=child.padding,  # type: ignore[arg-type]
        bias=child.bias is not None,
    )


# Kept from the first model on whose ends differ: another thread may run the hooks meanwhile, and
# cannot while they change. It costs about a microsecond for each module that is registered.
register_module_module_registration_hook(_replaced)  # type: ignore[arg-type]  # it may return


def without(model: M, head: Sequence[str]) -> M:
    """Replace the layers of a head by the identity; a head of training may be absent."""
    modules = dict(model.named_modules())
    for name in head:
        if name in modules:
            model.set_submodule(name, nn.Identity())
    return model
