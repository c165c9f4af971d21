"""Residual networks for photos: ResNet, ResNeXt and wide ResNet, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import BuilderConfig, WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    NEW_RECIPES,
    RECIPES,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.resnet import ResNet
    from typing_extensions import Unpack


class QuantizedResNeXtConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.resnet.ResNet``, but those that make a ResNeXt.

    Attributes:
        zero_init_residual: Start with blocks that change nothing.
        replace_stride_with_dilation: For each of the last three stages, whether it dilates instead.
        norm_layer: Normalization layer, called with the number of channels.
    """

    zero_init_residual: bool
    replace_stride_with_dilation: list[bool] | None
    norm_layer: Callable[..., nn.Module] | None


class QuantizedResNetConfig(QuantizedResNeXtConfig, total=False):
    """More arguments of ``torchvision.models.resnet.ResNet``.

    Attributes:
        groups: Groups of the 3x3 convolutions.
        width_per_group: Channels of each, in the first stage.
    """

    groups: int
    width_per_group: int


class ResNeXtConfig(ClassifierConfig, QuantizedResNeXtConfig, total=False):
    """More arguments of ``torchvision.models.resnet.ResNet``, but those that make a ResNeXt."""


class ResNetConfig(ClassifierConfig, QuantizedResNetConfig, total=False):
    """More arguments of ``torchvision.models.resnet.ResNet``."""


class ResNet18Weights(ClassificationWeights, meta={"num_params": 11_689_512, "gflops": 1.814}):
    """Weights of ``resnet18``: torchvision's IMAGENET1K_V1.

    Trained by the paper's recipe.
    """

    ImageNet1K_RefV1 = classification(
        "resnet18",
        "resnet18-f37072fd.pth",
        sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        size=46830571,
        sources=10,
        known_as="ResNet18_Weights.IMAGENET1K_V1",
        timm="resnet18.tv_in1k",
        accuracy=(69.758, 89.078),
        recipe=f"{RECIPES}#resnet",
        latest=True,
    )


@register_classifier(
    weights=ResNet18Weights,
    head="fc",
    stem="conv1",
    legacy=pretrained(ResNet18Weights.ImageNet1K_RefV1),
)
def resnet18(
    *,
    weights: WeightsLike[ResNet18Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNetConfig],
) -> ResNet:
    """Build a ResNet-18, which classifies photos.

    `Deep Residual Learning for Image Recognition <https://arxiv.org/abs/1512.03385>`_, He et al.,
    2015. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and
    returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``ResNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import resnet18
        >>> model = resnet18(weights=None, num_classes=7, device="meta")
        >>> model.fc.out_features
        7
    """
    from torchvision.models.resnet import BasicBlock, ResNet

    return ResNet(BasicBlock, [2, 2, 2, 2], num_classes=num_classes, **config)


class ResNet34Weights(ClassificationWeights, meta={"num_params": 21_797_672, "gflops": 3.664}):
    """Weights of ``resnet34``: torchvision's IMAGENET1K_V1.

    Trained by the paper's recipe.
    """

    ImageNet1K_RefV1 = classification(
        "resnet34",
        "resnet34-b627a593.pth",
        sha256="b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
        size=87319819,
        sources=8,
        known_as="ResNet34_Weights.IMAGENET1K_V1",
        timm="resnet34.tv_in1k",
        accuracy=(73.314, 91.42),
        recipe=f"{RECIPES}#resnet",
        latest=True,
    )


