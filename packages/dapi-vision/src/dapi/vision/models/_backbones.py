"""The backbones of detectors: networks with frozen first layers, most with a feature pyramid.

torchvision's own functions for this take its own weights only, and their parts that take a
network are private: these are the same over its public classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from dapi import WeightsLike, build_model
from dapi.vision.models._cifar_resnet import CIFARResNet
from dapi.vision.models._frozen_norm import FrozenBatchNorm2d
from dapi.vision.models.cifar_resnet import ResNet20Weights
from dapi.vision.models.mobilenet_v3 import MobileNetV3LargeWeights, mobilenet_v3_large
from dapi.vision.models.resnet import ResNet50Weights, resnet50

# The trainable layers, counted from the last; a norm belongs to its convolution.
_RESNET_LAYERS = (("layer4",), ("layer3",), ("layer2",), ("layer1",), ("conv1", "bn1"))
# Of MobileNetV3-Large: the first block, those that halve the image, and the last.
MOBILENET_STAGES = (0, 2, 4, 7, 13, 16)


def resnet50_fpn(
    weights: WeightsLike[Any] | None,
    weights_backbone: WeightsLike[ResNet50Weights] | None,
    trainable_layers: int | None,
    *,
    progress: bool,
    frozen_norm: bool = True,
    norm_layer: Callable[[int], nn.Module] | None = None,
    further_from: int | None = None,
) -> BackboneWithFPN:
    """Build a ResNet-50 with a feature pyramid.

    Args:
        weights: Weights of the whole detector.
        weights_backbone: Weights of the ResNet-50; its layer ``fc`` is dropped after loading.
        trainable_layers: Number of trainable layers, counted from the last: 0 to 5; by default 3.
            Without any weights, all are trainable.
        progress: Show a progress bar while downloading.
        frozen_norm: Whether the ResNet's batch norm never changes when any weights are given.
        norm_layer: Normalization of the pyramid; by default none, and convolutions have a bias.
        further_from: Source of two more levels, by its channels: 256 for the pyramid's last level,
            or 2048 for the ResNet's last layer; layer 1 is then omitted. By default, one more level
            is a maximum of the last.

    Raises:
        ValueError: ``trainable_layers`` is not from 0 to 5.
    """
    is_trained = weights is not None or weights_backbone is not None
    count = trained_count(
        trainable_layers, is_trained=is_trained, default=3, most=len(_RESNET_LAYERS)
    )
    body = resnet50(
        weights=weights_backbone,
        progress=progress,
        norm_layer=FrozenBatchNorm2d if frozen_norm and is_trained else None,
    )
    trained = {module for layer in _RESNET_LAYERS[:count] for module in layer}
    for name, parameter in body.named_parameters():
        if name.partition(".")[0] not in trained:
            parameter.requires_grad_(False)
    levels = (1, 2, 3, 4) if further_from is None else (2, 3, 4)
    return BackboneWithFPN(
        body,
        return_layers={f"layer{level}": str(place) for place, level in enumerate(levels)},
        in_channels_list=[128 * 2**level for level in levels],
        out_channels=256,
        extra_blocks=further_from and LastLevelP6P7(further_from, 256),
        norm_layer=norm_layer,
    )


def resnet20_fpn(
    weights_backbone: WeightsLike[ResNet20Weights] | None,
    *,
    progress: bool,
    in_channels: int,
) -> BackboneWithFPN:
    """Build a ResNet-20 with a feature pyramid on its last stage: strides of 4 and 8 pixels.

    Everything is trained: the network is small, and was not made for large images.

    Args:
        weights_backbone: Weights of the ResNet-20; its layer ``fc`` is dropped after loading.
        progress: Show a progress bar while downloading.
        in_channels: Channels of the images.
    """
    # Not by its builder, whose warning of a replacement is irrelevant for detectors.
    body = build_model(
        CIFARResNet, in_channels=in_channels, weights=weights_backbone, progress=progress
    )
    width = body.fc.in_features
    return BackboneWithFPN(
        body, return_layers={"layer3": "0"}, in_channels_list=[width], out_channels=width
    )


def mobilenet_v3_large_fpn(
    weights: WeightsLike[Any] | None,
    weights_backbone: WeightsLike[MobileNetV3LargeWeights] | None,
    trainable_layers: int | None,
    *,
    progress: bool,
) -> BackboneWithFPN:
    """Build a MobileNetV3-Large with a feature pyramid on its last two stages.

    Args:
        weights: Weights of the whole detector.
        weights_backbone: Weights of the MobileNet; its classifier is dropped after loading.
        trainable_layers: Number of trainable stages, counted from the last: 0 to 6; by default 3.
            Without any weights, all are trainable.
        progress: Show a progress bar while downloading.

    Raises:
        ValueError: ``trainable_layers`` is not from 0 to 6.
    """
    is_trained = weights is not None or weights_backbone is not None
    count = trained_count(
        trainable_layers, is_trained=is_trained, default=3, most=len(MOBILENET_STAGES)
    )
    features = mobilenet_v3_large(
        weights=weights_backbone,
        progress=progress,
        norm_layer=FrozenBatchNorm2d if is_trained else nn.BatchNorm2d,
    ).features
    freeze_features(features, MOBILENET_STAGES, count)
    levels = MOBILENET_STAGES[-2:]
    return BackboneWithFPN(
        features,
        return_layers={str(level): str(place) for place, level in enumerate(levels)},
        in_channels_list=[features[level].out_channels for level in levels],
        out_channels=256,
    )


def trained_count(trainable_layers: Any, *, is_trained: bool, default: int, most: int) -> int:
    """Return how many layers of a backbone to train.

    Raises:
        ValueError: ``trainable_layers`` is out of range.
    """
    if not is_trained:
        if trainable_layers is not None:
            warnings.warn(
                f"trainable_backbone_layers={trainable_layers} has no effect without weights: "
                "all its layers are trainable.",
                stacklevel=2,
            )
        return most
    count: int = default if trainable_layers is None else trainable_layers
    if count not in range(most + 1):
        raise ValueError(
            f"trainable_backbone_layers={count!r} is not valid. "
            f"Expected an integer between 0 and {most}."
        )
    return count


def freeze_features(features: nn.Sequential, stages: Sequence[int], count: int) -> None:
    """Make the parameters before the last ``count`` stages untrainable.

    Args:
        features: Blocks in order.
        stages: Where each stage begins.
        count: How many are trained.
    """
    first_trained = (*stages, len(features))[len(stages) - count]
    features[:first_trained].requires_grad_(False)
