"""Metrics: the quality of weights, as stated in their metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

# Error rates and distances, also with a prefix (per_image_epe). For all others, such as accuracies,
# higher is better.
_LESS_IS_BETTER = {"cer", "eer", "epe", "fl_all", "mae", "mse", "per", "perplexity", "rmse", "wer"}


class Metric(NamedTuple):
    """A result of weights on a dataset."""

    dataset: str
    name: str
    value: float

    @property
    def merit(self) -> float:
        """A number that grows as the metric gets better."""
        name = self.name.casefold()
        is_error = name in _LESS_IS_BETTER or name.rpartition("_")[2] in _LESS_IS_BETTER
        return -self.value if is_error else self.value


def read(meta: Mapping[str, Any]) -> Iterator[Metric]:
    """Return the metrics in an entry's metadata, in its order; the first is its headline.

    Items other than dicts with ``dataset``, ``name`` and a numeric ``value`` are ignored, and so is
    NaN, which is neither better nor worse.

    >>> [*read({"metrics": [{"dataset": "Digits", "name": "acc@1", "value": 97.5}]})]
    [Metric(dataset='Digits', name='acc@1', value=97.5)]
    """
    metrics = meta.get("metrics")
    for metric in metrics if isinstance(metrics, list | tuple) else ():
        value = metric.get("value") if isinstance(metric, Mapping) else None
        if isinstance(value, int | float) and value == value:
            yield Metric(str(metric.get("dataset", "")), str(metric.get("name", "")), value)


def best(metrics: Iterable[Metric]) -> Metric | None:
    """Return the best of several metrics of one name; None if there are none."""
    return max(metrics, key=lambda metric: metric.merit, default=None)
