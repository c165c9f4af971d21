"""conv_tasnet_base and hdemucs_high equal the models of torchaudio's bundles, to the bit."""

import pytest
import torch
from torchaudio import pipelines

from dapi.audio import ConvTasNetBaseWeights, HDemucsHighWeights, conv_tasnet_base, hdemucs_high
from dapi.exceptions import ConfigConflictError

CASES = {
    "conv_tasnet": (
        conv_tasnet_base,
        ConvTasNetBaseWeights.Libri2Mix_RefV1,
        pipelines.CONVTASNET_BASE_LIBRI2MIX,
        (2, 1, 1603),
    ),
    "hdemucs-plus": (
        hdemucs_high,
        HDemucsHighWeights.MUSDB18HQ_Plus_RefV1,
        pipelines.HDEMUCS_HIGH_MUSDB_PLUS,
        (1, 2, 9001),
    ),
}


@pytest.fixture(scope="module", params=CASES)
def case(request, made, answer_with_files, tmp_path_factory):
    """The same weights in our model and in the bundle's: (member, ours, theirs, mixture)."""
    builder, member, bundle, shape = CASES[request.param]
    state = made.state_dict(bundle._model_factory_func(), seed=3, scale=0.02)
    path = made.save(state, tmp_path_factory.mktemp("w") / "weights.pt", layout="zip")
    ours = builder(weights=made.entry(member, path))
    assert all(module.training for module in ours.modules())
    with pytest.MonkeyPatch.context() as patch:
        answer_with_files(patch, {member.url: path})
        theirs = bundle.get_model()
    mixture = torch.randn(shape, generator=torch.Generator().manual_seed(2)) * 0.1
    return member, ours.eval(), theirs, mixture


def test_sources_are_equal(case):
    """To the bit, in eval mode, at full size."""
    member, ours, theirs, mixture = case
    with torch.no_grad():
        found, expected = ours(mixture), theirs(mixture)

    assert found.shape[1] == len(member.meta["sources"]) and found.shape[-1] == mixture.shape[-1]
    assert found.isfinite().all() and found.std() > 0
    assert torch.equal(found, expected)


def test_state_dicts_are_equal(case, made):
    """Keys, values, dtypes, buffers and gradients wanted."""
    _, ours, theirs, _ = case

    made.assert_alike(ours, theirs)


def test_entry_goes_from_a_waveform_to_named_sources(case):
    """Transforms, model and postprocess fit each other, whatever the waveform's rate."""
    member, ours, _, _ = case
    prepared = member.transforms()(torch.rand(1, 3200) - 0.5, 16000)
    with torch.no_grad():
        sources = member.postprocess()(ours(prepared.unsqueeze(0)))

    assert tuple(sources) == tuple(member.meta["sources"])
    assert all(source.shape[-1] == prepared.shape[-1] for source in sources.values())


def test_without_weights_they_are_torchaudios():
    """Random initialization is that of the factory."""
    torch.manual_seed(0)
    ours = conv_tasnet_base().state_dict()
    torch.manual_seed(0)
    theirs = pipelines.CONVTASNET_BASE_LIBRI2MIX._model_factory_func().state_dict()

    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert hdemucs_high(sources=("voice", "noise")).sources == ["voice", "noise"]


def test_other_sources_contradict_the_weights():
    """How many, and which, the weights fix."""
    with pytest.raises(ConfigConflictError, match="num_sources=3"):
        conv_tasnet_base(weights=ConvTasNetBaseWeights.Libri2Mix_RefV1, num_sources=3)
    with pytest.raises(ConfigConflictError, match="sources"):
        hdemucs_high(weights=HDemucsHighWeights.MUSDB18HQ_RefV1, sources=["voice", "noise"])
