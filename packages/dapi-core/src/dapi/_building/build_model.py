"""Build a model: construct it, load its weights, and record both on it.

Modules that only weights need (their demands, reading, placing) are imported when there are any.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from dapi._building import provenance as _provenance
from dapi._building.head_and_stem import Ends
from dapi._building.provenance import Provenance
from dapi._loader.target import Target, default_device
from dapi._plugins.discovery import entry_points
from dapi._values.frozen import FrozenDict
from dapi._values.public import public
from dapi._weights.entry import WeightEntry, from_path
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import ArgumentError, MissingDependencyError, WeightsTypeError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dapi._weights.offered import WeightsLike

M = TypeVar("M", bound="nn.Module")


@public
def build_model(
    constructor: Callable[..., M],
    *args: Any,
    weights: WeightsLike[Any] | None = None,
    head: Sequence[str] = (),
    new_head: bool = False,
    stem: Sequence[str] = (),
    new_stem: bool | Literal["adapt"] = False,
    progress: bool = True,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    **config: Any,
) -> M:
    """Construct a model of an unregistered class, and load weights into it.

    The result is bit-identical to constructing the model and calling ``load_state_dict`` with the
    content of the file, but parameters are not initialized only to be overwritten, and a read-only
    file of the cache is mapped where possible. A constructor that needs values in its parameters
    (because it runs a forward pass, say) may be called a second time, the plain way.

    Args:
        constructor: A class, or a function that returns a model.
        *args: Its positional arguments.
        weights: A member, an entry, or the path of a local checkpoint, as in ``Path("net.pth")``;
            None leaves the initialization as it is.
        head: Names of the submodules that ``new_head`` initializes.
        new_head: Whether the size of the head (``num_classes``, ``num_keypoints``,
            ``num_labels`` or ``aux_num_out``) and its kind (``head``) may differ from the weights;
            the head is then initialized, not loaded.
        stem: Names of the convolutions that ``new_stem`` renews.
        new_stem: Whether the channels of the stem (``in_channels``) may differ from the weights;
            the stem is then initialized, not loaded. ``"adapt"`` loads its filters, fitted to the
            channels as by ``dapi.adapt.Channels``.
        progress: Show a progress bar during a download, or a line every ten seconds in a log.
        device: The device of the model; by default the constructor decides. ``"meta"``, also as
            PyTorch's default device, constructs the model for the weights but downloads and loads
            nothing: parameters are on meta, buffers are as constructed. Use it for a model that
            is loaded in shards.
        dtype: The floating-point type of its parameters and buffers, as ``model.to(dtype)``
            sets it, or its name, as in ``"float16"``; by default the model's own, whatever the type
            in the file. ``"auto"``: the type that most numbers in the file have, or on meta, where
            no file is read, the model's own.
        **config: Keyword arguments of the constructor; merged with those of the weights.

    Returns:
        The model, in training mode unless its constructor says otherwise.

    Raises:
        ConfigConflictError: An argument contradicts the weights.
        StateDictMismatchError: The weights do not fit the model.
        ArgumentError: ``constructor`` cannot be called.
        CheckpointError: The file cannot be read.
        UnreadOverrideError: No constructor read an override of the weights.
        WithdrawnWeightsError: The publisher withdrew the weights.
        LicenseError: ``DAPI_LICENSES`` does not allow their license.
        FetchError: The download failed. This function reads the cache and the network.
    """
    if not callable(constructor):
        raise ArgumentError(
            "dapi.build_model",
            "constructor",
            constructor,
            expected="a class, or a function that constructs; by name: dapi.get_model(name)",
        )
    name = getattr(constructor, "__qualname__", str(constructor))
    weights = from_path(weights)
    if weights is not None and not isinstance(weights, Weights | WeightEntry):
        raise WeightsTypeError(name, weights, expected=["an enum of weights"])
    return build(
        Recipe(partial(constructor, *args), name, Ends(_names(head), _names(stem))),
        weights,
        config,
        new_head=new_head,
        new_stem=new_stem,
        progress=progress,
        target=Target.given(name, device, dtype),
    )


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


class Recipe(Generic[M]):
    """How a model is constructed.

    Args:
        construct: Called with the merged config.
        name: The name of the builder, or of the constructor.
        ends: The layers in which the model may differ from weights.
        target: As in ``Provenance``.
    """

    def __init__(
        self, construct: Callable[..., M], name: str, ends: Ends, target: str = ""
    ) -> None:
        self.construct, self.name, self.ends, self.target = construct, name, ends, target


def build(
    recipe: Recipe[M],
    weights: Weights | WeightEntry | None,
    config: Mapping[str, Any],
    *,
    new_head: bool = False,
    new_stem: bool | Literal["adapt"] = False,
    progress: bool,
    target: Target,
) -> M:
    """Build a model: the work of the decorator around every builder."""
    if weights is None:
        model = _build_without_weights(recipe, config, target)
        _record(model, recipe, None, config, new_head=new_head)
        return model
    from dapi._building import demands

    demands.admit(weights)
    _require_torch(recipe.name)
    ends = recipe.ends.wanted(weights, config, new_head=new_head, new_stem=new_stem)
    merged = demands.merge(weights, config, ends)
    make = partial(demands.construct, recipe.construct, recipe.name, weights, merged)
    if _nothing_is_loaded.get():
        model = make()
    elif _is_meta(target.device or default_device()):
        model = _construct_on_meta(make, recipe.name, target)
        ends.check(model, weights, merged)
        demands.check_computed(model, weights)
    else:
        model = _assembled(make, weights, merged, ends, target, progress=progress)
    _record(model, recipe, weights, merged, new_head=new_head or ends.is_headless)
    if entry_points("dapi.hooks"):  # importing what calls them takes 0.4 ms
        from dapi._plugins import hooks

        hooks.model_built(model, recipe.name, weights)
    return model


def _assembled(
    make: Callable[[], M],
    weights: Weights | WeightEntry,
    merged: Mapping[str, Any],
    ends: Ends,
    target: Target,
    *,
    progress: bool,
) -> M:
    """Construct, and load; meta as the default device is not meant if the caller names another."""
    from dapi._building.assembly import Assembly

    with _off_meta() if target.device is not None else nullcontext():
        return Assembly(make, weights, merged, ends, target).run(progress=progress)


def _build_without_weights(recipe: Recipe[M], config: Mapping[str, Any], target: Target) -> M:
    """Construct; a default device is torch's matter alone, unless the caller names another."""
    make = partial(recipe.construct, **config)
    if _nothing_is_loaded.get() or target.device is None:
        model = make()
    elif _is_meta(target.device):
        return _construct_on_meta(make, recipe.name, target)
    else:
        with _off_meta():
            model = make()
    if not _nothing_is_loaded.get():
        target.move(model)
    return model


