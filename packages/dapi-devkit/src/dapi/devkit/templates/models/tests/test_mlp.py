"""The recipe and the weights of acme_starter_mlp work as documented."""

from pathlib import Path

import pytest
from spirals import accuracy, train, write

from acme_starter.mlp import (
    AcmeStarterMLPWeights,
    acme_starter_mlp,
)


@pytest.mark.parametrize("weights", AcmeStarterMLPWeights, ids=str)
def test_published_accuracy(weights: AcmeStarterMLPWeights) -> None:
    """The accuracy that an entry states is measured again, on points not trained on."""
    model = acme_starter_mlp(weights=weights).eval()

    assert weights.meta["metrics"][0]["value"] == pytest.approx(accuracy(model), abs=0.2)


def test_names_the_spiral() -> None:
    """From a point to its name, by the entry's transforms and postprocess."""
    weights = AcmeStarterMLPWeights.get_latest()
    model = acme_starter_mlp(weights=weights).eval()

    [(category, probability)] = weights.postprocess()(model(weights.transforms()([(0.0, -0.5)])))

    assert category in weights.meta["categories"]
    assert 0.5 < probability <= 1


def test_recipe_learns(tmp_path: Path) -> None:
    """A few steps beat guessing, and the file is named after its hash."""
    model = train(steps=200)
    facts = write(model, tmp_path)

    assert accuracy(model) > 60
    assert str(facts["sha256"])[:8] in str(facts["file"])
    assert (tmp_path / str(facts["file"])).stat().st_size == facts["size"]
