"""Provenance: the record on a model of how it was built."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dapi._values.frozen import FrozenDict
from dapi._values.public import public
from dapi._values.record import Record
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights, entry_of
from dapi._weights.lazy import Lazy
from dapi.exceptions import NoWeightsError

if TYPE_CHECKING:
    from torch import nn

# Metadata that name the outputs of a head, where no postprocess says which of them it uses.
_NAMES: Final = ("categories", "keypoint_names", "labels")


@public
class Provenance(Record):
    """The origin of a model and its weights; kept on the model, in copies and pickles.

    Attributes:
        builder: The builder's name, or that of the constructor.
        weights: The member or the entry that was loaded; None for random initialization.
        config: The arguments of its constructor, including those of the weights.
        context: The overrides of constructor defaults that the weights set.
        target: The registered builder, as ``"module:function"``; empty for an unregistered
            constructor.
        new_head: Whether the head was newly initialized, or omitted, instead of loaded.
    """

    builder: str
    weights: Weights | WeightEntry | None
    config: Mapping[str, Any]
    context: Mapping[str, Mapping[str, Any]] = FrozenDict()
    target: str = ""
    new_head: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Pickle only picklable fields: the record must not make a model unpicklable."""
        config = {name: value for name, value in self.config.items() if _pickles(value)}
        weights = self.weights if _pickles(self.weights) else None
        return {**self.__dict__, "config": FrozenDict(config), "weights": weights}


def _pickles(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - objects may raise anything
        return False
    return True


def record(model: nn.Module, provenance: Provenance) -> None:
    """Record on a model how it was built; some objects refuse attributes."""
    if hasattr(model, "state_dict"):
        model._dapi_provenance = provenance  # type: ignore[assignment]


# Wrappers of models for another way of running, and their attribute with the model.
_WRAPPERS = {
    "torch._dynamo.eval_frame:OptimizedModule": "_orig_mod",
    "torch.nn.parallel.data_parallel:DataParallel": "module",
    "torch.nn.parallel.distributed:DistributedDataParallel": "module",
    "torch.optim.swa_utils:AveragedModel": "module",
}


class Inside(NamedTuple):
    """The model inside a wrapper, and its attribute."""

    attribute: str
    model: nn.Module


def inside(model: nn.Module) -> Inside | None:
    """Return the object that torch wrapped; None if it is not a wrapper."""
    for kind in type(model).__mro__:
        attribute = _WRAPPERS.get(f"{kind.__module__}:{kind.__qualname__}")
        if attribute is not None:
            return Inside(attribute, getattr(model, attribute))
    return None


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside of all wrappers, whatever their order."""
    while (step := inside(model)) is not None:
        model = step.model
    return model


def find(model: nn.Module) -> Provenance | None:
    """Return the record on a model; None for one that dapi did not build."""
    found = getattr(unwrapped(model), "_dapi_provenance", None)
    return found if isinstance(found, Provenance) else None


@public
def weights_of(model: nn.Module) -> Weights | WeightEntry:
    """Return the weights that a model was built with; copies and pickles keep them.

    They stay the same when the model is trained further. ``torch.fx`` and ``torch.jit`` lose the
    record: call this with the original model.

    After ``new_head=True`` it is an entry that no longer has the names of the old head:
    ``postprocess(categories=[...])`` takes those of the new one.

    Raises:
        NoWeightsError: It was built without weights, or not by dapi.
    """
    provenance = find(model)
    if provenance is None or provenance.weights is None:
        raise NoWeightsError(
            f"This {type(model).__name__} has no weights from dapi",
            "Build it with weights=..., by a registered builder or dapi.build_model.",
        )
    return _with_new_head(provenance.weights) if provenance.new_head else provenance.weights


def _with_new_head(weights: Weights | WeightEntry) -> WeightEntry:
    """Return an entry without the facts of its own head."""
    from dataclasses import replace

    entry = entry_of(weights)
    changes: dict[str, Any] = {}
    nameless: Collection[str] = _NAMES
    if isinstance(entry.postprocess, Lazy):
        changes["postprocess"] = postprocess = entry.postprocess.without_names()
        nameless = postprocess.nameless
    meta = {key: value for key, value in entry.meta.items() if key not in nameless}
    return replace(entry, meta=meta, **changes)
