"""emformer_rnnt_base equals the model that torchaudio's bundle builds, to the bit, at full size."""

import json
from dataclasses import replace

import pytest
import torch
from torchaudio import pipelines
from torchaudio.models import RNNTBeamSearch
from torchaudio.models import emformer_rnnt_base as factory

from dapi import File, _store, cache
from dapi.audio import EmformerRNNTBaseWeights, emformer_rnnt_base
from dapi.audio.exceptions import AssetError
from dapi.exceptions import ConfigConflictError, OfflineError

MEMBER = EmformerRNNTBaseWeights.LibriSpeech_RefV1
BUNDLE = pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH


@pytest.fixture(scope="module")
def statistics(tmp_path_factory):
    """A mean and a reciprocal deviation for each of 80 bands."""
    path = tmp_path_factory.mktemp("assets") / "global_stats.json"
    numbers = {
        "mean": [8 + i / 20 for i in range(80)],
        "invstddev": [0.2 + i / 500 for i in range(80)],
    }
    path.write_text(json.dumps(numbers))
    return path


@pytest.fixture(scope="module")
def pair(made, answer_with_files, statistics, tmp_path_factory):
    """The same weights in our search and in the bundle's: (ours, theirs)."""
    state = made.state_dict(factory(num_symbols=4097), seed=6)
    path = made.save(state, tmp_path_factory.mktemp("w") / "weights.pt", layout="zip")
    ours = emformer_rnnt_base(weights=made.entry(MEMBER, path))
    assert all(module.training for module in ours.modules())
    with pytest.MonkeyPatch.context() as patch:
        answer_with_files(patch, {MEMBER.url: path})
        theirs = BUNDLE.get_decoder()
    return RNNTBeamSearch(ours.eval(), blank=MEMBER.meta["blank"]), theirs


@pytest.fixture(scope="module")
def extractors(answer_with_files, statistics):
    """The bundle's feature extractors: for a whole waveform, and for a stream."""
    with pytest.MonkeyPatch.context() as patch:
        answer_with_files(patch, {MEMBER.assets["statistics"].url: statistics})
        return BUNDLE.get_feature_extractor(), BUNDLE.get_streaming_feature_extractor()


def waveform():
    generator = torch.Generator().manual_seed(9)
    return torch.randn(8000, generator=generator) * 0.1


def test_features_are_equal(extractors, statistics):
    """Of a whole waveform, and of a segment of a stream, to the bit."""
    whole, stream = extractors

    found = MEMBER.transforms(statistics=statistics)(waveform(), 16000)
    assert found[0].shape == (51 + 4, 80) and found[0].std() > 0
    assert all(map(torch.equal, found, whole(waveform())))
    found = MEMBER.transforms(statistics=statistics, right_padding=0)(waveform(), 16000)
    assert all(map(torch.equal, found, stream(waveform())))


def test_state_dicts_are_equal(pair, made):
    """Keys, values, dtypes, buffers and gradients wanted."""
    made.assert_alike(*(search.model for search in pair))


def test_hypotheses_are_equal(pair, statistics):
    """Tokens and scores of the search over half a second, and of a segment of a stream."""
    features = MEMBER.transforms(statistics=statistics)(waveform(), 16000)
    segment = features[0][:20], torch.tensor([20])
    for search in pair:
        search.step_max_tokens = 2  # made weights speak without end
    with torch.no_grad():
        found, expected = (search(*features, 3) for search in pair)
        streamed, streamed_expected = (search.infer(*segment, 3)[0] for search in pair)

    assert len(found) == 3 and len(found[0][0]) > 2
    assert [(h[0], h[3]) for h in found] == [(h[0], h[3]) for h in expected]
    assert [(h[0], h[3]) for h in streamed] == [(h[0], h[3]) for h in streamed_expected]


def test_losses_see_the_same_logits(pair):
    """The joint network's output for targets is the same to the bit, in eval mode."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(2, 20, 80, generator=generator), torch.tensor([20, 16])
    targets = torch.randint(4096, (2, 3), generator=generator), torch.tensor([3, 2])
    with torch.no_grad():
        found, expected = (search.model(*inputs, *targets)[0] for search in pair)

    assert found.shape == (2, 4, 3, 4097) and found.std() > 0
    assert torch.equal(found, expected)


def test_another_alphabet_contradicts_the_weights():
    """num_symbols is fixed by the weights."""
    with pytest.raises(ConfigConflictError, match="num_symbols=100 .* num_symbols=4097"):
        emformer_rnnt_base(weights=MEMBER, num_symbols=100)


def test_assets_are_fetched_when_the_transforms_are_made(monkeypatch):
    """Not before; offline, the error names the file."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    with pytest.raises(OfflineError) as raised:
        MEMBER.transforms()

    assert raised.value.url == MEMBER.assets["statistics"].url


@pytest.mark.parametrize(
    "text",
    ["<html>", "{}", "[]", '{"mean": [1], "invstddev": [1]}', '{"mean": "a", "invstddev": 1}'],
)
def test_statistics_that_are_none_say_so(text, tmp_path):
    """What was expected, and which file it is."""
    (tmp_path / "stats.json").write_text(text)

    with pytest.raises(AssetError, match="mean and invstddev, of 80 numbers"):
        MEMBER.transforms(statistics=tmp_path / "stats.json")


def test_statistics_that_are_cut_are_downloaded_again(statistics, tmp_path):
    """Without a full hash, nothing else would ever find out."""
    (tmp_path / "cut").write_bytes(statistics.read_bytes()[:-9])
    file = File("https://localhost:1/stats.json")
    assets = {**MEMBER.assets, "statistics": file}
    _store.add(tmp_path / "cut", file, wanted="emformer_rnnt_base")

    with pytest.raises(AssetError, match="it is not JSON"):
        replace(MEMBER.value, assets=assets).transforms()
    assert cache.find(file) is None
