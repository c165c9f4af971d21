"""EfficientNet and EfficientNetV2, with torchvision's weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dapi import WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    NEW_RECIPES,
    RECIPES,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn
    from torch.nn import BatchNorm2d
    from torchvision.models.efficientnet import EfficientNet
    from typing_extensions import Unpack


# Table 1 of the first paper: expansion, kernel, stride, channels in and out, layers.
_STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)


class EfficientNetConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.efficientnet.EfficientNet``.

    Attributes:
        stochastic_depth_prob: Probability that the last block is skipped in training; lower for
            earlier blocks.
        norm_layer: Normalization layer, called with the number of channels.
        last_channel: Channels before the classifier; by default four times those of the last stage.
    """

    stochastic_depth_prob: float
    norm_layer: Callable[..., nn.Module] | None
    last_channel: int | None


class EfficientNetB0Weights(ClassificationWeights, meta={"num_params": 5_288_548, "gflops": 0.386}):
    """Weights of ``efficientnet_b0``: torchvision's IMAGENET1K_V1.

    The RefV1 weights of B0 to B7 are ported from the paper's.
    """

    ImageNet1K_RefV1 = classification(
        "efficientnet_b0",
        "efficientnet_b0_rwightman-7f5810bc.pth",
        sha256="7f5810bc96def8f7552d5b7e68d53c4786f81167d28291b21c0d90e1fca14934",
        size=21444401,
        sources=5,
        known_as="EfficientNet_B0_Weights.IMAGENET1K_V1",
        accuracy=(77.692, 93.532),
        recipe=f"{RECIPES}#efficientnet-v1",
        preset={"interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetB0Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetB0Weights.ImageNet1K_RefV1),
)
def efficientnet_b0(
    *,
    weights: WeightsLike[EfficientNetB0Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.2,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNet-B0, which classifies photos.

    `EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks
    <https://arxiv.org/abs/1905.11946>`_, Tan and Le, 2019: B0 to B7 are one network, ever wider,
    deeper, and for larger images. The model takes float images ``(N, 3, H, W)`` as
    ``weights.transforms()`` makes them, and returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.1``. A value other than the weights' requires
            ``new_head=True``.
        dropout: Probability that an input of the last layer is zeroed in training.
        **config: More arguments, see ``EfficientNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import efficientnet_b0
        >>> model = efficientnet_b0(weights=None, num_classes=7, device="meta")
        >>> model.classifier[1].out_features
        7
    """
    return _efficientnet(1.0, 1.0, dropout=dropout, num_classes=num_classes, **config)


class EfficientNetB1Weights(ClassificationWeights, meta={"num_params": 7_794_184, "gflops": 0.687}):
    """Weights of ``efficientnet_b1``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV2 is trained by torchvision's new recipe.
    """

    ImageNet1K_RefV1 = classification(
        "efficientnet_b1",
        "efficientnet_b1_rwightman-bac287d4.pth",
        known_as="EfficientNet_B1_Weights.IMAGENET1K_V1",
        accuracy=(78.642, 94.186),
        file_mib=30.134,
        recipe=f"{RECIPES}#efficientnet-v1",
        crop_size=240,
        preset={"interpolation": "bicubic"},
    )
    ImageNet1K_RefV2 = classification(
        "efficientnet_b1",
        "efficientnet_b1-c27df63c.pth",
        known_as="EfficientNet_B1_Weights.IMAGENET1K_V2",
        accuracy=(79.838, 94.934),
        file_mib=30.136,
        recipe=f"{NEW_RECIPES}#new-recipe-with-lr-wd-crop-tuning",
        crop_size=240,
        preset={"resize_size": 255},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetB1Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetB1Weights.ImageNet1K_RefV1),
)
def efficientnet_b1(
    *,
    weights: WeightsLike[EfficientNetB1Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.2,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNet-B1.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet(1.0, 1.1, dropout=dropout, num_classes=num_classes, **config)


class EfficientNetB2Weights(ClassificationWeights, meta={"num_params": 9_109_994, "gflops": 1.088}):
    """Weights of ``efficientnet_b2``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "efficientnet_b2",
        "efficientnet_b2_rwightman-c35c1473.pth",
        known_as="EfficientNet_B2_Weights.IMAGENET1K_V1",
        accuracy=(80.608, 95.31),
        file_mib=35.174,
        recipe=f"{RECIPES}#efficientnet-v1",
        crop_size=288,
        preset={"resize_size": 288, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetB2Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetB2Weights.ImageNet1K_RefV1),
)
def efficientnet_b2(
    *,
    weights: WeightsLike[EfficientNetB2Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.3,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNet-B2.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet(1.1, 1.2, dropout=dropout, num_classes=num_classes, **config)


class EfficientNetB3Weights(
    ClassificationWeights, meta={"num_params": 12_233_232, "gflops": 1.827}
):
    """Weights of ``efficientnet_b3``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "efficientnet_b3",
        "efficientnet_b3_rwightman-b3899882.pth",
        sha256="b3899882250c22946d0229d266049fcd133c169233530b36b9ffa7983988362f",
        size=49475909,
        sources=2,
        known_as="EfficientNet_B3_Weights.IMAGENET1K_V1",
        accuracy=(82.008, 96.054),
        recipe=f"{RECIPES}#efficientnet-v1",
        crop_size=300,
        preset={"resize_size": 320, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetB3Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetB3Weights.ImageNet1K_RefV1),
)
def efficientnet_b3(
    *,
    weights: WeightsLike[EfficientNetB3Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.3,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNet-B3.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet(1.2, 1.4, dropout=dropout, num_classes=num_classes, **config)


class EfficientNetB4Weights(
    ClassificationWeights, meta={"num_params": 19_341_616, "gflops": 4.394}
):
    """Weights of ``efficientnet_b4``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "efficientnet_b4",
        "efficientnet_b4_rwightman-23ab8bcd.pth",
        sha256="23ab8bcd5bdbef61a7a43b91adcad81f622fd7f36fb4935a569828d77888c44e",
        sources=2,
        known_as="EfficientNet_B4_Weights.IMAGENET1K_V1",
        accuracy=(83.384, 96.594),
        file_mib=74.489,
        recipe=f"{RECIPES}#efficientnet-v1",
        crop_size=380,
        preset={"resize_size": 384, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetB4Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetB4Weights.ImageNet1K_RefV1),
)
def efficientnet_b4(
    *,
    weights: WeightsLike[EfficientNetB4Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.4,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNet-B4.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet(1.4, 1.8, dropout=dropout, num_classes=num_classes, **config)


class EfficientNetB5Weights(
    ClassificationWeights, meta={"num_params": 30_389_784, "gflops": 10.266}
):
    """Weights of ``efficientnet_b5``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "efficientnet_b5",
        "efficientnet_b5_lukemelas-1a07897c.pth",
        sha256="1a07897c0d357db7981640f6be44a63420f11deb932344a69768b62ebe272946",
        size=122540693,
        sources=1,
        known_as="EfficientNet_B5_Weights.IMAGENET1K_V1",
        accuracy=(83.444, 96.628),
        recipe=f"{RECIPES}#efficientnet-v1",
        crop_size=456,
        preset={"resize_size": 456, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetB5Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetB5Weights.ImageNet1K_RefV1),
)
def efficientnet_b5(
    *,
    weights: WeightsLike[EfficientNetB5Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.4,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNet-B5.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet(
        1.6,
        2.2,
        dropout=dropout,
        num_classes=num_classes,
        **{"norm_layer": _batch_norm(momentum=0.01), **config},
    )


class EfficientNetB6Weights(
    ClassificationWeights, meta={"num_params": 43_040_704, "gflops": 19.068}
):
    """Weights of ``efficientnet_b6``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "efficientnet_b6",
        "efficientnet_b6_lukemelas-24a108a5.pth",
        known_as="EfficientNet_B6_Weights.IMAGENET1K_V1",
        accuracy=(84.008, 96.916),
        file_mib=165.362,
        recipe=f"{RECIPES}#efficientnet-v1",
        crop_size=528,
        preset={"resize_size": 528, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetB6Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetB6Weights.ImageNet1K_RefV1),
)
def efficientnet_b6(
    *,
    weights: WeightsLike[EfficientNetB6Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.5,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNet-B6.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet(
        1.8,
        2.6,
        dropout=dropout,
        num_classes=num_classes,
        **{"norm_layer": _batch_norm(momentum=0.01), **config},
    )


class EfficientNetB7Weights(
    ClassificationWeights, meta={"num_params": 66_347_960, "gflops": 37.746}
):
    """Weights of ``efficientnet_b7``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "efficientnet_b7",
        "efficientnet_b7_lukemelas-c5b4e57e.pth",
        known_as="EfficientNet_B7_Weights.IMAGENET1K_V1",
        accuracy=(84.122, 96.908),
        file_mib=254.675,
        recipe=f"{RECIPES}#efficientnet-v1",
        crop_size=600,
        preset={"resize_size": 600, "interpolation": "bicubic"},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetB7Weights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetB7Weights.ImageNet1K_RefV1),
)
def efficientnet_b7(
    *,
    weights: WeightsLike[EfficientNetB7Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.5,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNet-B7.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet(
        2.0,
        3.1,
        dropout=dropout,
        num_classes=num_classes,
        **{"norm_layer": _batch_norm(momentum=0.01), **config},
    )


class EfficientNetV2SWeights(
    ClassificationWeights, meta={"num_params": 21_458_488, "gflops": 8.366}
):
    """Weights of ``efficientnet_v2_s``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "efficientnet_v2_s",
        "efficientnet_v2_s-dd5fe13b.pth",
        sha256="dd5fe13b1d60ec15317ccc8ca158186e134d3366c3dde9cb9a4e301f2dc66c74",
        size=86721253,
        sources=3,
        known_as="EfficientNet_V2_S_Weights.IMAGENET1K_V1",
        accuracy=(84.228, 96.878),
        min_size=(33, 33),
        recipe=f"{RECIPES}#efficientnet-v2",
        crop_size=384,
        preset={"resize_size": 384},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetV2SWeights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetV2SWeights.ImageNet1K_RefV1),
)
def efficientnet_v2_s(
    *,
    weights: WeightsLike[EfficientNetV2SWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.2,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNetV2-S, an architecture of its own beside B0 to B7.

    `EfficientNetV2: Smaller Models and Faster Training <https://arxiv.org/abs/2104.00298>`_, Tan
    and Le, 2021. Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and
    returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    return _efficientnet_v2(
        fused=[
            (1, 3, 1, 24, 24, 2),
            (4, 3, 2, 24, 48, 4),
            (4, 3, 2, 48, 64, 4),
        ],
        separable=[
            (4, 3, 2, 64, 128, 6),
            (6, 3, 1, 128, 160, 9),
            (6, 3, 2, 160, 256, 15),
        ],
        dropout=dropout,
        num_classes=num_classes,
        **config,
    )


class EfficientNetV2MWeights(
    ClassificationWeights, meta={"num_params": 54_139_356, "gflops": 24.582}
):
    """Weights of ``efficientnet_v2_m``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = classification(
        "efficientnet_v2_m",
        "efficientnet_v2_m-dc08266a.pth",
        known_as="EfficientNet_V2_M_Weights.IMAGENET1K_V1",
        accuracy=(85.112, 97.156),
        file_mib=208.01,
        min_size=(33, 33),
        recipe=f"{RECIPES}#efficientnet-v2",
        crop_size=480,
        preset={"resize_size": 480},
        latest=True,
    )


@register_classifier(
    weights=EfficientNetV2MWeights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetV2MWeights.ImageNet1K_RefV1),
)
def efficientnet_v2_m(
    *,
    weights: WeightsLike[EfficientNetV2MWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.3,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNetV2-M.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet_v2(
        fused=[
            (1, 3, 1, 24, 24, 3),
            (4, 3, 2, 24, 48, 5),
            (4, 3, 2, 48, 80, 5),
        ],
        separable=[
            (4, 3, 2, 80, 160, 7),
            (6, 3, 1, 160, 176, 14),
            (6, 3, 2, 176, 304, 18),
            (6, 3, 1, 304, 512, 5),
        ],
        dropout=dropout,
        num_classes=num_classes,
        **config,
    )


class EfficientNetV2LWeights(
    ClassificationWeights, meta={"num_params": 118_515_272, "gflops": 56.08}
):
    """Weights of ``efficientnet_v2_l``: torchvision's IMAGENET1K_V1.

    Ported from the paper's weights; pixels are scaled to -1..1.
    """

    ImageNet1K_RefV1 = classification(
        "efficientnet_v2_l",
        "efficientnet_v2_l-59c71312.pth",
        known_as="EfficientNet_V2_L_Weights.IMAGENET1K_V1",
        accuracy=(85.808, 97.788),
        file_mib=454.573,
        min_size=(33, 33),
        recipe=f"{RECIPES}#efficientnet-v2",
        crop_size=480,
        preset={
            "resize_size": 480,
            "interpolation": "bicubic",
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
        },
        latest=True,
    )


@register_classifier(
    weights=EfficientNetV2LWeights,
    head="classifier.1",
    stem="features.0.0",
    legacy=pretrained(EfficientNetV2LWeights.ImageNet1K_RefV1),
)
def efficientnet_v2_l(
    *,
    weights: WeightsLike[EfficientNetV2LWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.4,
    **config: Unpack[EfficientNetConfig],
) -> EfficientNet:
    """Build an EfficientNetV2-L.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _efficientnet_v2(
        fused=[
            (1, 3, 1, 32, 32, 4),
            (4, 3, 2, 32, 64, 7),
            (4, 3, 2, 64, 96, 7),
        ],
        separable=[
            (4, 3, 2, 96, 192, 10),
            (6, 3, 1, 192, 224, 19),
            (6, 3, 2, 224, 384, 25),
            (6, 3, 1, 384, 640, 7),
        ],
        dropout=dropout,
        num_classes=num_classes,
        **config,
    )


def _efficientnet(width: float, depth: float, **config: Any) -> EfficientNet:
    """Construct an EfficientNet, so many times as wide and as deep as B0."""
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig

    stages = [MBConvConfig(*stage, width_mult=width, depth_mult=depth) for stage in _STAGES]
    return EfficientNet(stages, **config)


def _efficientnet_v2(
    fused: Sequence[tuple[int, ...]], separable: Sequence[tuple[int, ...]], **config: Any
) -> EfficientNet:
    """Construct an EfficientNetV2; a stage is described as in ``_STAGES``."""
    from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig

    stages = [FusedMBConvConfig(*stage) for stage in fused]
    stages += [MBConvConfig(*stage) for stage in separable]
    return EfficientNet(stages, **{"last_channel": 1280, "norm_layer": _batch_norm(), **config})


def _batch_norm(momentum: float = 0.1) -> partial[BatchNorm2d]:
    """Return batch normalization with the epsilon of the TensorFlow originals."""
    from torch.nn import BatchNorm2d

    return partial(BatchNorm2d, eps=1e-3, momentum=momentum)
