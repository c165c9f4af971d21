"""Search: the weights of every installed distribution, by their metadata."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dapi._catalog import offers
from dapi._catalog.found import Found, SearchResults, is_of, is_one_of
from dapi._catalog.metrics import Metric
from dapi._plugins.discovery import one_look
from dapi._values import names as _names
from dapi._values.public import public
from dapi._values.record import Record
from dapi._weights import known_as, licenses
from dapi.exceptions import ArgumentError, UnknownFacetError

if TYPE_CHECKING:
    from dapi._weights.enum import Weights


class Query(Record):
    """The criteria of a search; None matches all. Of several names, any matches."""

    text: str | None = None
    task: tuple[str, ...] | None = None
    dataset: tuple[str, ...] | None = None
    license: tuple[str, ...] | None = None
    allow_license: tuple[str, ...] | None = None
    distribution: tuple[str, ...] | None = None
    min_metric: Mapping[str, float] | None = None
    max_metric: Mapping[str, float] | None = None
    max_params: float | None = None
    max_gflops: float | None = None
    latest_only: bool = False
    sort: str = "name"

    @classmethod
    def of(cls, *, latest_only: bool, **wishes: Any) -> Query:
        """Read the arguments of ``search``.

        Raises:
            ArgumentError: One has a wrong type.
        """
        read = {name: _READERS[name](name, wish) for name, wish in wishes.items()}
        return cls(latest_only=latest_only, **read)

    def run(self, found: Iterable[Found]) -> list[Found]:
        """Return the matching weights, sorted.

        Raises:
            UnknownFacetError: Nothing in ``found`` has a requested task, dataset, license,
                distribution, metric or order.
        """
        everything = list(found)
        self._check(everything)
        matching = list(filter(self._matches, everything))
        return sorted(matching, key=self._order(matching))

    def ranking(self, found: Sequence[Found]) -> list[str]:
        """Return the datasets by which ``sort`` groups weights: the most frequent first.

        Results on two datasets say nothing about each other, so only those on one are compared.
        """
        metrics_found = [metric for each in found for metric in self._sorted_by(each)]
        return [name for name, _ in Counter(m.dataset for m in metrics_found).most_common()]

    def ranked(self, found: Found, ranking: Sequence[str]) -> Metric | None:
        """Return the metric by which weights are sorted: that on the first dataset they have."""
        of_first = sorted(
            self._sorted_by(found), key=lambda m: (ranking.index(m.dataset), -m.merit)
        )
        return next(iter(of_first), None)

    def _sorted_by(self, found: Found) -> list[Metric]:
        return [metric for metric in found.metrics(self.dataset) if metric.name == self.sort]

    def _check(self, found: list[Found]) -> None:
        """Refuse values that no weights have: they are misspelt, or not installed."""
        check_known("task", self.task or (), (_text(each, "task") for each in found))
        check_known("license", self.license or (), (_text(each, "license") for each in found))
        check_known("distribution", self.distribution or (), (each.distribution for each in found))
        datasets = {name for each in found for name in each.datasets} - {""}
        for asked in self.dataset or ():
            if not any(is_of(name, asked) for name in datasets):
                raise UnknownFacetError("dataset", asked, available=sorted(datasets))
        if self.min_metric or self.max_metric:
            bounded = (*(self.min_metric or ()), *(self.max_metric or ()))
            check_known("metric", bounded, self._metrics(found))
        if self.sort not in ORDERS:
            check_known("metric", (self.sort,), {*ORDERS, *self._metrics(found)})

    def _metrics(self, found: list[Found]) -> set[str]:
        """Return the names of the metrics on the dataset."""
        return {metric.name for each in found for metric in each.metrics(self.dataset)}

    def _matches(self, found: Found) -> bool:
        return (
            not (self.latest_only and not found.weights.latest)
            and found.weights.status.state != "withdrawn"
            and (self.task is None or _text(found, "task") in self.task)
            and (self.license is None or _text(found, "license") in self.license)
            and (
                self.allow_license is None
                or not licenses.refused(found.weights, self.allow_license)
            )
            and (self.distribution is None or found.distribution in self.distribution)
            and (self.dataset is None or any(is_one_of(n, self.dataset) for n in found.datasets))
            and (self.max_params is None or found.is_at_most("num_params", self.max_params))
            and (self.max_gflops is None or found.is_at_most("gflops", self.max_gflops))
            and (not self.min_metric or self._reaches(found, self.min_metric, 1))
            and (not self.max_metric or self._reaches(found, self.max_metric, -1))
            and (not self.text or self._has_text(found, self.text))
        )

    def _reaches(self, found: Found, bounds: Mapping[str, float], sign: int) -> bool:
        """Whether every requested metric exists, and is within its bound."""
        return all(
            # The sign turns "at least" into "at most".
            (metric := found.metric(name, self.dataset)) and metric.value * sign >= bound * sign
            for name, bound in bounds.items()
        )

    def _has_text(self, found: Found, text: str) -> bool:
        """Whether each word is a word of a name, of the task or of a dataset, or begins one."""
        names = [found.name, found.distribution, *known_as.read(found.meta)]
        searched = _words(" ".join([*names, _text(found, "task"), *found.datasets]))
        return all(_occurs(_words(word), searched) for word in text.split())

    def _order(self, found: Sequence[Found]) -> Callable[[Found], tuple[float, ...]]:
        """Return the sort key: smallest first, unknown last; metrics by dataset."""
        if self.sort == "name":
            return lambda _: ()
        infinity = float("inf")
        if self.sort in _NUMBERS:
            number_of = _NUMBERS[self.sort]
            return lambda each: (infinity if (value := number_of(each)) is None else value,)
        ranking = self.ranking(found)

        def key(each: Found) -> tuple[float, ...]:
            metric = self.ranked(each, ranking)
            return (ranking.index(metric.dataset), -metric.merit) if metric else (infinity,)

        return key


# Letters that are enough to find a longer word that begins with them.
_SHORTEST_START = 3

# Sort keys besides the name and the metrics; the smallest first.
_NUMBERS: dict[str, Callable[[Found], float | None]] = {
    "params": lambda found: found.number("num_params"),
    "gflops": lambda found: found.number("gflops"),
    "size": lambda found: found.mib,
}
ORDERS = ("name", *_NUMBERS)


@public
def search(
    text: str | None = None,
    *,
    task: str | Collection[str] | None = None,
    dataset: str | Collection[str] | None = None,
    license: str | Collection[str] | None = None,  # noqa: A002  # the key in the metadata
    allow_license: str | Collection[str] | None = None,
    distribution: str | Collection[str] | None = None,
    min_metric: Mapping[str, float] | None = None,
    max_metric: Mapping[str, float] | None = None,
    max_params: float | str | None = None,
    max_gflops: float | None = None,
    latest_only: bool = False,
    sort: str = "name",
) -> SearchResults:
    """Search the weights of every installed distribution by their metadata.

    Imports the enums of weights, and no framework; touches neither the network nor a checkpoint. A
    distribution whose enum cannot be imported is skipped with a PluginWarning. Withdrawn weights
    are omitted. Missing metadata does not match.

    ``task``, ``dataset``, ``license`` and ``distribution`` may be several names: any of them.

    Args:
        text: Words that must all occur in the names (here, or in the library that published
            them), the task or the datasets; in any case. Three letters or more also find longer
            words that begin with them: ``"resnet"`` finds resnet50, ``"cat"`` no classification.
        task: As in ``"image-classification"``.
        dataset: A dataset of training or evaluation; ``"COCO"`` includes ``COCO-val2017``, and
            ``"imagenet1k"`` is ``ImageNet-1K``. Metrics are then limited to it.
        license: SPDX expression, as in ``"BSD-3-Clause"``; or ``"unknown"``.
        allow_license: Only weights that these licenses allow, as in ``DAPI_LICENSES``: ``"MIT"``
            also allows ``"MIT OR GPL-3.0-only"``; other weights that they use must be allowed too.
            Weights without a license have ``"unknown"``.
        distribution: The distribution that offers them, as in ``"dapi-vision"``.
        min_metric: Minimum values of metrics by name, as in ``{"acc@1": 80}``.
        max_metric: Maximum values of metrics by name, as in ``{"wer": 5}``.
        max_params: The maximum number of parameters, as in ``30_000_000`` or ``"30M"``.
        max_gflops: The maximum number of billions of multiply-adds.
        latest_only: Only weights that are marked latest.
        sort: ``"name"``; ``"params"``, ``"gflops"`` or ``"size"``, the smallest first; or a metric,
            the best first. Results on different datasets are not compared: weights are grouped by
            the metric's dataset, the one with the most weights first. Weights without the metric
            come last; ties are sorted by name.

    Returns:
        The members; ``str(member)`` is its name for ``dapi.get_model``. A notebook shows a table.

    Raises:
        UnknownFacetError: No weights have such a task, dataset, license, distribution or metric;
            suggests similar ones.
        ArgumentError: A criterion has a wrong type, such as a metric without a value.

    Example:
        >>> for weights in dapi.search("resnet20", sort="acc@1"):  # doctest: +SKIP
        ...     print(weights, weights.meta["metrics"][0]["value"])
        resnet20_v2:Digits_RefV1 99.216
        resnet20:Digits_RefV2 99.02
        resnet20:Digits_RefV1 97.843
    """
    query = Query.of(
        text=text,
        task=task,
        dataset=dataset,
        license=license,
        allow_license=allow_license,
        distribution=distribution,
        min_metric=min_metric,
        max_metric=max_metric,
        max_params=max_params,
        max_gflops=max_gflops,
        latest_only=latest_only,
        sort=sort,
    )
    with one_look():
        return SearchResults(found.weights for found in query.run(everything()))


def everything() -> Iterator[Found]:
    """List all weights once, under the first model that has them."""
    firsts: dict[type[Weights], tuple[str, str]] = {}
    for found in offered():
        if firsts.setdefault(type(found.weights), found[:2]) == found[:2]:
            yield found


def offered(models: Container[str] | None = None) -> Iterator[Found]:
    """List the weights offered for every model, by the model's name; its own come first.

    Args:
        models: Only for these models, named as ``dapi.list_models`` does.
    """
    for model, distribution, enum in offers.all_enums(models):
        yield from (Found(model, distribution, weights) for weights in enum)


def models_for(tasks: Collection[str]) -> set[str]:
    """Return the models with weights for some tasks.

    Raises:
        UnknownFacetError: No weights have one of the tasks.
    """
    found = [(each.model, _text(each, "task")) for each in offered()]
    check_known("task", tasks, (task for _, task in found))
    return {model for model, task in found if task in tasks}


def number(text: str) -> float:
    """Read a number such as 30M.

    Raises:
        ValueError: It is not a number.

    >>> number("30M"), number("1.5k"), number("80")
    (30000000.0, 1500.0, 80.0)
    """
    unit = _UNITS.get(text[-1:])
    return float(text[:-1]) * unit if unit else float(text)


_UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}


def _read_text(name: str, value: Any, *, expected: str, default: str | None = None) -> Any:
    if value is None or isinstance(value, str):
        return value or default
    raise ArgumentError("dapi.search", name, value, expected=expected)


def _read_names(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = _names.one_or_several("dapi.search", name, value)
    return tuple(map(_names.normalize, names)) if name == "distribution" else names


def _read_bounds(name: str, value: Any) -> Mapping[str, float] | None:
    """Read metrics and their bounds."""
    if value is None:
        return None
    expected = f"a dict of metrics and values: {name}={{'acc@1': 80}}"
    if not isinstance(value, Mapping) or not all(isinstance(metric, str) for metric in value):
        raise ArgumentError("dapi.search", name, value, expected=expected)
    try:
        return {metric: _as_float(bound) for metric, bound in value.items()}
    except _NO_NUMBER:
        raise ArgumentError("dapi.search", name, str(value), expected=expected) from None


def _read_number(name: str, value: Any, *, expected: str, has_unit: bool = False) -> float | None:
    try:
        return None if value is None else _as_float(value, has_unit=has_unit)
    except _NO_NUMBER:
        raise ArgumentError("dapi.search", name, value, expected=expected) from None


def _as_float(value: Any, *, has_unit: bool = True) -> float:
    if isinstance(value, bool):  # an int to Python
        raise TypeError("true and false are not numbers")
    found = number(value) if has_unit and isinstance(value, str) else float(value)
    if found != found:
        raise ValueError("NaN is neither more nor less than anything")
    return found


# The errors of float().
_NO_NUMBER = (OverflowError, TypeError, ValueError)

_READERS: dict[str, Callable[[str, Any], Any]] = {
    "text": partial(_read_text, expected="words in one string, as in 'resnet imagenet'"),
    **dict.fromkeys(("task", "dataset", "license", "allow_license", "distribution"), _read_names),
    **dict.fromkeys(("min_metric", "max_metric"), _read_bounds),
    "max_params": partial(
        _read_number, expected="a number, as in 30_000_000 or '30M'", has_unit=True
    ),
    "max_gflops": partial(_read_number, expected="a number, as in 4.1"),
    "sort": partial(
        _read_text, expected=f"one of {', '.join(ORDERS)}, or a metric", default="name"
    ),
}


def _words(text: str) -> str:
    """Return the words of a text in lower case, separated by spaces.

    >>> _words("image-classification:ImageNet1K_RefV1")
    'image classification imagenet1k refv1'
    """
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def _occurs(words: str, text: str) -> bool:
    """Whether words occur in a text; the last of them may be the start of a longer word.

    Fewer than three letters begin too many words, so they must be a whole one.

    >>> _occurs("class", "image classification"), _occurs("cat", "image classification")
    (True, False)
    >>> _occurs("t5", "flan t5 base"), _occurs("t5", "t500")
    (True, False)
    """
    end = "" if len(words.rpartition(" ")[2]) >= _SHORTEST_START else r"\b"
    return re.search(rf"\b{re.escape(words)}{end}", text) is not None


def _text(found: Found, key: str) -> str:
    return str(found.meta.get(key, ""))


def check_known(facet: str, asked: Collection[str], known: Iterable[str]) -> None:
    """Refuse values that none of the known ones equal.

    Raises:
        UnknownFacetError: There is such a value; suggests similar ones.
    """
    names = {*known} - {""} if asked else set()
    for value in asked:
        if value not in names:
            raise UnknownFacetError(facet, value, available=sorted(names))
