"""Build: how a builder must build the model for an entry's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from dapi._values.frozen import FrozenDict, freeze
from dapi._values.public import public
from dapi._values.record import Record
from dapi.exceptions import WeightsDeclarationError, excerpt, how_to_load

if TYPE_CHECKING:
    from dapi.adapt import Step, Take

# Only a caller may name code, repositories, devices and downloads.
CALLERS: Final = frozenset({
    "auto_map", "code_revision", "revision", "trust_remote_code",
    "attn_implementation", "experts_implementation", "kernel_config", "use_kernels",
    "device", "device_map", "dtype", "quantization_config", "torch_dtype",
    "new_head", "new_stem", "pretrained", "pretrained_backbone", "progress", "weights",
})  # fmt: skip


@public
class Build(Record):
    """How a builder must build the model for these weights.

    Attributes:
        config: Arguments that the weights fix, such as ``num_classes``. Another value raises
            ConfigConflictError.
        defaults: Arguments that the weights set and a caller may override.
        context: Overrides of constructor defaults while the model is built (ContextParams), by
            ``"module:Class"``.
        adapt: Steps that map the file's keys to the model's, in order (see ``dapi.adapt``).
        code_version: State-dict versions by module path, for files without versions (safetensors,
            or after a step of ``adapt`` that drops them) and modules that dispatch on them
            (vision#1224).
        computed: Keys of the model that its constructor computes and the files do not have, such as
            the kernels of a transform of sound; the name of a module means all keys under it. They
            keep the constructor's values. A key that a file has, or a name that is not in the
            model, is an error.
    """

    config: Mapping[str, Any] = FrozenDict()
    defaults: Mapping[str, Any] = FrozenDict()
    context: Mapping[str, Mapping[str, Any]] = FrozenDict()
    adapt: tuple[Step, ...] = ()
    code_version: Mapping[str, int] = FrozenDict()
    computed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("config", "defaults", "context", "code_version"):
            value = getattr(self, name)
            if not isinstance(value, Mapping):
                raise wrong_type(f"Build({name}", value, "a mapping")
            object.__setattr__(self, name, freeze(value))
        if not all(isinstance(params, Mapping) for params in self.context.values()):
            raise wrong_type("Build(context", self.context, "{'module:Class': {name: value}}")
        self._set_tuple("adapt", callable, "steps of dapi.adapt")
        self._set_tuple("computed", _is_text, "names of keys or modules")
        if self.adapt:
            self._check_take()

    def _set_tuple(self, name: str, is_item: Callable[[object], bool], expected: str) -> None:
        """Make a tuple of a field that may be one item, or a list of them."""
        value = getattr(self, name)
        items = (value,) if is_item(value) else value
        if not isinstance(items, list | tuple) or not all(map(is_item, items)):
            raise wrong_type(f"Build({name}", value, expected)
        object.__setattr__(self, name, tuple(items))

    def _check_take(self) -> None:
        from dapi.adapt import Take  # not before: few entries have steps

        if any(isinstance(step, Take) for step in self.adapt[1:]):
            raise WeightsDeclarationError(
                f"Build(adapt={excerpt(self.adapt)})",
                "has Take behind another step",
                "Put it first: it is applied while the file is read.",
            )

    @property
    def take(self) -> Take | None:
        """The first step, if it says where in the file the tensors are."""
        from dapi.adapt import Take

        return self.adapt[0] if self.adapt and isinstance(self.adapt[0], Take) else None

    def __repr__(self) -> str:
        """Return the fields that are not the default."""
        given = [
            f"{name}={getattr(self, name)!r}" for name in self.__match_args__ if getattr(self, name)
        ]
        return f"Build({', '.join(given)})"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def wrong_type(argument: str, value: object, expected: str) -> WeightsDeclarationError:
    """Return the error for a value of a wrong type."""
    remedy = f"Expected {expected}."
    if value is None:
        remedy += " If there is none, omit it."
    elif argument == "WeightEntry(url":
        remedy += f" {how_to_load(value)}".rstrip()
    return WeightsDeclarationError(f"{argument}={excerpt(value)})", "is of a wrong type", remedy)
