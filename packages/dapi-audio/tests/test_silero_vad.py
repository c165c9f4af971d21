"""Silero's detector is the package's own model to the bit, and finds speech with its weights."""

import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch.nn.functional import pad

from dapi.audio import SileroVADWeights, _wav, silero_vad
from dapi.audio.models._silero_vad import SileroVAD, fourier_basis
from dapi.exceptions import MissingDependencyError, UnexpectedArgumentError

MEMBER = SileroVADWeights.Speech6000Languages_RefV1
SOUNDS = sorted((Path(__file__).parent / "data" / "espeak").glob("*.wav"))

# Our keys, by those of the TorchScript file.
KEYS = {
    "stft.forward_basis_buffer": "stft_conv.weight",
    **{
        f"encoder.{number}.reparam_conv.{kind}": f"conv{number + 1}.{kind}"
        for number in range(4)
        for kind in ("weight", "bias")
    },
    **{
        f"decoder.rnn.{kind}_{of}": f"lstm_cell.{kind}_{of}"
        for kind in ("weight", "bias")
        for of in ("ih", "hh")
    },
    **{f"decoder.decoder.2.{kind}": f"final_conv.{kind}" for kind in ("weight", "bias")},
}


@pytest.fixture(scope="module", autouse=True)
def is_installed():
    """Its weights are an extra."""
    pytest.importorskip("silero_vad")


@pytest.fixture(scope="module")
def oracle():
    """The package's own model, in TorchScript."""
    [folder] = find_spec("silero_vad").submodule_search_locations
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit", FutureWarning)
        warnings.filterwarnings("ignore", ".*torch.jit", DeprecationWarning)
        return torch.jit.load(f"{folder}/data/silero_vad.jit", map_location="cpu").eval()


@pytest.fixture(scope="module")
def model():
    """Ours, with its own weights."""
    return silero_vad(weights=MEMBER).eval()


@pytest.fixture(scope="module")
def twin(oracle):
    """Ours, with the numbers of the package's own model."""
    theirs = oracle.state_dict(prefix="")
    ours = silero_vad().eval()
    ours.load_state_dict({new: theirs[f"_model.{old}"] for old, new in KEYS.items()})
    return ours


def streamed(oracle, waveforms):
    """The probabilities of the package's model, called as its documentation says."""
    oracle.reset_states()
    frames = pad(waveforms, [0, -waveforms.shape[1] % SileroVAD.FRAME]).split(
        SileroVAD.FRAME, dim=1
    )
    return torch.cat([oracle(frame, 16000) for frame in frames], dim=1)


def read(path):
    """A sound, as the model takes it."""
    return MEMBER.transforms()(*_wav.read(path))


@pytest.mark.parametrize("path", SOUNDS[:6], ids=lambda path: path.stem)
@torch.inference_mode()
def test_speech_gives_what_the_packages_model_gives(path, oracle, twin):
    """With the same numbers, the same probability of every frame, to the bit."""
    probabilities, _ = twin(read(path))

    assert torch.equal(streamed(oracle, read(path)), probabilities)
    assert probabilities.min() < 0.3 and probabilities.max() > 0.9


@torch.inference_mode()
def test_batch_gives_what_the_packages_model_gives(oracle, twin):
    """Of several sounds at once, too."""
    waveforms = torch.randn(3, 8000, generator=torch.Generator().manual_seed(5)) * 0.1

    assert torch.equal(streamed(oracle, waveforms), twin(waveforms)[0])


@torch.inference_mode()
def test_stream_is_the_whole(model):
    """Chunk by chunk, each with the state behind the one before, to the bit."""
    waveform, state, found = read(SOUNDS[1]), None, []
    for chunk in waveform.split(3 * SileroVAD.FRAME, dim=1):
        probabilities, state = model(chunk, state)
        found.append(probabilities)

    assert len(found) > 3
    assert torch.equal(model(waveform)[0], torch.cat(found, dim=1))


@torch.inference_mode()
def test_weights_differ_from_the_packages_model_as_meta_says(oracle, model):
    """So many frames of the kept sounds are speech for one of the two only."""
    pairs = [(model(each)[0] >= 0.5, streamed(oracle, each) >= 0.5) for each in map(read, SOUNDS)]
    frames = sum(ours.numel() for ours, _ in pairs)
    differing = sum((ours != theirs).sum().item() for ours, theirs in pairs)

    assert MEMBER.meta["differs_from"].startswith("silero_vad.jit of silero-vad 6.2.3: ")
    assert f"{differing} of {frames} frames" in MEMBER.meta["differs_from"]


@torch.inference_mode()
def test_speech_is_found_between_silences(model):
    """Three phrases with silence around them, each to a tenth of a second; noise is no speech."""
    phrases = [read(path) for path in SOUNDS[:3]]
    silence = torch.zeros(1, 16000)
    sound = torch.cat([silence, *(part for each in phrases for part in (each, silence))], dim=1)
    [segments] = MEMBER.postprocess()(model(sound)[0])

    assert len(segments) == 3
    end = 0.0
    for segment, phrase in zip(segments, phrases, strict=True):
        start = end + 1
        end = start + phrase.shape[1] / 16000
        assert start - 0.1 < segment.start < segment.end < end + 0.2
        assert segment.end - segment.start > 0.8 * (end - start)
    noise = torch.randn(1, 32000, generator=torch.Generator().manual_seed(2)) * 0.05
    assert MEMBER.postprocess()(model(noise)[0]) == [[]]


def test_basis_is_not_trained():
    """A Fourier transform, from the start and from the file; training leaves it as it is."""
    model = silero_vad(weights=MEMBER)
    torch.testing.assert_close(fourier_basis(256), model.stft_conv.weight, rtol=0, atol=1e-7)
    probabilities, _ = model(torch.randn(2, 2048))
    probabilities.sum().backward()

    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert {"stft_conv.weight"} == frozen
    assert all(
        p.grad is not None and p.grad.isfinite().all()
        for p in model.parameters()
        if p.requires_grad
    )


def test_dropout_is_that_of_the_packages_model(oracle):
    """It is the first layer of the decoder; an argument of another name is refused."""
    theirs = getattr(oracle._model.decoder.decoder, "0").code
    assert f"dropout(input, {silero_vad().dropout.p:.17f}, training" in theirs
    with pytest.raises(UnexpectedArgumentError, match="drop_out"):
        silero_vad(drop_out=0.2)


def test_missing_distribution_says_what_to_install(monkeypatch):
    """Without the extra, the error names it."""
    monkeypatch.setattr("dapi._store.schemes.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"dapi-audio\[vad\]"):
        silero_vad(weights=MEMBER)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is")
def test_it_is_scripted():
    """What torch.jit.script makes of it returns the same, also with a state."""
    model = silero_vad().eval()
    scripted, waveform = torch.jit.script(model), torch.rand(2, 1600)
    with torch.inference_mode():
        probabilities, state = model(waveform)
        found, behind = scripted(waveform)

        assert torch.equal(probabilities, found) and all(map(torch.equal, state, behind))
        assert torch.equal(model(waveform, state)[0], scripted(waveform, behind)[0])


def test_package_of_the_weights_is_never_imported():
    """Its file is read; it is not run, which would set the number of threads."""
    code = (
        "import sys\n"
        "from dapi.audio import SileroVADWeights, silero_vad\n"
        "weights = SileroVADWeights.get_latest()\n"
        "silero_vad(weights=weights), weights.transforms(), weights.postprocess()\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'silero_vad'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
