"""RegNetX and RegNetY, with torchvision's weights and those of SWAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    NEW_RECIPES,
    RECIPES,
    SWAG,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.regnet import RegNet
    from typing_extensions import Unpack


class RegNetConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.regnet.RegNet``.

    Attributes:
        stem_width: Channels of the first layer.
        stem_type: Its class.
        block_type: The class of the blocks.
        norm_layer: Normalization layer, called with the number of channels.
        activation: The class of the activations.
    """

    stem_width: int
    stem_type: Callable[..., nn.Module] | None
    block_type: Callable[..., nn.Module] | None
    norm_layer: Callable[..., nn.Module] | None
    activation: Callable[..., nn.Module] | None


class RegNetX400MFWeights(ClassificationWeights, meta={"num_params": 5_495_976, "gflops": 0.414}):
    """Weights of ``regnet_x_400mf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    Of all sizes, RefV1 is trained by a simple recipe to about the accuracy of the paper, RefV2 by
    torchvision's new recipe.
    """

    ImageNet1K_RefV1 = classification(
        "regnet_x_400mf",
        "regnet_x_400mf-adf1edd5.pth",
        known_as="RegNet_X_400MF_Weights.IMAGENET1K_V1",
        accuracy=(72.834, 90.95),
        file_mib=21.258,
        recipe=f"{RECIPES}#small-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_x_400mf",
        "regnet_x_400mf-62229a5f.pth",
        known_as="RegNet_X_400MF_Weights.IMAGENET1K_V2",
        timm="regnetx_004_tv.tv2_in1k",
        accuracy=(74.864, 92.322),
        file_mib=21.257,
        recipe=f"{NEW_RECIPES}#new-recipe-with-fixres",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetX400MFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetX400MFWeights.ImageNet1K_RefV1),
)
def regnet_x_400mf(
    *,
    weights: WeightsLike[RegNetX400MFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetX-400MF, which classifies photos.

    `Designing Network Design Spaces <https://arxiv.org/abs/2003.13678>`_, Radosavovic et al., 2020:
    the names state the multiply-adds for an image of 224 pixels, and Y adds squeeze and excitation
    to X. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and
    returns logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``. A value other than the weights' requires
            ``new_head=True``.
        **config: More arguments, see ``RegNetConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import regnet_x_400mf
        >>> model = regnet_x_400mf(weights=None, num_classes=7, device="meta")
        >>> model.fc.out_features
        7
    """
    return _regnet(22, 24, 24.48, 2.54, 16, num_classes=num_classes, **config)


class RegNetX800MFWeights(ClassificationWeights, meta={"num_params": 7_259_656, "gflops": 0.8}):
    """Weights of ``regnet_x_800mf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_x_800mf",
        "regnet_x_800mf-ad17e45c.pth",
        known_as="RegNet_X_800MF_Weights.IMAGENET1K_V1",
        accuracy=(75.212, 92.348),
        file_mib=27.945,
        recipe=f"{RECIPES}#small-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_x_800mf",
        "regnet_x_800mf-94a99ebd.pth",
        known_as="RegNet_X_800MF_Weights.IMAGENET1K_V2",
        timm="regnetx_008.tv2_in1k",
        accuracy=(77.522, 93.826),
        file_mib=27.945,
        recipe=f"{NEW_RECIPES}#new-recipe-with-fixres",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetX800MFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetX800MFWeights.ImageNet1K_RefV1),
)
def regnet_x_800mf(
    *,
    weights: WeightsLike[RegNetX800MFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetX-800MF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(16, 56, 35.73, 2.28, 16, num_classes=num_classes, **config)


class RegNetX1_6GFWeights(ClassificationWeights, meta={"num_params": 9_190_136, "gflops": 1.603}):
    """Weights of ``regnet_x_1_6gf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_x_1_6gf",
        "regnet_x_1_6gf-e3633e7f.pth",
        known_as="RegNet_X_1_6GF_Weights.IMAGENET1K_V1",
        accuracy=(77.04, 93.44),
        file_mib=35.339,
        recipe=f"{RECIPES}#small-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_x_1_6gf",
        "regnet_x_1_6gf-a12f2b72.pth",
        known_as="RegNet_X_1_6GF_Weights.IMAGENET1K_V2",
        timm="regnetx_016.tv2_in1k",
        accuracy=(79.668, 94.922),
        file_mib=35.339,
        recipe=f"{NEW_RECIPES}#new-recipe-with-fixres",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetX1_6GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetX1_6GFWeights.ImageNet1K_RefV1),
)
def regnet_x_1_6gf(
    *,
    weights: WeightsLike[RegNetX1_6GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetX-1.6GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(18, 80, 34.01, 2.25, 24, num_classes=num_classes, **config)


class RegNetX3_2GFWeights(ClassificationWeights, meta={"num_params": 15_296_552, "gflops": 3.177}):
    """Weights of ``regnet_x_3_2gf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_x_3_2gf",
        "regnet_x_3_2gf-f342aeae.pth",
        known_as="RegNet_X_3_2GF_Weights.IMAGENET1K_V1",
        accuracy=(78.364, 93.992),
        file_mib=58.756,
        recipe=f"{RECIPES}#medium-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_x_3_2gf",
        "regnet_x_3_2gf-7071aa85.pth",
        known_as="RegNet_X_3_2GF_Weights.IMAGENET1K_V2",
        timm="regnetx_032.tv2_in1k",
        accuracy=(81.196, 95.43),
        file_mib=58.756,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetX3_2GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetX3_2GFWeights.ImageNet1K_RefV1),
)
def regnet_x_3_2gf(
    *,
    weights: WeightsLike[RegNetX3_2GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetX-3.2GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(25, 88, 26.31, 2.25, 48, num_classes=num_classes, **config)


class RegNetX8GFWeights(ClassificationWeights, meta={"num_params": 39_572_648, "gflops": 7.995}):
    """Weights of ``regnet_x_8gf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_x_8gf",
        "regnet_x_8gf-03ceed89.pth",
        known_as="RegNet_X_8GF_Weights.IMAGENET1K_V1",
        accuracy=(79.344, 94.686),
        file_mib=151.456,
        recipe=f"{RECIPES}#medium-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_x_8gf",
        "regnet_x_8gf-2b70d774.pth",
        known_as="RegNet_X_8GF_Weights.IMAGENET1K_V2",
        timm="regnetx_080.tv2_in1k",
        accuracy=(81.682, 95.678),
        file_mib=151.456,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetX8GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetX8GFWeights.ImageNet1K_RefV1),
)
def regnet_x_8gf(
    *,
    weights: WeightsLike[RegNetX8GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetX-8GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(23, 80, 49.56, 2.88, 120, num_classes=num_classes, **config)


class RegNetX16GFWeights(ClassificationWeights, meta={"num_params": 54_278_536, "gflops": 15.941}):
    """Weights of ``regnet_x_16gf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_x_16gf",
        "regnet_x_16gf-2007eb11.pth",
        known_as="RegNet_X_16GF_Weights.IMAGENET1K_V1",
        accuracy=(80.058, 94.944),
        file_mib=207.627,
        recipe=f"{RECIPES}#medium-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_x_16gf",
        "regnet_x_16gf-ba3796d7.pth",
        known_as="RegNet_X_16GF_Weights.IMAGENET1K_V2",
        timm="regnetx_160.tv2_in1k",
        accuracy=(82.716, 96.196),
        file_mib=207.627,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetX16GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetX16GFWeights.ImageNet1K_RefV1),
)
def regnet_x_16gf(
    *,
    weights: WeightsLike[RegNetX16GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetX-16GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(22, 216, 55.59, 2.1, 128, num_classes=num_classes, **config)


class RegNetX32GFWeights(ClassificationWeights, meta={"num_params": 107_811_560, "gflops": 31.736}):
    """Weights of ``regnet_x_32gf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_x_32gf",
        "regnet_x_32gf-9d47f8d0.pth",
        known_as="RegNet_X_32GF_Weights.IMAGENET1K_V1",
        accuracy=(80.622, 95.248),
        file_mib=412.039,
        recipe=f"{RECIPES}#large-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_x_32gf",
        "regnet_x_32gf-6eb8fdc6.pth",
        known_as="RegNet_X_32GF_Weights.IMAGENET1K_V2",
        timm="regnetx_320.tv2_in1k",
        accuracy=(83.014, 96.288),
        file_mib=412.039,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetX32GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetX32GFWeights.ImageNet1K_RefV1),
)
def regnet_x_32gf(
    *,
    weights: WeightsLike[RegNetX32GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetX-32GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(23, 320, 69.86, 2.0, 168, num_classes=num_classes, **config)


class RegNetY400MFWeights(ClassificationWeights, meta={"num_params": 4_344_144, "gflops": 0.402}):
    """Weights of ``regnet_y_400mf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_y_400mf",
        "regnet_y_400mf-c65dace8.pth",
        known_as="RegNet_Y_400MF_Weights.IMAGENET1K_V1",
        accuracy=(74.046, 91.716),
        file_mib=16.806,
        recipe=f"{RECIPES}#small-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_y_400mf",
        "regnet_y_400mf-e6988f5f.pth",
        known_as="RegNet_Y_400MF_Weights.IMAGENET1K_V2",
        timm="regnety_004.tv2_in1k",
        accuracy=(75.804, 92.742),
        file_mib=16.806,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetY400MFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetY400MFWeights.ImageNet1K_RefV1),
)
def regnet_y_400mf(
    *,
    weights: WeightsLike[RegNetY400MFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetY-400MF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(16, 48, 27.89, 2.09, 8, se_ratio=0.25, num_classes=num_classes, **config)


class RegNetY800MFWeights(ClassificationWeights, meta={"num_params": 6_432_512, "gflops": 0.834}):
    """Weights of ``regnet_y_800mf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_y_800mf",
        "regnet_y_800mf-1b27b58c.pth",
        known_as="RegNet_Y_800MF_Weights.IMAGENET1K_V1",
        accuracy=(76.42, 93.136),
        file_mib=24.774,
        recipe=f"{RECIPES}#small-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_y_800mf",
        "regnet_y_800mf-58fc7688.pth",
        known_as="RegNet_Y_800MF_Weights.IMAGENET1K_V2",
        timm="regnety_008_tv.tv2_in1k",
        accuracy=(78.828, 94.502),
        file_mib=24.774,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetY800MFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetY800MFWeights.ImageNet1K_RefV1),
)
def regnet_y_800mf(
    *,
    weights: WeightsLike[RegNetY800MFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetY-800MF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(14, 56, 38.84, 2.4, 16, se_ratio=0.25, num_classes=num_classes, **config)


class RegNetY1_6GFWeights(ClassificationWeights, meta={"num_params": 11_202_430, "gflops": 1.612}):
    """Weights of ``regnet_y_1_6gf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_y_1_6gf",
        "regnet_y_1_6gf-b11a554e.pth",
        known_as="RegNet_Y_1_6GF_Weights.IMAGENET1K_V1",
        accuracy=(77.95, 93.966),
        file_mib=43.152,
        recipe=f"{RECIPES}#small-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_y_1_6gf",
        "regnet_y_1_6gf-0d7bc02a.pth",
        known_as="RegNet_Y_1_6GF_Weights.IMAGENET1K_V2",
        timm="regnety_016.tv2_in1k",
        accuracy=(80.876, 95.444),
        file_mib=43.152,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetY1_6GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetY1_6GFWeights.ImageNet1K_RefV1),
)
def regnet_y_1_6gf(
    *,
    weights: WeightsLike[RegNetY1_6GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetY-1.6GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(27, 48, 20.71, 2.65, 24, se_ratio=0.25, num_classes=num_classes, **config)


class RegNetY3_2GFWeights(ClassificationWeights, meta={"num_params": 19_436_338, "gflops": 3.176}):
    """Weights of ``regnet_y_3_2gf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_y_3_2gf",
        "regnet_y_3_2gf-b5a9779c.pth",
        known_as="RegNet_Y_3_2GF_Weights.IMAGENET1K_V1",
        accuracy=(78.948, 94.576),
        file_mib=74.567,
        recipe=f"{RECIPES}#medium-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_y_3_2gf",
        "regnet_y_3_2gf-9180c971.pth",
        known_as="RegNet_Y_3_2GF_Weights.IMAGENET1K_V2",
        timm="regnety_032.tv2_in1k",
        accuracy=(81.982, 95.972),
        file_mib=74.567,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetY3_2GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetY3_2GFWeights.ImageNet1K_RefV1),
)
def regnet_y_3_2gf(
    *,
    weights: WeightsLike[RegNetY3_2GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetY-3.2GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(21, 80, 42.63, 2.66, 24, se_ratio=0.25, num_classes=num_classes, **config)


class RegNetY8GFWeights(ClassificationWeights, meta={"num_params": 39_381_472, "gflops": 8.473}):
    """Weights of ``regnet_y_8gf``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2."""

    ImageNet1K_RefV1 = classification(
        "regnet_y_8gf",
        "regnet_y_8gf-d0d0e4a8.pth",
        known_as="RegNet_Y_8GF_Weights.IMAGENET1K_V1",
        accuracy=(80.032, 95.048),
        file_mib=150.701,
        recipe=f"{RECIPES}#medium-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_y_8gf",
        "regnet_y_8gf-dc2b1b54.pth",
        known_as="RegNet_Y_8GF_Weights.IMAGENET1K_V2",
        timm="regnety_080_tv.tv2_in1k",
        accuracy=(82.828, 96.33),
        file_mib=150.701,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=RegNetY8GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetY8GFWeights.ImageNet1K_RefV1),
)
def regnet_y_8gf(
    *,
    weights: WeightsLike[RegNetY8GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetY-8GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(17, 192, 76.82, 2.19, 56, se_ratio=0.25, num_classes=num_classes, **config)


class RegNetY16GFWeights(ClassificationWeights, meta={"gflops": 15.912, "num_params": 83_590_140}):
    """Weights of ``regnet_y_16gf``: torchvision's, of its two recipes and of SWAG.

    Those of `SWAG <https://arxiv.org/abs/2201.08371>`_ were pretrained on hashtags, and then
    trained end to end for larger images (E2E) or in their last layer only (Linear).
    """

    ImageNet1K_RefV1 = classification(
        "regnet_y_16gf",
        "regnet_y_16gf-9e6ed7dd.pth",
        known_as="RegNet_Y_16GF_Weights.IMAGENET1K_V1",
        accuracy=(80.424, 95.24),
        file_mib=319.49,
        recipe=f"{RECIPES}#large-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_y_16gf",
        "regnet_y_16gf-3e4a00f9.pth",
        known_as="RegNet_Y_16GF_Weights.IMAGENET1K_V2",
        timm="regnety_160.tv2_in1k",
        accuracy=(82.886, 96.328),
        file_mib=319.49,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )
    ImageNet1K_SWAG_E2E_RefV1 = classification(
        "regnet_y_16gf",
        "regnet_y_16gf_swag-43afe44d.pth",
        known_as="RegNet_Y_16GF_Weights.IMAGENET1K_SWAG_E2E_V1",
        timm="regnety_160.swag_ft_in1k",
        accuracy=(86.012, 98.054),
        gflops=46.735,
        file_mib=319.49,
        recipe="https://github.com/facebookresearch/SWAG",
        crop_size=384,
        preset={"resize_size": 384, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )
    ImageNet1K_SWAG_Linear_RefV1 = classification(
        "regnet_y_16gf",
        "regnet_y_16gf_lc_swag-f3ec0043.pth",
        known_as="RegNet_Y_16GF_Weights.IMAGENET1K_SWAG_LINEAR_V1",
        timm="regnety_160.swag_lc_in1k",
        accuracy=(83.976, 97.244),
        file_mib=319.49,
        recipe="https://github.com/pytorch/vision/pull/5793",
        preset={"resize_size": 224, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )


@register_classifier(
    weights=RegNetY16GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetY16GFWeights.ImageNet1K_RefV1),
)
def regnet_y_16gf(
    *,
    weights: WeightsLike[RegNetY16GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetY-16GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(18, 200, 106.23, 2.48, 112, se_ratio=0.25, num_classes=num_classes, **config)


class RegNetY32GFWeights(ClassificationWeights, meta={"gflops": 32.28, "num_params": 145_046_770}):
    """Weights of ``regnet_y_32gf``: torchvision's, of its two recipes and of SWAG.

    Those of `SWAG <https://arxiv.org/abs/2201.08371>`_ were pretrained on hashtags, and then
    trained end to end for larger images (E2E) or in their last layer only (Linear).
    """

    ImageNet1K_RefV1 = classification(
        "regnet_y_32gf",
        "regnet_y_32gf-4dee3f7a.pth",
        known_as="RegNet_Y_32GF_Weights.IMAGENET1K_V1",
        accuracy=(80.878, 95.34),
        file_mib=554.076,
        recipe=f"{RECIPES}#large-models",
    )
    ImageNet1K_RefV2 = classification(
        "regnet_y_32gf",
        "regnet_y_32gf-8db6d4b5.pth",
        known_as="RegNet_Y_32GF_Weights.IMAGENET1K_V2",
        timm="regnety_320.tv2_in1k",
        accuracy=(83.368, 96.498),
        file_mib=554.076,
        recipe=f"{NEW_RECIPES}#new-recipe",
        preset={"resize_size": 232},
        latest=True,
    )
    ImageNet1K_SWAG_E2E_RefV1 = classification(
        "regnet_y_32gf",
        "regnet_y_32gf_swag-04fdfa75.pth",
        known_as="RegNet_Y_32GF_Weights.IMAGENET1K_SWAG_E2E_V1",
        timm="regnety_320.swag_ft_in1k",
        accuracy=(86.838, 98.362),
        gflops=94.826,
        file_mib=554.076,
        recipe="https://github.com/facebookresearch/SWAG",
        crop_size=384,
        preset={"resize_size": 384, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )
    ImageNet1K_SWAG_Linear_RefV1 = classification(
        "regnet_y_32gf",
        "regnet_y_32gf_lc_swag-e1583746.pth",
        known_as="RegNet_Y_32GF_Weights.IMAGENET1K_SWAG_LINEAR_V1",
        timm="regnety_320.swag_lc_in1k",
        accuracy=(84.622, 97.48),
        file_mib=554.076,
        recipe="https://github.com/pytorch/vision/pull/5793",
        preset={"resize_size": 224, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )


@register_classifier(
    weights=RegNetY32GFWeights,
    head="fc",
    stem="stem.0",
    legacy=pretrained(RegNetY32GFWeights.ImageNet1K_RefV1),
)
def regnet_y_32gf(
    *,
    weights: WeightsLike[RegNetY32GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetY-32GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(20, 232, 115.89, 2.53, 232, se_ratio=0.25, num_classes=num_classes, **config)


class RegNetY128GFWeights(ClassificationWeights, meta={"num_params": 644_812_894}):
    """Weights of ``regnet_y_128gf``: torchvision's, of its two recipes and of SWAG.

    Those of `SWAG <https://arxiv.org/abs/2201.08371>`_ were pretrained on hashtags, and then
    trained end to end for larger images (E2E) or in their last layer only (Linear).
    """

    ImageNet1K_SWAG_E2E_RefV1 = classification(
        "regnet_y_128gf",
        "regnet_y_128gf_swag-c8ce3e52.pth",
        known_as="RegNet_Y_128GF_Weights.IMAGENET1K_SWAG_E2E_V1",
        timm="regnety_1280.swag_ft_in1k",
        accuracy=(88.228, 98.682),
        gflops=374.57,
        file_mib=2461.564,
        recipe="https://github.com/facebookresearch/SWAG",
        crop_size=384,
        preset={"resize_size": 384, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )
    ImageNet1K_SWAG_Linear_RefV1 = classification(
        "regnet_y_128gf",
        "regnet_y_128gf_lc_swag-cbe8ce12.pth",
        known_as="RegNet_Y_128GF_Weights.IMAGENET1K_SWAG_LINEAR_V1",
        timm="regnety_1280.swag_lc_in1k",
        accuracy=(86.068, 97.844),
        gflops=127.518,
        file_mib=2461.564,
        recipe="https://github.com/pytorch/vision/pull/5793",
        preset={"resize_size": 224, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )


@register_classifier(weights=RegNetY128GFWeights, head="fc", stem="stem.0", legacy=pretrained(None))
def regnet_y_128gf(
    *,
    weights: WeightsLike[RegNetY128GFWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[RegNetConfig],
) -> RegNet:
    """Build a RegNetY-128GF.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. A ``num_classes`` other than the weights' requires ``new_head=True``.
    """
    return _regnet(27, 456, 160.83, 2.52, 264, se_ratio=0.25, num_classes=num_classes, **config)


def _regnet(
    depth: int,
    w_0: int,
    w_a: float,
    w_m: float,
    group_width: int,
    *,
    se_ratio: float | None = None,
    **config: Any,
) -> RegNet:
    """Construct a RegNet by the parameters of the paper: depth, initial width, slope and so on."""
    from torchvision.models.regnet import BlockParams, RegNet

    params = BlockParams.from_init_params(
        depth=depth, w_0=w_0, w_a=w_a, w_m=w_m, group_width=group_width, se_ratio=se_ratio
    )
    return RegNet(params, **config)
