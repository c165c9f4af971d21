"""Sounds in files: every kind of WAV, what is no sound or cut off, and what needs soundfile."""

import math
import struct
import sys
import wave

import pytest
import torch

from dapi.audio import _wav
from dapi.audio.exceptions import UnsupportedInputError
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


def riff(samples, *, kind, width, extensible=False, size=None, before=b""):
    """A WAV of two channels, chunk by chunk, as other programs write it."""
    code = 0xFFFE if extensible else kind
    form = struct.pack("<HHIIHH", code, 2, 8000, 16000 * width, 2 * width, 8 * width)
    if extensible:
        guid = struct.pack("<H", kind) + bytes.fromhex("000000001000800000aa00389b71")
        form += struct.pack("<HHI", 22, 8 * width, 3) + guid
    size = len(samples) if size is None else size
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", size) + samples
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


@pytest.mark.parametrize("extensible", [False, True], ids=["plain", "extensible"])
@pytest.mark.parametrize(("kind", "width"), [(1, 2), (1, 3), (1, 4), (3, 4), (3, 8)], ids=str)
def test_every_kind_of_samples_is_read_without_soundfile(
    tmp_path, monkeypatch, kind, width, extensible
):
    """Whole numbers and floats, however the header states them; other chunks are passed over."""
    monkeypatch.setitem(sys.modules, "soundfile", None)
    values, half = [0.5, -0.25, -1.0, 0.0], 1 << (8 * width - 1)
    samples = b"".join(
        struct.pack("<f" if width == 4 else "<d", each)
        if kind == 3
        else int(each * half).to_bytes(width, "little", signed=True)
        for each in values
    )
    note = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    content = riff(samples, kind=kind, width=width, extensible=extensible, before=note)
    (tmp_path / "a.wav").write_bytes(content + note)

    waveform, rate = _wav.read(tmp_path / "a.wav")

    assert ([[0.5, -1.0], [-0.25, 0.0]], 8000) == (waveform.tolist(), rate)
    assert waveform.dtype == torch.float32


@pytest.mark.parametrize("kind", [1, 7], ids=["plain", "mu-law"])
def test_a_wav_that_is_cut_says_so(tmp_path, kind):
    """How much the header states, and how much is there; half a recording is not taken for it."""
    content = riff(bytes(range(100)), kind=kind, width=2)
    (tmp_path / "a.wav").write_bytes(content[:-50])

    with pytest.raises(
        InputError, match=r"a.wav: it is truncated: .*100 bytes.*, but it has 50\..*copy"
    ):
        _wav.read(tmp_path / "a.wav")


@pytest.mark.parametrize("size", [0x7FFFF000, 0xFFFFFFFF, 2**31])
def test_a_wav_written_to_a_pipe_is_whole(tmp_path, size):
    """Its header could not state how long it is."""
    (tmp_path / "a.wav").write_bytes(riff(bytes(range(100)), kind=1, width=2, size=size))

    assert 25 == _wav.read(tmp_path / "a.wav")[0].shape[1]


def test_no_beginning_of_a_wav_fails_in_other_words(tmp_path):
    """Wherever a file breaks off, an error of ours says so."""
    content = riff(bytes(range(8)), kind=1, width=2, extensible=True)
    path = tmp_path / "a.wav"
    for length in range(1, len(content)):
        path.write_bytes(content[:length])
        with pytest.raises((InputError, MissingDependencyError)):
            _wav.read(path)


def test_what_is_no_number_is_not_written(tmp_path):
    """It would be noise at full level."""
    for value in (math.nan, math.inf):
        with pytest.raises(UnsupportedInputError, match="NaN"):
            _wav.write(tmp_path / "a.wav", torch.tensor([0.5, value]), 16000)
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("content", [b"fLaC" + bytes(40), b"words"], ids=["flac", "words"])
def test_other_sounds_need_soundfile(tmp_path, content, monkeypatch):
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "soundfile", None)
    path = tmp_path / "a.flac"
    path.write_bytes(content)

    with pytest.raises(MissingDependencyError, match=r"pip install 'dapi-audio\[soundfile\]'"):
        _wav.read(path)


def test_soundfile_reads_what_is_no_plain_wav(tmp_path):
    """Where it is installed: FLAC and compressed WAV, and nothing that is cut off."""
    soundfile = pytest.importorskip("soundfile")
    wanted = [math.sin(each / 9) for each in range(9000)]
    for name, form in (("a.flac", "FLAC"), ("a.wav", "WAV"), ("a.mp3", "MP3")):
        subtype = "ULAW" if form == "WAV" else None
        soundfile.write(tmp_path / name, wanted, 8000, format=form, subtype=subtype)
        waveform, rate = _wav.read(tmp_path / name)

        assert (8000, (1, 9000)) == (rate, tuple(waveform.shape))
        assert wanted[1000:8000] == pytest.approx(waveform[0, 1000:8000].tolist(), abs=0.2)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match="is truncated|lost sync"):
            _wav.read(tmp_path / name)
    (tmp_path / "b.flac").write_bytes(b"words")
    with pytest.raises(InputError, match="is not a sound file"):
        _wav.read(tmp_path / "b.flac")
