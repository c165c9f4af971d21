"""Candidates: the modules that a model can be exported as, the most complete first.

The first contains the transforms. Where those cannot be traced, the model alone is exported.

Images may have any size where the transforms make images of one size, as those of classifiers do:
then only a few operators see the size. Where the tensors of the model follow the size, as in
segmenters and detectors, a tracer has to follow it through each layer: PyTorch 2.14 takes three
times as long for lraspp_mobilenet_v3_large, a small one (17 s of a processor, not 5.5 s).
There the size is fixed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dapi.export._calling import Call
from dapi.export._tensors import Tensors, equal, mapped, named, resized


class Candidate(NamedTuple):
    """A module to export.

    Attributes:
        module: It takes tensors, and returns a dict of tensors.
        args: An example of its inputs.
        names: Their names.
        free: The dimensions of each that should have any size.
        transforms: Whether it contains the transforms.
        takes_batches: Whether the first dimension of each input is that of a batch.
        image_size: Height and width that its images must have; None if there are none, if any size
            will do, or if the transforms make images of one size.
    """

    module: Exported
    args: tuple[Tensor, ...]
    names: tuple[str, ...]
    free: tuple[tuple[int, ...], ...]
    transforms: bool
    takes_batches: bool
    image_size: tuple[int, int] | None = None


class Exported(nn.Module):
    """A model called as its task calls it: from tensors, which are the inputs of the file.

    Args:
        model: The model.
        call: How the task called it.
        prepare: From the inputs to the tensors in the model's arguments.
    """

    def __init__(self, model: nn.Module, call: Call, prepare: Callable[..., list[Tensor]]) -> None:
        super().__init__()
        self.model = model
        self._template = call.args, call.kwargs
        self._prepare = prepare
        self._postprocess = call.postprocess if _computes_numbers(call) else None
        self._concluded = call.concluded

    def forward(self, *inputs: Tensor) -> Tensors:
        """Return the outputs of the file."""
        tensors = iter(self._prepare(*inputs))
        args, kwargs = mapped(self._template, lambda _: next(tensors))
        output = self.model(*args, **kwargs)
        if self._postprocess is not None:
            known = {"output": output, "kwargs": kwargs}
            output = self._postprocess(*(known[name] for name in self._concluded))
        return dict(named(output))


def candidates(
    model: nn.Module,
    call: Call,
    *,
    transforms: bool,
    batch: bool,
    image_size: tuple[int, int] | str | None,
) -> Iterator[Candidate]:
    """Yield the candidates of a model.

    Args:
        model: The model.
        call: How its task calls it.
        transforms: Whether to try to include the transforms.
        batch: Whether the batch may have any size.
        image_size: ``"any"``, or that of the images of the call; None to decide.
    """
    size = _image_size(call)
    follows = size is not None and _follows_size(call)
    is_free = size is None or image_size == "any" or (image_size is None and not follows)
    found = [_with_transforms(model, call)] if transforms else []
    found.append(_alone(model, call, is_fixed=size is not None and not follows))
    for each in filter(None, found):
        sized = size if each.transforms or follows else None
        fixed = each._replace(free=((),) * len(each.free), image_size=sized)
        for option in (each, fixed) if is_free and any(each.free) else (fixed,):
            yield _with_batch(option) if batch and option.takes_batches else option


def _image_size(call: Call) -> tuple[int, int] | None:
    """Return height and width of the task's first image or frame; None if it has none."""
    for each in call.source:
        if isinstance(each, Tensor) and each.dtype == torch.uint8:
            return each.shape[-2], each.shape[-1]
    return None


def _with_transforms(model: nn.Module, call: Call) -> Candidate | None:
    """Return the model with its transforms; None if its input is not made by them from tensors."""
    places = _places(call)
    sources = [each for each in call.source if isinstance(each, Tensor)]
    if places is None or not sources or call.transforms is None:
        return None
    is_batch = _takes_batches(call, places)

    def prepare(*inputs: Tensor) -> list[Tensor]:
        given = iter(inputs)
        source = [next(given) if isinstance(each, Tensor) else each for each in call.source]
        assert call.transforms is not None
        leaves = [tensor for _, tensor in named(call.transforms(*source))]
        return [place.of(leaves, is_batch=is_batch) for place in places]

    args = tuple(each.unsqueeze(0) for each in sources) if is_batch else tuple(sources)
    free = tuple(_free(each, is_picture=each.dtype == torch.uint8) for each in args)
    names = _parameters(call.transforms, len(args))
    return Candidate(Exported(model, call, prepare), args, names, free, True, is_batch)


