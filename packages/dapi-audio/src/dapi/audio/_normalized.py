"""A warning for models whose transforms normalize waveforms, when one comes as it is."""

from __future__ import annotations

import sys
import warnings
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from dapi import WeightsLike
from dapi.audio.exceptions import UnnormalizedWaveformWarning

M = TypeVar("M", bound=nn.Module)

# Waveforms that somebody normalized in another way are within these limits; speech in [-1, 1],
# with a deviation of 0.02 to 0.2, is not.
_MEAN, _DEVIATIONS = 0.5, (0.5, 2.0)


def expect_normalized(model: M, weights: WeightsLike[Any] | None) -> M:
    """Warn at the first waveform if the transforms of the weights normalize, and it was not.

    torchaudio's bundles normalize inside the model, so their users pass waveforms as they are.
    """
    declared = getattr(getattr(weights, "transforms", None), "kwargs", {})  # by dapi.lazy
    if declared.get("normalize"):
        extractor: Any = model.feature_extractor  # every method of the model calls it
        kind: Any = type(extractor)
        extractor.__class__ = _watched(kind)
        extractor._has_seen_one = False
    return model


@cache
def _watched(kind: type[nn.Module]) -> type[nn.Module]:
    """Return a class that differs only in being called: TorchScript cannot trace a hook."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args:
            _check_first(self, args[0])
        return kind.__call__(self, *args, **kwargs)

    return type(kind.__name__, (kind,), {"__call__": call, "__module__": kind.__module__})


def _check_first(extractor: Any, waveforms: Tensor) -> None:
    # While a model is traced or exported, values are unknown.
    is_traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if is_traced or type(waveforms) is not Tensor or waveforms.is_meta or extractor._has_seen_one:
        return
    extractor._has_seen_one = True
    samples = waveforms.detach()[waveforms != 0].float()  # neither padding nor silence
    if not samples.numel():
        return
    deviation, mean = (each.item() for each in torch.std_mean(samples, correction=0))
    if _DEVIATIONS[0] < deviation < _DEVIATIONS[1] and abs(mean) < _MEAN:
        return
    warnings.warn(
        f"The waveforms have a mean of {mean:.2g} and a standard deviation of {deviation:.2g}. "
        "Expected 0 and 1: these weights were trained on normalized waveforms. The model does not "
        "normalize its input, unlike torchaudio's bundles. The transforms do: "
        "model(weights.transforms()(waveform, sample_rate)).",
        UnnormalizedWaveformWarning,
        stacklevel=_depth_of_caller(),
    )


def _depth_of_caller() -> int:
    """Return the stack level of the first frame outside of dapi, torch and torchaudio."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back and _package(frame.f_globals) in ("dapi", "torch", "torchaudio"):
        depth, frame = depth + 1, frame.f_back
    return depth


def _package(names: dict[str, Any]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]
