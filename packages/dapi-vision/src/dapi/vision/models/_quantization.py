"""Quantization in eager mode: from a float model to one that computes in 8 bits.

torch deprecates this way in favor of torchao's, for newly quantized models; models that were
published with it can only be loaded with it, so its warnings do not help their users.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)

_untyped: Any = torch.ao.quantization


def finished(model: M, *, quantize: bool, backend: str) -> M:
    """Return a quantizable model, quantized if requested.

    Args:
        model: A quantizable model of torchvision, just constructed.
        quantize: Whether to quantize it, calibrated by one random image (weights have a better
            calibration). It is then in eval mode.
        backend: The backend; it becomes the engine of the whole process.

    Raises:
        ValueError: This build of PyTorch does not have the backend.
    """
    _separate_relu(model)
    if quantize:
        from torchvision.models.quantization.utils import quantize_model

        _check(backend)
        with _silenced():
            quantize_model(model, backend)
    return model


def prepared_for_training(model: M, *, backend: str) -> M:
    """Return a quantizable model, prepared for quantization-aware training.

    Raises:
        ValueError: This build of PyTorch does not have the backend.
    """
    _separate_relu(model)
    _check(backend)
    with _silenced():
        fusing: Any = model
        fusing.fuse_model(is_qat=True)
        fusing.qconfig = _untyped.get_default_qat_qconfig(backend)
        prepared: M = _untyped.prepare_qat(model, inplace=True)
    return prepared


def converted(model: M) -> M:
    """Quantize a model after quantization-aware training; it is in eval mode then."""
    with _silenced():
        quantized: M = _untyped.convert(model, inplace=True)
    return quantized.eval()


@contextmanager
def _silenced() -> Iterator[None]:
    """Suppress torch's warnings while it quantizes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check(backend: str) -> None:
    known = torch.backends.quantized.supported_engines
    if backend not in known:
        raise ValueError(
            f"backend={backend!r} is not available in this build of PyTorch. "
            f"Available: {', '.join(engine for engine in known if engine != 'none')}."
        )
    torch.backends.quantized.engine = backend


def _separate_relu(model: nn.Module) -> None:
    """Replace activations that are in-place or shared, since these cannot be fused."""
    for name, child in model.named_children():
        if type(child) in (nn.ReLU, nn.ReLU6):
            setattr(model, name, nn.ReLU(inplace=False))
        else:
            _separate_relu(child)
