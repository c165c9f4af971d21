"""Found: weights with their model and distribution, their facts, and the results of a search."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._catalog import builders, metrics
from dapi._catalog.metrics import Metric
from dapi._plugins.discovery import one_look
from dapi._values import names as _names
from dapi._values.public import public
from dapi.exceptions import MissingDependencyError

if TYPE_CHECKING:
    from dapi._values.file import File
    from dapi._weights.enum import Weights


@public
class Found(NamedTuple):
    """Weights, with their model and the distribution that offers them."""

    model: str
    distribution: str
    weights: Weights

    @property
    def name(self) -> str:
        """The name for ``dapi.get_model``."""
        builder = builders.listed().get(self.model)
        is_own = builder is None or builder.distribution == self.distribution
        model, publisher = _names.parse(self.model), None if is_own else self.distribution
        return str(model._replace(member=self.weights.name, publisher=publisher))

    @property
    def meta(self) -> Mapping[str, Any]:
        """The metadata of the weights."""
        return self.weights.meta

    @property
    def mib(self) -> float | None:
        """The size of the files in MiB, exact or as their publisher states it."""
        sizes = [file.size or 0 for file in self.weights.files]
        return sum(sizes) / 2**20 if all(sizes) else self.number("file_mib")

    @property
    def datasets(self) -> list[str]:
        """The datasets of training and evaluation."""
        trained = self.meta.get("datasets")
        names = trained if isinstance(trained, list | tuple) else ()
        return [*map(str, names), *(metric.dataset for metric in metrics.read(self.meta))]

    def number(self, key: str) -> float | None:
        """Return a number in the metadata; None if it is missing."""
        value = self.meta.get(key)
        return value if isinstance(value, int | float) else None

    def is_at_most(self, key: str, most: float) -> bool:
        """Whether a number is in the metadata, and at most this."""
        value = self.number(key)
        return value is not None and value <= most

    def metrics(self, datasets: Collection[str] | None) -> Iterator[Metric]:
        """Return the metrics on some datasets, or on any."""
        for metric in metrics.read(self.meta):
            if datasets is None or is_one_of(metric.dataset, datasets):
                yield metric

    def metric(self, name: str, datasets: Collection[str] | None) -> Metric | None:
        """Return the best metric of a name, on some datasets or on any."""
        return metrics.best(metric for metric in self.metrics(datasets) if metric.name == name)

    def facts(self, cached: Cached) -> dict[str, Any]:
        """Return what people compare, by the names of the commands' JSON."""
        return {
            "params": self.meta.get("num_params"),
            "gflops": self.meta.get("gflops"),
            "bytes": self.mib and round(self.mib * 2**20),
            "estimated": not all(file.size for file in self.weights.files),
            "license": self.meta.get("license", "unknown"),
            "latest": self.weights.latest,
            "cached": cached.has(self.weights),
            "metrics": [metric._asdict() for metric in metrics.read(self.meta)],
            **status(self.model, self.weights),
        }

    def row(self, name: str, metric: Metric | None, cached: Cached) -> dict[str, Any]:
        """Return the facts with a name, the task and one metric."""
        return {
            "weights": name,
            "task": self.meta.get("task"),
            "metric": metric and metric._asdict(),
            **self.facts(cached),
        }


def status(model: str, weights: Weights | None) -> dict[str, Any]:
    """Return the status of weights, and their replacement; ``replaced`` is the builder's."""
    if weights and weights.status.state != "active":
        return {"status": weights.status.state, "replacement": weights.status.replacement}
    builder = builders.listed().get(model)
    successor = builder and builders.successor(builder.name, builder.target.partition(":")[0])
    return {"status": "replaced" if successor else "active", "replacement": successor}


class Cached:
    """The files in all caches, by the names of their blobs alone: nothing is read or hashed."""

    def __init__(self) -> None:
        from dapi._store import cache  # a search alone does not need it

        self._hashes = sorted(cache.digests())

    def has(self, weights: Weights) -> bool:
        """Whether weights need no download."""
        from dapi._catalog.files import everything

        return all(map(self._has_file, everything(weights)))

    def _has_file(self, file: File) -> bool:
        if file.url.startswith(("file:", "package:")):
            return True
        from bisect import bisect_left  # a search alone does not need it

        digits = file.sha256 or ""
        place = bisect_left(self._hashes, digits)
        is_likely = place < len(self._hashes) and self._hashes[place].startswith(digits)
        if file.is_pinned or not is_likely:
            return is_likely
        from dapi._store import trust  # reads a record, which takes 0.2 ms

        # Some of the digits may begin several hashes: the record of the first use decides.
        known = trust.find(file)
        return known is not None and known.sha256 in self._hashes


@public
class SearchResults(list["Weights"]):
    """The weights that were found: a list, and in notebooks a table."""

    def rows(self) -> list[dict[str, Any]]:
        """Return the facts of each, with its first metric: what ``dapi search --json`` prints."""
        cached, rows = Cached(), []
        with one_look():
            for weights in self:
                name, metric = str(weights), next(metrics.read(weights.meta), None)
                found = Found(name.rpartition(":")[0], "", weights)
                rows.append(found.row(name, metric, cached))
        return rows

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``.

        The metric has three columns: ``metric.dataset``, ``metric.name`` and ``metric.value``.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ModuleNotFoundError as cause:
            what = "SearchResults.to_pandas() needs pandas"
            raise MissingDependencyError(what, requirement="pandas") from cause
        none = dict.fromkeys(Metric._fields)
        return pandas.json_normalize(
            [{**row, "metric": row["metric"] or none} for row in self.rows()]
        )

    def _repr_html_(self) -> str:
        from dapi._text import notebook

        rows = list(map(_for_display, self.rows()))
        return notebook.table(rows) if rows else notebook.card("No weights match.", {})


def _for_display(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that people compare; a row of facts has more."""
    metric = row["metric"] or dict.fromkeys(Metric._fields)
    return {
        **{key: row[key] for key in ("weights", "task")},
        "metric": metric["name"],
        "value": metric["value"],
        "dataset": metric["dataset"],
        **{key: row[key] for key in ("params", "gflops")},
        "mib": row["bytes"] and round(row["bytes"] / 2**20, 1),
        **{key: row[key] for key in ("license", "latest", "cached")},
        "status": "" if row["status"] == "active" else row["status"],
    }


def is_of(name: str, dataset: str) -> bool:
    """Whether a dataset's name is ``dataset``, or a part of it.

    >>> is_of("COCO-val2017", "coco"), is_of("ImageNet-1K", "imagenet1k"), is_of("Places", "VOC")
    (True, True, False)
    """
    return _letters(name).startswith(_letters(dataset))


def is_one_of(name: str, datasets: Iterable[str]) -> bool:
    """Whether a dataset's name is one of ``datasets``, or a part of one."""
    return any(is_of(name, dataset) for dataset in datasets)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
