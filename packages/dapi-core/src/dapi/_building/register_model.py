"""register_model: the decorator that turns a function that constructs into a builder."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypedDict, TypeVar

from dapi._building.annotations import Annotations
from dapi._catalog import builders, offers
from dapi._values import notices
from dapi._values.frozen import FrozenDict
from dapi._values.names import is_builder
from dapi._values.public import public
from dapi._values.record import Record
from dapi._weights import aliases
from dapi._weights.entry import WeightEntry, from_path
from dapi._weights.enum import Weights
from dapi.exceptions import (
    InvalidNameError,
    LegacyArgumentWarning,
    LegacyConflictError,
    PositionalArgumentError,
    RandomBackboneWarning,
    ReplacedBuilderWarning,
    UnexpectedArgumentError,
    UnknownWeightsError,
    WeightsDeclarationError,
    WeightsTypeError,
    excerpt,
)

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dapi._building.build_model import Recipe
    from dapi._building.ends import Ends
    from dapi._loader.target import Target

_CO_VARARGS = 0x04  # of ``inspect``, which takes longer to import than all builders of a family

P = ParamSpec("P")
M = TypeVar("M", bound="nn.Module")
T = TypeVar("T")


if TYPE_CHECKING:

    class _Declared(TypedDict):
        pass
else:

    class _Declared(dict):
        # TypedDict compiles each annotation, for every family that a search reads; this merges
        # them with those of the bases, as that does, and is a dict when it is called.
        def __init_subclass__(cls, total: bool = True) -> None:
            inherited = (getattr(base, "__annotations__", {}) for base in reversed(cls.__bases__))
            own = vars(cls).get("__annotations__", {})
            cls.__annotations__ = {
                key: each for hints in (*inherited, own) for key, each in hints.items()
            }
            cls.__total__ = total


@public
class BuilderConfig(_Declared, total=False):
    """The arguments that every builder accepts in addition to its own; the decorator handles them.

    Extend it by the arguments that a builder passes on, so that editors complete them, type
    checkers know them, and a call with any other is refused::

        class NetConfig(BuilderConfig, total=False):
            dropout: float

        @register_model(weights=NetWeights)
        def net(*, weights=None, progress=True, **config: Unpack[NetConfig]) -> Net: ...

    Attributes:
        new_head: Whether the size of the head may contradict the weights, and is not loaded.
        new_stem: The same of the stem's channels; ``"adapt"`` fits the filters to them. See
            ``dapi.build_model``.
        device: The device of the model; ``"meta"`` loads nothing. See ``dapi.build_model``.
        dtype: The floating-point type of the model, also by its name, as in ``"float16"``, or
            ``"auto"`` for that of the file; by default that of the constructor.
    """

    new_head: bool
    new_stem: bool | Literal["adapt"]
    device: torch.device | str | None
    dtype: torch.dtype | str | None


@public
class LegacyArgument(Record):
    """A deprecated argument of a builder's predecessor, and its current equivalent.

    Attributes:
        name: The argument, such as ``pretrained``.
        values: The weights (or None) that each of its values selects.
        parameter: The argument that replaces it.
        when: Values of other arguments that must match for this to apply.
    """

    name: str
    values: Mapping[Any, Weights | None]
    parameter: str = "weights"
    when: Mapping[str, Any] = FrozenDict()

    def is_meant(self, arguments: Mapping[str, Any]) -> bool:
        """Whether it applies to a call with these arguments."""
        return self.name in arguments and all(
            arguments.get(name) == value for name, value in self.when.items()
        )

    def translate(self, builder: str, value: Any) -> Weights | None:
        """Return the weights of ``value``, and warn with the exact replacement.

        Raises:
            UnknownWeightsError: It never accepted this value.
        """
        known = [meant for old, meant in self.values.items() if old == value]
        if not known:
            raise UnknownWeightsError(
                f"{builder}({self.name}=...)", str(value), available=list(map(str, self.values))
            )
        meant = known[0]
        name = f"{type(meant).__name__}.{meant.name}" if meant is not None else None
        notices.warn(
            f"{builder}({self.name}={value!r}) is deprecated. "
            f"Write {builder}({self.parameter}={name}).",
            LegacyArgumentWarning,
        )
        return meant


class Declaration(Record):
    """The declaration of a builder; the function's attribute ``__dapi_builder__``."""

    name: str
    module: str
    weights: tuple[type[Weights], ...]
    head: tuple[str, ...]
    stem: tuple[str, ...]
    replaces: str | None
    legacy: tuple[LegacyArgument, ...]
    parameters: tuple[str, ...]
    function: str
    positional: tuple[str, ...]
    most_positional: int

    @property
    def target(self) -> str:
        """The function, in the form of entry points."""
        return f"{self.module}:{self.function}"

    @property
    def ends(self) -> Ends:
        """The layers in which a model may differ from weights."""
        from dapi._building.ends import Ends

        return Ends(self.head, self.stem)

    def check_positional(self, args: Sequence[Any]) -> None:
        """Refuse positional arguments of older builders, such as ``pretrained``."""
        if len(args) > self.most_positional:
            given = ", ".join(map(excerpt, args))
            raise PositionalArgumentError(self.name, given, parameters=self.parameters)

    def check_weights(self, weights: Any, builder: Callable[..., Any]) -> None:
        """Accept None, any entry, members of its own enums, and those offered for ``builder``."""
        if weights is None or isinstance(weights, (WeightEntry, *self.weights)):
            return
        owners: list[str] = []
        if isinstance(weights, Weights):
            if offers.takes(builder, self.name, type(weights)):
                return
            owners = [offer.point.name for offer in offers.leading_to(type(weights))]
        raise WeightsTypeError(
            self.name,
            weights,
            expected=[enum.__name__ for enum in self.weights],
            owners=owners,
            equivalents=self._equivalents(weights),
        )

    def _equivalents(self, weights: object) -> list[str]:
        """List its own members that a string, or a member of another library's enum, refers to."""
        if isinstance(weights, Enum):
            weights = f"{type(weights).__name__}.{weights.name}"
        if not isinstance(weights, str):
            return []
        members = (m for enum in self.weights for m in aliases.own_members(weights, enum))
        return [f"{type(member).__name__}.{member.name}" for member in members]

    def check_arguments(self, config: Mapping[str, Any], builder: Callable[..., Any]) -> None:
        """Refuse an argument that the builder does not declare.

        If ``**config`` accepts anything, only near misses of an argument are refused: the
        constructor might ignore them.
        """
        known = {*self.parameters, *(old.name for old in self.legacy)}
        known.update(BuilderConfig.__annotations__)
        if known.issuperset(config):
            return
        from difflib import get_close_matches

        from dapi._building.arguments import Arguments

        declared = Arguments.of(builder, self.name)
        known.update(declared.types)
        for argument in [each for each in config if each not in known]:
            near = get_close_matches(argument, known, n=1, cutoff=0.8)
            if near or not declared.takes_others:
                raise UnexpectedArgumentError(self.name, argument, available=near or sorted(known))

    def explain(self, cause: TypeError, given: Mapping[str, Any]) -> None:
        """Raise a clear error if a constructor refused an argument of the caller.

        Raises:
            UnexpectedArgumentError: It refused one.
        """
        refusal = r"(.*?)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'.*"
        found = re.fullmatch(refusal, str(cause))
        if found and found[2] in given and found[2] not in self.parameters:
            constructor = "" if found[1].rpartition(".")[2] == self.name else found[1]
            raise UnexpectedArgumentError(
                self.name,
                found[2],
                available=[*self.parameters, *BuilderConfig.__annotations__],
                constructor=constructor,
            ) from cause

    def warn_if_replaced(self) -> None:
        """Warn, once, that another builder supersedes this one."""
        successor = builders.successor(self.name, self.module)
        if successor:
            text = f"{self.name} was replaced by {successor}; it stays as it was, for its weights."
            notices.warn_once(text, ReplacedBuilderWarning)

    def warn_of_random_backbone(self, model: nn.Module) -> None:
        """Warn, once, that the backbone is random; on meta it has no values."""
        takes_backbone = "weights_backbone" in self.parameters and hasattr(model, "parameters")
        if not takes_backbone or any(each.is_meta for each in model.parameters()):
            return
        former = (old for old in self.legacy if old.parameter == "weights_backbone")
        published = [member for old in former for member in old.values.values() if member]
        names = [f"{type(member).__name__}.{member.name}" for member in published] or ["..."]
        notices.warn_once(
            f"{self.name} starts with a random backbone. For a pretrained one: "
            f"{self.name}(weights_backbone={names[0]}). "
            f"If that is intended: {self.name}(weights_backbone=None).",
            RandomBackboneWarning,
        )

    def name_arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Turn positional arguments into keyword arguments, as recorded on the model."""
        named = dict(zip(self.positional, args, strict=False))
        if named.keys() & kwargs.keys():
            return args, kwargs  # Python raises the error
        return args[len(named) :], {**named, **kwargs}

    def name_outputs(
        self, weights: Weights | WeightEntry, builder: Callable[..., Any]
    ) -> dict[str, Any]:
        """Return the categories of the weights, for a builder that declares ``categories``."""
        from dapi._building.arguments import Arguments

        if "categories" not in Arguments.of(builder, self.name).types:
            return {}
        return {"categories": tuple(weights.meta["categories"])}

    def take_target(self, config: dict[str, Any]) -> Target:
        """Remove ``device`` and ``dtype`` from the arguments, unless they are the builder's own."""
        from dapi._loader.target import Target

        device, dtype = (
            config.pop(name, None) if name not in self.parameters else None
            for name in ("device", "dtype")
        )
        return Target.given(self.name, device, dtype)

    def translate_legacy(self, config: dict[str, Any]) -> dict[str, Any]:
        """Replace deprecated arguments by current ones, each with a warning."""
        translated = dict(config)
        for legacy in self.legacy:
            if not legacy.is_meant(translated):
                continue
            if legacy.parameter in translated:
                raise LegacyConflictError(self.name, legacy.name, parameter=legacy.parameter)
            value = legacy.translate(self.name, translated.pop(legacy.name))
            translated[legacy.parameter] = value
        return translated


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
        head: Names of the submodules that ``new_head=True`` initialises.
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
        parameters = Parameters.of(function)
        spec = Declaration(
            name=_checked_name(name or function.__name__),
            module=function.__module__,
            weights=enums,
            head=_checked("head", head, str),
            stem=_checked("stem", stem, str),
            replaces=replaces,
            legacy=_checked("legacy", legacy, LegacyArgument),
            parameters=parameters.names,
            function=function.__qualname__,
            positional=parameters.by_name,
            most_positional=parameters.most_positional,
        )
        builder = _wrap(function, spec)
        builders.register(builder)
        return builder

    return decorate