def _record(
    model: nn.Module,
    recipe: Recipe[Any],
    weights: Weights | WeightEntry | None,
    merged: Mapping[str, Any],
    *,
    new_head: bool,
) -> None:
    context = FrozenDict(entry_of(weights).build.context if weights is not None else {})
    noted = FrozenDict({key: value for key, value in merged.items() if key != "progress"})
    provenance = Provenance(recipe.name, weights, noted, context, recipe.target, new_head=new_head)
    _provenance.record(model, provenance)


def twin(recipe: Recipe[M], weights: WeightEntry, config: Mapping[str, Any]) -> M:
    """Construct on meta the model that the weights would be loaded into, for comparison."""
    from dapi._building import demands

    with _traceless():
        make = partial(demands.construct, recipe.construct, recipe.name, weights, config)
        return _construct_on_meta(make, recipe.name, Target())


@contextmanager
def _traceless() -> Iterator[None]:
    """Construct without a warning, used up random numbers, or another engine of quantization."""
    import torch

    engine = torch.backends.quantized.engine
    with warnings.catch_warnings(), torch.random.fork_rng(devices=()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            if torch.backends.quantized.engine != engine:
                torch.backends.quantized.engine = engine


def check_size(
    recipe: Recipe[nn.Module],
    weights: WeightEntry,
    config: Mapping[str, Any],
    *,
    tensors: int,
    elements: int,
) -> None:
    """Refuse a model that is larger than its file allows, before it takes memory.

    Raises:
        ValueError: It is larger.
    """
    from dapi._building import demands, measure
    from dapi._loader import collector

    make = partial(demands.construct, recipe.construct, recipe.name, weights, config)
    with collector.paused(), _traceless(), _loading_nothing():
        measure.check(make, tensors=tensors, elements=elements)


def _require_torch(name: str) -> None:
    if find_spec("torch") is None:
        raise MissingDependencyError(
            f"Building {name} with weights needs PyTorch", requirement="dapi-core[torch]"
        )


def _is_meta(device: torch.device | str) -> bool:
    import torch

    return torch.device(device).type == "meta"


# Set while a model is constructed on meta, whose parts (a backbone with weights) are not loaded
# either.
_nothing_is_loaded: ContextVar[bool] = ContextVar("_nothing_is_loaded", default=False)


@contextmanager
def _loading_nothing() -> Iterator[None]:
    token = _nothing_is_loaded.set(True)
    try:
        yield
    finally:
        _nothing_is_loaded.reset(token)


def _off_meta() -> AbstractContextManager[Any]:
    """Make the CPU the default device where meta is: a constructor computes values."""
    import torch

    is_default = _is_meta(default_device())
    return torch.device("cpu") if is_default else nullcontext()


def _construct_on_meta(make: Callable[[], M], name: str, target: Target) -> M:
    """Construct on meta; values that the constructor computes stay real, whatever the default."""
    from dapi._loader import collector, construction

    with collector.paused(), _loading_nothing(), _off_meta():
        constructed = construction.attempt(partial(construction.construct, make), name)
        if constructed is not None:
            model = constructed[0]
        else:
            with construction.suspended():
                model = construction.emptied(make())
    target.cast(model)
    return model