@register_classifier(
    weights=ResNet34Weights,
    head="fc",
    stem="conv1",
    legacy=pretrained(ResNet34Weights.ImageNet1K_RefV1),
)
def resnet34(
    *,
    weights: WeightsLike[ResNet34Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNetConfig],
) -> ResNet:
    """Build a ResNet-34.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.resnet import BasicBlock, ResNet

    return ResNet(BasicBlock, [3, 4, 6, 3], num_classes=num_classes, **config)


class ResNet50Weights(ClassificationWeights, meta={"num_params": 25_557_032, "gflops": 4.089}):
    """Weights of ``resnet50``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 follows the paper's recipe. RefV2 is trained longer and with more augmentation; its images
    are resized to 232 pixels before the crop instead of 256.
    """

    ImageNet1K_RefV1 = classification(
        "resnet50",
        "resnet50-0676ba61.pth",
        sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        size=102530333,
        sources=9,
        known_as="ResNet50_Weights.IMAGENET1K_V1",
        timm="resnet50.tv_in1k",
        accuracy=(76.13, 92.862),
        recipe=f"{RECIPES}#resnet",
    )
    ImageNet1K_RefV2 = classification(
        "resnet50",
        "resnet50-11ad3fa6.pth",
        sha256="11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
        size=102540417,
        sources=9,
        known_as="ResNet50_Weights.IMAGENET1K_V2",
        timm="resnet50.tv2_in1k",
        accuracy=(80.858, 95.434),
        recipe=f"{NEW_RECIPES}#issuecomment-1013906621",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ResNet50Weights,
    head="fc",
    stem="conv1",
    legacy=pretrained(ResNet50Weights.ImageNet1K_RefV1),
)
def resnet50(
    *,
    weights: WeightsLike[ResNet50Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNetConfig],
) -> ResNet:
    """Build a ResNet-50.

    As in torchvision from 50 layers on, the stride is in the 3x3 convolution ("v1.5"), not in the
    1x1 before it as in the paper. Takes float images ``(N, 3, H, W)`` as ``weights.transforms()``
    makes them, and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights'
    requires ``new_head=True``.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 4, 6, 3], num_classes=num_classes, **config)


class ResNet101Weights(ClassificationWeights, meta={"num_params": 44_549_160, "gflops": 7.801}):
    """Weights of ``resnet101``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 follows the paper's recipe. RefV2 is trained longer and with more augmentation; its images
    are resized to 232 pixels before the crop instead of 256.
    """

    ImageNet1K_RefV1 = classification(
        "resnet101",
        "resnet101-63fe2227.pth",
        sha256="63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a",
        sources=2,
        known_as="ResNet101_Weights.IMAGENET1K_V1",
        timm="resnet101.tv_in1k",
        accuracy=(77.374, 93.546),
        file_mib=170.511,
        recipe=f"{RECIPES}#resnet",
    )
    ImageNet1K_RefV2 = classification(
        "resnet101",
        "resnet101-cd907fc2.pth",
        sha256="cd907fc2a0de2292b2ba2b27d2216bc672d84632d1cf20058d01c0c03b5e020e",
        size=178814045,
        sources=2,
        known_as="ResNet101_Weights.IMAGENET1K_V2",
        timm="resnet101.tv2_in1k",
        accuracy=(81.886, 95.78),
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ResNet101Weights,
    head="fc",
    stem="conv1",
    legacy=pretrained(ResNet101Weights.ImageNet1K_RefV1),
)
def resnet101(
    *,
    weights: WeightsLike[ResNet101Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNetConfig],
) -> ResNet:
    """Build a ResNet-101.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 4, 23, 3], num_classes=num_classes, **config)


class ResNet152Weights(ClassificationWeights, meta={"num_params": 60_192_808, "gflops": 11.514}):
    """Weights of ``resnet152``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 follows the paper's recipe. RefV2 is trained longer and with more augmentation; its images
    are resized to 232 pixels before the crop instead of 256.
    """

    ImageNet1K_RefV1 = classification(
        "resnet152",
        "resnet152-394f9c45.pth",
        sha256="394f9c45966e3651a89bbb78a48410a6755854ce4a5ab64927cf1c7247f85e58",
        sources=3,
        known_as="ResNet152_Weights.IMAGENET1K_V1",
        timm="resnet152.tv_in1k",
        accuracy=(78.312, 94.046),
        file_mib=230.434,
        recipe=f"{RECIPES}#resnet",
    )
    ImageNet1K_RefV2 = classification(
        "resnet152",
        "resnet152-f82ba261.pth",
        sha256="f82ba2614b9f35a7e1b8a26c229c30845634c5921dbc66621c5a1a524f926e44",
        size=241669177,
        sources=1,
        known_as="ResNet152_Weights.IMAGENET1K_V2",
        timm="resnet152.tv2_in1k",
        accuracy=(82.284, 96.002),
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ResNet152Weights,
    head="fc",
    stem="conv1",
    legacy=pretrained(ResNet152Weights.ImageNet1K_RefV1),
)
def resnet152(
    *,
    weights: WeightsLike[ResNet152Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNetConfig],
) -> ResNet:
    """Build a ResNet-152.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 8, 36, 3], num_classes=num_classes, **config)


