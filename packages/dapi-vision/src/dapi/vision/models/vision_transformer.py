"""Vision Transformers, with torchvision's weights and those of SWAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import Build, WeightEntry, WeightsLike
from dapi.vision.models._classifier import ClassifierConfig, register_classifier
from dapi.vision.models._torchvision import (
    RECIPES,
    SWAG,
    ClassificationWeights,
    classification,
    pretrained,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from torchvision.models.vision_transformer import VisionTransformer
    from typing_extensions import Unpack


def _entry(model: str, file: str, *, image_size: int, **fields: Any) -> WeightEntry:
    """Describe weights for images of one size, which the position embedding requires."""
    return classification(
        model,
        file,
        min_size=(image_size, image_size),
        crop_size=image_size,
        build=Build(config={"num_classes": 1000, "image_size": image_size}),
        **fields,
    )


class VisionTransformerConfig(ClassifierConfig, total=False):
    """More arguments of ``torchvision.models.vision_transformer.VisionTransformer``.

    Attributes:
        dropout: Probability that a value is zeroed in training, after each layer.
        attention_dropout: The same, of attention weights.
        representation_size: Width of a layer before the head; None for no such layer.
        norm_layer: Normalization layer, called with the number of channels.
        conv_stem_configs: Convolutions in place of the first layer.
    """

    dropout: float
    attention_dropout: float
    representation_size: int | None
    norm_layer: Callable[..., nn.Module]
    conv_stem_configs: list[Any] | None


class ViTB16Weights(ClassificationWeights, meta={"num_params": 86_567_656, "gflops": 17.564}):
    """Weights of ``vit_b_16``: torchvision's, of its recipe and of SWAG.

    RefV1 is trained by a recipe like that of `DeiT <https://arxiv.org/abs/2012.12877>`_. Those of
    `SWAG <https://arxiv.org/abs/2201.08371>`_ were pretrained on hashtags, and then trained end to
    end for larger images (E2E) or in their last layer only (Linear).
    """

    ImageNet1K_RefV1 = _entry(
        "vit_b_16",
        "vit_b_16-c867db91.pth",
        sha256="c867db91d3e12c6cbadabb610d73c24a546bf82d8c03a9fea34f43a712ddb0e9",
        size=346328529,
        sources=6,
        known_as="ViT_B_16_Weights.IMAGENET1K_V1",
        accuracy=(81.072, 95.318),
        image_size=224,
        recipe=f"{RECIPES}#vit_b_16",
        latest=True,
    )
    ImageNet1K_SWAG_E2E_RefV1 = _entry(
        "vit_b_16",
        "vit_b_16_swag-9ac1b537.pth",
        known_as="ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1",
        accuracy=(85.304, 97.65),
        num_params=86_859_496,
        gflops=55.484,
        file_mib=331.398,
        image_size=384,
        recipe="https://github.com/facebookresearch/SWAG",
        preset={"resize_size": 384, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )
    ImageNet1K_SWAG_Linear_RefV1 = _entry(
        "vit_b_16",
        "vit_b_16_lc_swag-4e70ced5.pth",
        known_as="ViT_B_16_Weights.IMAGENET1K_SWAG_LINEAR_V1",
        accuracy=(81.886, 96.18),
        file_mib=330.285,
        image_size=224,
        recipe="https://github.com/pytorch/vision/pull/5793",
        preset={"resize_size": 224, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )


@register_classifier(
    weights=ViTB16Weights,
    head="heads.head",
    stem="conv_proj",
    legacy=pretrained(ViTB16Weights.ImageNet1K_RefV1),
)
def vit_b_16(
    *,
    weights: WeightsLike[ViTB16Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    image_size: int = 224,
    **config: Unpack[VisionTransformerConfig],
) -> VisionTransformer:
    """Build a ViT-B/16, which classifies photos.

    `An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale
    <https://arxiv.org/abs/2010.11929>`_, Dosovitskiy et al., 2020. The model takes float images
    ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (of ``image_size`` exactly), and returns
    logits ``(N, num_classes)``.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``heads.head``. A value other than the weights' requires
            ``new_head=True``.
        image_size: Height and width of the images; fixed by weights.
        **config: More arguments of ``torchvision.models.vision_transformer.VisionTransformer``, and
            ``new_head``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import vit_b_16
        >>> model = vit_b_16(weights=None, num_classes=7, device="meta")
        >>> model.heads.head.out_features
        7
    """
    from torchvision.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        image_size=image_size,
        patch_size=16,
        num_layers=12,
        num_heads=12,
        hidden_dim=768,
        mlp_dim=3072,
        num_classes=num_classes,
        **config,
    )


class ViTB32Weights(ClassificationWeights, meta={"num_params": 88_224_232, "gflops": 4.409}):
    """Weights of ``vit_b_32``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "vit_b_32",
        "vit_b_32-d86f8d99.pth",
        known_as="ViT_B_32_Weights.IMAGENET1K_V1",
        accuracy=(75.912, 92.466),
        file_mib=336.604,
        image_size=224,
        recipe=f"{RECIPES}#vit_b_32",
        latest=True,
    )


