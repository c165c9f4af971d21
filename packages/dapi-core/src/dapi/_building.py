"""Building a model: merge its config, apply its context, construct, load, record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dapi import _catalog, _hooks, _lazy, _loading, _names, _notices
from dapi._context import ContextParams
from dapi._entry import WeightEntry
from dapi._frozen import FrozenDict, freeze
from dapi._weights import Weights, entry_of
from dapi.exceptions import (
    ConfigConflictError,
    NoWeightsError,
    OutdatedWeightsWarning,
    UnreadOverrideError,
    WeightsTypeError,
    WithdrawnWeightsError,
)

if TYPE_CHECKING:
    from torch import nn

M = TypeVar("M", bound="nn.Module")


class Latest(Enum):
    """The type of ``dapi.LATEST``."""

    LATEST = "LATEST"

    def __repr__(self) -> str:
        return "dapi.LATEST"


LATEST: Final = Latest.LATEST


@dataclass(frozen=True)
class Provenance:
    """Where a model's weights came from; kept on the model, through copies and pickles.

    Attributes:
        builder: The builder's name, or that of the constructor.
        weights: The member or the entry that was loaded.
        config: The arguments it was constructed with.
    """

    builder: str
    weights: Weights | WeightEntry
    config: Mapping[str, Any]


def get_model(
    name: str, *, weights: Latest | Weights | WeightEntry | str | None = LATEST, **config: Any
) -> nn.Module:
    """Build a model by name.

    Args:
        name: As in ``"resnet50"``, ``"dapi-vision/resnet50"``, or with its weights
            ``"resnet50:ImageNet1K_RefV1"``.
        weights: ``LATEST``: the first latest member of the builder's own enum; a member, its
            name, or any WeightEntry; None for random initialisation.
        **config: Further arguments of the builder.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        UnknownModelError: No distribution that is installed gives it.
        UnknownWeightsError: It has no weights of that name, or none are marked latest.
        WeightsTypeError: ``weights`` are not weights of this builder.
        FetchError: They could not be fetched. This function reads the cache and the network.
    """
    distribution, builder_name, member = _names.parse(name)
    if member is not None:
        if weights is not LATEST:
            raise NoWeightsError(
                f"{name!r} already names weights, and weights={weights!s} was given too",
                "Give one of them.",
            )
        model = _catalog.find_offered(distribution, builder_name)
        return _build_named(model, _catalog.get_weights(name), config)
    return _build_named(_catalog.find(name), weights, config)


def _build_named(model: _catalog.Model, weights: Any, config: dict[str, Any]) -> nn.Module:
    builder = model.load()
    if isinstance(weights, str):
        weights = _catalog.get_weights(
            weights if ":" in weights else f"{model.qualified}:{weights}"
        )
    elif weights is LATEST:
        weights = own_enum(builder, model.name).get_latest()
    built: nn.Module = builder(weights=weights, **config)
    return built


def own_enum(builder: Callable[..., Any], name: str) -> type[Weights]:
    """Return the enum that a builder was declared with.

    Raises:
        NoWeightsError: It has none.
    """
    spec = getattr(builder, "__dapi_builder__", None)
    if spec is None or not spec.weights:
        raise NoWeightsError(f"{name} has no published weights", "Build it with weights=None.")
    enum: type[Weights] = spec.weights[0]
    return enum


def build_model(
    constructor: Callable[..., M],
    *args: Any,
    weights: Weights | WeightEntry | None = None,
    head: Sequence[str] = (),
    new_head: bool = False,
    progress: bool = True,
    **config: Any,
) -> M:
    """Construct a model of a class that nobody registered, and load weights into it.

    Args:
        constructor: A class, or a function that constructs.
        *args: Its positional arguments.
        weights: A member or an entry; None leaves the initialisation as it is.
        head: Names of the submodules that ``new_head`` initialises anew.
        new_head: Whether config may contradict the weights, and the head is not loaded.
        progress: Show a progress bar while fetching, on a terminal.
        **config: Keyword arguments of the constructor; merged with those of the weights.

    Returns:
        The model, in training mode.

    Raises:
        ConfigConflictError: An argument contradicts the weights.
        StateDictMismatchError: The weights do not fit the model.
        UnreadOverrideError: No constructor read an override that the weights carry.
        WithdrawnWeightsError: The publisher took the weights back.
        FetchError: They could not be fetched. This function reads the cache and the network.
    """
    name = getattr(constructor, "__qualname__", str(constructor))
    if weights is not None and not isinstance(weights, Weights | WeightEntry):
        raise WeightsTypeError(name, weights, expected=["an enum of weights"])
    return build(
        lambda **merged: constructor(*args, **merged),
        weights,
        config,
        name=name,
        head=head,
        new_head=new_head,
        progress=progress,
    )


def build(
    construct: Callable[..., M],
    weights: Weights | WeightEntry | None,
    config: Mapping[str, Any],
    *,
    name: str,
    head: Sequence[str],
    new_head: bool,
    progress: bool,
) -> M:
    """Do what surrounds every builder. ``construct`` is called with the merged config."""
    if weights is None:
        return construct(**config)
    _check_status(weights)
    merged = _merge(weights, config, head=head, new_head=new_head)
    with _overrides(weights):
        model = construct(**merged)
    fresh = head if new_head else ()
    _loading.load(model, weights, config=merged, fresh=fresh, progress=progress)
    model._dapi_provenance = Provenance(name, weights, FrozenDict(config))  # type: ignore[assignment]
    _hooks.model_built(model, name, weights)
    return model


def weights_of(model: nn.Module) -> Weights | WeightEntry:
    """Return the weights that a model was built with; copies and pickles keep them.

    Raises:
        NoWeightsError: It was built without weights, or not by dapi.
    """
    provenance = getattr(model, "_dapi_provenance", None)
    if not isinstance(provenance, Provenance):
        raise NoWeightsError(
            f"This {type(model).__name__} carries no weights of dapi",
            "Build it with weights=..., by a registered builder or dapi.build_model.",
        )
    return provenance.weights


def _check_status(weights: Weights | WeightEntry) -> None:
    """Refuse what was withdrawn; warn of what is deprecated or outdated."""
    status = entry_of(weights).status
    if status.state == "withdrawn":
        raise WithdrawnWeightsError(
            str(weights), reason=status.reason, replacement=status.replacement
        )
    if status.state == "deprecated":
        instead = f" Use {status.replacement} instead." if status.replacement else ""
        text = f"{weights} is deprecated: {status.reason}{instead}"
        _notices.warn_once(text, OutdatedWeightsWarning)
    elif isinstance(weights, Weights) and not weights.latest:
        _warn_of_later(weights)


def _warn_of_later(weights: Weights) -> None:
    later = [m for m in type(weights) if m.latest and m.dataset == weights.dataset]
    if later:
        text = f"{weights} is not the latest for {weights.dataset}: there is {later[0]}."
        _notices.warn_once(text, OutdatedWeightsWarning)


def _merge(
    weights: Weights | WeightEntry,
    config: Mapping[str, Any],
    *,
    head: Sequence[str],
    new_head: bool,
) -> dict[str, Any]:
    """Join the arguments that the weights want with those of the caller, who may not contradict."""
    wanted = entry_of(weights).build
    if new_head and not head:
        raise NoWeightsError(
            "new_head=True was given to a builder that declares no head",
            "Declare it: register_model(head=...) or build_model(head=...).",
        )
    for argument, fixed in wanted.config.items():
        given = config.get(argument, fixed)
        if freeze(given) != fixed and not new_head:
            raise ConfigConflictError(str(weights), argument, given=given, fixed=fixed, head=head)
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
        found: type[Any] = _lazy.resolve(target)
    except (ImportError, AttributeError) as cause:
        raise UnreadOverrideError(str(weights), target=target, parameters=list(params)) from cause
    return found