class ResNeXt50_32x4dWeights(
    ClassificationWeights, meta={"num_params": 25_028_904, "gflops": 4.23}
):
    """Weights of ``resnext50_32x4d``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 follows the paper's recipe. RefV2 is trained longer and with more augmentation; its images
    are resized to 232 pixels before the crop instead of 256.
    """

    ImageNet1K_RefV1 = classification(
        "resnext50_32x4d",
        "resnext50_32x4d-7cdf4587.pth",
        sha256="7cdf458735e4f17e63e904909f785cffa00b8789e74d320eac9f122247aaf754",
        size=100441675,
        sources=1,
        known_as="ResNeXt50_32X4D_Weights.IMAGENET1K_V1",
        timm="resnext50_32x4d.tv_in1k",
        accuracy=(77.618, 93.698),
        recipe=f"{RECIPES}#resnext",
    )
    ImageNet1K_RefV2 = classification(
        "resnext50_32x4d",
        "resnext50_32x4d-1a0047aa.pth",
        known_as="ResNeXt50_32X4D_Weights.IMAGENET1K_V2",
        timm="resnext50_32x4d.tv2_in1k",
        accuracy=(81.198, 95.34),
        file_mib=95.833,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ResNeXt50_32x4dWeights,
    head="fc",
    stem="conv1",
    legacy=pretrained(ResNeXt50_32x4dWeights.ImageNet1K_RefV1),
)
def resnext50_32x4d(
    *,
    weights: WeightsLike[ResNeXt50_32x4dWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNeXtConfig],
) -> ResNet:
    """Build a ResNeXt-50 32x4d.

    `Aggregated Residual Transformations for Deep Neural Networks
    <https://arxiv.org/abs/1611.05431>`_, Xie et al., 2016: each 3x3 convolution is split into 32
    groups. Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns
    logits ``(N, num_classes)``. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(
        Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4, num_classes=num_classes, **config
    )


class ResNeXt101_32x8dWeights(
    ClassificationWeights, meta={"num_params": 88_791_336, "gflops": 16.414}
):
    """Weights of ``resnext101_32x8d``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 follows the paper's recipe. RefV2 is trained longer and with more augmentation; its images
    are resized to 232 pixels before the crop instead of 256.
    """

    ImageNet1K_RefV1 = classification(
        "resnext101_32x8d",
        "resnext101_32x8d-8ba56ff5.pth",
        known_as="ResNeXt101_32X8D_Weights.IMAGENET1K_V1",
        timm="resnext101_32x8d.tv_in1k",
        accuracy=(79.312, 94.526),
        file_mib=339.586,
        recipe=f"{RECIPES}#resnext",
    )
    ImageNet1K_RefV2 = classification(
        "resnext101_32x8d",
        "resnext101_32x8d-110c445d.pth",
        sha256="110c445dd97f9f44b568bef777a0504979acbc9eff3fbd4534af59a1f5517d20",
        size=356173021,
        sources=1,
        known_as="ResNeXt101_32X8D_Weights.IMAGENET1K_V2",
        timm="resnext101_32x8d.tv2_in1k",
        accuracy=(82.834, 96.228),
        recipe=f"{NEW_RECIPES}#new-recipe-with-fixres",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ResNeXt101_32x8dWeights,
    head="fc",
    stem="conv1",
    legacy=pretrained(ResNeXt101_32x8dWeights.ImageNet1K_RefV1),
)
def resnext101_32x8d(
    *,
    weights: WeightsLike[ResNeXt101_32x8dWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNeXtConfig],
) -> ResNet:
    """Build a ResNeXt-101 32x8d.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(
        Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=8, num_classes=num_classes, **config
    )


