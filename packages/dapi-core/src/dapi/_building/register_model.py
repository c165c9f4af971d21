"""register_model: the decorator that turns a function that constructs into a builder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from dapi._building.annotations import Annotations
from dapi._building.declaration import Declaration, LegacyArgument, read_function
from dapi._catalog import builders
from dapi._values.names import is_builder
from dapi._values.public import public
from dapi._weights.enum import Weights
from dapi.exceptions import InvalidNameError, WeightsDeclarationError, excerpt

if TYPE_CHECKING:
    from torch import nn

P = ParamSpec("P")
M = TypeVar("M", bound="nn.Module")
T = TypeVar("T")


@public
def register_model(
    function: None = None,
    /,
    *,
    weights: type[Weights] | Sequence[type[Weights]] = (),
    name: str | None = None,
    head: str | Sequence[str] = (),
    stem: str | Sequence[str] = (),
    replaces: str | None = None,
    legacy: LegacyArgument | Sequence[LegacyArgument] = (),
) -> Callable[[Callable[P, M]], Callable[P, M]]:
    """Turn a function that constructs a model into a builder, and register it.

    The function takes ``weights`` by keyword, and its body only constructs. The decorator does the
    rest: it translates deprecated arguments, refuses misspelt ones, checks ``weights``, merges
    their config and applies their context; then it loads the state dict strictly, and records the
    weights for ``dapi.weights_of``. The body receives ``weights`` unchanged. A parameter
    ``weights_backbone`` is set to None if ``weights`` is passed: it would be overwritten. If
    neither is passed, and the model is not on meta, a warning states once that the backbone is
    random. An argument ``categories``, if the function declares one, is by default
    ``weights.meta["categories"]``, unless the head is new.

    A distribution also advertises the builder in its entry points; otherwise it is registered for
    this process only, as in a notebook.

    Args:
        function: Omit it: this function returns the decorator.
        weights: The builder's own enum of weights, or several; ``LATEST`` refers to the first.
        name: The model's name; by default the function's.
        head: Names of the submodules that ``new_head=True`` initializes.
        stem: Names of the convolutions that ``new_stem`` renews, for other ``in_channels``.
        replaces: The builder of the same module that this one supersedes.
        legacy: Arguments of a predecessor.

    Returns:
        A decorator. The builder keeps its signature, and pickles like any function.

    Raises:
        InvalidNameError: The name is not a valid name of a model.
        DuplicateModelError: Another function of the module has the name.
        WeightsDeclarationError: The decorated object is not a function, or has no keyword-only
            ``weights``.
    """
    if function is not None:
        raise WeightsDeclarationError(
            f"register_model({excerpt(function)})",
            "received a function as its first argument",
            "Write @register_model() or @register_model(weights=...).",
        )
    enums = _checked_enums(weights)

    def decorate(function: Callable[P, M]) -> Callable[P, M]:
        model = name or function.__name__
        facts = read_function(function)
        if not is_builder(model):
            raise InvalidNameError(model)
        spec = Declaration(
            name=model,
            weights=enums,
            head=_checked("head", head, str),
            stem=_checked("stem", stem, str),
            replaces=replaces,
            legacy=_checked("legacy", legacy, LegacyArgument),
            **facts,
        )
        builder = _wrap(function, spec)
        builders.register(builder)
        return builder

    return decorate


def _wrap(function: Callable[P, M], spec: Declaration) -> Callable[P, M]:
    @wraps(function)
    def builder(*args: P.args, **kwargs: P.kwargs) -> M:
        from dapi._building import call  # imported late: reading metadata builds nothing

        return call.run(builder, args, kwargs)

    builder.__dapi_builder__ = spec  # type: ignore[attr-defined]
    builder.__annotations__ = Annotations(function)
    return builder


def _checked(argument: str, value: T | Sequence[T], kind: type[T]) -> tuple[T, ...]:
    """Return the values of a decorator argument that is one object or several."""
    several = (value,) if isinstance(value, kind) else value
    if isinstance(several, Sequence) and all(isinstance(each, kind) for each in several):
        return tuple(several)
    raise WeightsDeclarationError(
        f"register_model({argument}={excerpt(value)})",
        "is of a wrong type",
        f"Expected a {kind.__name__}, or a sequence of them.",
    )


def _checked_enums(
    weights: type[Weights] | Sequence[type[Weights]],
) -> tuple[type[Weights], ...]:
    enums = (weights,) if isinstance(weights, type) else weights
    if isinstance(enums, Sequence) and all(
        isinstance(enum, type) and issubclass(enum, Weights) for enum in enums
    ):
        return tuple(enums)
    raise WeightsDeclarationError(
        f"register_model(weights={excerpt(weights)})",
        "must be a Weights subclass or a sequence of them",
        "Pass a subclass of dapi.Weights, not a member of it.",
    )
