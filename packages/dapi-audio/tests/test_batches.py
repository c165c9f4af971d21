"""Several waveforms at once: the models whose results are those of each waveform alone.

wav2vec 2.0 and its relatives are in ``test_speech.py``. What is said here stands in README.md.
"""

from pathlib import Path

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from torchaudio.models.wav2vec2 import model as factories

from dapi import audio
from dapi.audio.transforms import Waveform

README = " ".join((Path(__file__).parents[1] / "README.md").read_text("utf-8").split())
TRANSFORM = Waveform(sample_rate=16000, normalize=True)


@pytest.fixture(autouse=True)
def shallow(monkeypatch):
    """Two layers instead of up to 48: padding passes through any number of them alike."""
    torch.manual_seed(0)
    for name in ("wav2vec2_model", "wavlm_model"):
        whole = getattr(factories, name)
        monkeypatch.setattr(
            factories, name, lambda whole=whole, **c: whole(**{**c, "encoder_num_layers": 2})
        )


def sounds():
    """One second, and half of one."""
    return [torch.randn(16000), torch.randn(8000)]


def difference(padded, alone):
    """How far results of the shorter differ at most, in units of their deviation."""
    return ((padded - alone).abs().max() / alone.std()).item()


def of_speech(name):
    """Difference between a padded batch with lengths and the shorter waveform alone."""
    model, given = getattr(audio, name)().eval(), sounds()
    with torch.no_grad():
        features, frames = model(*TRANSFORM.batch(given, 16000))
        alone, _ = model(TRANSFORM(given[1], 16000))
    assert frames[1] == alone.shape[1]
    return difference(features[1, : frames[1]], alone[0])


@pytest.mark.parametrize(
    "name",
    [
        "transformer_ctc_tiny",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("wav2vec2_large_lv60k", "wav2vec2_xlsr_300m", "hubert_large")
        ),
    ],
)
def test_speech_is_the_same_in_a_padded_batch(name):
    """With lengths, but for rounding; and the README says so."""
    assert of_speech(name) < 1e-4
    assert f"`{name}`" in README.partition("| yes, with lengths |")[0].rpartition("|")[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wav2vec2_large", "hubert_base"])
def test_speech_is_another_in_a_padded_batch(name):
    """Where a group norm runs over time, padding included."""
    assert of_speech(name) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wavlm_base", "wavlm_large"])
def test_wavlm_takes_no_lengths(name):
    """torchaudio's attention refuses them, so padding would count as speech."""
    with pytest.raises(AssertionError):
        of_speech(name)


def test_voice_activity_is_the_same_in_a_padded_batch():
    """Frames depend on what came before only."""
    model, given = audio.silero_vad().eval(), sounds()
    with torch.no_grad():
        padded, _ = model(Waveform(sample_rate=16000).batch(given, 16000)[0])
        alone, _ = model(given[1][None])

    assert difference(padded[1, : alone.shape[1]], alone[0]) < 1e-3


def test_sources_of_speakers_are_others_in_a_padded_batch():
    """Conv-TasNet normalizes over the whole of its input."""
    model, given = audio.conv_tasnet_base().eval(), sounds()
    with torch.no_grad():
        padded = model(Waveform(sample_rate=16000).batch(given, 16000)[0].unsqueeze(1))
        alone = model(given[1][None, None])

    assert difference(padded[1, :, :8000], alone[0]) > 0.1


@pytest.mark.slow
def test_an_rnnt_encodes_all_but_the_last_segment_of_each_as_alone():
    """Segments have 16 frames, of which the encoder makes 4; the last looks into the padding."""
    model = audio.emformer_rnnt_base().eval()
    features = [torch.randn(104, 80), torch.randn(60, 80)]
    with torch.no_grad():
        padded, _ = model.transcribe(pad_sequence(features, True), torch.tensor([104, 60]))
        alone, _ = model.transcribe(features[1][None], torch.tensor([60]))
    whole = (60 - 4) // 16 * 4

    assert difference(padded[1, :whole], alone[0, :whole]) < 1e-4
    assert difference(padded[1, whole : alone.shape[1]], alone[0, whole:]) > 0.1
