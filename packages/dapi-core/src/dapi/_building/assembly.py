"""Building a model: merge its config, apply its context, construct, load, record."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dapi import _store
from dapi._building import measure
from dapi._building import provenance as _provenance
from dapi._building.arguments import CALLERS
from dapi._building.context import ContextParams
from dapi._building.provenance import Provenance
from dapi._loader import checkpoint, collector, construction, loading
from dapi._loader.placement import Target
from dapi._plugins import binding, hooks
from dapi._values import notices
from dapi._values.frozen import FrozenDict, freeze
from dapi._values.public import public
from dapi._weights import lazy
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import (
    ArgumentError,
    ConfigConflictError,
    DapiError,
    ForeignWeightsError,
    MissingDependencyError,
    NoWeightsError,
    OutdatedWeightsWarning,
    StateDictMismatchError,
    UnreadOverrideError,
    WeightsDeclarationError,
    WeightsTypeError,
    WithdrawnWeightsError,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

M = TypeVar("M", bound="nn.Module")
T = TypeVar("T")


# What a new head may have otherwise than the weights; all else is of the rest of the model.
HEAD_ARGUMENTS = ("num_classes", "num_keypoints", "num_labels", "aux_num_out")


@public
def build_model(
    constructor: Callable[..., M],
    *args: Any,
    weights: Weights | WeightEntry | None = None,
    head: Sequence[str] = (),
    new_head: bool = False,
    progress: bool = True,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    **config: Any,
) -> M:
    """Construct a model of a class that nobody registered, and load weights into it.

    The result is the same, to the bit, as that of constructing the model and calling its
    ``load_state_dict`` with what the file holds, but parameters are not initialised only to be
    overwritten, and a file that nobody writes to is mapped where that is possible. A constructor
    that needs values in its parameters (it runs a forward, say) may be called a second time, in
    the plain way.

    Args:
        constructor: A class, or a function that constructs.
        *args: Its positional arguments.
        weights: A member or an entry; None leaves the initialisation as it is.
        head: Names of the submodules that ``new_head`` initialises anew.
        new_head: Whether the size of the head (``num_classes``, ``num_keypoints``,
            ``num_labels`` or ``aux_num_out``) may contradict the weights, and the head is not
            loaded.
        progress: Show a progress bar while fetching, or in a log a line every ten seconds.
        device: Where the model shall be; by default where the constructor puts it. ``"meta"``,
            also as PyTorch's default device, constructs what the weights need, and fetches and
            loads nothing: parameters are on meta, buffers are as constructed. For a model that
            is then loaded in shards.
        dtype: The floating-point type of its parameters and buffers, as ``model.to(dtype)``
            sets it; by default the model's own, whatever the file has.
        **config: Keyword arguments of the constructor; merged with those of the weights.

    Returns:
        The model, in training mode unless its constructor says otherwise.

    Raises:
        ConfigConflictError: An argument contradicts the weights.
        StateDictMismatchError: The weights do not fit the model.
        ArgumentError: ``constructor`` constructs nothing.
        CheckpointError: Their file cannot be read.
        UnreadOverrideError: No constructor read an override that the weights carry.
        WithdrawnWeightsError: The publisher took the weights back.
        FetchError: They could not be fetched. This function reads the cache and the network.
    """
    if not callable(constructor):
        raise ArgumentError(
            "dapi.build_model",
            "constructor",
            constructor,
            expected="a class, or a function that constructs; by name: dapi.get_model(name)",
        )
    name = getattr(constructor, "__qualname__", str(constructor))
    if weights is not None and not isinstance(weights, Weights | WeightEntry):
        raise WeightsTypeError(name, weights, expected=["an enum of weights"])
    return build(
        Recipe(
            partial(constructor, *args), name, (head,) if isinstance(head, str) else tuple(head)
        ),
        weights,
        config,
        new_head=new_head,
        progress=progress,
        target=Target(device, dtype),
    )


@dataclass(frozen=True)
class Recipe(Generic[M]):
    """How a model is constructed.

    Attributes:
        construct: Called with the merged config.
        name: Of the builder, or of the constructor.
        head: Names of the submodules that a new head initialises anew.
        target: As in ``Provenance``.
    """

    construct: Callable[..., M]
    name: str
    head: tuple[str, ...] = ()
    target: str = ""


def build(
    recipe: Recipe[M],
    weights: Weights | WeightEntry | None,
    config: Mapping[str, Any],
    *,
    new_head: bool,
    progress: bool,
    target: Target,
) -> M:
    """Do what surrounds every builder."""
    merged, context = dict(config), FrozenDict[Mapping[str, Any]]()
    if weights is not None:
        _require_torch(recipe.name)
        _admit(weights)
        merged = _merge(weights, config, head=recipe.head, new_head=new_head)
        context = FrozenDict(entry_of(weights).build.context)
    make = partial(_construct, recipe, weights, merged)
    fresh = recipe.head if new_head else ()
    if _nothing_is_loaded.get():
        model = make()
    elif _is_meta(target, weights):
        model = _construct_on_meta(make)
        _check_head(model, fresh, weights)
    else:
        with _off_meta() if target.device is not None else nullcontext():
            if weights is None:
                model = make()
                target.move(model)
            else:
                model = _Assembly(make, weights, merged, fresh, target).run(progress=progress)
    noted = FrozenDict({key: value for key, value in merged.items() if key != "progress"})
    provenance = Provenance(recipe.name, weights, noted, context, recipe.target, new_head=new_head)
    _provenance.record(model, provenance)
    if weights is not None:
        hooks.model_built(model, recipe.name, weights)
    return model


def twin(recipe: Recipe[M], weights: WeightEntry, config: Mapping[str, Any]) -> M:
    """Construct on meta what loading the weights would construct, to compare a model with it."""
    with _traceless():
        return _construct_on_meta(partial(_construct, recipe, weights, config))


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
    make = partial(_construct, recipe, weights, config)
    with collector.paused(), _traceless(), _loading_nothing():
        measure.check(make, tensors=tensors, elements=elements)


def _require_torch(name: str) -> None:
    if find_spec("torch") is None:
        raise MissingDependencyError(
            f"Building {name} with weights needs PyTorch", requirement="dapi-core[torch]"
        )


def _construct(
    recipe: Recipe[M], weights: Weights | WeightEntry | None, merged: Mapping[str, Any]
) -> M:
    if weights is None:
        return recipe.construct(**merged)
    with _overrides(weights):
        try:
            return recipe.construct(**merged)
        except TypeError as cause:
            _explain_foreign_config(recipe.name, weights, cause)
            raise


def _explain_foreign_config(name: str, weights: Weights | WeightEntry, cause: TypeError) -> None:
    """Say so when the argument that a constructor does not know is one of the weights' own."""
    wanted = entry_of(weights).build
    foreign = [key for key in {**wanted.defaults, **wanted.config} if f"'{key}'" in str(cause)]
    if foreign and "argument" in str(cause):
        raise ForeignWeightsError(name, str(weights), arguments=foreign) from cause


