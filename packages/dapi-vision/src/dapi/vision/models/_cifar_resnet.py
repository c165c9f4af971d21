"""Residual networks for 32x32 images: the original form and the pre-activation form."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad, relu

STAGE_WIDTHS = (16, 32, 64)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, with a ReLU after the addition.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, at least ``in_channels``.
        stride: Stride of the first convolution and of the shortcut.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, H / stride, W / stride)``.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.out_channels = out_channels
        self.conv1 = conv3x3(in_channels, out_channels, stride=stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``relu(shortcut(x) + residual(x))``."""
        residual = relu(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        added = self.out_channels - self.conv1.in_channels
        return relu(shortcut(x, added_channels=added, stride=self.stride) + residual)


class PreActBlock(nn.Module):
    """Two 3x3 convolutions, each preceded by batch norm and ReLU, around a shortcut.

    Nothing is applied after the addition, so the shortcuts of a stage form one
    uninterrupted identity path.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, at least ``in_channels``.
        stride: Stride of the first convolution and of the shortcut.
        activate_shortcut: Whether the shortcut, too, starts from the activated input.
            The paper does so in the network's first block only, whose input is the
            bare output of the stem convolution.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, H / stride, W / stride)``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        activate_shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.out_channels = out_channels
        self._added = out_channels - in_channels
        self.activate_shortcut = activate_shortcut
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, out_channels, stride=stride)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``shortcut(x) + residual(x)``, without a final activation."""
        activated = relu(self.bn1(x))
        residual = self.conv2(relu(self.bn2(self.conv1(activated))))
        source = activated if self.activate_shortcut else x
        # Not conv1's own: an adapter may take the place of that layer.
        skipped = shortcut(source, added_channels=self._added, stride=self.stride)
        total: Tensor = skipped + residual
        return total


class CIFARResNet(nn.Module):
    """The residual network for 32x32 images of He et al., 2015.

    A 3x3 convolution, three stages of 16, 32 and 64 channels, global average pooling
    and a linear layer: ``6 * blocks_per_stage + 2`` layers with weights, so the default
    is ResNet-20. Section 4.2 of `Deep Residual Learning for Image Recognition
    <https://arxiv.org/abs/1512.03385>`_ describes it; shortcuts have no parameters
    (the paper's option A).

    Args:
        blocks_per_stage: Residual blocks in each of the three stages.
        num_classes: Outputs of the linear layer ``fc``.
        in_channels: Channels of the images: 3 for color, 1 for gray levels.

    Shape:
        ``(N, in_channels, 32, 32)`` to ``(N, num_classes)``. Other heights and widths
        work as well, since the pooling is global.
    """

    def __init__(
        self, blocks_per_stage: int = 3, *, num_classes: int = 10, in_channels: int = 3
    ) -> None:
        super().__init__()
        narrow, middle, wide = STAGE_WIDTHS
        self.conv1 = conv3x3(in_channels, narrow)
        self.bn1 = nn.BatchNorm2d(narrow)
        self.layer1 = basic_stage(narrow, narrow, blocks_per_stage, stride=1)
        self.layer2 = basic_stage(narrow, middle, blocks_per_stage, stride=2)
        self.layer3 = basic_stage(middle, wide, blocks_per_stage, stride=2)
        self.fc = nn.Linear(wide, num_classes)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, ``(N, num_classes)``, of images ``(N, in_channels, H, W)``."""
        x = relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits


class PreActCIFARResNet(nn.Module):
    """The pre-activation residual network for 32x32 images of He et al., 2016.

    Stages, widths and shortcuts are those of :class:`CIFARResNet`; batch norm and ReLU
    come before each convolution instead of after it, and once more before the pooling.
    See `Identity Mappings in Deep Residual Networks <https://arxiv.org/abs/1603.05027>`_.

    Args:
        blocks_per_stage: Residual blocks in each of the three stages.
        num_classes: Outputs of the linear layer ``fc``.
        in_channels: Channels of the images: 3 for color, 1 for gray levels.

    Shape:
        ``(N, in_channels, 32, 32)`` to ``(N, num_classes)``. Other heights and widths
        work as well, since the pooling is global.
    """

    def __init__(
        self, blocks_per_stage: int = 3, *, num_classes: int = 10, in_channels: int = 3
    ) -> None:
        super().__init__()
        narrow, middle, wide = STAGE_WIDTHS
        self.conv1 = conv3x3(in_channels, narrow)
        self.layer1 = preact_stage(narrow, narrow, blocks_per_stage, stride=1, first=True)
        self.layer2 = preact_stage(narrow, middle, blocks_per_stage, stride=2)
        self.layer3 = preact_stage(middle, wide, blocks_per_stage, stride=2)
        self.bn = nn.BatchNorm2d(wide)
        self.fc = nn.Linear(wide, num_classes)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, ``(N, num_classes)``, of images ``(N, in_channels, H, W)``."""
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        x = relu(self.bn(x))
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits


def conv3x3(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a padded 3x3 convolution; batch norm makes a bias redundant."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)


def shortcut(x: Tensor, *, added_channels: int, stride: int) -> Tensor:
    """Return ``x`` subsampled by ``stride`` and padded with zero channels at the end."""
    # The branch depends on no shape of x: torch.fx could not trace it.
    if stride == 1 and added_channels == 0:
        return x
    return pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, added_channels))


def basic_stage(in_channels: int, out_channels: int, blocks: int, *, stride: int) -> nn.Sequential:
    """Return ``blocks`` basic blocks, the first of which changes size and width."""
    entry = BasicBlock(in_channels, out_channels, stride=stride)
    rest = [BasicBlock(out_channels, out_channels) for _ in range(blocks - 1)]
    return nn.Sequential(entry, *rest)


def preact_stage(
    in_channels: int,
    out_channels: int,
    blocks: int,
    *,
    stride: int,
    first: bool = False,
) -> nn.Sequential:
    """Return ``blocks`` pre-activation blocks; ``first`` marks the stage after the stem."""
    entry = PreActBlock(in_channels, out_channels, stride=stride, activate_shortcut=first)
    rest = [PreActBlock(out_channels, out_channels) for _ in range(blocks - 1)]
    return nn.Sequential(entry, *rest)


def initialize(model: nn.Module) -> None:
    """Draw convolution and linear weights as He et al. do; biases become zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
