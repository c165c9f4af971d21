"""The decoder of Tacotron 2 over all frames at once, so that it learns in minutes on a CPU.

It goes from frame to frame, since where it reads depends on where it read before. In training,
the frames before are given to it. If where it should read is known too, that is given in the same
way, and then nothing depends on what it did itself before: each LSTM runs over all frames in one
call. :func:`decode` is the decoder's own forward but for that, and equals it if it is given the
attention that the decoder itself would have had.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Decoded(NamedTuple):
    """What a decoder makes of ``N`` texts, with ``T`` frames and ``L`` symbols.

    Attributes:
        mels: Spectrograms ``(N, n_mels, T)``, before the postnet refines them.
        gate: Logits of the chance that a frame is the last ``(N, T)``.
        attention: Where each frame was read, probabilities ``(N, T, L)``.
    """

    mels: Tensor
    gate: Tensor
    attention: Tensor


def decode(
    decoder: Any, memory: Tensor, lengths: Tensor, *, frames: Tensor, attention: Tensor
) -> Decoded:
    """Return what a decoder makes of each frame, given all that comes before it.

    Args:
        decoder: ``model.decoder`` of a Tacotron 2; of its dropouts, those of the two LSTMs are
            left out.
        memory: What the encoder made of the texts ``(N, L, width)``.
        lengths: Of the texts ``(N,)``.
        frames: The spectrograms, as the decoder may know them, ``(N, n_mels, T)``.
        attention: Where the frames are read, likewise ``(N, T, L)``.
    """
    before = earlier(attention, dim=1)
    in_turn = frames.permute(2, 0, 1)
    # One more than is needed, as the decoder itself has it: the same dropout.
    known = decoder.prenet(torch.cat((earlier(in_turn, dim=0), in_turn[-1:])))[:-1]
    contexts = torch.bmm(before, memory).transpose(0, 1)
    query = run(decoder.attention_rnn, torch.cat((known, contexts), dim=2))
    read = attend(decoder.attention_layer, query, memory, lengths, before)
    contexts = torch.bmm(read, memory).transpose(0, 1)
    hidden = run(decoder.decoder_rnn, torch.cat((query, contexts), dim=2))
    states = torch.cat((hidden, contexts), dim=2)
    mels = decoder.linear_projection(states).permute(1, 2, 0)
    return Decoded(mels, decoder.gate_layer(states).squeeze(2).T, read)


def earlier(tensor: Tensor, *, dim: int) -> Tensor:
    """Return what is one place before each along a dimension; zeros before the first."""
    rows = tensor.narrow(dim, 0, tensor.shape[dim] - 1)
    return torch.cat((torch.zeros_like(tensor.narrow(dim, 0, 1)), rows), dim=dim)


def run(cell: nn.LSTMCell, inputs: Tensor) -> Tensor:
    """Return the hidden states ``(T, N, hidden)`` of a cell over ``(T, N, inputs)``."""
    state = inputs.new_zeros(1, inputs.shape[1], cell.hidden_size)
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    # What nn.LSTM calls; it would want the weights as its own.
    hidden, *_ = torch.lstm(inputs, (state, state), weights, True, 1, 0.0, True, False, False)
    return hidden


def attend(layer: Any, query: Tensor, memory: Tensor, lengths: Tensor, before: Tensor) -> Tensor:
    """Return where each frame is read ``(N, T, L)``, given where those before it were."""
    places = torch.stack((before, before.cumsum(dim=1)), dim=2)
    located = layer.location_layer(places.flatten(0, 1)).unflatten(0, before.shape[:2])
    asked = layer.query_layer(query.transpose(0, 1))[:, :, None]
    energies = layer.v(torch.tanh(asked + layer.memory_layer(memory)[:, None] + located))
    behind = torch.arange(before.shape[2], device=lengths.device) >= lengths[:, None]
    energies = energies.squeeze(3).masked_fill(behind[:, None], float("-inf"))
    return torch.softmax(energies, dim=2)
