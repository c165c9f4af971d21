"""Calls: how a task calls a model, seen by running it once on the task's sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dapi import WeightEntry, Weights, catalog
from dapi.exceptions import FetchError, NoWeightsError, UnknownTaskError
from dapi.export._tensors import mapped
from dapi.tasks import Sample


class _Finished(BaseException):
    """The model and the postprocess were called; the task's own formatting is not needed."""


class Call(NamedTuple):
    """One run of a task.

    Attributes:
        transforms: The transforms of the weights; None if they need a file that cannot be fetched.
        source: What the task called them with; pictures are tensors.
        prepared: What they returned.
        args: What the task called the model with.
        kwargs: The same, by name.
        output: What the model returned.
        postprocess: The postprocess of the weights, if it was called.
        concluded: What it was called with: ``output`` of the model, or its ``kwargs``.
        result: What it returned.
        times: How often the task called the model.
    """

    transforms: Callable[..., Any] | None = None
    source: tuple[Any, ...] = ()
    prepared: Any = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012  # never changed
    output: Any = None
    postprocess: Callable[..., Any] | None = None
    concluded: tuple[str, ...] = ()
    result: Any = None
    times: int = 0


def watch(
    model: nn.Module,
    weights: Weights | WeightEntry,
    distribution: str = "",
    image_size: tuple[int, int] | None = None,
) -> Call:
    """Run a model as its task does, and return what was called with what.

    Args:
        model: The model, in evaluation mode on the CPU.
        weights: Its weights.
        distribution: Of tasks and samples of the same name, this distribution's are preferred.
        image_size: Height and width of pictures, if the sample has any.

    Returns:
        The first call; its ``times`` is 0 if the task never called the model itself.

    Raises:
        UnknownTaskError: No installed distribution supports the task, or has a sample of it.
    """
    return _Watch(model, catalog.entry_of(weights), image_size).run(
        _point("dapi.samples", weights, distribution)(weights),
        lambda: _point("dapi.tasks", weights, distribution),
    )


def _point(group: str, weights: Weights | WeightEntry, distribution: str) -> Any:
    """Load the entry point of the task of weights."""
    task = weights.meta.get("task")
    points = [point for point in catalog.entry_points(group) if point.name == task]
    points.sort(key=lambda point: point.distribution != distribution)
    if not points:
        available = sorted({point.name for point in catalog.entry_points(group)})
        raise UnknownTaskError(str(weights), task, available=available)
    return points[0].load()


class _Watch:
    """A run whose transforms, model and postprocess are watched."""

    def __init__(
        self, model: nn.Module, entry: WeightEntry, image_size: tuple[int, int] | None
    ) -> None:
        self.model, self.entry, self.call = model, entry, Call()
        self.image_size = image_size

    def run(self, sample: Sample, task: Callable[[], Any]) -> Call:
        handle = self.model.register_forward_hook(self._called, with_kwargs=True)
        try:
            with torch.inference_mode():
                if sample.value is None:
                    self.model(*mapped(sample.prepared, torch.clone))
                else:
                    self._run_task(sample, task())
        finally:
            handle.remove()
        # Tensors of inference mode cannot be traced.
        return Call(*(mapped(each, torch.clone) for each in self.call))

    def _run_task(self, sample: Sample, task: Any) -> None:
        fields: dict[str, Any] = {"transforms": lambda: _Watched(self._transform(sample))}
        if bool(self.entry.postprocess):  # it may be undeclared
            fields["postprocess"] = self._postprocess
        try:
            task(self.model, replace(self.entry, **fields)).predict(sample.value)
        except _Finished:
            pass
        except Exception:  # a task may fail on what it does with the output, once that is known
            if self.call.output is None:
                raise

    def _transform(self, sample: Sample) -> tuple[Any, Callable[..., Any]]:
        """Return the transforms, and what is called instead of them."""
        try:
            transforms = self.entry.transforms()
        except FetchError:
            return None, lambda *_, **__: sample.prepared
        self.call = self.call._replace(transforms=transforms)

        def transform(*source: Any, **options: Any) -> Any:
            given = tuple(_as_tensor(each, self.image_size) for each in source)
            try:
                prepared = transforms(*given, **options)
            except (TypeError, ValueError):  # they accept pictures only
                given, prepared = source, transforms(*source, **options)
            self.call = self.call._replace(source=given, prepared=prepared)
            return prepared

        return transforms, transform

    def _postprocess(self) -> Any:
        original: Any = None
        with suppress(FetchError, NoWeightsError):  # the outputs of a new head have no names
            original = self.entry.postprocess()

        def conclude(*args: Any) -> Any:
            if original is not None:
                with suppress(Exception):  # what it makes of synthetic outputs does not matter
                    self.call = self.call._replace(
                        postprocess=original,
                        concluded=tuple(map(self._origin, args)),
                        result=original(*args),
                    )
            raise _Finished

        return _Watched((original, conclude))

    def _origin(self, value: Any) -> str:
        """Return where an argument of the postprocess is from; empty if that is unknown."""
        if value is self.call.output:
            return "output"
        given = self.call.kwargs
        is_input = isinstance(value, Mapping) and value.keys() == given.keys()
        is_input = is_input and all(value[key] is given[key] for key in given)
        return "kwargs" if is_input else ""

    def _called(self, _: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> None:
        if self.call.output is None:
            self.call = self.call._replace(args=args, kwargs=kwargs, output=output)
        self.call = self.call._replace(times=self.call.times + 1)


class _Watched:
    """Transforms or a postprocess that are replaced; other attributes are the original's."""

    def __init__(self, pair: tuple[Any, Callable[..., Any]]) -> None:
        self._original, self._instead = pair

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._instead(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def _as_tensor(value: Any, size: tuple[int, int] | None) -> Any:
    """Return a picture as uint8 (3, H, W); other values as they are."""
    if not hasattr(value, "getbands"):
        return value
    import numpy as np

    picture = value.convert("RGB") if size is None else value.convert("RGB").resize(size[::-1])
    tensor: Tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
    return tensor
