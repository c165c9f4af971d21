"""The recipe trains, and the published weights do what their entries say."""

import doctest
from pathlib import Path
from types import ModuleType

import pytest
import spirals

from acme_starter import (
    AcmeStarterMLPWeights,
    acme_starter_mlp,
    postprocess,
    transforms,
)


@pytest.mark.parametrize("weights", AcmeStarterMLPWeights, ids=str)
def test_published_accuracy(weights: AcmeStarterMLPWeights) -> None:
    """The accuracy that an entry states is measured again, on points not trained on."""
    model = acme_starter_mlp(weights=weights).eval()

    measured = spirals.accuracy(model)

    assert weights.meta["metrics"][0]["value"] == pytest.approx(measured, abs=0.2)


def test_names_the_spiral() -> None:
    """From a point to words, by what the entry names."""
    weights = AcmeStarterMLPWeights.get_latest()
    model = acme_starter_mlp(weights=weights).eval()

    [(category, probability)] = weights.postprocess()(model(weights.transforms()([(0.0, -0.5)])))

    assert category in weights.meta["categories"]
    assert 0.5 < probability <= 1


def test_transforms_refuse_another_number_of_features() -> None:
    """Samples of another form are told apart, not broadcast."""
    with pytest.raises(ValueError, match="got \\(1, 3\\)"):
        AcmeStarterMLPWeights.get_latest().transforms()([(1.0, 2.0, 3.0)])


def test_recipe_learns(tmp_path: Path) -> None:
    """A few steps beat guessing, and the file is named after its hash."""
    model = spirals.train(steps=200)
    facts = spirals.write(model, tmp_path)

    assert spirals.accuracy(model) > 60
    assert str(facts["sha256"])[:8] in str(facts["file"])
    assert (tmp_path / str(facts["file"])).stat().st_size == facts["size"]


@pytest.mark.parametrize("module", [postprocess, transforms])
def test_examples_give_what_they_show(module: ModuleType) -> None:
    """What docstrings show of the interpreter is what it prints."""
    assert doctest.testmod(module).failed == 0
