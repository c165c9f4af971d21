"""Sounds in files: WAV by the standard library, all else by soundfile where it is installed."""

from __future__ import annotations

import wave
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from dapi.exceptions import InputError, MissingDependencyError

_HIGHEST = 32767


def read(path: Path) -> tuple[Tensor, int]:
    """Return the waveform (channels, T) of a file, of floats in [-1, 1], and its sample rate.

    Raises:
        InputError: It holds no sound.
        MissingDependencyError: It is no plain WAV, and soundfile is not installed.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            samples = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as reason:
        return _read_by_soundfile(path, reason)
    whole = len(samples) // (channels * width) * channels * width
    if not whole:
        raise InputError(str(path), "it has no samples", expected="a sound")
    return _decode(samples[:whole], width).reshape(-1, channels).T.contiguous(), rate


def write(path: Path, waveform: Tensor, sample_rate: int) -> None:
    """Write a waveform (T,) or (channels, T) as WAV of 16 bits; what is beyond 1 is turned down."""
    sound = waveform.detach().float().cpu().reshape(-1, waveform.shape[-1])
    loudest = max(1.0, sound.abs().max().item())
    samples = (sound / loudest * _HIGHEST).round().to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.T.contiguous().numpy().tobytes())


def _decode(samples: bytes, width: int) -> Tensor:
    """Return floats of samples of ``width`` bytes, little-endian, and unsigned if it is one."""
    if width == 2:
        return torch.frombuffer(bytearray(samples), dtype=torch.int16).float() / (_HIGHEST + 1)
    found = torch.frombuffer(bytearray(samples), dtype=torch.uint8).reshape(-1, width).long()
    value = (found << (8 * torch.arange(width))).sum(dim=1)
    half = 1 << (8 * width - 1)
    signed = value - half if width == 1 else (value ^ half) - half
    return signed.float() / half


def _read_by_soundfile(path: Path, reason: Exception) -> tuple[Tensor, int]:
    try:
        soundfile = import_module("soundfile")
    except ModuleNotFoundError as cause:
        raise MissingDependencyError(
            f"{path} is no WAV of whole numbers ({reason}), and other sounds need soundfile",
            requirement="dapi-audio[soundfile]",
        ) from cause
    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except RuntimeError as cause:
        raise InputError(str(path), f"it is no sound ({cause})", expected="a sound") from cause
    return torch.from_numpy(samples.T.copy()), int(rate)
