"""Assembly: one model, from constructing it to the weights in its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dapi import _store
from dapi._building import demands
from dapi._building.head_and_stem import Ends
from dapi._loader import checkpoint, collector, construction, loading
from dapi._loader.keys import is_under
from dapi._loader.target import Target
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import StateDictMismatchError

if TYPE_CHECKING:
    from torch import Tensor, nn

M = TypeVar("M", bound="nn.Module")


class Assembly(Generic[M]):
    """One model, from construction to loading: without initialization, or else the plain way.

    If building without values in the parameters fails, except for keys that do not match, the plain
    way decides: only it shows whether the constructor or the weights are at fault.
    """

    def __init__(
        self,
        make: Callable[[], M],
        weights: Weights | WeightEntry,
        config: Mapping[str, Any],
        ends: Ends,
        target: Target,
    ) -> None:
        self._make, self._weights, self._config = make, weights, config
        self._ends, self._target = ends, target
        self._name = str(weights)
        self._fresh = (*ends.fresh, *entry_of(weights).build.computed)

    def run(self, *, progress: bool) -> M:
        with collector.paused():
            model, frame = self._construct()
        self._ends.check(model, self._weights, self._config)
        demands.check_computed(model, self._weights)
        files = entry_of(self._weights).files
        path = _store.fetch_all(files, progress=progress, wanted=self._name)
        origin = loading.Origin(self._name, path, () if self._fresh else self._ends.head)
        try:
            with collector.paused():
                model = self._load(model, frame, origin)
        except StateDictMismatchError as mismatch:
            checkpoint.reject(files)
            raise (self._ends.explain(mismatch, self._weights) or mismatch) from mismatch.__cause__
        checkpoint.confirm(files)
        return model

    def _construct(self) -> tuple[M, construction.Deferral | None]:
        initialized = self._initialized if self._fresh else None
        constructed = construction.attempt(
            partial(construction.construct, self._make, fresh=initialized), self._name
        )
        return constructed or (self._construct_plainly(), None)

    def _construct_plainly(self) -> M:
        with construction.suspended():
            return self._make()

    def _initialized(self, model: M) -> list[nn.Parameter]:
        """List the parameters of new ends, and those that the constructor computes."""
        return [
            parameter for name, parameter in model.named_parameters() if is_under(name, self._fresh)
        ]

    def _state_dict(self, origin: loading.Origin) -> dict[str, Tensor]:
        """Read the tensors for the model by its keys, without those of new ends."""
        read, wanted = self._weights.state_dict(progress=False), entry_of(self._weights).build
        steps = (*wanted.adapt, *self._ends.steps)
        adapted = loading.adapt(read, steps, self._config, code_version=wanted.code_version)
        for key in [key for key in adapted if is_under(key, self._ends.fresh)]:
            del adapted[key]
        twice = [key for key in adapted if is_under(key, wanted.computed)]
        if twice:
            reason = f"{twice[0]} is declared as computed, and the file has it"
            raise origin.mismatch(unexpected=twice, reason=reason)
        return adapted

    def _load(self, model: M, frame: construction.Deferral | None, origin: loading.Origin) -> M:
        state_dict = self._state_dict(origin)
        load = partial(
            loading.load,
            state_dict=state_dict,
            origin=origin,
            fresh=self._fresh,
            target=self._target.for_file(state_dict),
        )
        if frame is not None:
            placed = construction.attempt(lambda: load(model, frame=frame) or model, self._name)
            if placed is not None:
                return model
            model = self._construct_plainly()
        load(model)
        return model