def _is_meta(target: Target, weights: Weights | WeightEntry | None) -> bool:
    """Whether nothing shall be loaded, by the device that was given or the default device.

    Without weights, a default device is torch's matter alone.
    """
    if target.device is None and weights is None:
        return False
    import torch

    return torch.device(target.device or torch.get_default_device()).type == "meta"


# Set while a model is constructed on meta, whose parts (a backbone with weights) are not loaded
# either.
_nothing_is_loaded: ContextVar[bool] = ContextVar("_nothing_is_loaded", default=False)


@contextmanager
def _on_meta() -> Iterator[None]:
    """Load nothing; what a constructor computes is real also where meta is the default device."""
    with _loading_nothing(), _off_meta():
        yield


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

    is_default = torch.get_default_device().type == "meta"
    return torch.device("cpu") if is_default else nullcontext()


def _construct_on_meta(make: Callable[[], M]) -> M:
    with collector.paused(), _on_meta():
        constructed = _attempt(partial(construction.construct, make))
        if constructed is not None:
            return constructed[0]
        with construction.suspended():
            return construction.emptied(make())


def _attempt(deferred: Callable[[], T]) -> T | None:
    """Return what is made without values in the parameters; None if that needs the plain way.

    The plain way follows outside of the ``except`` block: inside, Python before 3.12 makes a
    KeyError of an argument that a constructor is given twice, and every traceback has two errors.
    """
    try:
        return deferred()
    except DapiError:
        raise
    except Exception:  # noqa: BLE001 - the plain way raises it again if it is not ours
        return None


def _check_head(
    model: nn.Module, fresh: Sequence[str], weights: Weights | WeightEntry | None
) -> None:
    """Refuse a new head that nobody could train: quantized layers have no parameters."""
    if not fresh or any(loading.is_under(key, fresh) for key, _ in model.named_parameters()):
        return
    if any(loading.is_under(key, fresh) for key in model.state_dict()):
        raise NoWeightsError(
            f"A new head of {weights} would be quantized, and could not be trained",
            "Give new_head=True to float weights, and quantize the model when it is trained.",
        )


