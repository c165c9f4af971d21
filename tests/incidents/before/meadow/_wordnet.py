"""The network of WordNet: a small transformer whose head is tied to its embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class QuickGELU(nn.Module):
    """An approximation of GELU by a sigmoid."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation."""
        return x * torch.sigmoid(1.702 * x)


class Layer(nn.Module):
    """Attention, then a small network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(width, 3 * width)
        self.first_norm = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, 2 * width)
        self.act = QuickGELU()
        self.down = nn.Linear(2 * width, width)
        self.last_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Return the hidden states."""
        query, key, value = self.query_key_value(x).chunk(3, dim=-1)
        scores = query @ key.transpose(1, 2) / key.shape[-1] ** 0.5
        x = self.first_norm(x + scores.softmax(-1) @ value)
        return self.last_norm(x + self.down(self.act(self.up(x))))


class WordNet(nn.Module):
    """Take ids ``(N, L)`` to scores ``(N, L, 10)`` of the words."""

    def __init__(self, *, layers: int = 1) -> None:
        super().__init__()
        width, words = 8, 10
        self.embed = nn.Embedding(words, width)
        self.places = nn.Embedding(16, width)
        self.layers = nn.ModuleList([Layer(width) for _ in range(layers)])
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        """Return the scores."""
        x = self.embed(ids) + self.places.weight[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.head(x) * self.embed.embedding_dim**-0.5
