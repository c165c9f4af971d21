"""ShuffleNetV2 of 8 bits, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import BuilderConfig, WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._quantized import pretrained_quantized, quantized
from dapi.vision.models._torchvision import ClassificationWeights
from dapi.vision.models.shufflenet_v2 import (
    ShuffleNetV2X0_5Weights,
    ShuffleNetV2X1_0Weights,
    ShuffleNetV2X1_5Weights,
    ShuffleNetV2X2_0Weights,
)

if TYPE_CHECKING:
    from torchvision.models.quantization import QuantizableShuffleNetV2
    from typing_extensions import Unpack


class QuantizedShuffleNetV2X0_5Weights(
    ClassificationWeights, meta={"num_params": 1_366_792, "gflops": 0.04}
):
    """Weights of ``quantized_shufflenet_v2_x0_5``: torchvision's IMAGENET1K_FBGEMM_V1.

    Quantized after training.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "shufflenet_v2_x0_5",
        "shufflenetv2_x0.5_fbgemm-00845098.pth",
        known_as="ShuffleNet_V2_X0_5_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(57.972, 79.78),
        file_mib=1.501,
        unquantized="shufflenet_v2_x0_5:ImageNet1K_RefV1",
        latest=True,
    )


@register_classifier(
    weights=(QuantizedShuffleNetV2X0_5Weights, ShuffleNetV2X0_5Weights),
    head="fc",
    legacy=pretrained_quantized(
        QuantizedShuffleNetV2X0_5Weights.ImageNet1K_FBGEMM_RefV1,
        ShuffleNetV2X0_5Weights.ImageNet1K_RefV1,
    ),
)
def quantized_shufflenet_v2_x0_5(
    *,
    weights: WeightsLike[QuantizedShuffleNetV2X0_5Weights | ShuffleNetV2X0_5Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[BuilderConfig],
) -> QuantizableShuffleNetV2:
    """Build a ShuffleNetV2 of half the channels, quantizable or quantized to 8 bits.

    `ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design
    <https://arxiv.org/abs/1807.11164>`_, Ma et al., 2018. The model takes float images
    ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``, also floats; a quantized model computes in 8 bits, on a CPU only.

    Quantized weights make a quantized model in eval mode. Those of ``shufflenet_v2_x0_5`` make a
    float model, for you to quantize.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``. A value other than the weights' requires
            ``new_head=True`` and float weights.
        quantize: Whether the model is quantized; weights, if given, determine it.
        backend: The backend of 8-bit operations, by torch's name: ``fbgemm`` or ``qnnpack``. It
            becomes ``torch.backends.quantized.engine`` of the process when the model is quantized.
        **config: More arguments of ``torchvision.models.quantization.QuantizableShuffleNetV2``, and
            ``new_head``.

    Returns:
        The model: in training mode if it is not quantized.

    Raises:
        ValueError: This build of PyTorch does not have the backend.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import quantized_shufflenet_v2_x0_5
        >>> model = quantized_shufflenet_v2_x0_5(weights=None, num_classes=7, device="meta")
        >>> model.fc.out_features
        7
    """
    return _shufflenet_v2(
        [24, 48, 96, 192, 1024],
        quantize=quantize,
        backend=backend,
        num_classes=num_classes,
    )


class QuantizedShuffleNetV2X1_0Weights(
    ClassificationWeights, meta={"num_params": 2_278_604, "gflops": 0.145}
):
    """Weights of ``quantized_shufflenet_v2_x1_0``: torchvision's IMAGENET1K_FBGEMM_V1.

    Quantized after training.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "shufflenet_v2_x1_0",
        "shufflenetv2_x1_fbgemm-1e62bb32.pth",
        known_as="ShuffleNet_V2_X1_0_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(68.36, 87.582),
        file_mib=2.334,
        unquantized="shufflenet_v2_x1_0:ImageNet1K_RefV1",
        latest=True,
    )


@register_classifier(
    weights=(QuantizedShuffleNetV2X1_0Weights, ShuffleNetV2X1_0Weights),
    head="fc",
    legacy=pretrained_quantized(
        QuantizedShuffleNetV2X1_0Weights.ImageNet1K_FBGEMM_RefV1,
        ShuffleNetV2X1_0Weights.ImageNet1K_RefV1,
    ),
)
def quantized_shufflenet_v2_x1_0(
    *,
    weights: WeightsLike[QuantizedShuffleNetV2X1_0Weights | ShuffleNetV2X1_0Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[BuilderConfig],
) -> QuantizableShuffleNetV2:
    """Build a ShuffleNetV2, quantizable or quantized to 8 bits.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. Quantized weights make a quantized model in eval mode, for CPUs only;
    ``quantize=True`` makes one without weights, which uses ``backend``. A ``num_classes`` other
    than the weights' requires ``new_head=True`` and float weights.
    """
    return _shufflenet_v2(
        [24, 116, 232, 464, 1024],
        quantize=quantize,
        backend=backend,
        num_classes=num_classes,
    )


class QuantizedShuffleNetV2X1_5Weights(
    ClassificationWeights, meta={"num_params": 3_503_624, "gflops": 0.296}
):
    """Weights of ``quantized_shufflenet_v2_x1_5``: torchvision's IMAGENET1K_FBGEMM_V1.

    Quantized after training.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "shufflenet_v2_x1_5",
        "shufflenetv2_x1_5_fbgemm-d7401f05.pth",
        known_as="ShuffleNet_V2_X1_5_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(72.052, 90.7),
        file_mib=3.672,
        recipe="https://github.com/pytorch/vision/pull/5906",
        unquantized="shufflenet_v2_x1_5:ImageNet1K_RefV1",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=(QuantizedShuffleNetV2X1_5Weights, ShuffleNetV2X1_5Weights),
    head="fc",
    legacy=pretrained_quantized(
        QuantizedShuffleNetV2X1_5Weights.ImageNet1K_FBGEMM_RefV1,
        ShuffleNetV2X1_5Weights.ImageNet1K_RefV1,
    ),
)
def quantized_shufflenet_v2_x1_5(
    *,
    weights: WeightsLike[QuantizedShuffleNetV2X1_5Weights | ShuffleNetV2X1_5Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[BuilderConfig],
) -> QuantizableShuffleNetV2:
    """Build a ShuffleNetV2 of 1.5 times the channels, quantizable or quantized to 8 bits.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. Quantized weights make a quantized model in eval mode, for CPUs only;
    ``quantize=True`` makes one without weights, which uses ``backend``. A ``num_classes`` other
    than the weights' requires ``new_head=True`` and float weights.
    """
    return _shufflenet_v2(
        [24, 176, 352, 704, 1024],
        quantize=quantize,
        backend=backend,
        num_classes=num_classes,
    )


class QuantizedShuffleNetV2X2_0Weights(
    ClassificationWeights, meta={"num_params": 7_393_996, "gflops": 0.583}
):
    """Weights of ``quantized_shufflenet_v2_x2_0``: torchvision's IMAGENET1K_FBGEMM_V1.

    Quantized after training.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "shufflenet_v2_x2_0",
        "shufflenetv2_x2_0_fbgemm-5cac526c.pth",
        known_as="ShuffleNet_V2_X2_0_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(75.354, 92.488),
        file_mib=7.467,
        recipe="https://github.com/pytorch/vision/pull/5906",
        unquantized="shufflenet_v2_x2_0:ImageNet1K_RefV1",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=(QuantizedShuffleNetV2X2_0Weights, ShuffleNetV2X2_0Weights),
    head="fc",
    legacy=pretrained_quantized(
        QuantizedShuffleNetV2X2_0Weights.ImageNet1K_FBGEMM_RefV1,
        ShuffleNetV2X2_0Weights.ImageNet1K_RefV1,
    ),
)
def quantized_shufflenet_v2_x2_0(
    *,
    weights: WeightsLike[QuantizedShuffleNetV2X2_0Weights | ShuffleNetV2X2_0Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[BuilderConfig],
) -> QuantizableShuffleNetV2:
    """Build a ShuffleNetV2 of twice the channels, quantizable or quantized to 8 bits.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. Quantized weights make a quantized model in eval mode, for CPUs only;
    ``quantize=True`` makes one without weights, which uses ``backend``. A ``num_classes`` other
    than the weights' requires ``new_head=True`` and float weights.
    """
    return _shufflenet_v2(
        [24, 244, 488, 976, 2048],
        quantize=quantize,
        backend=backend,
        num_classes=num_classes,
    )


def _shufflenet_v2(
    channels: list[int], *, num_classes: int, quantize: bool, backend: str
) -> QuantizableShuffleNetV2:
    from torchvision.models.quantization import QuantizableShuffleNetV2

    from dapi.vision.models._quantization import finished

    model = QuantizableShuffleNetV2([4, 8, 4], channels, num_classes=num_classes)
    return finished(model, quantize=quantize, backend=backend)
