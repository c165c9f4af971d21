"""EfficientNet-Lite, with the keys that its converted weights have in files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, pad, relu6
from torchvision.ops import StochasticDepth

STAGES: Final = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Expansion, kernel, stride, channels and number of blocks of each stage."""

STEM_CHANNELS, HEAD_CHANNELS = 32, 1280


class SameConv2d(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's "same" is.

    The output has ``ceil(size / stride)`` rows and columns. Where an odd number of rows or columns
    must be added, TensorFlow adds the larger half at the end; ``padding`` of torch cannot.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that the base class gives it
        """Return the convolution of the padded images."""
        top, bottom = same_padding(input.shape[2], self.kernel_size[0], self.stride[0])
        left, right = same_padding(input.shape[3], self.kernel_size[1], self.stride[1])
        padded = pad(input, [left, right, top, bottom])
        output: Tensor = self._conv_forward(padded, self.weight, self.bias)
        return output


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return how many rows or columns TensorFlow adds before and after ``size`` others.

    >>> same_padding(224, 3, 2), same_padding(225, 3, 2)
    ((0, 1), (1, 1))
    """
    total = (size - 1) // stride * stride + kernel - size
    return total // 2, total - total // 2


class Block(nn.Module):
    """An inverted residual block (MBConv) without squeeze-and-excitation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        expansion: How many times wider the block is inside; with 1 it has no layer for that.
        kernel: Size of the depthwise convolution.
        stride: Of the depthwise convolution.
        drop: Probability that the residual of an image is left out in training.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``.
    """

    __constants__: ClassVar = [
        "adds",
        "expands",
    ]  # TorchScript removes the branches that they exclude

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expansion: int,
        kernel: int,
        stride: int,
        drop: float,
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        self.expands = expansion > 1
        self.adds = stride == 1 and in_channels == out_channels
        if self.expands:
            self._expand_conv = nn.Conv2d(in_channels, width, 1, bias=False)
            self._bn0 = batch_norm(width)
        self._depthwise_conv = SameConv2d(width, width, kernel, stride=stride, groups=width)
        self._bn1 = batch_norm(width)
        self._project_conv = nn.Conv2d(width, out_channels, 1, bias=False)
        self._bn2 = batch_norm(out_channels)
        self._drop = StochasticDepth(drop, "row")

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, added to the input if the shapes are equal."""
        inner: Tensor = x
        if self.expands:
            inner = relu6(self._bn0(self._expand_conv(inner)))
        inner = relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        if self.adds:
            inner = self._drop(inner) + x
        return inner


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, and with ReLU6.

    Args:
        num_classes: Outputs of the layer ``_fc``.
        dropout: Probability of the dropout before it.
        stochastic_depth_prob: Probability that the residual of a block is left out in training. It
            grows from 0 at the first block, linearly.
        in_channels: Channels of the images.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, num_classes)``, of any height and width.
    """

    def __init__(
        self,
        *,
        num_classes: int = 1000,
        dropout: float = 0.2,
        stochastic_depth_prob: float = 0.2,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(in_channels, STEM_CHANNELS, 3, stride=2)
        self._bn0 = batch_norm(STEM_CHANNELS)
        self._blocks = nn.ModuleList(blocks(stochastic_depth_prob))
        self._conv_head = nn.Conv2d(STAGES[-1][3], HEAD_CHANNELS, 1, bias=False)
        self._bn1 = batch_norm(HEAD_CHANNELS)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(HEAD_CHANNELS, num_classes)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images."""
        x = relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = relu6(self._bn1(self._conv_head(x)))
        pooled = torch.flatten(adaptive_avg_pool2d(x, 1), 1)
        logits: Tensor = self._fc(self._dropout(pooled))
        return logits


def blocks(drop: float) -> Iterator[Block]:
    """Make the blocks of all stages; ``drop`` would be reached after the last."""
    total = sum(count for *_, count in STAGES)
    number, before = 0, STEM_CHANNELS
    for expansion, kernel, stride, channels, count in STAGES:
        for repeat in range(count):
            yield Block(
                before,
                channels,
                expansion=expansion,
                kernel=kernel,
                stride=1 if repeat else stride,
                drop=drop * number / total,
            )
            number, before = number + 1, channels


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return batch norm with TensorFlow's defaults."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def initialize(model: nn.Module) -> None:
    """Draw weights as EfficientNet does: convolutions normally, the classifier uniformly.

    See https://arxiv.org/abs/1905.11946.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.out_features)
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)
