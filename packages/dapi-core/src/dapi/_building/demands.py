"""Demands of weights on a model: their config and context while it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from dapi._building import trained_from
from dapi._building.head_and_stem import Ends
from dapi._loader.keys import is_under
from dapi._plugins import bound_lock
from dapi._values import notices
from dapi._values.frozen import freeze
from dapi._weights import lazy, licenses
from dapi._weights.build import CALLERS
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import (
    ForeignWeightsError,
    OutdatedWeightsWarning,
    UnreadOverrideError,
    WeightsDeclarationError,
    WithdrawnWeightsError,
)

if TYPE_CHECKING:
    from torch import nn

M = TypeVar("M", bound="nn.Module")


def admit(weights: Weights | WeightEntry) -> None:
    """Refuse weights that may not be used here; warn of deprecated or outdated ones."""
    licenses.check(weights)
    lock = bound_lock.current()
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
    trained_from.warn_of(weights)


def _warn_of_later(weights: Weights) -> None:
    later = [m for m in type(weights) if m.latest and m.dataset == weights.dataset]
    if later:
        text = f"{weights} is not the latest for {weights.dataset}: the latest is {later[0]}."
        notices.warn_once(text, OutdatedWeightsWarning)


def merge(weights: Weights | WeightEntry, config: Mapping[str, Any], ends: Ends) -> dict[str, Any]:
    """Merge the arguments of the weights with the caller's, which must not contradict them."""
    wanted = entry_of(weights).build
    for argument in sorted(CALLERS & {*wanted.defaults, *wanted.config}):
        raise WeightsDeclarationError(
            f"The Build of {weights}",
            f"names {argument}, which only a caller may set",
            f"Remove it from the entry, and pass it to the builder: {argument}=...",
        )
    names = config.get("categories")
    sizes = dict.fromkeys(("num_labels", "num_classes"), len(names)) if names else {}
    for argument, fixed in wanted.config.items():
        given = config.get(argument, sizes.get(argument, fixed))
        if freeze(given) != fixed and not ends.may_differ(argument):
            raise ends.conflict(weights, argument, given, fixed)
    inherited = {**wanted.defaults, **wanted.config}
    if ends.new_head and config.get("categories"):  # their number is the size of the new head
        inherited.pop("num_labels", None)
        inherited.pop("num_classes", None)
    return {**inherited, **config}


@contextmanager
def overrides(weights: Weights | WeightEntry) -> Iterator[None]:
    """Apply the context of an entry, and check that all of it was read."""
    declared = entry_of(weights).build.context
    if not declared:
        yield
        return
    from dapi._building.context import ContextParams

    contexts: dict[str, ContextParams] = {}
    with ExitStack() as stack:
        for target, params in declared.items():
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


def construct(
    constructor: Callable[..., M],
    name: str,
    weights: Weights | WeightEntry,
    merged: Mapping[str, Any],
) -> M:
    """Call a constructor with the merged config, and with the context of the weights applied."""
    with overrides(weights):
        try:
            return constructor(**merged)
        except TypeError as cause:
            _explain_foreign_config(name, weights, cause)
            raise


def _explain_foreign_config(name: str, weights: Weights | WeightEntry, cause: TypeError) -> None:
    """Explain an argument that a constructor does not accept, if the weights require it."""
    wanted = entry_of(weights).build
    foreign = [key for key in {**wanted.defaults, **wanted.config} if f"'{key}'" in str(cause)]
    if foreign and "argument" in str(cause):
        raise ForeignWeightsError(name, str(weights), arguments=foreign) from cause


def check_computed(model: nn.Module, weights: Weights | WeightEntry) -> None:
    """Refuse names of computed keys that the model does not have."""
    names = entry_of(weights).build.computed
    keys = list(model.state_dict()) if names else []
    for name in names:
        if not any(is_under(key, (name,)) for key in keys):
            raise WeightsDeclarationError(
                f"The Build of {weights}",
                f"declares {name!r} as computed, which this {type(model).__name__} does not have",
                f"Correct Build(computed=...). Its last keys are: {', '.join(keys[-3:])}.",
            )