@register_classifier(
    weights=ViTB32Weights,
    head="heads.head",
    stem="conv_proj",
    legacy=pretrained(ViTB32Weights.ImageNet1K_RefV1),
)
def vit_b_32(
    *,
    weights: WeightsLike[ViTB32Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    image_size: int = 224,
    **config: Unpack[VisionTransformerConfig],
) -> VisionTransformer:
    """Build a ViT-B/32.

    Takes float images ``(N, 3, image_size, image_size)`` as ``weights.transforms()`` makes them,
    and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from torchvision.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        image_size=image_size,
        patch_size=32,
        num_layers=12,
        num_heads=12,
        hidden_dim=768,
        mlp_dim=3072,
        num_classes=num_classes,
        **config,
    )


class ViTL16Weights(ClassificationWeights, meta={"num_params": 304_326_632, "gflops": 61.555}):
    """Weights of ``vit_l_16``: torchvision's, of its recipe and of SWAG.

    RefV1 is trained by torchvision's new recipe. It is the DEFAULT of torchvision, but both SWAG
    weights are more accurate. Those of `SWAG <https://arxiv.org/abs/2201.08371>`_ were pretrained
    on hashtags, and then trained end to end for larger images (E2E) or in their last layer only
    (Linear).
    """

    ImageNet1K_RefV1 = _entry(
        "vit_l_16",
        "vit_l_16-852ce7e3.pth",
        known_as="ViT_L_16_Weights.IMAGENET1K_V1",
        accuracy=(79.662, 94.638),
        file_mib=1161.023,
        image_size=224,
        recipe=f"{RECIPES}#vit_l_16",
        preset={"resize_size": 242},
        latest=True,
    )
    ImageNet1K_SWAG_E2E_RefV1 = _entry(
        "vit_l_16",
        "vit_l_16_swag-4f3808c9.pth",
        known_as="ViT_L_16_Weights.IMAGENET1K_SWAG_E2E_V1",
        accuracy=(88.064, 98.512),
        num_params=305_174_504,
        gflops=361.986,
        file_mib=1164.258,
        image_size=512,
        recipe="https://github.com/facebookresearch/SWAG",
        preset={"resize_size": 512, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )
    ImageNet1K_SWAG_Linear_RefV1 = _entry(
        "vit_l_16",
        "vit_l_16_lc_swag-4d563306.pth",
        known_as="ViT_L_16_Weights.IMAGENET1K_SWAG_LINEAR_V1",
        accuracy=(85.146, 97.422),
        file_mib=1161.023,
        image_size=224,
        recipe="https://github.com/pytorch/vision/pull/5793",
        preset={"resize_size": 224, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )


@register_classifier(
    weights=ViTL16Weights,
    head="heads.head",
    stem="conv_proj",
    legacy=pretrained(ViTL16Weights.ImageNet1K_RefV1),
)
def vit_l_16(
    *,
    weights: WeightsLike[ViTL16Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    image_size: int = 224,
    **config: Unpack[VisionTransformerConfig],
) -> VisionTransformer:
    """Build a ViT-L/16.

    Takes float images ``(N, 3, image_size, image_size)`` as ``weights.transforms()`` makes them,
    and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from torchvision.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        image_size=image_size,
        patch_size=16,
        num_layers=24,
        num_heads=16,
        hidden_dim=1024,
        mlp_dim=4096,
        num_classes=num_classes,
        **config,
    )


