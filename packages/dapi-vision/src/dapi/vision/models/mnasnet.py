"""MNASNet, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dapi import Build, WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import ClassificationWeights, classification, pretrained

if TYPE_CHECKING:
    from torchvision.models.mnasnet import MNASNet
    from typing_extensions import Unpack

_BUILD = Build(
    config={"num_classes": 1000},
    # MNASNet reads the code version from the file, and refuses files without one.
    code_version={"": 2},
)
_entry = partial(classification, build=_BUILD)


class MNASNetConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.mnasnet.MNASNet``.

    Attributes:
        dropout: Probability that an input of the last layer is zeroed in training.
    """

    dropout: float


class MNASNet0_5Weights(ClassificationWeights, meta={"num_params": 2_218_512, "gflops": 0.104}):
    """Weights of ``mnasnet0_5``: torchvision's IMAGENET1K_V1.

    Trained to about the accuracy of the paper.
    """

    ImageNet1K_RefV1 = _entry(
        "mnasnet0_5",
        "mnasnet0.5_top1_67.823-3ffadce67e.pth",
        known_as="MNASNet0_5_Weights.IMAGENET1K_V1",
        accuracy=(67.734, 87.49),
        file_mib=8.591,
        recipe="https://github.com/1e100/mnasnet_trainer",
        latest=True,
    )


@register_classifier(
    weights=MNASNet0_5Weights,
    head="classifier.1",
    stem="layers.0",
    legacy=pretrained(MNASNet0_5Weights.ImageNet1K_RefV1),
)
def mnasnet0_5(
    *,
    weights: WeightsLike[MNASNet0_5Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[MNASNetConfig],
) -> MNASNet:
    """Build a MNASNet-B1 of depth multiplier 0.5, which classifies photos.

    `MnasNet: Platform-Aware Neural Architecture Search for Mobile
    <https://arxiv.org/abs/1807.11626>`_, Tan et al., 2018; a multiplier scales the number of
    channels. The first version of this code did not scale those of the first layers; files written
    by it state so, and are built accordingly. The model takes float images ``(N, 3, H, W)`` as
    ``weights.transforms()`` makes them, and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.1``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``MNASNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import mnasnet0_5
        >>> model = mnasnet0_5(weights=None, num_classes=7, device="meta")
        >>> model.classifier[1].out_features
        7
    """
    from torchvision.models.mnasnet import MNASNet

    return MNASNet(0.5, num_classes=num_classes, **config)


class MNASNet0_75Weights(ClassificationWeights, meta={"num_params": 3_170_208, "gflops": 0.215}):
    """Weights of ``mnasnet0_75``: torchvision's IMAGENET1K_V1.

    Trained by torchvision's new recipe.
    """

    ImageNet1K_RefV1 = _entry(
        "mnasnet0_75",
        "mnasnet0_75-7090bc5f.pth",
        known_as="MNASNet0_75_Weights.IMAGENET1K_V1",
        accuracy=(71.18, 90.496),
        file_mib=12.303,
        recipe="https://github.com/pytorch/vision/pull/6019",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=MNASNet0_75Weights,
    head="classifier.1",
    stem="layers.0",
    legacy=pretrained(MNASNet0_75Weights.ImageNet1K_RefV1),
)
def mnasnet0_75(
    *,
    weights: WeightsLike[MNASNet0_75Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[MNASNetConfig],
) -> MNASNet:
    """Build a MNASNet-B1 of depth multiplier 0.75.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.mnasnet import MNASNet

    return MNASNet(0.75, num_classes=num_classes, **config)


class MNASNet1_0Weights(ClassificationWeights, meta={"num_params": 4_383_312, "gflops": 0.314}):
    """Weights of ``mnasnet1_0``: torchvision's IMAGENET1K_V1.

    Trained to about the accuracy of the paper.
    """

    ImageNet1K_RefV1 = _entry(
        "mnasnet1_0",
        "mnasnet1.0_top1_73.512-f206786ef8.pth",
        known_as="MNASNet1_0_Weights.IMAGENET1K_V1",
        accuracy=(73.456, 91.51),
        file_mib=16.915,
        recipe="https://github.com/1e100/mnasnet_trainer",
        latest=True,
    )


@register_classifier(
    weights=MNASNet1_0Weights,
    head="classifier.1",
    stem="layers.0",
    legacy=pretrained(MNASNet1_0Weights.ImageNet1K_RefV1),
)
def mnasnet1_0(
    *,
    weights: WeightsLike[MNASNet1_0Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[MNASNetConfig],
) -> MNASNet:
    """Build a MNASNet-B1 of depth multiplier 1.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.mnasnet import MNASNet

    return MNASNet(1.0, num_classes=num_classes, **config)


class MNASNet1_3Weights(ClassificationWeights, meta={"num_params": 6_282_256, "gflops": 0.526}):
    """Weights of ``mnasnet1_3``: torchvision's IMAGENET1K_V1.

    Trained by torchvision's new recipe.
    """

    ImageNet1K_RefV1 = _entry(
        "mnasnet1_3",
        "mnasnet1_3-a4c69d6f.pth",
        known_as="MNASNet1_3_Weights.IMAGENET1K_V1",
        accuracy=(76.506, 93.522),
        file_mib=24.246,
        recipe="https://github.com/pytorch/vision/pull/6019",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=MNASNet1_3Weights,
    head="classifier.1",
    stem="layers.0",
    legacy=pretrained(MNASNet1_3Weights.ImageNet1K_RefV1),
)
def mnasnet1_3(
    *,
    weights: WeightsLike[MNASNet1_3Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[MNASNetConfig],
) -> MNASNet:
    """Build a MNASNet-B1 of depth multiplier 1.3.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.mnasnet import MNASNet

    return MNASNet(1.3, num_classes=num_classes, **config)
