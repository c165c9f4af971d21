"""A call of a builder: what the decorator does around the function that constructs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from dapi._building import build_model
from dapi._building.build_model import Recipe
from dapi._building.builder_config import BuilderConfig
from dapi._building.declaration import Declaration, declaration
from dapi._catalog import builders
from dapi._loader.target import Target
from dapi._values import notices
from dapi._weights.entry import WeightEntry, from_path
from dapi._weights.enum import Weights
from dapi.exceptions import (
    PositionalArgumentError,
    RandomBackboneWarning,
    ReplacedBuilderWarning,
    UnexpectedArgumentError,
    excerpt,
)

if TYPE_CHECKING:
    from torch import nn

    from dapi._building.arguments import Arguments

M = TypeVar("M", bound="nn.Module")


def run(builder: Callable[..., M], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> M:
    """Build the model that a call of a builder asks for."""
    try:
        return _run(builder, declaration(builder), args, kwargs)
    except TypeError as cause:
        _explain(declaration(builder), cause, kwargs)
        raise


def _run(
    builder: Callable[..., M], spec: Declaration, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> M:
    args, named = _by_keyword(spec, args, kwargs)
    config = spec.translate_legacy(named)
    _check_arguments(spec, config, builder)
    weights = from_path(config.pop("weights", None))
    spec.check_weights(weights, builder)
    _warn_if_replaced(spec)
    new_head = config.pop("new_head", False)
    if weights is not None:
        if "weights_backbone" in spec.parameters:  # its download would be overwritten
            config["weights_backbone"] = None
        if not new_head:
            config = {**_names_of_outputs(spec, weights, builder), **config}
    model = build_model.build(
        recipe(builder, *args, weights=weights),
        weights,
        config,
        new_head=new_head,
        new_stem=config.pop("new_stem", False),
        progress=config.get("progress", True),
        target=_take_target(spec, config),
    )
    if weights is None and "weights_backbone" not in config:  # None states that it is intended
        _warn_of_random_backbone(spec, model)
    return model


def recipe(builder: Callable[..., M], *args: Any, weights: object) -> Recipe[M]:
    """Return how the function of a builder constructs: no checks, warnings or downloads."""
    spec, function = declaration(builder), builder.__wrapped__  # type: ignore[attr-defined]
    construct = partial(function, *args, weights=weights)
    return Recipe(construct, spec.name, spec.ends, spec.target)


def _by_keyword(
    spec: Declaration, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Turn positional arguments into keyword arguments, as recorded on the model."""
    if len(args) > spec.most_positional:  # of an older builder, such as ``pretrained``
        given = ", ".join(map(excerpt, args))
        raise PositionalArgumentError(spec.name, given, parameters=spec.parameters)
    named = dict(zip(spec.positional, args, strict=False))
    if named.keys() & kwargs.keys():
        return args, kwargs  # Python raises the error
    return args[len(named) :], {**named, **kwargs}


def _check_arguments(
    spec: Declaration, config: Mapping[str, Any], builder: Callable[..., Any]
) -> None:
    """Refuse an argument that the builder does not declare.

    If ``**config`` accepts anything, only near misses of an argument are refused: the
    constructor might ignore them.
    """
    known = {*spec.parameters, *(old.name for old in spec.legacy), *BuilderConfig.__annotations__}
    if known.issuperset(config):
        return
    from dapi._text.similar import KEY, nearest  # most calls need neither this nor annotations

    declared = _declared(spec, builder)
    known.update(declared.types)
    for argument in [each for each in config if each not in known]:
        near = nearest(argument, known, count=1, cutoff=KEY)
        if near or not declared.takes_others:
            raise UnexpectedArgumentError(spec.name, argument, available=near or sorted(known))


def _explain(spec: Declaration, cause: TypeError, given: Mapping[str, Any]) -> None:
    """Raise a clear error if a constructor refused an argument of the caller."""
    # Python 3.13 ends the sentence with the nearest name: "Did you mean 'size'?"
    refusal = r"(.*?)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'.*"
    found = re.fullmatch(refusal, str(cause))
    if found and found[2] in given and found[2] not in spec.parameters:
        raise UnexpectedArgumentError(
            spec.name,
            found[2],
            available=[*spec.parameters, *BuilderConfig.__annotations__],
            constructor="" if found[1].rpartition(".")[2] == spec.name else found[1],
        ) from cause


def _names_of_outputs(
    spec: Declaration, weights: Weights | WeightEntry, builder: Callable[..., Any]
) -> dict[str, Any]:
    """Return the categories of the weights, for a builder that declares ``categories``."""
    names = weights.meta.get("categories")
    if names is None or "categories" not in _declared(spec, builder).types:
        return {}
    return {"categories": tuple(names)}


def _declared(spec: Declaration, builder: Callable[..., Any]) -> Arguments:
    from dapi._building.arguments import Arguments

    return Arguments.of(builder, spec.name)


def _take_target(spec: Declaration, config: dict[str, Any]) -> Target:
    """Remove ``device`` and ``dtype`` from the arguments, unless they are the builder's own."""
    device, dtype = (
        config.pop(name, None) if name not in spec.parameters else None
        for name in ("device", "dtype")
    )
    return Target.given(spec.name, device, dtype)


def _warn_if_replaced(spec: Declaration) -> None:
    successor = builders.successor(spec.name, spec.module)
    if successor:
        text = f"{spec.name} was replaced by {successor}; it stays as it was, for its weights."
        notices.warn_once(text, ReplacedBuilderWarning)


def _warn_of_random_backbone(spec: Declaration, model: nn.Module) -> None:
    """Warn, once, that the backbone is random; on meta it has no values."""
    takes_backbone = "weights_backbone" in spec.parameters and hasattr(model, "parameters")
    if not takes_backbone or any(each.is_meta for each in model.parameters()):
        return
    former = (old for old in spec.legacy if old.parameter == "weights_backbone")
    published = [member for old in former for member in old.values.values() if member]
    names = [f"{type(member).__name__}.{member.name}" for member in published] or ["..."]
    notices.warn_once(
        f"{spec.name} starts with a random backbone. For a pretrained one: "
        f"{spec.name}(weights_backbone={names[0]}). "
        f"If that is intended: {spec.name}(weights_backbone=None).",
        RandomBackboneWarning,
    )
