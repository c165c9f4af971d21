"""From waveforms, texts and mel spectrograms to the models' inputs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dapi.audio._spelling import Characters, Phonemes
from dapi.audio.exceptions import AssetError, UnsupportedInputError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Characters", "LogMel", "NormalizedDecibels", "Phonemes", "Waveform"]

_LOWEST_RATE: Final = 100  # less is not sound; the file's header is wrong


class Waveform:
    """Convert a recording to the sample rate and the channels of a model.

    A waveform is one recording, its channels first: (channels, T) or (T,). One channel is repeated
    for a model of several, and other sample rates are resampled (torchaudio's ``resample``).
    Several channels are not mixed implicitly, since several recordings have that shape too: pass
    ``waveform.mean(dim=0)`` to mix channels, and call ``batch`` for several recordings. Touches no
    network.

    Args:
        sample_rate: Samples per second of the result.
        channels: Channels of the result.
        normalize: Whether to scale the result to mean 0 and variance 1. torchaudio's bundles do it
            inside the model, for a batch as a whole.

    Example:
        >>> to_speech = Waveform(sample_rate=16000, normalize=True)
        >>> stereo, sample_rate = torch.rand(2, 44100), 44100
        >>> to_speech(stereo.mean(dim=0), sample_rate).shape
        torch.Size([1, 16000])
        >>> waveforms, lengths = to_speech.batch([torch.rand(16000), torch.rand(8000)], 16000)
        >>> waveforms.shape, lengths
        (torch.Size([2, 16000]), tensor([16000,  8000]))
    """

    def __init__(self, *, sample_rate: int, channels: int = 1, normalize: bool = False) -> None:
        self.sample_rate, self.channels, self.normalize = sample_rate, channels, normalize

    def __call__(self, waveform: Tensor | np.ndarray[Any, Any], sample_rate: int) -> Tensor:
        """Return one recording as the model's input.

        Args:
            waveform: Floats (channels, T) or (T,), nominally in [-1, 1]: a tensor, or an array,
                whose floats become float32.
            sample_rate: Samples per second of it, as ``torchaudio.load`` returns it.

        Returns:
            The waveform (channels, T). One channel is a batch of one for models of speech.

        Raises:
            UnsupportedInputError: The shape is wrong, it is empty, not floats or not finite, it has
                more channels than one and than the model, or the sample rate is not a positive
                integer.
        """
        from torchaudio.functional import resample

        fitted = self._fit_channels(_checked_waveform(waveform))
        _check_rate(sample_rate)
        # torchaudio takes memory by the product of the ratio's parts: 12 GB for 44101 to 16000.
        ratio = Fraction(int(sample_rate), self.sample_rate).limit_denominator(1000)
        resampled: Tensor = resample(fitted, ratio.numerator, ratio.denominator)
        if self.normalize:
            resampled = torch.nn.functional.layer_norm(resampled, resampled.shape)
        return resampled

    def batch(
        self, waveforms: Iterable[Tensor | np.ndarray[Any, Any]], sample_rate: int
    ) -> tuple[Tensor, Tensor]:
        """Return several recordings as the model's input: ``model(*transforms.batch(...))``.

        Each is prepared as on its own, then padded with zeros at its end.

        Args:
            waveforms: The recordings: a list of waveforms, of any lengths, or one tensor (N, T) or
                (N, channels, T).
            sample_rate: Samples per second of all of them.

        Returns:
            The waveforms (N, longest), or (N, channels, longest) for a model of several channels,
            and their lengths in samples (N,).

        Raises:
            UnsupportedInputError: There is none, or one is invalid as in a call.
        """
        rows = [self(each, sample_rate).T for each in _checked_batch(waveforms)]
        padded = pad_sequence(rows, batch_first=True).transpose(1, 2)
        lengths = torch.tensor([len(row) for row in rows], device=padded.device)
        return (padded.squeeze(1) if self.channels == 1 else padded).contiguous(), lengths

    def _fit_channels(self, waveform: Tensor) -> Tensor:
        found = len(waveform)
        if found == self.channels:
            return waveform
        if found == 1:
            return waveform.repeat(self.channels, 1)
        expected = "1" if self.channels == 1 else f"1 or {self.channels}"
        raise UnsupportedInputError(
            f"The waveform has {found} channels. Expected {expected}: to mix the channels of one "
            f"recording, pass waveform.mean(dim=0); if they are {found} recordings, call "
            "batch(waveforms, sample_rate)."
        )

    def __repr__(self) -> str:
        return (
            f"Waveform(sample_rate={self.sample_rate}, channels={self.channels}, "
            f"normalize={self.normalize})"
        )


class LogMel:
    """Turn a waveform into the normalized log mel spectrogram of an Emformer RNN-T.

    Touches no network.

    Args:
        statistics: A JSON file with the lists ``mean`` and ``invstddev``, one number per band.
        sample_rate: Samples per second of the model; other rates are resampled.
        n_fft: Size of the Fourier transform.
        n_mels: Bands of the mel spectrogram.
        hop_length: Samples between two frames.
        right_padding: Frames of zeros after the last, as the model's look-ahead; 0 for the segments
            of a stream.

    Raises:
        AssetError: ``statistics`` is not such a file.
    """

    # torchaudio's features are of samples as 16-bit integers: powers are larger by its square.
    _GAIN: Final = float(torch.iinfo(torch.int16).max) ** 2

    def __init__(
        self,
        *,
        statistics: str | Path,
        sample_rate: int = 16000,
        n_fft: int = 400,
        n_mels: int = 80,
        hop_length: int = 160,
        right_padding: int = 4,
    ) -> None:
        from torchaudio.transforms import MelSpectrogram

        self.sample_rate, self.right_padding = sample_rate, right_padding
        # The padding of the transform, n_fft // 2, must be shorter than the waveform.
        self._min_samples = n_fft // 2 + 1
        self._mean, self._scale = _read_statistics(Path(statistics), bands=n_mels)
        self._to_waveform = Waveform(sample_rate=sample_rate)
        self._to_mel = MelSpectrogram(
            sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels, hop_length=hop_length
        )

    def __call__(
        self, waveform: Tensor | np.ndarray[Any, Any], sample_rate: int
    ) -> tuple[Tensor, Tensor]:
        """Return the features (frames + right_padding, n_mels), and that length (1,).

        Args:
            waveform: As in ``Waveform``.
            sample_rate: Samples per second of it, as ``torchaudio.load`` returns it.

        Raises:
            UnsupportedInputError: As in ``Waveform``, or it is too short.
        """
        mono = self._to_waveform(waveform, sample_rate)[0]
        if len(mono) < self._min_samples:
            raise UnsupportedInputError(
                f"The waveform has {len(mono)} samples at {self.sample_rate} Hz. Expected at "
                f"least {self._min_samples}: join it with the next part of the recording."
            )
        mel = self._to_mel.to(mono.device)(mono).transpose(1, 0) * self._GAIN
        log = torch.where(mel > math.e, torch.log(mel), mel / math.e)
        normal = (log - self._mean.to(mono.device)) * self._scale.to(mono.device)
        padded = torch.nn.functional.pad(normal, (0, 0, 0, self.right_padding))
        return padded, torch.tensor([len(padded)])

    def batch(
        self, waveforms: Iterable[Tensor | np.ndarray[Any, Any]], sample_rate: int
    ) -> tuple[Tensor, Tensor]:
        """Return the features of several recordings (N, longest, n_mels), and the lengths (N,).

        Args:
            waveforms: The recordings, as in ``Waveform.batch``.
            sample_rate: Samples per second of all of them.

        Raises:
            UnsupportedInputError: There is none, or one is invalid as in a call.
        """
        rows = [self(each, sample_rate)[0] for each in _checked_batch(waveforms)]
        return pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows])

    def __repr__(self) -> str:
        return f"LogMel(sample_rate={self.sample_rate}, right_padding={self.right_padding})"


class NormalizedDecibels:
    """Turn a log mel spectrogram of Tacotron2 into the input of WaveRNN.

    The natural logarithm becomes decibels, and those are mapped from ``[min_level_db, 0]`` to
    [0, 1]; the shape stays.

    Args:
        min_level_db: The level that becomes 0; negative.
    """

    def __init__(self, min_level_db: float = -100.0) -> None:
        self.min_level_db = min_level_db

    def __call__(self, mel: Tensor) -> Tensor:
        """Return the normalized spectrogram."""
        decibels = 20 * torch.log10(torch.clamp(torch.exp(mel), min=1e-5))
        return torch.clamp((self.min_level_db - decibels) / self.min_level_db, min=0, max=1)

    def __repr__(self) -> str:
        return f"NormalizedDecibels(min_level_db={self.min_level_db})"


def _checked_batch(waveforms: Iterable[Any]) -> list[Any]:
    batch = list(waveforms)
    if not batch:
        raise UnsupportedInputError("There is no waveform. Pass a list of at least one.")
    return batch


def _checked_waveform(waveform: Any) -> Tensor:
    """Return a waveform (channels, T), or raise a clear error for invalid input."""
    if getattr(getattr(waveform, "dtype", None), "kind", "") == "f":  # an array of numpy
        waveform = torch.tensor(waveform.copy(), dtype=torch.float32)
    if not isinstance(waveform, Tensor) or not waveform.is_floating_point():
        kind = waveform.dtype if isinstance(waveform, Tensor) else type(waveform).__qualname__
        raise UnsupportedInputError(
            f"The waveform is of {kind}. Expected a tensor or an array of floats in [-1, 1]: "
            "divide samples of 16 bits by 32768; call batch for several."
        )
    if waveform.ndim not in (1, 2) or not waveform.numel():
        raise UnsupportedInputError(
            f"The waveform has the shape {tuple(waveform.shape)}. Expected one recording, "
            "(channels, T) or (T,), with at least one sample; call batch for several."
        )
    # A tracer, as of torch.export, knows no values.
    is_traced = torch.compiler.is_compiling()
    odd = 0 if is_traced else waveform.numel() - int(waveform.isfinite().sum())
    if odd:
        raise UnsupportedInputError(
            f"{odd:,} of the waveform's {waveform.numel():,} samples are infinite or NaN. "
            "Expected floats in [-1, 1]: check how the recording was read or computed."
        )
    # Some libraries read files as (T, channels).
    if waveform.ndim == 2 and waveform.shape[0] > waveform.shape[1]:
        raise UnsupportedInputError(
            f"The waveform has the shape {tuple(waveform.shape)}: more channels than samples. "
            "Expected (channels, T): pass waveform.T."
        )
    return waveform.reshape(-1, waveform.shape[-1])


def _check_rate(sample_rate: object) -> None:
    if not isinstance(sample_rate, Real) or sample_rate < _LOWEST_RATE or sample_rate % 1 != 0:
        raise UnsupportedInputError(
            f"The sample rate is {sample_rate!r}. Expected an integer of at least {_LOWEST_RATE}: "
            "samples per second, as the file states."
        )


def _read_statistics(path: Path, *, bands: int) -> tuple[Tensor, Tensor]:
    """Return the mean and the reciprocal of the deviation of each band."""
    reason = f"it is not JSON with the lists mean and invstddev, of {bands} numbers each"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        mean, scale = torch.tensor(found["mean"]), torch.tensor(found["invstddev"])
    except (ValueError, KeyError, TypeError) as cause:
        raise AssetError(path, name=path.name, reason=reason) from cause
    if mean.shape != (bands,) or scale.shape != (bands,):
        raise AssetError(path, name=path.name, reason=reason)
    return mean, scale
