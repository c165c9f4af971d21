"""Metrics: how good weights are, as their metadata says it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

# Error rates and distances. Of all others, accuracies and the like, more is better.
_LESS_IS_BETTER = re.compile(r"(?i)(.*_)?(epe|wer|cer|per|eer|mae|mse|rmse|perplexity|fl_all)")


class Metric(NamedTuple):
    """What weights reach on a dataset."""

    dataset: str
    name: str
    value: float

    @property
    def merit(self) -> float:
        """A number that grows as the metric gets better."""
        return -self.value if _LESS_IS_BETTER.fullmatch(self.name) else self.value


def read(meta: Mapping[str, Any]) -> Iterator[Metric]:
    """Read the metrics in an entry's metadata, in its order; the first is its headline.

    What an author gave in another form than a list of dicts with ``dataset``, ``name`` and a
    ``value`` that is a number is passed over.

    >>> [*read({"metrics": [{"dataset": "Digits", "name": "acc@1", "value": 97.5}]})]
    [Metric(dataset='Digits', name='acc@1', value=97.5)]
    """
    metrics = meta.get("metrics")
    for metric in metrics if isinstance(metrics, list | tuple) else ():
        if isinstance(metric, Mapping) and isinstance(metric.get("value"), int | float):
            yield Metric(
                str(metric.get("dataset", "")), str(metric.get("name", "")), metric["value"]
            )


def best(metrics: Iterable[Metric]) -> Metric | None:
    """Return the best of several metrics of one name; None when there is none."""
    return max(metrics, key=lambda metric: metric.merit, default=None)
