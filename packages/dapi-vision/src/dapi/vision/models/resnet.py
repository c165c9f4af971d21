"""Residual networks for photos: ResNet-50 and ResNeXt-101 32x8d, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import Build, LegacyArgument, Lines, WeightEntry, Weights, lazy, register_model

if TYPE_CHECKING:
    from torchvision.models.resnet import ResNet

__all__ = ["ResNeXt101_32x8dWeights", "ResNet50Weights", "resnet50", "resnext101_32x8d"]

_CATEGORIES = Lines("dapi.vision:data/imagenet1k.txt")
_POSTPROCESS = lazy("dapi.vision.postprocess:Classification", categories=_CATEGORIES)
_BUILD = Build(config={"num_classes": 1000})
_META = {
    "task": "image-classification",
    "license": "unknown",
    "datasets": ["ImageNet-1K"],
    "categories": _CATEGORIES,
}
_PINNED = "pinned alike by 9 independent public projects"
_PREFIX = "first 8 digits, from the file's name"
_RECIPES = "https://github.com/pytorch/vision/tree/main/references/classification"
_NEW_RECIPE = "https://github.com/pytorch/vision/issues/3995"


def _accuracy(model: str, top1: float, top5: float) -> list[dict[str, Any]]:
    """Return what torchvision's page of a model says."""
    page = "https://pytorch.org/vision/stable/models/generated/torchvision.models"
    return [
        {
            "dataset": "ImageNet-1K",
            "name": name,
            "value": value,
            "source": f"{page}.{model}.html",
        }
        for name, value in (("acc@1", top1), ("acc@5", top5))
    ]


class ResNet50Weights(Weights):
    """Weights of ``resnet50``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    RefV1 follows the paper's recipe. RefV2 is trained longer and with more augmentation; its
    images are resized to 232 pixels before the crop instead of 256.
    """

    ImageNet1K_RefV1 = WeightEntry(
        url="https://download.pytorch.org/models/resnet50-0676ba61.pth",
        sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        size=102530333,
        transforms=lazy("dapi.vision.transforms:ImageClassification", crop_size=224),
        postprocess=_POSTPROCESS,
        meta={
            **_META,
            "num_params": 25557032,
            "metrics": _accuracy("resnet50", 76.130, 92.862),
            "recipe": f"{_RECIPES}#resnet",
            "hash_source": _PINNED,
        },
        build=_BUILD,
    )
    ImageNet1K_RefV2 = WeightEntry(
        url="https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
        sha256="11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
        size=102540417,
        transforms=lazy(
            "dapi.vision.transforms:ImageClassification", crop_size=224, resize_size=232
        ),
        postprocess=_POSTPROCESS,
        meta={
            **_META,
            "num_params": 25557032,
            "metrics": _accuracy("resnet50", 80.858, 95.434),
            "recipe": f"{_NEW_RECIPE}#issuecomment-1013906621",
            "hash_source": _PINNED,
        },
        latest=True,
        build=_BUILD,
    )


class ResNeXt101_32x8dWeights(Weights):  # noqa: N801  # the usual name of the variant
    """Weights of ``resnext101_32x8d``: torchvision's IMAGENET1K_V1 and IMAGENET1K_V2.

    The recipes are those of ``ResNet50Weights``. Of the files' hashes only the first digits are
    published.
    """

    ImageNet1K_RefV1 = WeightEntry(
        url="https://download.pytorch.org/models/resnext101_32x8d-8ba56ff5.pth",
        sha256="8ba56ff5",
        transforms=lazy("dapi.vision.transforms:ImageClassification", crop_size=224),
        postprocess=_POSTPROCESS,
        meta={
            **_META,
            "num_params": 88791336,
            "metrics": _accuracy("resnext101_32x8d", 79.312, 94.526),
            "recipe": f"{_RECIPES}#resnext",
            "hash_source": _PREFIX,
        },
        build=_BUILD,
    )
    ImageNet1K_RefV2 = WeightEntry(
        url="https://download.pytorch.org/models/resnext101_32x8d-110c445d.pth",
        sha256="110c445d",
        transforms=lazy(
            "dapi.vision.transforms:ImageClassification", crop_size=224, resize_size=232
        ),
        postprocess=_POSTPROCESS,
        meta={
            **_META,
            "num_params": 88791336,
            "metrics": _accuracy("resnext101_32x8d", 82.834, 96.228),
            "recipe": f"{_NEW_RECIPE}#new-recipe-with-fixres",
            "hash_source": _PREFIX,
        },
        latest=True,
        build=_BUILD,
    )


@register_model(
    weights=ResNet50Weights,
    head=("fc",),
    legacy=[LegacyArgument("pretrained", {True: ResNet50Weights.ImageNet1K_RefV1, False: None})],
)
def resnet50(
    *,
    weights: ResNet50Weights | WeightEntry | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Any,
) -> ResNet:
    """Build a ResNet-50, which names what is in a photo.

    `Deep Residual Learning for Image Recognition <https://arxiv.org/abs/1512.03385>`_, He et al.,
    2015, as torchvision has it: the stride is in the 3x3 convolution ("v1.5"). The model takes
    float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``.

    Args:
        weights: What to load; fetched on first use. None fetches nothing.
        progress: Show a progress bar while fetching, on a terminal.
        num_classes: Outputs of the layer ``fc``. Other than the weights' own: with
            ``new_head=True`` only.
        **config: Further arguments of ``torchvision.models.resnet.ResNet``, and ``new_head``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import resnet50
        >>> model = resnet50(weights=None, num_classes=7)
        >>> model.fc.out_features
        7
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 4, 6, 3], num_classes=num_classes, **config)


@register_model(
    weights=ResNeXt101_32x8dWeights,
    head=("fc",),
    legacy=[
        LegacyArgument("pretrained", {True: ResNeXt101_32x8dWeights.ImageNet1K_RefV1, False: None})
    ],
)
def resnext101_32x8d(
    *,
    weights: ResNeXt101_32x8dWeights | WeightEntry | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Any,
) -> ResNet:
    """Build a ResNeXt-101 32x8d, which names what is in a photo.

    `Aggregated Residual Transformations for Deep Neural Networks
    <https://arxiv.org/abs/1611.05431>`_, Xie et al., 2016: each 3x3 convolution is split into 32
    groups. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them,
    and returns logits ``(N, num_classes)``.

    Args:
        weights: What to load; fetched on first use. None fetches nothing.
        progress: Show a progress bar while fetching, on a terminal.
        num_classes: Outputs of the layer ``fc``. Other than the weights' own: with
            ``new_head=True`` only.
        **config: Further arguments of ``torchvision.models.resnet.ResNet``, and ``new_head``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import resnext101_32x8d
        >>> model = resnext101_32x8d(weights=None, num_classes=7)
        >>> model.layer1[0].conv2.groups
        32
    """
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(
        Bottleneck,
        [3, 4, 23, 3],
        groups=32,
        width_per_group=8,
        num_classes=num_classes,
        **config,
    )
