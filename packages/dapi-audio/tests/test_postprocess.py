"""Vocoders return the waveforms that torchaudio's return, to the bit."""

import pytest
import torch
from torchaudio import pipelines
from torchaudio.functional import mu_law_decoding
from torchaudio.models import WaveRNN
from torchaudio.pipelines._tts import utils

from dapi.audio import Tacotron2Weights, WaveRNNWeights
from dapi.audio.exceptions import UnsupportedInputError
from dapi.audio.postprocess import GriffinLim, MuLawWaveform, WaveRNNVocoder
from dapi.exceptions import NoWeightsError, OfflineError

CHARACTERS = Tacotron2Weights.LJSpeech_CharactersGriffinLim_RefV1
TO_WAVERNN = Tacotron2Weights.LJSpeech_CharactersWaveRNN_RefV1


def log_mel(frames, batch=2):
    """A spectrogram of about the loudness of speech."""
    generator = torch.Generator().manual_seed(11)
    return torch.randn(batch, 80, frames, generator=generator) * 2 - 5


def seeded(vocoder, *inputs):
    """Call with random state of a known beginning."""
    torch.manual_seed(13)
    return vocoder(*inputs)


@pytest.mark.parametrize("frames", [4, 30])
def test_griffin_lim_equals_torchaudios(frames):
    """The same waveform under the same seed, from the entry's own postprocess."""
    theirs = pipelines.TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH.get_vocoder()
    mel = log_mel(frames)
    waveforms, _ = seeded(CHARACTERS.postprocess(), mel)

    assert waveforms.shape == (2, (frames - 1) * 256)
    assert waveforms.isfinite().all() and waveforms.std() > 0
    assert torch.equal(waveforms, seeded(theirs, mel)[0])


def test_griffin_lim_gives_lengths_in_samples():
    """Where torchaudio's hands the frames back: all of a spectrogram is all of its waveform."""
    waveforms, lengths = GriffinLim()(log_mel(6), torch.tensor([6, 3], dtype=torch.int32))

    assert lengths.tolist() == [waveforms.shape[1], 2 * 256]
    assert GriffinLim()(log_mel(4))[1] is None


def test_griffin_lim_keeps_no_gradient_and_leaves_its_input_alone():
    """It is the end of the line: nothing is trained through it."""
    mel = log_mel(4).requires_grad_()
    before = mel.detach().clone()

    assert not GriffinLim()(mel)[0].requires_grad
    assert torch.equal(mel, before)


@pytest.mark.parametrize("member", list(Tacotron2Weights), ids=lambda member: member.name)
def test_sample_rate_is_torchaudios(member):
    """On the vocoder and in meta; reading it fetches nothing."""
    theirs = pipelines.TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH.get_vocoder().sample_rate

    assert theirs == member.postprocess().sample_rate == member.meta["sample_rate"]


@pytest.fixture(scope="module")
def wavernns(made, answer_with, tmp_path_factory):
    """The same weights in our vocoder and in the bundle's."""
    bundle = pipelines.TACOTRON2_WAVERNN_CHAR_LJSPEECH
    # Large enough for what is drawn to depend on the spectrogram.
    state = made.state_dict(WaveRNN(**bundle._wavernn_params), seed=2, scale=0.2)
    path = made.save(state, tmp_path_factory.mktemp("w") / "weights.pth", layout="zip")
    entry = made.entry(WaveRNNWeights.LJSpeech_RefV1, path)
    with pytest.MonkeyPatch.context() as patch:
        answer_with(patch, WaveRNNWeights.LJSpeech_RefV1.url, state)
        return TO_WAVERNN.postprocess(weights=entry), bundle.get_vocoder()


def test_wavernn_vocoder_equals_torchaudios(wavernns):
    """The same waveform and lengths under the same seed, though ours is built by the call."""
    lengths = torch.tensor([2, 1])
    ours, theirs = (seeded(vocoder, log_mel(2), lengths) for vocoder in wavernns)

    assert ours[0].shape == (2, 550)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1]) and ours[1].tolist() == [550, 275]


def test_wavernn_sees_what_torchaudios_does(wavernns, monkeypatch):
    """Spectrograms are normalized alike, to the bit."""
    ours, theirs = wavernns
    seen = []
    mel = torch.linspace(-20, 5, 800).reshape(1, 80, 10)
    monkeypatch.setattr(theirs._model, "infer", lambda *given: seen.append(given[0]) or given)
    theirs(mel)

    assert torch.equal(ours.weights.transforms()(mel), seen[0])


def test_wavernn_vocoder_without_lengths_returns_none(wavernns):
    """As torchaudio's does."""
    ours, theirs = (seeded(vocoder, log_mel(1, batch=1)) for vocoder in wavernns)

    assert ours[1] is theirs[1] is None
    assert torch.equal(ours[0], theirs[0])


def test_wavernn_vocoder_builds_its_model_once(wavernns):
    """And for inference."""
    ours, _ = wavernns

    assert ours.model is ours.model
    assert not ours.model.training


def test_wavernn_vocoder_is_made_of_the_asset(monkeypatch):
    """The entry's vocoder fetches the weights that the entry names, on the first call."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    vocoder = TO_WAVERNN.postprocess()

    with pytest.raises(OfflineError) as raised:
        vocoder(log_mel(1))

    assert vocoder.weights is TO_WAVERNN.assets["vocoder"]
    assert raised.value.url == WaveRNNWeights.LJSpeech_RefV1.url


def test_vocoder_weights_without_transforms_say_so(made, tmp_path):
    """A bare file does not say how its input is normalized."""
    from dapi import WeightEntry

    torch.save({}, tmp_path / "weights.pth")

    with pytest.raises(NoWeightsError, match="transforms"):
        WaveRNNVocoder(weights=WeightEntry.from_file(tmp_path / "weights.pth"))


@pytest.mark.parametrize("shape", [(80, 9), (1, 79, 9), (1, 80, 3), (0,)], ids=str)
def test_griffin_lim_refuses_other_shapes(shape):
    """The shape that it has, and the one that was expected."""
    with pytest.raises(UnsupportedInputError, match=r"Expected \(N, 80, T\).*4 frames"):
        GriffinLim()(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(80, 9), (1, 79, 9), (1, 80, 0)], ids=str)
def test_wavernn_vocoder_refuses_other_shapes(shape):
    """Before anything is fetched."""
    with pytest.raises(UnsupportedInputError, match=r"Expected \(N, 80, T\)"):
        TO_WAVERNN.postprocess()(torch.zeros(shape))


def test_mu_law_decoding_equals_torchaudios():
    """For every level, and clipped beyond the ends."""
    drawn = torch.cat([2 * torch.arange(256).float() / 255 - 1, torch.tensor([-1.5, 1.5])])
    decoded = MuLawWaveform(bits=8)(drawn)

    assert torch.equal(decoded, mu_law_decoding(utils._unnormalize_waveform(drawn, 8), 256))
    assert decoded.min() == -1 and decoded.max() == 1
