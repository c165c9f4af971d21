"""Silero's voice activity detector, with the keys that its weights have in files."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

__all__ = ["SileroVAD"]

WINDOW: Final = 256
"""Samples of a window of the Fourier transform."""


class SileroVAD(nn.Module):
    """A short Fourier transform, four convolutions, and an LSTM from frame to frame.

    Args:
        dropout: Probability of the dropout after the LSTM.

    Shape:
        ``(N, samples)``, 16,000 per second, to ``(N, frames)``.
    """

    __constants__ = ("FRAME", "CONTEXT")  # or torch.jit.script would not find them
    FRAME: Final = 512
    """Samples of a frame, 32 ms."""

    CONTEXT: Final = 64
    """Samples of the previous frame that each frame is extended with."""

    def __init__(self, *, dropout: float = 0.1) -> None:
        super().__init__()
        bins = WINDOW // 2 + 1
        self.stft_conv = nn.Conv1d(1, 2 * bins, WINDOW, stride=WINDOW // 2, bias=False)
        self.conv1 = nn.Conv1d(bins, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.dropout = nn.Dropout(dropout)
        self.final_conv = nn.Conv1d(128, 1, 1)
        with torch.no_grad():
            self.stft_conv.weight.copy_(fourier_basis(WINDOW))
        self.stft_conv.requires_grad_(False)

    def forward(
        self, waveforms: Tensor, state: tuple[Tensor, Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Return the probability of speech in each frame, and the state after the last."""
        if state is None:
            nothing = waveforms.new_zeros(len(waveforms), self.lstm_cell.hidden_size)
            state = (waveforms.new_zeros(len(waveforms), self.CONTEXT), nothing, nothing)
        context, hidden, cell = state
        found = []
        # One frame at a time: a batch of frames would round differently than a stream of them.
        padded = pad(waveforms, [0, -waveforms.shape[1] % self.FRAME])
        for frame in torch.split(padded, self.FRAME, dim=1):
            heard = torch.cat([context, frame], dim=1)
            hidden, cell = self.lstm_cell(self._encode(heard), (hidden, cell))
            found.append(self.final_conv(relu(self.dropout(hidden.unsqueeze(2)))).sigmoid())
            context = heard[:, -self.CONTEXT :]
        return torch.cat(found, dim=2).squeeze(1), (context, hidden, cell)

    def _encode(self, heard: Tensor) -> Tensor:
        """Return the features of a frame with its context, (N, 128)."""
        parts = self.stft_conv(pad(heard.unsqueeze(1), [0, self.CONTEXT], "reflect"))
        real, imaginary = parts.chunk(2, dim=1)
        x = torch.sqrt(real**2 + imaginary**2)
        x = relu(self.conv2(relu(self.conv1(x))))
        return relu(self.conv4(relu(self.conv3(x)))).squeeze(2)


def fourier_basis(size: int) -> Tensor:
    """Return the real and the imaginary parts of a Fourier transform under a Hann window."""
    times = torch.arange(size, dtype=torch.float64)
    angles = 2 * math.pi / size * times * torch.arange(size // 2 + 1).unsqueeze(1)
    basis = torch.cat([angles.cos(), -angles.sin()])
    return (basis * torch.hann_window(size, dtype=torch.float64)).unsqueeze(1).float()
