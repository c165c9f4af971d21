"""A ResNet-50 with a feature pyramid on top: the backbone of detectors."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from torch import nn
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.resnet import ResNet

from dapi import WeightEntry
from dapi.vision.models.resnet import ResNet50Weights, resnet50

__all__ = ["resnet50_fpn"]

# What trainable_layers counts, from the last: a norm goes with its convolution.
LAYERS = (("layer4",), ("layer3",), ("layer2",), ("layer1",), ("conv1", "bn1"))


def resnet50_fpn(
    *,
    weights: ResNet50Weights | WeightEntry | None,
    is_trained: bool,
    trainable_layers: int | None,
    progress: bool,
    norm_layer: Callable[[int], nn.Module] | None = None,
    fpn_norm_layer: Callable[[int], nn.Module] | None = None,
) -> BackboneWithFPN:
    """Build the backbone, with the layers that shall not be trained frozen.

    torchvision's ``resnet_fpn_backbone`` takes its own weights only, and its part that takes a
    network is private: this is the same over its public classes.

    Args:
        weights: Of the ResNet-50; its layer ``fc`` is dropped after loading.
        is_trained: Whether weights of the backbone, or of the whole detector, are given.
        trainable_layers: How many layers, from the last, are trained: 0 to 5; by default 3.
            Without weights all are.
        progress: Show a progress bar while fetching.
        norm_layer: Of the ResNet-50; by default batch norm.
        fpn_norm_layer: Of the pyramid; by default none, and convolutions with a bias.

    Raises:
        ValueError: ``trainable_layers`` is not from 0 to 5.
    """
    count = checked_count(trainable_layers, is_trained=is_trained)
    body = resnet50(weights=weights, progress=progress, norm_layer=norm_layer)
    freeze(body, count)
    return BackboneWithFPN(
        body,
        return_layers={f"layer{stage}": str(stage - 1) for stage in (1, 2, 3, 4)},
        in_channels_list=[256, 512, 1024, 2048],
        out_channels=256,
        norm_layer=fpn_norm_layer,
    )


def checked_count(trainable_layers: int | None, *, is_trained: bool) -> int:
    """Return how many layers to train."""
    if not is_trained:
        if trainable_layers is not None:
            warnings.warn(
                f"trainable_backbone_layers={trainable_layers} has no effect without weights: "
                "all layers of the backbone are trained.",
                stacklevel=2,
            )
        return len(LAYERS)
    count = 3 if trainable_layers is None else trainable_layers
    if count not in range(len(LAYERS) + 1):
        raise ValueError(
            f"trainable_backbone_layers={count!r} is not possible. "
            f"Expected a number from 0 to {len(LAYERS)}."
        )
    return count


def freeze(body: ResNet, trainable_layers: int) -> None:
    """Make the parameters of all but the last layers untrainable."""
    trained = {module for layer in LAYERS[:trainable_layers] for module in layer}
    for name, parameter in body.named_parameters():
        if name.partition(".")[0] not in trained:
            parameter.requires_grad_(False)
