"""A model whose transforms normalize says so when a waveform comes as it is."""

import copy
import warnings

import pytest
import torch
from torchaudio.models.wav2vec2 import model as factories

from dapi import WeightEntry
from dapi.audio import (
    TransformerCTCTinyWeights,
    Wav2Vec2LargeLV60KWeights,
    transformer_ctc_tiny,
    wav2vec2_large_lv60k,
)
from dapi.audio.exceptions import UnnormalizedWaveformWarning

MEMBER = TransformerCTCTinyWeights.Espeak_RefV1
TRANSFORMS = MEMBER.transforms()


@pytest.fixture
def model():
    """Trained on normalized waveforms; new for each test, since it warns once."""
    return transformer_ctc_tiny(weights=MEMBER).eval()


def speech(*, seconds=0.5):
    """Noise as loud as speech, and not centered."""
    generator = torch.Generator().manual_seed(5)
    return torch.randn(1, int(16000 * seconds), generator=generator) * 0.1 + 0.02


@pytest.mark.parametrize("method", ["__call__", "extract_features"])
def test_the_first_waveform_that_was_not_normalized_is_warned_of(model, method):
    """At the line of the call, with what to write; and once."""
    with pytest.warns(
        UnnormalizedWaveformWarning, match=r"deviation of 0\.098\. .*torchaudio.*transforms\(\)\("
    ) as caught:
        getattr(model, method)(speech())

    assert [warning.filename for warning in caught] == [__file__]
    model(speech())


def test_what_the_transforms_make_is_accepted(model):
    """One waveform, a padded batch, and silence."""
    short = TRANSFORMS.batch([speech(), *(speech(seconds=0.05) for _ in range(9))], 16000)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in ((TRANSFORMS(speech(), 16000),), short, (torch.zeros(1, 800),)):
            copy.deepcopy(model)(*given)


def test_a_batch_that_torchaudio_would_normalize_is_accepted(model):
    """As a whole, which is another way."""
    batch = torch.cat((speech(), 0.5 * speech()))

    model(torch.nn.functional.layer_norm(batch, batch.shape))


def test_weights_that_do_not_normalize_are_not_watched():
    """Nor is a model without weights, or with a file that says nothing of its transforms."""
    for weights in (None, WeightEntry(MEMBER.url, sha256=MEMBER.sha256, build=MEMBER.build)):
        transformer_ctc_tiny(weights=weights).eval()(speech())


@pytest.fixture(scope="module")
def large(made, tmp_path_factory):
    """An entry of torchaudio's own model, whose builder makes one layer: (entry, builder)."""
    whole = factories.wav2vec2_model
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            factories, "wav2vec2_model", lambda **given: whole(**{**given, "encoder_num_layers": 1})
        )
        state = made.published(made.state_dict(wav2vec2_large_lv60k(), seed=1))
        path = made.save(state, tmp_path_factory.mktemp("w") / "w.pth", layout="zip")
        entry = made.entry(Wav2Vec2LargeLV60KWeights.LibriLight_RefV1, path)
        yield lambda: wav2vec2_large_lv60k(weights=entry).eval()


class Features(torch.nn.Module):
    """Without the lengths, which tracing does not allow to be None."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, waveforms):
        return self.model(waveforms)[0]


def test_builders_over_torchaudio_are_watched(large):
    """Those whose weights were trained on normalized waveforms; also in another precision."""
    with pytest.warns(UnnormalizedWaveformWarning):
        large()(speech())
    large().bfloat16()(TRANSFORMS(speech(), 16000).bfloat16())


@pytest.mark.slow
def test_it_is_compiled_and_exported_as_without(large):
    """Nothing of the check is in the graph, and it breaks none."""
    model, normal = Features(large()), TRANSFORMS(speech(), 16000)
    with torch.no_grad():
        exported = torch.export.export(model, (speech(),)).module()(normal)
        explained = torch._dynamo.explain(model)(speech())
        torch.testing.assert_close(exported, model(normal))

    assert explained.graph_break_count == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:`torch.jit:FutureWarning")
def test_it_is_traced_and_scripted_as_without(large):
    """Which a hook of torch would prevent."""
    normal = TRANSFORMS(speech(), 16000)
    with torch.no_grad():
        expected = large()(normal)[0]
        traced = torch.jit.trace(Features(large()), (normal,))
        scripted = torch.jit.script(large())
        torch.testing.assert_close(traced(normal), expected)
        torch.testing.assert_close(scripted(normal)[0], expected)
