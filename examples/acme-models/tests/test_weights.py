"""The published weights do what their entries say, on samples that they were not trained on."""

from __future__ import annotations

import doctest
from pathlib import Path
from types import ModuleType

import dapi
import digit_parity
import pytest
import weights_file
import wine

from acme_models import (
    ACMEResNet20Weights,
    WineMLPWeights,
    archive,
    postprocess,
    transforms,
    wine_mlp,
)

ARCHIVE = Path(__file__).parents[1] / "archive"


def published(weights: dapi.Weights) -> float:
    """Return the accuracy that an entry states."""
    value: float = weights.meta["metrics"][0]["value"]
    return value


@pytest.mark.parametrize("weights", WineMLPWeights, ids=str)
def test_wine_accuracy(weights: WineMLPWeights) -> None:
    """Measured again from the file: one of the archive, or of the package."""
    file = ARCHIVE / "wine" / weights.files[0].name
    entry = dapi.WeightEntry.from_file(file, build=weights.build) if file.exists() else weights
    model = wine_mlp(weights=entry).eval()

    assert wine.accuracy(model, weights.transforms()) == pytest.approx(published(weights), abs=1e-3)


@pytest.mark.filterwarnings("ignore::dapi.exceptions.ReplacedBuilderWarning")
def test_digit_parity_accuracy() -> None:
    """Weights for a builder of dapi-vision, found under its name."""
    model = dapi.get_model("resnet20:acme-models/DigitParity_RefV1").eval()

    assert dapi.weights_of(model) is ACMEResNet20Weights.DigitParity_RefV1
    measured = digit_parity.accuracy(model)
    assert measured == pytest.approx(published(ACMEResNet20Weights.DigitParity_RefV1), abs=0.2)


def test_recipe_learns(tmp_path: Path) -> None:
    """A few steps beat guessing, and the file is named after its hash."""
    model = wine.train(wine.Recipe(steps=20))
    facts = weights_file.write(model, "wine", tmp_path)

    weights = WineMLPWeights.get_latest()
    assert wine.accuracy(model, weights.transforms()) > 60
    assert (tmp_path / f"wine-{str(facts['sha256'])[:8]}.safetensors").is_file()


def test_statistics_are_those_of_the_entries() -> None:
    """The transforms standardize by what the recipe measured."""
    transforms = WineMLPWeights.get_latest().transforms()

    assert (list(transforms.mean), list(transforms.std)) == wine.statistics()


@pytest.mark.parametrize("module", [archive, postprocess, transforms])
def test_examples_give_what_they_show(module: ModuleType) -> None:
    """What docstrings show of the interpreter is what it prints."""
    assert doctest.testmod(module).failed == 0
