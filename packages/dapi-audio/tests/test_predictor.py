"""dapi.predictor on sounds: a file and its waveform in memory are one input."""

import pickle

import numpy as np
import pytest
import torch

import dapi
from dapi.audio import _wav
from dapi.exceptions import InputError


@pytest.fixture
def sound(tmp_path):
    """A second of noise in two channels, in a file and as integers, with its rate."""
    generator = torch.Generator().manual_seed(0)
    path = tmp_path / "noise.wav"
    _wav.write(path, torch.randn(2, 11025, generator=generator) * 0.1, 11025)
    waveform, rate = _wav.read(path)
    return path, (waveform * 32768).short(), rate


@pytest.mark.parametrize("name", ["silero_vad", "transformer_ctc_tiny"])
def test_a_waveform_is_its_file(name, sound):
    """Of integers or floats, as a tensor or an array, with its rate in either way."""
    if name == "silero_vad":
        pytest.importorskip("silero_vad")
    predict, (path, integers, rate) = dapi.predictor(name), sound
    expected = predict(path)

    floats = integers / 32768
    forms = [str(path), (integers, rate), (integers.numpy(), rate), (floats, rate)]
    results = [
        *predict(forms, batch_size=1),
        predict(floats, rate=rate),
        *predict([floats], rate=rate),
    ]
    for result in results:
        assert expected.facts == result.facts
        torch.testing.assert_close(expected.output, result.output, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (torch.zeros(16000), "Tensor: it is not a sound. Expected .* rate="),
        ((torch.zeros(16000), 0.5), "tuple: it is not a sound"),
        (("words", 16000), "str: it is not a waveform"),
        ((np.zeros((16000, 2)), 16000), r"its shape is \(16000, 2\)"),
        ((torch.zeros(0), 16000), r"its shape is \(0,\)"),
        ((torch.zeros(1, 1, 5), 16000), r"its shape is \(1, 1, 5\)"),
    ],
    ids=["no rate", "rate", "words", "samples first", "empty", "batch"],
)
def test_other_values_are_no_sounds(value, reason):
    """The error says what is, and what was expected."""
    with pytest.raises(InputError, match=reason):
        dapi.predictor("transformer_ctc_tiny")(value)


def test_integers_are_scaled_as_in_a_file():
    """Unsigned bytes have their silence in the middle."""
    assert [[-1.0, 0.0, 127 / 128]] == _wav.as_waveform(
        torch.tensor([0, 128, 255], dtype=torch.uint8)
    ).tolist()


def test_what_is_spoken_can_be_heard():
    """A text becomes a waveform, which another model takes."""
    speak = dapi.predictor("tacotron2_tiny", seed=0)
    hear = dapi.predictor("transformer_ctc_tiny")

    assert "open the red door" == hear(speak("open the red door").output, rate=16000).facts["text"]


def test_a_result_returns_from_another_process(tmp_path):
    """With the sound that it can still write."""
    result = dapi.predictor("tacotron2_tiny", seed=0)("open the red door")
    returned = pickle.loads(pickle.dumps(result))

    assert result == returned
    for name, each in {"here.wav": result, "there.wav": returned}.items():
        each.files["wav"](tmp_path / name)
    assert (tmp_path / "here.wav").read_bytes() == (tmp_path / "there.wav").read_bytes()
