"""Metrics: read from metadata of any form, and compared by what is better."""

import pytest

from dapi.catalog import Metric
from dapi.catalog import metrics as read


def metric(name, value, dataset="Digits"):
    return {"dataset": dataset, "name": name, "value": value, "source": "x"}


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        "97 %",
        [],
        {"acc": 1},
        ["acc"],
        [{"name": "acc", "value": "97"}],
        [metric("acc", float("nan"))],
    ],
)
def test_other_forms_are_passed_over(metrics):
    """A third party's metadata may hold anything; what can't be compared is no metric."""
    assert [] == [*read({"metrics": metrics})]


def test_read_keeps_the_order():
    """The first is the headline."""
    found = [*read({"metrics": (metric("acc@1", 97), metric("acc@5", 100))})]

    assert [Metric("Digits", "acc@1", 97), Metric("Digits", "acc@5", 100)] == found


@pytest.mark.parametrize(
    ("name", "best"),
    [("acc@1", 9), ("box_map", 9), ("psnr", 9), ("wer", 1), ("per_image_epe", 1), ("epe", 1)],
)
def test_best_of_an_error_is_the_least(name, best):
    """Of accuracies more is better, of error rates and distances less."""
    metrics = [Metric("d", name, value) for value in (1, 9)]

    assert best == max(metrics, key=lambda metric: metric.merit).value
