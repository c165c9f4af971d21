"""Densely connected convolutional networks, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import Build, WeightsLike
from dapi.adapt import Rename
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import ClassificationWeights, classification, pretrained

if TYPE_CHECKING:
    from torchvision.models.densenet import DenseNet
    from typing_extensions import Unpack

_BUILD = Build(
    config={"num_classes": 1000},
    # The files are older than these names: "norm1" could once be written "norm.1".
    adapt=(Rename(r"(\.denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2."),),
)
_entry = partial(
    classification,
    min_size=(29, 29),
    recipe="https://github.com/pytorch/vision/pull/116",
    build=_BUILD,
)


class DenseNetConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.densenet.DenseNet``.

    Attributes:
        bn_size: Channels of a bottleneck, as a multiple of the growth rate.
        drop_rate: Probability that an output of a layer is zeroed in training.
        memory_efficient: Compute activations again in the backward pass.
    """

    bn_size: int
    drop_rate: float
    memory_efficient: bool


class DenseNet121Weights(ClassificationWeights, meta={"num_params": 7_978_856, "gflops": 2.834}):
    """Weights of ``densenet121``: torchvision's IMAGENET1K_V1.

    Ported from the paper's weights; the keys in the file are those of an older DenseNet.
    """

    ImageNet1K_RefV1 = _entry(
        "densenet121",
        "densenet121-a639ec97.pth",
        sha256="a639ec97d7c33b07ae66f0b5fb7d0192f95a3b11b7576c66c0126c2a727c4395",
        size=32342954,
        sources=6,
        known_as="DenseNet121_Weights.IMAGENET1K_V1",
        accuracy=(74.434, 91.972),
        latest=True,
    )


@register_classifier(
    weights=DenseNet121Weights,
    head="classifier",
    stem="features.conv0",
    legacy=pretrained(DenseNet121Weights.ImageNet1K_RefV1),
)
def densenet121(
    *,
    weights: WeightsLike[DenseNet121Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[DenseNetConfig],
) -> DenseNet:
    """Build a DenseNet-121, which classifies photos.

    `Densely Connected Convolutional Networks <https://arxiv.org/abs/1608.06993>`_, Huang et al.,
    2016. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at
    least 29 pixels per side), and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``DenseNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import densenet121
        >>> model = densenet121(weights=None, num_classes=7, device="meta")
        >>> model.classifier.out_features
        7
    """
    from torchvision.models.densenet import DenseNet

    return DenseNet(32, (6, 12, 24, 16), 64, num_classes=num_classes, **config)


class DenseNet161Weights(ClassificationWeights, meta={"num_params": 28_681_000, "gflops": 7.728}):
    """Weights of ``densenet161``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "densenet161",
        "densenet161-8d451a50.pth",
        known_as="DenseNet161_Weights.IMAGENET1K_V1",
        accuracy=(77.138, 93.56),
        file_mib=110.369,
        latest=True,
    )


@register_classifier(
    weights=DenseNet161Weights,
    head="classifier",
    stem="features.conv0",
    legacy=pretrained(DenseNet161Weights.ImageNet1K_RefV1),
)
def densenet161(
    *,
    weights: WeightsLike[DenseNet161Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[DenseNetConfig],
) -> DenseNet:
    """Build a DenseNet-161, of the growth rate 48.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.densenet import DenseNet

    return DenseNet(48, (6, 12, 36, 24), 96, num_classes=num_classes, **config)


class DenseNet169Weights(ClassificationWeights, meta={"num_params": 14_149_480, "gflops": 3.36}):
    """Weights of ``densenet169``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "densenet169",
        "densenet169-b2777c0a.pth",
        known_as="DenseNet169_Weights.IMAGENET1K_V1",
        accuracy=(75.6, 92.806),
        file_mib=54.708,
        latest=True,
    )


@register_classifier(
    weights=DenseNet169Weights,
    head="classifier",
    stem="features.conv0",
    legacy=pretrained(DenseNet169Weights.ImageNet1K_RefV1),
)
def densenet169(
    *,
    weights: WeightsLike[DenseNet169Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[DenseNetConfig],
) -> DenseNet:
    """Build a DenseNet-169.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.densenet import DenseNet

    return DenseNet(32, (6, 12, 32, 32), 64, num_classes=num_classes, **config)


class DenseNet201Weights(ClassificationWeights, meta={"num_params": 20_013_928, "gflops": 4.291}):
    """Weights of ``densenet201``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "densenet201",
        "densenet201-c1103571.pth",
        sha256="c1103571aad4f45d0b5b15556d92944db94c33bee68cd58babba3d76225a6401",
        size=81131730,
        sources=1,
        known_as="DenseNet201_Weights.IMAGENET1K_V1",
        accuracy=(76.896, 93.37),
        latest=True,
    )


@register_classifier(
    weights=DenseNet201Weights,
    head="classifier",
    stem="features.conv0",
    legacy=pretrained(DenseNet201Weights.ImageNet1K_RefV1),
)
def densenet201(
    *,
    weights: WeightsLike[DenseNet201Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[DenseNetConfig],
) -> DenseNet:
    """Build a DenseNet-201.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.densenet import DenseNet

    return DenseNet(32, (6, 12, 48, 32), 64, num_classes=num_classes, **config)
