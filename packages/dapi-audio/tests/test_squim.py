"""squim_objective_base and squim_subjective_base equal torchaudio's, to the bit, at full size."""

import pytest
import torch
from torchaudio import models, pipelines

from dapi.audio import (
    SquimObjectiveBaseWeights,
    SquimSubjectiveBaseWeights,
    squim_objective_base,
    squim_subjective_base,
)

CASES = {
    "objective": (
        squim_objective_base,
        SquimObjectiveBaseWeights.DNS2020_RefV1,
        pipelines.SQUIM_OBJECTIVE,
        models.squim_objective_base,
    ),
    "subjective": (
        squim_subjective_base,
        SquimSubjectiveBaseWeights.BVCC_DAPS_RefV1,
        pipelines.SQUIM_SUBJECTIVE,
        models.squim_subjective_base,
    ),
}


@pytest.fixture(scope="module", params=CASES)
def case(request, made, answer_with_files, tmp_path_factory):
    """The same weights in our model and in the bundle's: (member, ours, theirs, inputs)."""
    builder, member, bundle, factory = CASES[request.param]
    state = made.published(made.state_dict(factory(), seed=8))
    path = made.save(state, tmp_path_factory.mktemp("w") / "weights.pth", layout="zip")
    ours = builder(weights=made.entry(member, path))
    assert all(module.training for module in ours.modules())
    with pytest.MonkeyPatch.context() as patch:
        answer_with_files(patch, {member.url: path})
        theirs = bundle.get_model()
    generator = torch.Generator().manual_seed(4)
    speech, clean = (torch.randn(2, frames, generator=generator) for frames in (8000, 5000))
    inputs = (speech,) if request.param == "objective" else (speech, clean)
    return member, ours.eval(), theirs, inputs


def test_scores_are_equal(case):
    """To the bit, in eval mode, and they are named."""
    member, ours, theirs, inputs = case
    with torch.no_grad():
        found, expected = ours(*inputs), theirs(*inputs)
    named = member.postprocess()(found)

    columns = [expected] if isinstance(expected, torch.Tensor) else expected
    assert [list(row.values()) for row in named] == torch.stack(columns, dim=1).tolist()
    assert len(named) == 2 and named[0] != named[1]
    assert set(named[0]) in ({"MOS"}, {"STOI", "PESQ", "SI-SDR"})


def test_state_dicts_are_equal(case, made):
    """Keys, values, dtypes, buffers and gradients wanted."""
    _, ours, theirs, _ = case

    made.assert_alike(ours, theirs)
