"""Search: the weights of every installed distribution, by what their metadata says."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi import _aliases, _metrics, _names, _offers
from dapi._metrics import Metric
from dapi._record import Record
from dapi.exceptions import UnknownFacetError

if TYPE_CHECKING:
    from dapi._weights import Weights


class Found(NamedTuple):
    """Weights, with the model they are for and the distribution that offers them."""

    model: str
    distribution: str
    weights: Weights

    @property
    def name(self) -> str:
        """The name that ``dapi.get_model`` takes."""
        return f"{self.model}:{self.weights.name}"

    @property
    def meta(self) -> Mapping[str, Any]:
        """What is known of the weights."""
        return self.weights.meta

    @property
    def mib(self) -> float | None:
        """The size of the files in MiB, exactly or as their publisher says it."""
        sizes = [file.size or 0 for file in self.weights.files]
        return sum(sizes) / 2**20 if all(sizes) else self.number("file_mib")

    @property
    def datasets(self) -> list[str]:
        """What the weights were trained or measured on."""
        trained = self.meta.get("datasets")
        names = trained if isinstance(trained, list | tuple) else ()
        return [*map(str, names), *(metric.dataset for metric in _metrics.read(self.meta))]

    def number(self, key: str) -> float | None:
        """Return a number of the metadata; None when it is not given."""
        value = self.meta.get(key)
        return value if isinstance(value, int | float) else None

    def is_at_most(self, key: str, most: float) -> bool:
        """Whether a number of the metadata is given, and no greater."""
        value = self.number(key)
        return value is not None and value <= most

    def metric(self, name: str, dataset: str | None) -> Metric | None:
        """Return the best metric of a name, on a dataset or on any."""
        return _metrics.best(
            metric
            for metric in _metrics.read(self.meta)
            if metric.name == name and (dataset is None or is_of(metric.dataset, dataset))
        )


class Query(Record):
    """What is searched for; None asks nothing."""

    text: str | None = None
    task: str | None = None
    dataset: str | None = None
    license: str | None = None
    distribution: str | None = None
    min_metric: Mapping[str, float] | None = None
    max_metric: Mapping[str, float] | None = None
    max_params: float | None = None
    max_gflops: float | None = None
    latest_only: bool = False
    sort: str = "name"

    def run(self, found: Iterable[Found]) -> list[Found]:
        """Return what matches, sorted.

        Raises:
            UnknownFacetError: A task, dataset, licence, distribution, metric or order that
                nothing of ``found`` has.
        """
        everything = list(found)
        self._check(everything)
        return sorted(filter(self._matches, everything), key=self._key)

    def _check(self, found: list[Found]) -> None:
        """Refuse what no weights have: it is misspelt, or not installed."""
        distribution = self.distribution and _names.normalize(self.distribution)
        _check_known("task", self.task, (_text(each, "task") for each in found))
        _check_known("license", self.license, (_text(each, "license") for each in found))
        _check_known("distribution", distribution, (each.distribution for each in found))
        if self.dataset is not None:
            datasets = {name for each in found for name in each.datasets} - {""}
            if not any(is_of(name, self.dataset) for name in datasets):
                raise UnknownFacetError("dataset", self.dataset, available=sorted(datasets))
        for name in (*(self.min_metric or ()), *(self.max_metric or ())):
            _check_known("metric", name, self._metrics(found))
        if self.sort not in ORDERS:
            _check_known("metric", self.sort, {*ORDERS, *self._metrics(found)})

    def _metrics(self, found: list[Found]) -> set[str]:
        """Return the names of the metrics that there are on the dataset."""
        return {
            metric.name
            for each in found
            for metric in _metrics.read(each.meta)
            if self.dataset is None or is_of(metric.dataset, self.dataset)
        }

    def _matches(self, found: Found) -> bool:
        return (
            not (self.latest_only and not found.weights.latest)
            and found.weights.status.state != "withdrawn"
            and (self.task is None or _text(found, "task") == self.task)
            and (self.license is None or _text(found, "license") == self.license)
            and self._is_offered_by(found)
            and (self.dataset is None or any(is_of(n, self.dataset) for n in found.datasets))
            and (self.max_params is None or found.is_at_most("num_params", self.max_params))
            and (self.max_gflops is None or found.is_at_most("gflops", self.max_gflops))
            and (not self.min_metric or self._reaches(found, self.min_metric, 1))
            and (not self.max_metric or self._reaches(found, self.max_metric, -1))
            and (not self.text or self._has_text(found, self.text))
        )

    def _is_offered_by(self, found: Found) -> bool:
        return self.distribution is None or found.distribution == _names.normalize(
            self.distribution
        )

    def _reaches(self, found: Found, bounds: Mapping[str, float], sign: int) -> bool:
        """Whether every metric that is asked for is there, and within its bound."""
        return all(
            (metric := found.metric(name, self.dataset)) and metric.value * sign >= bound * sign
            for name, bound in bounds.items()
        )

    def _has_text(self, found: Found, text: str) -> bool:
        """Whether each word is a part of a name, of the task or of a dataset."""
        names = [found.name, found.distribution, *_aliases.read(found.meta)]
        searched = " ".join([*names, _text(found, "task"), *found.datasets]).casefold()
        return all(word in searched for word in text.casefold().split())

    def _key(self, found: Found) -> float:
        """Order by it, the smallest first, and what is not known last."""
        if self.sort == "name":
            return 0
        if self.sort in _NUMBERS:
            value = _NUMBERS[self.sort](found)
        else:
            metric = found.metric(self.sort, self.dataset)
            value = metric and -metric.merit
        return float("inf") if value is None else value


# What can be sorted by, besides the name and the metrics; the smallest first.
_NUMBERS: dict[str, Callable[[Found], float | None]] = {
    "params": lambda found: found.number("num_params"),
    "gflops": lambda found: found.number("gflops"),
    "size": lambda found: found.mib,
}
ORDERS = ("name", *_NUMBERS)


def search(
    text: str | None = None,
    *,
    task: str | None = None,
    dataset: str | None = None,
    license: str | None = None,  # noqa: A002  # the key in the metadata
    distribution: str | None = None,
    min_metric: Mapping[str, float] | None = None,
    max_metric: Mapping[str, float] | None = None,
    max_params: float | None = None,
    max_gflops: float | None = None,
    latest_only: bool = False,
    sort: str = "name",
) -> list[Weights]:
    """Search the weights of every installed distribution by their metadata.

    Imports the enums of weights, and no framework; touches neither the network nor a checkpoint.
    A distribution whose enum cannot be imported is skipped with a PluginWarning. Weights that
    were withdrawn are left out. What the metadata does not say does not match.

    Args:
        text: Words that must all occur in the names (here, or in the library that published
            them), the task or the datasets; in any case.
        task: As in ``"image-classification"``.
        dataset: What they were trained or measured on; ``"COCO"`` includes ``COCO-val2017``, and
            ``"imagenet1k"`` is ``ImageNet-1K``. Metrics then are those on it.
        license: SPDX expression, as in ``"BSD-3-Clause"``; or ``"unknown"``.
        distribution: Which distribution offers them, as in ``"dapi-vision"``.
        min_metric: The least value of metrics by name, as in ``{"acc@1": 80}``.
        max_metric: The greatest value of metrics by name, as in ``{"wer": 5}``.
        max_params: The greatest number of parameters.
        max_gflops: The greatest number of billions of multiply-adds.
        latest_only: Only weights that are marked latest.
        sort: ``"name"``; ``"params"``, ``"gflops"`` or ``"size"``, the smallest first; or a
            metric, the best first. What lacks it comes last; ties are by name.

    Returns:
        The members; ``str(member)`` is the name that ``dapi.get_model`` takes.

    Raises:
        UnknownFacetError: No weights have such a task, dataset, licence, distribution or metric;
            names the nearest.

    Example:
        >>> for weights in dapi.search("resnet20", sort="acc@1"):  # doctest: +SKIP
        ...     print(weights, weights.meta["metrics"][0]["value"])
        resnet20_v2:Digits_RefV1 99.216
        resnet20:Digits_RefV2 99.02
        resnet20:Digits_RefV1 97.843
    """
    query = Query(
        text=text,
        task=task,
        dataset=dataset,
        license=license,
        distribution=distribution,
        min_metric=min_metric,
        max_metric=max_metric,
        max_params=max_params,
        max_gflops=max_gflops,
        latest_only=latest_only,
        sort=sort,
    )
    return [found.weights for found in query.run(everything())]


def everything() -> Iterator[Found]:
    """List all weights once, under the first of the models that share them."""
    firsts: dict[type[Weights], tuple[str, str]] = {}
    for found in offered():
        if firsts.setdefault(type(found.weights), found[:2]) == found[:2]:
            yield found


def offered(models: Container[str] | None = None) -> Iterator[Found]:
    """List what is offered for every model, by the model's name; its own weights come first.

    Args:
        models: Only for these models, named as ``dapi.list_models`` does.
    """
    for model, distribution, enum in _offers.all_enums(models):
        yield from (Found(model, distribution, weights) for weights in enum)


def is_of(name: str, dataset: str) -> bool:
    """Whether a dataset's name is ``dataset``, or a part of it.

    >>> is_of("COCO-val2017", "coco"), is_of("ImageNet-1K", "imagenet1k"), is_of("Places", "VOC")
    (True, True, False)
    """
    return _letters(name).startswith(_letters(dataset))


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _text(found: Found, key: str) -> str:
    return str(found.meta.get(key, ""))


def _check_known(facet: str, value: str | None, known: Iterable[str]) -> None:
    if value is not None and value not in (names := {*known} - {""}):
        raise UnknownFacetError(facet, value, available=sorted(names))
