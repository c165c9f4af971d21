"""Measure a model before it is built: an untrusted file may describe an enormous one.

Its constructor runs with every tensor on the meta device, without memory, and is stopped at a
limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi._loader.construction import Deferral, watched_by

if TYPE_CHECKING:
    from torch import Tensor, nn

# Allowance for memory in addition to the file's tensors: small buffers, replaced layers.
_MORE_PARAMETERS, _MORE_ELEMENTS = 1_000, 1 << 24


class TooLargeError(ValueError):
    """A model is larger than the tensors of its file."""

    def __init__(self) -> None:
        super().__init__("the model that it asks for is larger than the tensors that it holds")


def check(make: Callable[[], nn.Module], *, tensors: int, elements: int) -> None:
    """Construct a model, without memory for its parameters, up to a limit.

    The limit is twice the content of its file, since a constructor may replace its layers. An error
    of the constructor is ignored: constructing the model raises it again.

    Args:
        make: Constructs the model.
        tensors: The number of tensors in the file.
        elements: The total number of their elements.

    Raises:
        TooLargeError: The model is larger.
    """
    import torch

    for device in ("meta", "cpu"):  # some constructors need real values
        measure = _Measure(2 * tensors + _MORE_PARAMETERS, 2 * elements + _MORE_ELEMENTS)
        try:
            with watched_by(measure), torch.device(device):
                for buffer in make().buffers():
                    measure.add(buffer)
            break
        except TooLargeError:
            raise
        except Exception:  # noqa: BLE001, S112 - the real construction raises it again
            continue


class _Measure(Deferral):
    """Counts the parameters that a constructor registers, and puts them on meta."""

    def __init__(self, parameters: int, elements: int) -> None:
        super().__init__()
        self._parameters, self._elements = parameters, elements

    def take(self, parameter: nn.Parameter) -> None:
        self._parameters -= 1
        self.add(parameter)
        super().take(parameter)

    def add(self, tensor: Tensor) -> None:
        self._elements -= tensor.numel()
        if min(self._parameters, self._elements) < 0:
            raise TooLargeError