class _Assembly(Generic[M]):
    """One model, from constructing to loading: without initialising, or else in the plain way.

    What fails without values in the parameters, but for keys that do not fit, is decided by the
    plain way: only that says whether the constructor, or the weights, are at fault.
    """

    def __init__(
        self,
        make: Callable[[], M],
        weights: Weights | WeightEntry,
        config: Mapping[str, Any],
        fresh: Sequence[str],
        target: Target,
    ) -> None:
        self._make, self._weights, self._config = make, weights, config
        self._fresh, self._target = tuple(fresh), target

    def run(self, *, progress: bool) -> M:
        with collector.paused():
            model, frame = self._construct()
        _check_head(model, self._fresh, self._weights)
        files, name = entry_of(self._weights).files, str(self._weights)
        origin = loading.Origin(name, _store.fetch_all(files, progress=progress, wanted=name))
        try:
            with collector.paused():
                model = self._load(model, frame, origin)
        except StateDictMismatchError:
            checkpoint.reject(files)
            raise
        checkpoint.confirm(files)
        return model

    def _construct(self) -> tuple[M, construction.Deferral | None]:
        of_head = self._of_head if self._fresh else None
        constructed = _attempt(partial(construction.construct, self._make, fresh=of_head))
        return constructed or (self._construct_plainly(), None)

    def _construct_plainly(self) -> M:
        with construction.suspended():
            return self._make()

    def _of_head(self, model: M) -> list[nn.Parameter]:
        return [
            parameter
            for name, parameter in model.named_parameters()
            if loading.is_under(name, self._fresh)
        ]

    def _state_dict(self) -> dict[str, Tensor]:
        """Read the tensors for the model by its keys, without those of a new head."""
        read, wanted = self._weights.state_dict(progress=False), entry_of(self._weights).build
        adapted = loading.adapt(read, wanted.adapt, self._config, code_version=wanted.code_version)
        for key in [key for key in adapted if loading.is_under(key, self._fresh)]:
            del adapted[key]
        return adapted

    def _load(self, model: M, frame: construction.Deferral | None, origin: loading.Origin) -> M:
        state_dict = self._state_dict()
        load = partial(
            loading.load,
            state_dict=state_dict,
            origin=origin,
            fresh=self._fresh,
            target=self._target,
        )
        if frame is not None:
            if _attempt(lambda: load(model, frame=frame) or model) is not None:
                return model
            model = self._construct_plainly()
        load(model)
        return model


def _admit(weights: Weights | WeightEntry) -> None:
    """Refuse what is not locked or was withdrawn; warn of what is deprecated or outdated."""
    lock = binding.current()
    if lock is not None:
        lock.admit(weights)
    status = entry_of(weights).status
    if status.state == "withdrawn":
        raise WithdrawnWeightsError(
            str(weights), reason=status.reason, replacement=status.replacement
        )
    if status.state == "deprecated":
        instead = f" Use {status.replacement} instead." if status.replacement else ""
        text = f"{weights} is deprecated: {status.reason}{instead}"
        notices.warn_once(text, OutdatedWeightsWarning)
    elif lock is None and isinstance(weights, Weights) and not weights.latest:
        _warn_of_later(weights)


def _warn_of_later(weights: Weights) -> None:
    later = [m for m in type(weights) if m.latest and m.dataset == weights.dataset]
    if later:
        text = f"{weights} is not the latest for {weights.dataset}: there is {later[0]}."
        notices.warn_once(text, OutdatedWeightsWarning)


def _merge(
    weights: Weights | WeightEntry,
    config: Mapping[str, Any],
    *,
    head: Sequence[str],
    new_head: bool,
) -> dict[str, Any]:
    """Join the arguments that the weights want with those of the caller, who may not contradict."""
    wanted = entry_of(weights).build
    for argument in sorted(CALLERS & {*wanted.defaults, *wanted.config}):
        raise WeightsDeclarationError(
            f"The Build of {weights}",
            f"names {argument}, which only a caller does",
            f"Remove it from the entry, and give it where the model is built: {argument}=...",
        )
    if new_head and not head:
        raise NoWeightsError(
            "new_head=True was given to a builder that declares no head",
            "Declare it: register_model(head=...) or build_model(head=...).",
        )
    for argument, fixed in wanted.config.items():
        given = config.get(argument, fixed)
        may_differ = new_head and argument in HEAD_ARGUMENTS
        if freeze(given) != fixed and not may_differ:
            renewed = head if argument in HEAD_ARGUMENTS else ()
            raise ConfigConflictError(
                str(weights), argument, given=given, fixed=fixed, head=renewed
            )
    return {**wanted.defaults, **wanted.config, **config}


@contextmanager
def _overrides(weights: Weights | WeightEntry) -> Iterator[None]:
    """Apply the context of an entry, and check that all of it was read."""
    contexts: dict[str, ContextParams] = {}
    with ExitStack() as stack:
        for target, params in entry_of(weights).build.context.items():
            contexts[target] = ContextParams(_override_class(weights, target, params), **params)
            stack.enter_context(contexts[target])
        yield
    for target, context in contexts.items():
        if context.unread:
            raise UnreadOverrideError(str(weights), target=target, parameters=context.unread)


def _override_class(
    weights: Weights | WeightEntry, target: str, params: Mapping[str, Any]
) -> type[Any]:
    try:
        found: type[Any] = lazy.resolve(target)
    except (ImportError, AttributeError) as cause:
        raise UnreadOverrideError(str(weights), target=target, parameters=list(params)) from cause
    return found