class _Place(NamedTuple):
    """Where a tensor of the model's arguments is from.

    Attributes:
        leaf: The tensor of the transforms' result.
        is_added: Whether a dimension was added for the batch.
        is_length: Whether it is the length of that tensor, for each row of the batch.
    """

    leaf: int
    is_added: bool = False
    is_length: bool = False

    def of(self, leaves: list[Tensor], *, is_batch: bool) -> Tensor:
        """Return the tensor; the transforms may have returned a batch."""
        leaf = leaves[self.leaf]
        if self.is_length:
            return torch.full((leaf.shape[0],), leaf.shape[-1])
        return leaf.unsqueeze(0) if self.is_added and not is_batch else leaf


def _places(call: Call) -> list[_Place] | None:
    """Find each tensor of the model's arguments in the transforms' result; None if one is not."""
    leaves = [tensor for _, tensor in named(call.prepared)]
    wanted = [tensor for _, tensor in named((call.args, call.kwargs))]
    found = [_place(leaves, each) for each in wanted]
    places = [each for each in found if each is not None]
    return places if places and len(places) == len(wanted) else None


def _place(leaves: list[Tensor], wanted: Tensor) -> _Place | None:
    for number, leaf in enumerate(leaves):
        if equal(leaf, wanted) or equal(leaf.unsqueeze(0), wanted):
            return _Place(number, is_added=leaf.ndim < wanted.ndim)
        if leaf.ndim > 1 and equal(torch.full((leaf.shape[0],), leaf.shape[-1]), wanted):
            return _Place(number, is_length=True)
    return None


def _takes_batches(call: Call, places: list[_Place]) -> bool:
    """Whether the transforms make the same of a batch of one."""
    sources = [each for each in call.source if isinstance(each, Tensor)]
    is_pictures = all(each.dtype == torch.uint8 for each in sources)
    if (
        not is_pictures
        or len(sources) < len(call.source)
        or not all(each.is_added for each in places)
    ):
        return False
    assert call.transforms is not None
    try:
        result = call.transforms(*(each.unsqueeze(0) for each in sources))
    except Exception:  # noqa: BLE001 - transforms may raise anything
        return False
    leaves = [tensor for _, tensor in named(result)]
    wanted = [tensor for _, tensor in named((call.args, call.kwargs))]
    return all(equal(leaves[place.leaf], each) for place, each in zip(places, wanted, strict=True))


def _alone(model: nn.Module, call: Call, *, is_fixed: bool) -> Candidate:
    """Return the model alone: its inputs are the tensors of its arguments."""
    args = tuple(tensor for _, tensor in named((call.args, call.kwargs)))
    is_picture = _image_size(call) is not None
    free = tuple(() if is_fixed else _free(each, is_picture=is_picture) for each in args)
    names = (*_parameters(model.forward, len(call.args)), *call.kwargs)
    if len(names) != len(args):  # an argument is no tensor, or has several
        names = tuple(f"input_{place}" for place in range(len(args)))
    is_batch = all(each.shape[0] == 1 for each in args)
    return Candidate(Exported(model, call, _unchanged), args, names, free, False, is_batch)


def _unchanged(*inputs: Tensor) -> list[Tensor]:
    return [*inputs]


def _follows_size(call: Call) -> bool:
    """Whether the transforms of a larger picture return a larger tensor."""
    if call.transforms is None:
        return True
    # By two factors: an image whose shorter side is resized to a number keeps its size otherwise.
    larger = [
        resized(each, (*each.shape[:-2], each.shape[-2] * 2, each.shape[-1] * 3))
        if isinstance(each, Tensor)
        else each
        for each in call.source
    ]
    now, then = (dict(named(each)) for each in (call.prepared, call.transforms(*larger)))
    return any(now[name].shape != then[name].shape for name in now)


def _free(tensor: Tensor, *, is_picture: bool) -> tuple[int, ...]:
    """Return the dimensions of height and width, or of time."""
    if is_picture and tensor.ndim > 2:
        return tensor.ndim - 2, tensor.ndim - 1
    return (tensor.ndim - 1,) if tensor.ndim > 1 else ()


def _with_batch(candidate: Candidate) -> Candidate:
    """Let the batch have any size; a tracer takes a size of one as fixed."""
    args = tuple(resized(each, (2, *each.shape[1:])) for each in candidate.args)
    return candidate._replace(args=args, free=tuple((0, *free) for free in candidate.free))


def _parameters(function: Callable[..., Any], count: int) -> tuple[str, ...]:
    """Return the names of a function's first parameters."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(function).parameters.values()
    names = [each.name for each in found if each.kind in kinds][:count]
    return tuple(names + [f"input_{place}" for place in range(len(names), count)])


def _computes_numbers(call: Call) -> bool:
    """Whether a postprocess turns the output into numbers for programs; a drawing has integers."""
    results = [tensor for _, tensor in named(call.result)]
    is_known = bool(call.concluded) and all(call.concluded)
    return is_known and bool(results) and all(each.is_floating_point() for each in results)
