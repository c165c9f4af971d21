"""The models have the tensors of the files."""

import dapi
import pytest
import torch
from dapi.adapt import Take

from acme_starter.mlp import (
    AcmeStarterMLPWeights,
)


@pytest.mark.parametrize("weights", AcmeStarterMLPWeights, ids=str)
def test_tensors_are_those_of_the_files(weights: AcmeStarterMLPWeights) -> None:
    """Every tensor of the files is in the model; the class computes the others."""
    build, found = weights.build, weights.state_dict()
    for step in build.adapt:
        found = found if isinstance(step, Take) else step(found, build.config)
    state = dapi.get_model(str(weights)).state_dict()

    assert all(torch.equal(state[key], found[key].to(state[key].dtype)) for key in found)
    others = state.keys() - found.keys()
    assert all(f"{key}.".startswith(tuple(f"{n}." for n in build.computed)) for key in others)
