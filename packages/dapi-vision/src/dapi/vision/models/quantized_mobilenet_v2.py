"""MobileNetV2 of 8 bits, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._quantized import pretrained_quantized, quantized
from dapi.vision.models._torchvision import RECIPES, ClassificationWeights
from dapi.vision.models.mobilenet_v2 import MobileNetV2Weights, QuantizedMobileNetV2Config

if TYPE_CHECKING:
    from torchvision.models.quantization import QuantizableMobileNetV2
    from typing_extensions import Unpack


class QuantizedMobileNetV2Weights(
    ClassificationWeights, meta={"num_params": 3_504_872, "gflops": 0.301}
):
    """Weights of ``quantized_mobilenet_v2``: torchvision's IMAGENET1K_QNNPACK_V1.

    Fine-tuned from the float weights with quantization-aware training. No hash of the file is
    published.
    """

    ImageNet1K_QNNPACK_RefV1 = quantized(
        "mobilenet_v2",
        "mobilenet_v2_qnnpack_37f702c5.pth",
        known_as="MobileNet_V2_QuantizedWeights.IMAGENET1K_QNNPACK_V1",
        accuracy=(71.658, 90.15),
        file_mib=3.423,
        recipe=f"{RECIPES}#qat-mobilenetv2",
        backend="qnnpack",
        unquantized="mobilenet_v2:ImageNet1K_RefV1",
        latest=True,
    )


@register_classifier(
    weights=(QuantizedMobileNetV2Weights, MobileNetV2Weights),
    head="classifier.1",
    legacy=pretrained_quantized(
        QuantizedMobileNetV2Weights.ImageNet1K_QNNPACK_RefV1, MobileNetV2Weights.ImageNet1K_RefV1
    ),
)
def quantized_mobilenet_v2(
    *,
    weights: WeightsLike[QuantizedMobileNetV2Weights | MobileNetV2Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "qnnpack",
    **config: Unpack[QuantizedMobileNetV2Config],
) -> QuantizableMobileNetV2:
    """Build a MobileNetV2, quantizable or quantized to 8 bits.

    `MobileNetV2: Inverted Residuals and Linear Bottlenecks <https://arxiv.org/abs/1801.04381>`_,
    Sandler et al., 2018. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()``
    makes them, and returns logits ``(N, num_classes)``, also floats; a quantized model runs on a
    CPU only.

    Quantized weights make a quantized model in eval mode. Those of ``mobilenet_v2`` make a float
    model, for you to quantize.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.1``. A value other than the weights' requires
            ``new_head=True`` and float weights.
        quantize: Whether the model is quantized; weights, if given, determine it.
        backend: The backend of 8-bit operations, by torch's name: ``fbgemm`` or ``qnnpack``. It
            becomes ``torch.backends.quantized.engine`` of the process when the model is quantized.
        **config: More arguments of ``torchvision.models.quantization.QuantizableMobileNetV2``, and
            ``new_head``.

    Returns:
        The model: in training mode if it is not quantized.

    Raises:
        ValueError: This build of PyTorch does not have the backend.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import quantized_mobilenet_v2
        >>> model = quantized_mobilenet_v2(weights=None, num_classes=7, device="meta")
        >>> model.classifier[1].out_features
        7
    """
    from torchvision.models.quantization.mobilenetv2 import (
        QuantizableInvertedResidual,
        QuantizableMobileNetV2,
    )

    from dapi.vision.models._quantization import finished

    model = QuantizableMobileNetV2(
        block=QuantizableInvertedResidual, num_classes=num_classes, **config
    )
    return finished(model, quantize=quantize, backend=backend)
