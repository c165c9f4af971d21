"""An error for models that are called with texts instead of token ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dapi.exceptions import ArgumentError

if TYPE_CHECKING:
    from torch import nn

M = TypeVar("M", bound="nn.Module")


def expect_tokens(model: M, builder: str) -> M:
    """Refuse whatever is not a tensor; transformers would look for the attributes of one."""
    model.register_forward_pre_hook(_Check(builder), with_kwargs=True)
    return model


class _Check:
    """A hook that pickles with its model."""

    def __init__(self, builder: str) -> None:
        self.builder = builder

    def __call__(self, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        ids = args[0] if args else kwargs.get("input_ids")
        # Tensors and their stand-ins while a model is traced; the size of an array is a number.
        if ids is not None and not callable(getattr(ids, "size", None)):
            expected = (
                "a tensor of token ids: model(**weights.transforms()(['a text'])). To run the "
                f"model on texts: dapi.predictor({self.builder!r})"
            )
            raise ArgumentError(type(model).__name__, "input_ids", ids, expected=expected)