class ViTL32Weights(ClassificationWeights, meta={"num_params": 306_535_400, "gflops": 15.378}):
    """Weights of ``vit_l_32``: torchvision's IMAGENET1K_V1."""

    ImageNet1K_RefV1 = _entry(
        "vit_l_32",
        "vit_l_32-c7638314.pth",
        known_as="ViT_L_32_Weights.IMAGENET1K_V1",
        accuracy=(76.972, 93.07),
        file_mib=1169.449,
        image_size=224,
        recipe=f"{RECIPES}#vit_l_32",
        latest=True,
    )


@register_classifier(
    weights=ViTL32Weights,
    head="heads.head",
    stem="conv_proj",
    legacy=pretrained(ViTL32Weights.ImageNet1K_RefV1),
)
def vit_l_32(
    *,
    weights: WeightsLike[ViTL32Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    image_size: int = 224,
    **config: Unpack[VisionTransformerConfig],
) -> VisionTransformer:
    """Build a ViT-L/32.

    Takes float images ``(N, 3, image_size, image_size)`` as ``weights.transforms()`` makes them,
    and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from torchvision.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        image_size=image_size,
        patch_size=32,
        num_layers=24,
        num_heads=16,
        hidden_dim=1024,
        mlp_dim=4096,
        num_classes=num_classes,
        **config,
    )


class ViTH14Weights(ClassificationWeights):
    """Weights of ``vit_h_14``: torchvision's IMAGENET1K_SWAG_E2E_V1 and IMAGENET1K_SWAG_LINEAR_V1.

    Those of `SWAG <https://arxiv.org/abs/2201.08371>`_ were pretrained on hashtags, and then
    trained end to end for larger images (E2E) or in their last layer only (Linear).
    """

    ImageNet1K_SWAG_E2E_RefV1 = _entry(
        "vit_h_14",
        "vit_h_14_swag-80465313.pth",
        known_as="ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1",
        accuracy=(88.552, 98.694),
        num_params=633_470_440,
        gflops=1016.717,
        file_mib=2416.643,
        image_size=518,
        recipe="https://github.com/facebookresearch/SWAG",
        preset={"resize_size": 518, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )
    ImageNet1K_SWAG_Linear_RefV1 = _entry(
        "vit_h_14",
        "vit_h_14_lc_swag-c1eb923e.pth",
        known_as="ViT_H_14_Weights.IMAGENET1K_SWAG_LINEAR_V1",
        accuracy=(85.708, 97.73),
        num_params=632_045_800,
        gflops=167.295,
        file_mib=2411.209,
        image_size=224,
        recipe="https://github.com/pytorch/vision/pull/5793",
        preset={"resize_size": 224, "interpolation": "bicubic"},
        meta=SWAG,
        latest=True,
    )


@register_classifier(
    weights=ViTH14Weights, head="heads.head", stem="conv_proj", legacy=pretrained(None)
)
def vit_h_14(
    *,
    weights: WeightsLike[ViTH14Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    image_size: int = 224,
    **config: Unpack[VisionTransformerConfig],
) -> VisionTransformer:
    """Build a ViT-H/14.

    Takes float images ``(N, 3, image_size, image_size)`` as ``weights.transforms()`` makes them,
    and returns logits ``(N, num_classes)``. A ``num_classes`` other than the weights' requires
    ``new_head=True``.
    """
    from torchvision.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        image_size=image_size,
        patch_size=14,
        num_layers=32,
        num_heads=16,
        hidden_dim=1280,
        mlp_dim=5120,
        num_classes=num_classes,
        **config,
    )
