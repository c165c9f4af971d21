"""The heads of the improved R-CNN detectors: batch norm everywhere, and more convolutions."""

from __future__ import annotations

from typing import Any

from torch.nn import BatchNorm2d
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead
from torchvision.models.detection.rpn import RPNHead


def improved_heads(channels: int) -> dict[str, Any]:
    """Return the arguments of FasterRCNN and MaskRCNN that `Li et al., 2021` changed.

    Two convolutions propose regions, four and a linear layer look at each; see
    https://arxiv.org/abs/2111.11429.

    Args:
        channels: Of the backbone's output.
    """
    # FasterRCNN's own anchors: one size on each level, in three aspect ratios.
    rpn_head = RPNHead(channels, num_anchors=3, conv_depth=2)
    box_head = FastRCNNConvFCHead((channels, 7, 7), [256] * 4, [1024], norm_layer=BatchNorm2d)
    return {"rpn_head": rpn_head, "box_head": box_head}
