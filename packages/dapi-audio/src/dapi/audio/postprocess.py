"""Vocoders: from a mel spectrogram, as Tacotron2 returns it, to a waveform.

Each is called with spectrograms and their lengths, and returns waveforms and theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dapi import WeightEntry
from dapi.audio.exceptions import UnsupportedInputError

if TYPE_CHECKING:
    from torchaudio.models import WaveRNN

    from dapi.audio.models.wavernn import WaveRNNWeights


class GriffinLim:
    """Estimate the phase that a spectrogram lacks (Griffin and Lim 1984). Needs no weights.

    The estimate begins with random phases: ``torch.manual_seed`` makes two calls equal. Computes
    on the device of the spectrogram, in float32, without gradients.

    Args:
        sample_rate: Samples a second of the waveform.
        n_mels: Bands of the mel spectrogram.
        n_fft: Size of the Fourier transform.
        win_length: Size of its window, in samples.
        hop_length: Samples between two frames.
        f_min: Lowest frequency of the bands, in Hz.
        f_max: Highest frequency of the bands, in Hz.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 22050,
        n_mels: int = 80,
        n_fft: int = 1024,
        win_length: int = 1024,
        hop_length: int = 256,
        f_min: float = 0.0,
        f_max: float = 8000.0,
    ) -> None:
        from torchaudio import transforms

        self.sample_rate, self.n_mels, self.hop_length = sample_rate, n_mels, hop_length
        # The padding of the transform, n_fft // 2, must be shorter than the waveform.
        self._min_frames = n_fft // 2 // hop_length + 2
        self._from_mel = transforms.InverseMelScale(
            n_stft=n_fft // 2 + 1,
            n_mels=n_mels,
            sample_rate=sample_rate,
            f_min=f_min,
            f_max=f_max,
            norm="slaney",
            mel_scale="slaney",
        )
        self._to_waveform = transforms.GriffinLim(
            n_fft=n_fft, win_length=win_length, hop_length=hop_length, power=1
        )

    def __call__(self, mel: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Turn spectrograms into waveforms.

        Args:
            mel: Log mel spectrograms (N, n_mels, T).
            lengths: Their lengths in frames (N,); None if all are T long.

        Returns:
            The waveforms (N, (T - 1) * hop_length), nominally in [-1, 1], and their lengths in
            samples (torchaudio's own vocoder hands the frames back). What stands behind a
            waveform's length is to be cut off.

        Raises:
            UnsupportedInputError: The shape is another, or the spectrogram is too short.
        """
        _check(mel, bands=self.n_mels, frames=self._min_frames)
        with torch.no_grad():
            magnitudes = self._from_mel.to(mel.device)(torch.exp(mel.float()))
            waveforms: Tensor = self._to_waveform.to(mel.device)(magnitudes)
        if lengths is None:
            return waveforms, None
        return waveforms, (lengths - 1).clamp(min=0) * self.hop_length


class WaveRNNVocoder:
    """Draw a waveform sample by sample from a WaveRNN.

    The model is built, and its weights are fetched, on the first call. Samples are drawn from
    torch's random state: ``torch.manual_seed`` makes two calls equal. Slow on a CPU. Computes on
    the device of the spectrogram, in float32, without gradients.

    Args:
        weights: Of ``dapi.audio.wavernn``. Their ``transforms`` make the model's input from the
            spectrogram, and their ``postprocess`` decodes what it returns.
        sample_rate: Samples a second of the waveform.
    """

    def __init__(self, *, weights: WaveRNNWeights | WeightEntry, sample_rate: int = 22050) -> None:
        self.weights, self.sample_rate = weights, sample_rate
        self._normalize, self._decode = weights.transforms(), weights.postprocess()
        self._built: WaveRNN | None = None

    @property
    def model(self) -> WaveRNN:
        """The model, in evaluation mode. Reading it the first time may touch the network."""
        from dapi.audio.models.wavernn import wavernn

        if self._built is None:
            # Built on the first call, it must not move the random state that samples come from.
            with torch.random.fork_rng(devices=[]):
                self._built = wavernn(weights=self.weights).eval()
        return self._built

    def __call__(self, mel: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Turn spectrograms into waveforms.

        Args:
            mel: Log mel spectrograms (N, 80, T).
            lengths: Their lengths in frames (N,); None if all are T long.

        Returns:
            The waveforms (N, T * 275), in [-1, 1], and their lengths in samples. What stands
            behind a waveform's length is to be cut off.

        Raises:
            UnsupportedInputError: The shape is another.
            FetchError: The weights could not be fetched.
        """
        _check(mel, bands=self.weights.build.config.get("n_freq", 80), frames=1)
        with torch.no_grad():
            model = self.model.to(mel.device)
            waveforms, lengths = model.infer(self._normalize(mel.float()), lengths)
            return self._decode(waveforms).squeeze(1), lengths


class MuLawWaveform:
    """Decode what a WaveRNN draws: from mu-law levels, scaled to [-1, 1], to a waveform.

    Args:
        bits: Of a level; there are 2 to the power of ``bits``.
    """

    def __init__(self, bits: int = 8) -> None:
        self.bits = bits

    def __call__(self, waveform: Tensor) -> Tensor:
        """Return the waveform, in [-1, 1] and of the same shape."""
        from torchaudio.functional import mu_law_decoding

        highest = 2**self.bits - 1
        levels = (torch.clamp(waveform, -1, 1) + 1.0) * highest / 2
        decoded: Tensor = mu_law_decoding(torch.clamp(levels, 0, highest).int(), highest + 1)
        return decoded

    def __repr__(self) -> str:
        return f"MuLawWaveform(bits={self.bits})"


def _check(mel: Tensor, *, bands: int, frames: int) -> None:
    """Say in our words what would fail deep inside torch."""
    if mel.ndim != 3 or mel.shape[1] != bands or mel.shape[2] < frames:
        raise UnsupportedInputError(
            f"The spectrogram has the shape {tuple(mel.shape)}. Expected (N, {bands}, T): a batch "
            f"of mel spectrograms with {bands} bands and at least {frames} frames."
        )