def _wrap(function: Callable[P, M], spec: Declaration) -> Callable[P, M]:
    @wraps(function)
    def builder(*args: P.args, **kwargs: P.kwargs) -> M:
        try:
            return _call(function, builder, spec, args, kwargs)
        except TypeError as cause:
            spec.explain(cause, kwargs)
            raise

    builder.__dapi_builder__ = spec  # type: ignore[attr-defined]
    builder.__annotations__ = Annotations(function)
    return builder


def _call(
    function: Callable[..., M],
    builder: Callable[..., M],
    spec: Declaration,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> M:
    """Run a builder's body, with all that the decorator adds."""
    from dapi._building import build_model  # imported late: reading metadata builds nothing

    spec.check_positional(args)
    args, kwargs = spec.name_arguments(args, kwargs)
    config = spec.translate_legacy(kwargs)
    spec.check_arguments(config, builder)
    weights = from_path(config.pop("weights", None))
    spec.check_weights(weights, builder)
    spec.warn_if_replaced()
    if weights is not None and "weights_backbone" in spec.parameters:
        config["weights_backbone"] = None
    new_head = config.pop("new_head", False)
    if weights is not None and not new_head and "categories" in weights.meta:
        config = {**spec.name_outputs(weights, builder), **config}
    model = build_model.build(
        build_model.Recipe(
            partial(function, *args, weights=weights), spec.name, spec.ends, spec.target
        ),
        weights,
        config,
        new_head=new_head,
        new_stem=config.pop("new_stem", False),
        progress=config.get("progress", True),
        target=spec.take_target(config),
    )
    if weights is None and "weights_backbone" not in config:
        spec.warn_of_random_backbone(model)
    return model


def declaration(builder: Callable[..., Any]) -> Declaration:
    """Return the declaration of a function that ``register_model`` decorated."""
    found: Declaration = builder.__dapi_builder__  # type: ignore[attr-defined]
    return found


def recipe(builder: Callable[..., M], *, weights: WeightEntry | None) -> Recipe[M]:
    """Return the recipe of a registered builder for these weights.

    For a model that is loaded from a file: without checks, warnings or downloads.
    """
    from dapi._building.build_model import Recipe

    spec = declaration(builder)
    function = builder.__wrapped__  # type: ignore[attr-defined]
    return Recipe(partial(function, weights=weights), spec.name, spec.ends, spec.target)


def _unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _checked_name(name: str) -> str:
    if not is_builder(name):
        raise InvalidNameError(name)
    return name


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


class Parameters(Record):
    """The parameters of a function, without ``*args`` and ``**kwargs``.

    Read from its code: ``inspect.signature`` takes ten times as long, for every builder of every
    enum that a search reads.
    """

    names: tuple[str, ...]
    positional_only: int
    positional: int
    takes_more: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Parameters:
        """Read the parameters of a function.

        Raises:
            WeightsDeclarationError: It is a class or another callable, or ``weights`` is not
                keyword-only.
        """
        code = getattr(_unwrapped(function), "__code__", None)
        if code is None:
            raise WeightsDeclarationError(
                f"The builder {function!r}",
                "is not a function",
                "Write a function that constructs it: def net(*, weights=None, progress=True): ...",
            )
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if "weights" not in names[code.co_argcount :]:
            raise WeightsDeclarationError(
                f"The builder {function.__name__}",
                "has no keyword-only parameter 'weights'",
                f"Write: def {function.__name__}(*, weights=None, progress=True, **config)",
            )
        takes_more = bool(code.co_flags & _CO_VARARGS)
        return cls(names, code.co_posonlyargcount, code.co_argcount, takes_more)

    @property
    def by_name(self) -> tuple[str, ...]:
        """Parameters that can be passed by position or by keyword."""
        return () if self.positional_only else self.names[: self.positional]

    @property
    def most_positional(self) -> int:
        """The maximum number of positional arguments."""
        return sys.maxsize if self.takes_more else self.positional
