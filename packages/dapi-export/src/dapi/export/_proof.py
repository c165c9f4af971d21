"""Proof: the outputs of a file equal those of the model, within what rounding explains.

The model itself is run twice. The second run uses other routines (no oneDNN), and moves the gray
levels of resized pictures by a thousandth before they are rounded: of two libraries, one rounds 1.5
up where the other has computed 1.4999999. Ten times the difference of these two runs is the
tolerance, at most a hundredth of a standard deviation. A segmenter's output for a pixel depends on
the gray levels of a few: there, these two runs may differ by more than that. Then their difference
is the tolerance, at most a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from dapi.export._candidates import Candidate
from dapi.export._tensors import Tensors, equal, resized
from dapi.export._traceable import traceable

_LEAST = 3e-5  # of a tolerance: that of dapi's answers in float32
_MOST, _MOST_OF_NOISE = 1e-2, 1e-1  # of ten times the noise, and of the noise itself
_NOISES = 10  # times the measured noise are tolerated
_SHIFT = 1e-3  # gray levels
_LEAST_SPREAD = 3e-2  # of an output, relative to its size

# Factors of the two last dimensions, for inputs of any size.
_FACTORS = ((0.6, 1.7), (1.5, 1.5))


class Proof(NamedTuple):
    """The comparison of a file with the model.

    Attributes:
        difference: The largest, relative to the standard deviation of an output.
        tolerance: The largest that rounding explains.
        runs: The number of inputs.
    """

    difference: float
    tolerance: float
    runs: int


class Expected(NamedTuple):
    """The outputs of the model itself.

    Attributes:
        runs: Its inputs, and its outputs for them.
        tolerance: The largest difference from them that rounding explains.
    """

    runs: list[tuple[tuple[Tensor, ...], Tensors]]
    tolerance: float


def expect(candidate: Candidate, free: tuple[tuple[int, ...], ...]) -> Expected:
    """Run the model.

    Args:
        candidate: The model.
        free: The dimensions of each input that may have any size in the file.
    """
    runs, noises = [], [0.0]
    with torch.no_grad():
        for inputs in _inputs(candidate, free):
            outputs = candidate.module(*inputs)
            runs.append((inputs, outputs))
            with traceable(_SHIFT), torch.backends.mkldnn.flags(enabled=False):
                noises.append(difference(outputs, candidate.module(*inputs)))
    return Expected(runs, tolerance(max(noises)))


def tolerance(noise: float) -> float:
    """Return the largest difference that rounding explains."""
    return max(_LEAST, min(_NOISES * noise, _MOST), min(noise, _MOST_OF_NOISE))


def prove(expected: Expected, run: Callable[..., Tensors]) -> Proof:
    """Compare a file, which ``run`` runs, with the model."""
    with torch.no_grad():
        found = [difference(outputs, run(*inputs)) for inputs, outputs in expected.runs]
    return Proof(max(found), expected.tolerance, len(found))


def _inputs(
    candidate: Candidate, free: tuple[tuple[int, ...], ...]
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the example, one of other values, and if sizes are free, a portrait and a large one."""
    yield candidate.args
    yield tuple(each.flip(-1) if each.ndim > 1 else each for each in candidate.args)
    if any(free):
        is_picture = all(len(dims) > 1 for dims in free)
        for factors in _FACTORS if is_picture else _FACTORS[1:]:
            yield tuple(
                resized(each, _scaled(each, dims, factors))
                for each, dims in zip(candidate.args, free, strict=True)
            )


def _scaled(tensor: Tensor, dims: tuple[int, ...], factors: tuple[float, float]) -> tuple[int, ...]:
    shape = [*tensor.shape]
    for dim in dims:
        shape[dim] = int(shape[dim] * factors[dim % 2])
    return tuple(shape)


def difference(expected: Tensors, found: Tensors) -> float:
    """Return the largest difference, relative to the standard deviation of each output."""
    if expected.keys() != found.keys():
        return float("inf")
    return max((_distance(expected[name], found[name]) for name in expected), default=0.0)


def _distance(expected: Tensor, found: Tensor) -> float:
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return float("inf")
    if not expected.is_floating_point():
        return 0.0 if equal(expected, found) else float("inf")
    one, other = expected.double(), found.double()
    is_finite = one.isfinite()
    if not torch.equal(is_finite, other.isfinite()) or not is_finite.any():
        return 0.0 if torch.equal(is_finite, other.isfinite()) else float("inf")
    one, other = one[is_finite], other[is_finite]
    size = one.square().mean().sqrt().item()
    spread = max(one.std(correction=0).item(), _LEAST_SPREAD * size) or 1.0
    return (one - other).abs().max().item() / spread
