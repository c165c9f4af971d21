"""The published weights reach the metrics of their entries."""

import pytest
from evaluate import SAMPLES, accuracy

from acme_starter import AcmeStarterWeights

PUBLISHED = [each for each in AcmeStarterWeights if each.status.state == "active"]


@pytest.mark.parametrize("weights", PUBLISHED, ids=str)
def test_published_accuracy(weights: AcmeStarterWeights) -> None:
    """The first metric of an entry is measured again, on samples not trained on."""
    measured = accuracy(weights)
    if measured is None:
        pytest.skip(f"there are no samples in {SAMPLES}: see recipes/evaluate.py")

    assert weights.meta["metrics"], "state what recipes/evaluate.py measures"
    assert weights.meta["metrics"][0]["value"] == pytest.approx(measured, abs=0.2)
