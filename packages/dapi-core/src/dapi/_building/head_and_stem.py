"""Head and stem: the ends of a model, in which it may differ from its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dapi import adapt
from dapi._loader.keys import is_under
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import (
    ArgumentError,
    ConfigConflictError,
    NoWeightsError,
    StateDictMismatchError,
)

if TYPE_CHECKING:
    from torch import nn

    from dapi._weights.entry import WeightEntry

# Arguments in which new ends may differ from the weights; all others belong to the model.
_SIZES = ("num_classes", "num_keypoints", "num_labels", "aux_num_out", "categories")
HEAD_ARGUMENTS = (*_SIZES[:-1], "head")
STEM_ARGUMENTS = ("in_channels",)


class Ends(NamedTuple):
    """The ends of a model, as its builder declares them and as its caller wants them.

    Attributes:
        head: Names of the submodules at its end.
        stem: Names of the convolutions at its beginning.
        new_head: Whether the head is initialized instead of loaded.
        new_stem: The same of the stem; ``"adapt"`` fits its filters to other channels.
        is_headless: Whether the model has no head, for which the weights have one.
    """

    head: tuple[str, ...] = ()
    stem: tuple[str, ...] = ()
    new_head: bool = False
    new_stem: bool | Literal["adapt"] = False
    is_headless: bool = False

    def wanted(
        self,
        weights: Weights | WeightEntry,
        config: Mapping[str, Any],
        *,
        new_head: bool,
        new_stem: Any,
    ) -> Ends:
        """Return the ends that a caller wants; refuse those that the builder does not declare."""
        if not isinstance(new_stem, bool) and new_stem != "adapt":
            expected = "True, False or 'adapt'"
            raise ArgumentError("The builder", "new_stem", new_stem, expected=expected)
        for end, value in (("head", new_head), ("stem", new_stem)):
            if value and not getattr(self, end):
                raise NoWeightsError(
                    f"new_{end}={value!r} requires a builder that declares a {end}",
                    f"Declare it: register_model({end}=...) or build_model({end}=...).",
                )
        if new_head and config.get("head", "") is None and not any(map(config.get, _SIZES)):
            expected = (
                "the kind or the size of the new head, as in num_labels=3; for the head of the "
                "weights, omit new_head"
            )
            raise ArgumentError("A builder with new_head=True", "head", None, expected=expected)
        fixed = entry_of(weights).build.config
        is_headless = bool(self.head) and any(
            fixed.get(each) and type(config.get(each)) is int and not config[each]
            for each in HEAD_ARGUMENTS
        )
        return self._replace(new_head=new_head, new_stem=new_stem, is_headless=is_headless)

    @property
    def fresh(self) -> tuple[str, ...]:
        """The submodules that are not loaded."""
        head = self.head if self.new_head or self.is_headless else ()
        return (*head, *(self.stem if self.new_stem is True else ()))

    @property
    def steps(self) -> tuple[adapt.Step, ...]:
        """The steps that fit the file to the stem."""
        return tuple(map(adapt.Channels, self.stem if self.new_stem == "adapt" else ()))

    def may_differ(self, argument: str) -> bool:
        """Whether an argument may contradict the weights."""
        of_head = argument in HEAD_ARGUMENTS and (self.new_head or self.is_headless)
        return of_head or bool(argument in STEM_ARGUMENTS and self.new_stem)

    def conflict(
        self, weights: Weights | WeightEntry, argument: str, given: object, fixed: object
    ) -> ConfigConflictError:
        """Return the error for an argument that contradicts the weights."""
        return ConfigConflictError(
            str(weights),
            argument,
            given=given,
            fixed=fixed,
            head=self.head if argument in HEAD_ARGUMENTS else (),
            stem=self.stem if argument in STEM_ARGUMENTS else (),
        )

    def check(
        self, model: nn.Module, weights: Weights | WeightEntry, config: Mapping[str, Any]
    ) -> None:
        """Refuse new ends that cannot be trained, or that the model does not have.

        A model that keeps its head, though it should have none, is refused too.
        """
        if self.is_headless and any(is_under(key, self.head) for key in model.state_dict()):
            argument = next(each for each in HEAD_ARGUMENTS if config.get(each) == 0)
            fixed = entry_of(weights).build.config.get(argument)
            raise self.conflict(weights, argument, 0, fixed)
        new_head = self.new_head and not self.is_headless
        for end, names in (("head", new_head and self.head), ("stem", self.new_stem and self.stem)):
            if names and not any(is_under(key, names) for key, _ in model.named_parameters()):
                raise _absent(end, names, model, weights)

    def explain(
        self, mismatch: StateDictMismatchError, weights: Weights | WeightEntry
    ) -> ConfigConflictError | None:
        """Return the error if only the channels of the stem differ from the file's."""
        if len(mismatch.shapes) != 1 or mismatch.missing or mismatch.unexpected or mismatch.dtypes:
            return None
        [(key, (file, model))] = mismatch.shapes.items()
        is_stem = is_under(key, self.stem) and [*file[:1], *file[2:]] == [*model[:1], *model[2:]]
        return self.conflict(weights, STEM_ARGUMENTS[0], model[1], file[1]) if is_stem else None


def _absent(
    end: str, names: Sequence[str], model: nn.Module, weights: Weights | WeightEntry
) -> NoWeightsError:
    if any(is_under(key, names) for key in model.state_dict()):
        return NoWeightsError(
            f"A new {end} of {weights} would be quantized, and could not be trained",
            f"Use new_{end}=True with float weights, and quantize the model after training.",
        )
    layers = ", ".join(name for name, _ in model.named_children()) or "it has none"
    return NoWeightsError(
        f"The {end} of this {type(model).__name__} is declared as {', '.join(names)}, and it has "
        "no such layer with parameters",
        "Pass the argument that adds it, such as num_labels=3; if there is none, correct "
        f"register_model({end}=...). Its layers are: {layers}.",
    )
