"""The backbone of SSDlite: a MobileNetV3-Large with more blocks, each a level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torchvision.models.detection.ssdlite import SSDLiteFeatureExtractorMobileNet

from dapi import WeightsLike
from dapi.vision.models._backbones import MOBILENET_STAGES, freeze_features, trained_count
from dapi.vision.models.mobilenet_v3 import MobileNetV3LargeWeights, mobilenet_v3_large


def extractor(
    weights: WeightsLike[Any] | None,
    weights_backbone: WeightsLike[MobileNetV3LargeWeights] | None,
    trainable_layers: int | None,
    *,
    progress: bool,
    norm_layer: Callable[[int], nn.Module],
) -> tuple[SSDLiteFeatureExtractorMobileNet, list[int]]:
    """Build the backbone, and return it with the channels of each level.

    Args:
        weights: Weights of the whole detector.
        weights_backbone: Weights of the MobileNet; without them, its last blocks have half the
            channels.
        trainable_layers: Number of trainable stages, counted from the last: 0 to 6; by default 6.
        progress: Show a progress bar while downloading.
        norm_layer: Normalization.

    Raises:
        ValueError: ``trainable_layers`` is not from 0 to 6.
    """
    is_trained = weights is not None or weights_backbone is not None
    count = trained_count(trainable_layers, is_trained=is_trained, default=6, most=6)
    network = mobilenet_v3_large(
        weights=weights_backbone,
        progress=progress,
        norm_layer=norm_layer,
        reduced_tail=weights_backbone is None,
    )
    if weights_backbone is None:
        _initialize(network)
    features, level = network.features, MOBILENET_STAGES[-2]
    freeze_features(features, MOBILENET_STAGES, count)
    # Levels begin inside a block, after its expansion; four more blocks follow.
    inside, last = features[level].block[0], features[-1]
    channels = [inside.out_channels, last.out_channels, 512, 256, 256, 128]
    return SSDLiteFeatureExtractorMobileNet(features, level, norm_layer), channels


def _initialize(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, mean=0.0, std=0.03)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
