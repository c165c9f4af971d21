"""Assembly: one model, from constructing it to the weights in its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dapi import _checkpoint, _collector, _construction, _demands, _loading, _store
from dapi._entry import WeightEntry
from dapi._target import Target
from dapi._weights import Weights, entry_of
from dapi.exceptions import StateDictMismatchError

if TYPE_CHECKING:
    from torch import nn

M = TypeVar("M", bound="nn.Module")


class Assembly(Generic[M]):
    """One model, from constructing to loading: without initialising, or else in the plain way.

    What fails without values in the parameters, but for keys that do not fit, is decided by the
    plain way: only that says whether the constructor, or the weights, are at fault.
    """

    def __init__(
        self,
        make: Callable[[], M],
        weights: Weights | WeightEntry,
        config: Mapping[str, Any],
        fresh: Sequence[str],
        target: Target,
    ) -> None:
        self._make, self._weights, self._config = make, weights, config
        self._fresh, self._target = tuple(fresh), target

    def run(self, *, progress: bool) -> M:
        with _collector.paused():
            model, frame = self._construct()
        _demands.check_head(model, self._fresh, self._weights)
        files, name = entry_of(self._weights).files, str(self._weights)
        origin = _loading.Origin(name, _store.fetch_all(files, progress=progress, wanted=name))
        try:
            with _collector.paused():
                model = self._load(model, frame, origin)
        except StateDictMismatchError:
            _checkpoint.reject(files)
            raise
        _checkpoint.confirm(files)
        return model

    def _construct(self) -> tuple[M, _construction.Deferral | None]:
        of_head = self._of_head if self._fresh else None
        constructed = _construction.attempt(
            partial(_construction.construct, self._make, fresh=of_head), str(self._weights)
        )
        return constructed or (self._construct_plainly(), None)

    def _construct_plainly(self) -> M:
        with _construction.suspended():
            return self._make()

    def _of_head(self, model: M) -> list[nn.Parameter]:
        return [
            parameter
            for name, parameter in model.named_parameters()
            if _loading.is_under(name, self._fresh)
        ]

    def _load(self, model: M, frame: _construction.Deferral | None, origin: _loading.Origin) -> M:
        state_dict = _loading.read(self._weights, self._config, self._fresh)
        load = partial(
            _loading.load,
            state_dict=state_dict,
            origin=origin,
            fresh=self._fresh,
            target=self._target,
        )
        if frame is not None:
            placed = _construction.attempt(
                lambda: load(model, frame=frame) or model, str(self._weights)
            )
            if placed is not None:
                return model
            model = self._construct_plainly()
        load(model)
        return model
