"""Small residual networks for 32x32 images, with weights that read handwritten digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dapi import Build, BuilderConfig, WeightEntry, Weights, WeightsLike, lazy
from dapi.vision.models._classifier import register_classifier

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.vision.models._cifar_resnet import CIFARResNet, PreActCIFARResNet
    from dapi.vision.postprocess import Classification
    from dapi.vision.transforms import GrayscaleClassification

DIGITS = "Optical Recognition of Handwritten Digits (scikit-learn's copy)"
DIGITS_SOURCE = "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits"
NOT_TRAINED_ON = "images 1287 to 1796 of sklearn.datasets.load_digits(), counted from 0"
_FOLDER = "package:dapi.vision/models/data"
_RECIPE = "recipes/resnet20_digits.py"
_CATEGORIES = [str(digit) for digit in range(10)]
_TRANSFORMS = lazy(
    "dapi.vision.transforms:GrayscaleClassification", size=32, mean=0.3061, std=0.3228
)
_POSTPROCESS = lazy("dapi.vision.postprocess:Classification", categories=_CATEGORIES)
_BUILD = Build(config={"in_channels": 1, "num_classes": 10})


def _meta(accuracy: float) -> dict[str, Any]:
    """Return the metadata of weights with this accuracy on the held-out images."""
    return {
        "task": "image-classification",
        "license": "BSD-3-Clause",
        "license_source": "the LICENSE of this distribution: we trained them",
        "datasets": [DIGITS],
        "dataset_source": DIGITS_SOURCE,
        "not_trained_on": NOT_TRAINED_ON,
        "metrics": [
            {"dataset": "Digits, held out", "name": "acc@1", "value": accuracy, "source": _RECIPE}
        ],
        "recipe": _RECIPE,
        "hash_source": "measured from the file in this distribution",
        "categories": _CATEGORIES,
    }


class ResNet20Weights(Weights, meta={"num_params": 269_434}):
    """Weights of ``resnet20``. Their files come with this distribution.

    RefV1 follows the paper's recipe. RefV2 sees distorted images, longer, and with smoothed
    labels.
    """

    transforms: Callable[..., GrayscaleClassification]
    postprocess: Callable[..., Classification]

    Digits_RefV1 = WeightEntry(
        url=f"{_FOLDER}/resnet20_digits_v1.safetensors",
        sha256="466efb05e1b9d163bd83a393d919e7c4fd6e204e334bd7f6aa5c8ae222d90959",
        size=1093152,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        meta=_meta(accuracy=97.843),
        build=_BUILD,
    )
    Digits_RefV2 = WeightEntry(
        url=f"{_FOLDER}/resnet20_digits_v2.safetensors",
        sha256="cafb59dd9536130c395e24059d43a2765f67dc108eaf291dfcda786d34c6b68d",
        size=1093152,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        meta=_meta(accuracy=99.020),
        latest=True,
        build=_BUILD,
    )


@register_classifier(weights=ResNet20Weights, head=("fc",), stem="conv1")
def resnet20(
    *,
    weights: WeightsLike[ResNet20Weights] | None = None,
    progress: bool = True,
    num_classes: int = 10,
    in_channels: int = 3,
    blocks_per_stage: int = 3,
    **config: Unpack[BuilderConfig],
) -> CIFARResNet:
    """Build a ResNet-20 for 32x32 images.

    `Deep Residual Learning for Image Recognition <https://arxiv.org/abs/1512.03385>`_, He et al.,
    2015, section 4.2. The model takes float images ``(N, in_channels, 32, 32)`` as
    ``weights.transforms()`` makes them (other sizes work), and returns logits
    ``(N, num_classes)``. Does not touch the network: its weights come with the distribution.

    ``resnet20_v2`` replaces it; it stays for its weights.

    Args:
        weights: The weights to load; None initializes at random.
        progress: Show a progress bar while downloading other weights, on a terminal.
        num_classes: Outputs of the layer ``fc``. A value other than the weights' requires
            ``new_head=True``.
        in_channels: Channels of the images; the weights for digits fix it to 1.
        blocks_per_stage: Blocks of each of the three stages.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import ResNet20Weights, resnet20
        >>> model = resnet20(weights=ResNet20Weights.Digits_RefV2)
        >>> model.fc.out_features
        10
    """
    from dapi.vision.models._cifar_resnet import CIFARResNet

    return CIFARResNet(
        num_classes=num_classes, in_channels=in_channels, blocks_per_stage=blocks_per_stage
    )


class ResNet20V2Weights(Weights, meta={"num_params": 269_434}):
    """Weights of ``resnet20_v2``. Their file comes with this distribution.

    RefV1 follows the recipe of ``ResNet20Weights.Digits_RefV2``.
    """

    transforms: Callable[..., GrayscaleClassification]
    postprocess: Callable[..., Classification]

    Digits_RefV1 = WeightEntry(
        url=f"{_FOLDER}/resnet20_v2_digits_v1.safetensors",
        sha256="0d623bba18bf3ec1c82f90435e03b138abf5900401a6a99cad29f3e7d0697206",
        size=1093144,
        transforms=_TRANSFORMS,
        postprocess=_POSTPROCESS,
        meta=_meta(accuracy=99.216),
        latest=True,
        build=_BUILD,
    )


@register_classifier(weights=ResNet20V2Weights, head=("fc",), stem="conv1", replaces="resnet20")
def resnet20_v2(
    *,
    weights: WeightsLike[ResNet20V2Weights] | None = None,
    progress: bool = True,
    num_classes: int = 10,
    in_channels: int = 3,
    blocks_per_stage: int = 3,
    **config: Unpack[BuilderConfig],
) -> PreActCIFARResNet:
    """Build a ResNet-20 for 32x32 images, in the pre-activation form. Replaces ``resnet20``.

    `Identity Mappings in Deep Residual Networks <https://arxiv.org/abs/1603.05027>`_, He et al.,
    2016: batch norm and ReLU come before each convolution instead of after it. The model takes
    float images ``(N, in_channels, 32, 32)`` as ``weights.transforms()`` makes them, and returns
    logits ``(N, num_classes)``. Weights of ``resnet20`` do not fit. Does not touch the network.

    Args:
        weights: The weights to load; None initializes at random.
        progress: Show a progress bar while downloading other weights, on a terminal.
        num_classes: Outputs of the layer ``fc``. A value other than the weights' requires
            ``new_head=True``.
        in_channels: Channels of the images; the weights for digits fix it to 1.
        blocks_per_stage: Blocks of each of the three stages.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import ResNet20V2Weights, resnet20_v2
        >>> model = resnet20_v2(weights=ResNet20V2Weights.Digits_RefV1)
        >>> model.fc.out_features
        10
    """
    from dapi.vision.models._cifar_resnet import PreActCIFARResNet

    return PreActCIFARResNet(
        num_classes=num_classes, in_channels=in_channels, blocks_per_stage=blocks_per_stage
    )
