"""Sounds in files: PCM WAV, and other formats by soundfile if it is installed."""

from __future__ import annotations

import struct
import wave
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from dapi.audio.exceptions import UnsupportedInputError
from dapi.exceptions import InputError, MissingDependencyError

_HIGHEST = 32767

# Sample formats, as in the chunk "fmt ".
_INTEGERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE
_WIDTHS: Final = {_INTEGERS: (1, 2, 3, 4), _FLOATS: (4, 8)}
# An extensible format has a GUID: the number of the format, and always these bytes.
_KIND_GUID = bytes.fromhex("000000001000800000aa00389b71")
# Programs that write to a pipe cannot know the size: they state about 2 or 4 GiB.
_UNKNOWN_SIZE = 0x7FFF0000


class _Format(NamedTuple):
    """How samples are stored; a frame has a sample of each channel, of ``width`` bytes."""

    kind: int
    channels: int
    rate: int
    width: int


def read(path: Path) -> tuple[Tensor, int]:
    """Return the waveform (channels, T) of a file, as floats, and its sample rate.

    Full scale is 1. Integer samples are scaled to [-1, 1]; float samples are unchanged.

    Raises:
        InputError: It has no samples, or is truncated.
        MissingDependencyError: It is not a PCM WAV file, and soundfile is not installed.
    """
    with path.open("rb") as file:
        head = file.read(12)
        chunks = _chunks(file.read()) if head[:4] == b"RIFF" and head[8:] == b"WAVE" else {}
    samples, size = chunks.get(b"data", (b"", 0))
    if samples and len(samples) < size < _UNKNOWN_SIZE:
        raise _cut_off(path, stated=size, found=len(samples), unit="bytes of samples")
    try:
        stated = _parse_format(chunks.get(b"fmt ", (b"", 0))[0])
    except ValueError as reason:
        return _read_by_soundfile(path, reason)
    frame = stated.channels * stated.width
    whole = len(samples) // frame * frame
    if not whole:
        raise InputError(str(path), "it has no samples", expected="a sound")
    waveform = _decode(samples[:whole], stated)
    return waveform.reshape(-1, stated.channels).T.contiguous(), stated.rate


def as_waveform(samples: Any) -> Tensor:
    """Return the waveform (channels, T) of an array in memory, as floats.

    Args:
        samples: (channels, T) or (T,); integers are scaled as those of a file.

    Raises:
        InputError: It is not an array of these shapes.
    """
    expected = "a tensor or an array (channels, T) or (T,), of floats or integers"
    if isinstance(samples, Tensor):
        waveform = samples
    elif hasattr(samples, "__array_interface__"):
        waveform = torch.as_tensor(samples.copy())  # it may be read-only
    else:
        raise InputError(type(samples).__name__, "it is not a waveform", expected=expected)
    shape = tuple(waveform.shape)
    if len(shape) not in (1, 2) or not waveform.numel() or shape[0] > shape[-1]:
        raise InputError("waveform", f"its shape is {shape}", expected=expected)
    waveform = waveform.reshape(-1, shape[-1])
    if waveform.is_floating_point():
        return waveform.float()
    half = 1 << (8 * waveform.dtype.itemsize - 1)
    signed = waveform.float() - half * (waveform.dtype == torch.uint8)
    return signed / half


def write(path: Path, waveform: Tensor, sample_rate: int) -> None:
    """Write a waveform (T,) or (channels, T) as 16-bit WAV, scaled down if it exceeds 1.

    Raises:
        UnsupportedInputError: Some of its samples are infinite or NaN.
    """
    sound = waveform.detach().float().cpu().reshape(-1, waveform.shape[-1])
    if not sound.isfinite().all():
        raise UnsupportedInputError(
            "The model returned samples that are infinite or NaN. Expected finite samples: "
            "build the model with dtype=torch.float32."
        )
    loudest = max(1.0, sound.abs().max().item())
    samples = (sound / loudest * _HIGHEST).round().to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.T.contiguous().numpy().tobytes())


def _chunks(content: bytes) -> dict[bytes, tuple[bytes, int]]:
    """Return the bytes of each chunk up to the samples, with its stated size."""
    chunks: dict[bytes, tuple[bytes, int]] = {}
    position = 0
    while b"data" not in chunks and position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        position += 8
        chunks[name] = content[position : position + size], size
        position += size + size % 2
    return chunks


def _parse_format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise ValueError("it has no WAV header")
    kind, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == _EXTENSIBLE and chunk[26:40] == _KIND_GUID:
        (kind,) = struct.unpack_from("<H", chunk, 24)
    width = (bits + 7) // 8
    if width not in _WIDTHS.get(kind, ()):
        raise ValueError(f"its samples have the format {kind}, with {bits} bits")
    if not channels or not rate or frame != channels * width:
        raise ValueError("its header contradicts itself")
    return _Format(kind, channels, rate, width)


def _decode(samples: bytes, stated: _Format) -> Tensor:
    """Return floats of samples, little-endian, and unsigned if they are of one byte."""
    width = stated.width
    if stated.kind == _FLOATS:
        dtype = torch.float32 if width == 4 else torch.float64
        return torch.frombuffer(bytearray(samples), dtype=dtype).float()
    if width == 2:
        return torch.frombuffer(bytearray(samples), dtype=torch.int16).float() / (_HIGHEST + 1)
    found = torch.frombuffer(bytearray(samples), dtype=torch.uint8).reshape(-1, width).long()
    value = (found << (8 * torch.arange(width))).sum(dim=1)
    half = 1 << (8 * width - 1)
    signed = value - half if width == 1 else (value ^ half) - half
    return signed.float() / half


def _cut_off(path: Path, *, stated: int, found: int, unit: str) -> InputError:
    reason = f"it is truncated: its header states {stated:,} {unit}, but it has {found:,}"
    return InputError(str(path), reason, expected="the whole file: copy or download it again")


def _read_by_soundfile(path: Path, reason: Exception) -> tuple[Tensor, int]:
    try:
        soundfile = import_module("soundfile")
    except ModuleNotFoundError as cause:
        raise MissingDependencyError(
            f"{path} is not a PCM WAV file ({reason}); other formats need soundfile",
            requirement="dapi-audio[soundfile]",
        ) from cause
    try:
        with soundfile.SoundFile(str(path)) as file:
            frames, rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)
    except RuntimeError as cause:
        raise InputError(
            str(path), f"it is not a sound file ({cause})", expected="a sound"
        ) from cause
    if len(samples) < frames:
        raise _cut_off(path, stated=frames, found=len(samples), unit="samples a channel")
    return torch.from_numpy(samples.T.copy()), int(rate)
