"""A wav2vec 2.0 over log mel spectrograms, which trains with little data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torchaudio.models import Wav2Vec2Model, wav2vec2_model
from torchaudio.models.wav2vec2.components import ConvLayerBlock, LayerNorm
from torchaudio.transforms import MelScale, Spectrogram

__all__ = ["LogMelSpectrogram", "MelExtractor", "transformer_ctc"]


class LogMelSpectrogram(nn.Module):
    """The logarithm of a mel spectrogram, of windows that lie within the waveform.

    Args:
        sample_rate: Samples per second of the waveforms.
        n_fft: Samples of a window.
        hop_length: Samples from one window to the next.
        n_mels: Bands.
        floor: Power that is added, so that the logarithm of silence is finite.

    Shape:
        ``(N, samples)`` to ``(N, n_mels, frames)``.
    """

    def __init__(
        self, *, sample_rate: int, n_fft: int, hop_length: int, n_mels: int, floor: float = 0.1
    ) -> None:
        super().__init__()
        self.n_fft, self.hop_length, self.floor = n_fft, hop_length, floor
        self.spectrogram = Spectrogram(n_fft=n_fft, hop_length=hop_length, center=False)
        self.mel_scale = MelScale(n_mels, sample_rate=sample_rate, n_stft=n_fft // 2 + 1)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the spectrograms of waveforms."""
        return torch.log(self.mel_scale(self.spectrogram(waveforms)) + self.floor)


class MelExtractor(nn.Module):
    """From waveforms to features: log mel spectrograms, and three convolutions over them.

    It replaces wav2vec 2.0's convolutions over samples, with the same interface. Each waveform is
    padded with 0.1 s of silence, so that any is long enough, and samples after its length count as
    silence: a batch gives the same results as its waveforms one by one.

    Args:
        width: Channels of the features.
        n_mels: Bands of the spectrogram, of frames 10 ms apart.

    Shape:
        ``(N, samples)``, 16,000 per second, to ``(N, frames, width)``, 30 ms apart.
    """

    __constants__ = ("SILENCE",)  # or torch.jit.script would not find it
    SILENCE: Final = 1600
    LAYERS: Final = ((5, 3), (3, 1), (3, 1))
    """Kernel and stride of each convolution."""

    def __init__(self, width: int, *, n_mels: int = 40) -> None:
        super().__init__()
        self.log_mel = LogMelSpectrogram(
            sample_rate=16000, n_fft=400, hop_length=160, n_mels=n_mels
        )
        channels = (n_mels, width, width)
        self.conv_layers = nn.ModuleList(
            ConvLayerBlock(before, width, kernel, stride, bias=True, layer_norm=LayerNorm(width))
            for before, (kernel, stride) in zip(channels, self.LAYERS, strict=True)
        )

    def forward(self, waveforms: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the features of waveforms and, if lengths are given, theirs in frames."""
        if lengths is not None:
            samples = torch.arange(waveforms.shape[1], device=waveforms.device)
            waveforms = waveforms.masked_fill(samples >= lengths[:, None], 0.0)
            lengths = self._frames(lengths + 2 * self.SILENCE)
        features = self.log_mel(pad(waveforms, (self.SILENCE, self.SILENCE)))
        for layer in self.conv_layers:
            features, lengths = layer(features, lengths)
        return features.transpose(1, 2), lengths

    def _frames(self, lengths: Tensor) -> Tensor:
        within = lengths - self.log_mel.n_fft
        return torch.div(within, self.log_mel.hop_length, rounding_mode="floor") + 1


TINY: Final[Mapping[str, Any]] = {
    "encoder_embed_dim": 128,
    "encoder_projection_dropout": 0.0,
    "encoder_pos_conv_kernel": 31,
    "encoder_pos_conv_groups": 8,
    "encoder_num_layers": 4,
    "encoder_num_heads": 4,
    "encoder_attention_dropout": 0.0,
    "encoder_ff_interm_features": 256,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.0,
    "encoder_layer_norm_first": True,
    "encoder_layer_drop": 0.1,
}
"""0.7 million parameters, by torchaudio's names."""


def transformer_ctc(*, aux_num_out: int | None = None, **config: Any) -> Wav2Vec2Model:
    """Return a wav2vec 2.0 over log mel spectrograms, in training mode.

    Args:
        aux_num_out: Size of the head, or None for none.
        **config: Arguments of ``torchaudio.models.wav2vec2_model`` that differ from `TINY`.
    """
    shape = {**TINY, **config}
    width = shape["encoder_embed_dim"]
    # the encoder only needs the feature width of torchaudio's extractor
    model = wav2vec2_model(
        extractor_mode="layer_norm",
        extractor_conv_layer_config=[(width, 1, 1)],
        extractor_conv_bias=True,
        aux_num_out=aux_num_out,
        **shape,
    )
    model.feature_extractor = MelExtractor(width)
    return model