class ResNeXt101_64x4dWeights(
    ClassificationWeights, meta={"num_params": 83_455_272, "gflops": 15.46}
):
    """Weights of ``resnext101_64x4d``: torchvision's IMAGENET1K_V1.

    Trained by the newer recipe only.
    """

    ImageNet1K_RefV1 = classification(
        "resnext101_64x4d",
        "resnext101_64x4d-173b62eb.pth",
        known_as="ResNeXt101_64X4D_Weights.IMAGENET1K_V1",
        timm="resnext101_64x4d.tv_in1k",
        accuracy=(83.246, 96.454),
        file_mib=319.318,
        recipe="https://github.com/pytorch/vision/pull/5935",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=ResNeXt101_64x4dWeights,
    head="fc",
    stem="conv1",
    legacy=pretrained(ResNeXt101_64x4dWeights.ImageNet1K_RefV1),
)
def resnext101_64x4d(
    *,
    weights: WeightsLike[ResNeXt101_64x4dWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNeXtConfig],
) -> ResNet:
    """Build a ResNeXt-101 64x4d.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(
        Bottleneck, [3, 4, 23, 3], groups=64, width_per_group=4, num_classes=num_classes, **config
    )


class WideResNet50_2Weights(
    ClassificationWeights, meta={"num_params": 68_883_240, "gflops": 11.398}
):
    """Weights of ``wide_resnet50_2``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 follows the paper's recipe. RefV2 is trained longer and with more augmentation; its images
    are resized to 232 pixels before the crop instead of 256. The file of RefV1 has half-precision
    numbers; the model converts them to its own dtype.
    """

    ImageNet1K_RefV1 = classification(
        "wide_resnet50_2",
        "wide_resnet50_2-95faca4d.pth",
        sha256="95faca4d11227dddf8633dbb5ff6c8a9003c1aa5b8945c73834b8007b10950b8",
        size=138223492,
        sources=5,
        known_as="Wide_ResNet50_2_Weights.IMAGENET1K_V1",
        timm="wide_resnet50_2.tv_in1k",
        accuracy=(78.468, 94.086),
        recipe="https://github.com/pytorch/vision/pull/912#issue-445437439",
    )
    ImageNet1K_RefV2 = classification(
        "wide_resnet50_2",
        "wide_resnet50_2-9ba9bcbe.pth",
        sha256="9ba9bcbebc349d733a72eb7608143fd754e4689ac8d8ce2916ca0bdff6443950",
        sources=2,
        known_as="Wide_ResNet50_2_Weights.IMAGENET1K_V2",
        timm="wide_resnet50_2.tv2_in1k",
        accuracy=(81.602, 95.758),
        file_mib=263.124,
        recipe=f"{NEW_RECIPES}#new-recipe-with-fixres",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=WideResNet50_2Weights,
    head="fc",
    stem="conv1",
    legacy=pretrained(WideResNet50_2Weights.ImageNet1K_RefV1),
)
def wide_resnet50_2(
    *,
    weights: WeightsLike[WideResNet50_2Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNeXtConfig],
) -> ResNet:
    """Build a wide ResNet-50-2.

    `Wide Residual Networks <https://arxiv.org/abs/1605.07146>`_, Zagoruyko and Komodakis, 2016: the
    3x3 convolutions have twice the channels. Takes float images ``(N, 3, H, W)`` as
    ``weights.transforms()`` makes them, and returns logits ``(N, num_classes)``. A ``num_classes``
    other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 4, 6, 3], width_per_group=128, num_classes=num_classes, **config)


class WideResNet101_2Weights(
    ClassificationWeights, meta={"num_params": 126_886_696, "gflops": 22.753}
):
    """Weights of ``wide_resnet101_2``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 follows the paper's recipe. RefV2 is trained longer and with more augmentation; its images
    are resized to 232 pixels before the crop instead of 256. The file of RefV1 has half-precision
    numbers; the model converts them to its own dtype.
    """

    ImageNet1K_RefV1 = classification(
        "wide_resnet101_2",
        "wide_resnet101_2-32ee1156.pth",
        sha256="32ee11565f95f2f07223b243ada444a6457c4b90a88e6e293922813faf6dfd06",
        size=254695146,
        sources=1,
        known_as="Wide_ResNet101_2_Weights.IMAGENET1K_V1",
        timm="wide_resnet101_2.tv_in1k",
        accuracy=(78.848, 94.284),
        recipe="https://github.com/pytorch/vision/pull/912#issue-445437439",
    )
    ImageNet1K_RefV2 = classification(
        "wide_resnet101_2",
        "wide_resnet101_2-d733dc28.pth",
        known_as="Wide_ResNet101_2_Weights.IMAGENET1K_V2",
        timm="wide_resnet101_2.tv2_in1k",
        accuracy=(82.51, 96.02),
        file_mib=484.747,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=WideResNet101_2Weights,
    head="fc",
    stem="conv1",
    legacy=pretrained(WideResNet101_2Weights.ImageNet1K_RefV1),
)
def wide_resnet101_2(
    *,
    weights: WeightsLike[WideResNet101_2Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[ResNeXtConfig],
) -> ResNet:
    """Build a wide ResNet-101-2.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 4, 23, 3], width_per_group=128, num_classes=num_classes, **config)
