"""The network of LeafNet: two residual blocks, a pyramid over them, and a classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dapi import ContextParams


class Norm(nn.Module):
    """Batch normalization whose statistics and affine parameters are fixed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.eps = ContextParams.get(self, "eps", 0.0)
        self.register_buffer("weight", torch.ones(width))
        self.register_buffer("bias", torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized input."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


class Scale(nn.Module):
    """Multiply each channel by a parameter."""

    def __init__(self, width: int, init: float = 0.5) -> None:
        super().__init__()
        self.init = init
        self.gamma = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the parameter to its initial value."""
        nn.init.constant_(self.gamma, self.init)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled input."""
        return x * self.gamma[:, None, None]


class Excitation(nn.Module):
    """Weigh the channels by their means."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(width, 2)
        self.excite = nn.Linear(2, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighed input."""
        hidden = functional.relu(self.squeeze(x.mean((2, 3))))
        return x * functional.hardsigmoid(self.excite(hidden))[:, :, None, None]


class Block(nn.Module):
    """A bottleneck with a shortcut."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width // 2, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width, 3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.act = nn.ReLU()
        self.excitation = Excitation(width)
        self.scale = Scale(width)
        self.shortcut = nn.AvgPool2d(stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        y = self.act(self.bn1(self.conv1(x)))
        y = self.excitation(self.bn2(self.conv2(y)))
        return self.act(self.scale(y) + self.shortcut(x))


class Pyramid(nn.Module):
    """Bring features of two sizes together."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.ModuleList([nn.Conv2d(width, width, 1) for _ in range(2)])
        self.layers = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1)])
        for module in self.children():
            if isinstance(module, nn.Conv2d):
                nn.init.constant_(module.weight, 0.1)
                nn.init.zeros_(module.bias)

    def forward(self, large: Tensor, small: Tensor) -> Tensor:
        """Return features of the larger size."""
        up = functional.interpolate(self.inner[1](small), size=large.shape[2:])
        return self.layers[0](self.inner[0](large) + up)


class LeafNet(nn.Module):
    """Take pictures ``(N, 1, H, W)`` to logits ``(N, num_classes)``."""

    def __init__(
        self, *, num_classes: int = 4, dropout: float = 0.2, transform_input: bool = False
    ) -> None:
        super().__init__()
        width = 6
        self.transform_input = transform_input
        self.stem = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.norm = Norm(width)
        self.block1 = Block(width, stride=1)
        self.block2 = Block(width, stride=2)
        self.pyramid = Pyramid(width)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(width, num_classes)
        nn.init.normal_(self.classify.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        if self.transform_input:
            x = x * 0.9 + 0.05
        x = self.block1(self.norm(self.stem(x)))
        x = self.pyramid(x, self.block2(x))
        return self.classify(self.dropout(x.mean((2, 3))))
