"""The parts around the models: transforms, postprocess and task."""

import doctest
from pathlib import Path
from types import ModuleType

import dapi
import pytest
from dapi.exceptions import InputError

from acme_starter import postprocess, tasks, transforms


def test_transforms_refuse_another_number_of_features() -> None:
    """Samples of another shape are refused, not broadcast."""
    standardize = transforms.Standardize(mean=[0.0, 0.0], std=[1.0, 1.0])

    with pytest.raises(ValueError, match="got \\(1, 3\\)"):
        standardize([(1.0, 2.0, 3.0)])


def test_task_reads_a_table_and_names_each_sample(tmp_path: Path) -> None:
    """Like ``dapi predict``; a file that is not a table is refused with a clear error."""
    name = dapi.list_models(distribution="acme-starter")[0]
    model = dapi.get_model(name).eval()
    predictor = tasks.tabular_classification(model, dapi.weights_of(model))
    (tmp_path / "points.csv").write_text("0.4,0.1\n\n-0.4,-0.1\n")
    (tmp_path / "odd.csv").write_text("a spiral\n")

    found = [*predictor.read(str(tmp_path / "points.csv"))]

    assert [each.value for each in found] == [[0.4, 0.1], [-0.4, -0.1]]
    assert 0.5 < predictor.predict(found[0].value).facts["probability"] <= 1
    with pytest.raises(InputError, match="a table of numbers"):
        predictor.read(str(tmp_path / "odd.csv"))


@pytest.mark.parametrize("module", [postprocess, transforms])
def test_examples_give_what_they_show(module: ModuleType) -> None:
    """Examples in docstrings print what they show."""
    assert doctest.testmod(module).failed == 0
