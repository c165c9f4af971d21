"""Sounds in files: every width of WAV, what is no sound, and what needs soundfile."""

import math
import struct
import sys
import wave

import pytest
import torch

from dapi.audio import _wav
from dapi.exceptions import InputError, MissingDependencyError


def save(path, frames, *, width, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(frames)
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_samples_of_every_width_are_floats(tmp_path, width):
    """From the lowest to the highest, as -1 to nearly 1."""
    half = 1 << (8 * width - 1)
    low = half if width == 1 else 0  # of one byte they are unsigned
    samples = [-half, 0, half // 2, half - 1]
    frames = b"".join((each + low).to_bytes(width, "little", signed=not low) for each in samples)

    waveform, rate = _wav.read(save(tmp_path / "a.wav", frames, width=width))

    assert (8000, (1, 4)) == (rate, tuple(waveform.shape))
    assert [-1, 0, 0.5] == waveform[0, :3].tolist()
    assert 1 == pytest.approx(waveform[0, 3].item(), abs=2 / half)


def test_channels_are_apart(tmp_path):
    """Of two channels, the samples of each."""
    frames = struct.pack("<4h", 1, -1, 2, -2)

    waveform, _ = _wav.read(save(tmp_path / "a.wav", frames, width=2, channels=2))

    assert [[1, 2], [-1, -2]] == (waveform * 32768).tolist()


@pytest.mark.parametrize("shape", [(500,), (2, 500)], ids=["mono", "stereo"])
def test_what_is_written_is_read(tmp_path, shape):
    """To the 32767th part."""
    waveform = torch.rand(shape) * 2 - 1
    _wav.write(tmp_path / "a.wav", waveform, 16000)

    found, rate = _wav.read(tmp_path / "a.wav")

    assert 16000 == rate
    assert torch.allclose(waveform.reshape(-1, 500), found, atol=2 / 32767)


def test_what_is_too_loud_is_turned_down(tmp_path):
    """As a whole, so that it is not distorted."""
    _wav.write(tmp_path / "a.wav", torch.tensor([0.5, -2.0, 1.0]), 16000)

    assert torch.allclose(
        torch.tensor([[0.25, -1.0, 0.5]]), _wav.read(tmp_path / "a.wav")[0], atol=1e-4
    )


def test_a_wav_without_samples_is_told(tmp_path):
    """It is a file of sound, with no sound in it."""
    with pytest.raises(InputError, match="has no samples"):
        _wav.read(save(tmp_path / "a.wav", b"", width=2))


def test_a_cut_wav_is_read_as_far_as_it_goes(tmp_path):
    """A recording that broke off in the middle of a sample."""
    path = save(tmp_path / "a.wav", bytes(range(100)), width=2)
    path.write_bytes(path.read_bytes()[:-3])

    assert 48 == _wav.read(path)[0].shape[1]


@pytest.mark.parametrize("content", [b"fLaC" + bytes(40), b"words"], ids=["flac", "words"])
def test_other_sounds_need_soundfile(tmp_path, content, monkeypatch):
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "soundfile", None)
    path = tmp_path / "a.flac"
    path.write_bytes(content)

    with pytest.raises(MissingDependencyError, match=r"pip install 'dapi-audio\[soundfile\]'"):
        _wav.read(path)


def test_soundfile_reads_what_wave_does_not(tmp_path):
    """Where it is installed: floats in a WAV."""
    soundfile = pytest.importorskip("soundfile")
    wanted = [math.sin(each / 9) for each in range(100)]
    soundfile.write(tmp_path / "a.wav", wanted, 8000, subtype="FLOAT")

    waveform, rate = _wav.read(tmp_path / "a.wav")

    assert (8000, (1, 100)) == (rate, tuple(waveform.shape))
    assert wanted == pytest.approx(waveform[0].tolist(), abs=1e-6)
    (tmp_path / "b.flac").write_bytes(b"words")
    with pytest.raises(InputError, match="is no sound"):
        _wav.read(tmp_path / "b.flac")
