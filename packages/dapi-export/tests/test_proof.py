"""Proof: what counts as a difference."""

from math import inf, nan

import pytest
import torch

from dapi.export._proof import difference, tolerance


def test_difference_is_relative_to_the_deviation():
    """So that it does not depend on the unit of an output."""
    expected = torch.tensor([0.0, 2.0])

    assert pytest.approx(0.5) == difference({"a": expected}, {"a": torch.tensor([0.0, 2.5])})
    assert pytest.approx(0.5) == difference({"a": expected * 9}, {"a": torch.tensor([0.0, 22.5])})


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({"a": torch.zeros(2)}, {"b": torch.zeros(2)}),
        ({"a": torch.zeros(2)}, {"a": torch.zeros(3)}),
        ({"a": torch.zeros(2)}, {"a": torch.zeros(2, dtype=torch.float64)}),
        ({"a": torch.tensor([1, 2])}, {"a": torch.tensor([1, 3])}),
        ({"a": torch.tensor([1.0, nan])}, {"a": torch.tensor([1.0, 2.0])}),
        ({"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([1.0, inf])}),
    ],
)
def test_other_output_differs_infinitely(expected, found):
    """Names, shapes, types, whole numbers, and places without a number."""
    assert inf == difference(expected, found)


def test_equal_outputs_do_not_differ():
    """Constants and whole numbers have no deviation."""
    outputs = {"a": torch.ones(3), "b": torch.tensor([4, 5]), "c": torch.tensor([nan, 1.0])}

    assert 0.0 == difference(outputs, {name: each.clone() for name, each in outputs.items()})


def test_tolerance_follows_the_noise():
    """Ten times the noise up to a hundredth; more only if the model differs more from itself."""
    tolerances = [tolerance(noise) for noise in (0.0, 1e-4, 5e-3, 0.03, 5.0)]

    assert pytest.approx([3e-5, 1e-3, 1e-2, 0.03, 0.1]) == tolerances
