"""MobileNetV3-Large of 8 bits, with torchvision's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi import WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._quantized import build, pretrained_quantized, quantized
from dapi.vision.models._torchvision import RECIPES, ClassificationWeights
from dapi.vision.models.mobilenet_v3 import MobileNetV3LargeWeights, QuantizedMobileNetV3Config

if TYPE_CHECKING:
    from torchvision.models.quantization import QuantizableMobileNetV3
    from typing_extensions import Unpack


class _Converted(NamedTuple):
    """Convert the values of quantization-aware training to those of the quantized model.

    The file has the former; a model that is quantized before it is loaded is far less accurate
    (vision#5890).
    """

    num_classes: int

    def __call__(self, state_dict: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the quantized state dict."""
        from dapi.vision.models._quantization import converted, prepared_for_training

        model = prepared_for_training(
            _quantizable(num_classes=self.num_classes), backend=config["backend"]
        )
        model.load_state_dict(state_dict)
        state: dict[str, Any] = converted(model).state_dict()
        return state


class QuantizedMobileNetV3LargeConfig(QuantizedMobileNetV3Config, total=False):
    """More arguments of ``quantized_mobilenet_v3_large``.

    Attributes:
        width_mult: Factor on the number of channels.
        reduced_tail: Halve the channels of the last blocks and of the classifier.
        dilated: Dilate the convolutions of the last blocks.
    """

    width_mult: float
    reduced_tail: bool
    dilated: bool


class QuantizedMobileNetV3LargeWeights(
    ClassificationWeights, meta={"num_params": 5_483_032, "gflops": 0.217}
):
    """Weights of ``quantized_mobilenet_v3_large``: torchvision's IMAGENET1K_QNNPACK_V1.

    Fine-tuned from the float weights with quantization-aware training; the file has not been
    quantized.
    """

    ImageNet1K_QNNPACK_RefV1 = quantized(
        "mobilenet_v3_large",
        "mobilenet_v3_large_qnnpack-5bcacf28.pth",
        known_as="MobileNet_V3_Large_QuantizedWeights.IMAGENET1K_QNNPACK_V1",
        accuracy=(73.004, 90.858),
        file_mib=21.554,
        recipe=f"{RECIPES}#qat-mobilenetv3",
        backend="qnnpack",
        unquantized="mobilenet_v3_large:ImageNet1K_RefV1",
        build=build("qnnpack", adapt=(_Converted(num_classes=1000),)),
        latest=True,
    )


@register_classifier(
    weights=(QuantizedMobileNetV3LargeWeights, MobileNetV3LargeWeights),
    head="classifier.3",
    legacy=pretrained_quantized(
        QuantizedMobileNetV3LargeWeights.ImageNet1K_QNNPACK_RefV1,
        MobileNetV3LargeWeights.ImageNet1K_RefV1,
    ),
)
def quantized_mobilenet_v3_large(
    *,
    weights: WeightsLike[QuantizedMobileNetV3LargeWeights | MobileNetV3LargeWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "qnnpack",
    **config: Unpack[QuantizedMobileNetV3LargeConfig],
) -> QuantizableMobileNetV3:
    """Build a MobileNetV3-Large, quantizable or quantized to 8 bits.

    `Searching for MobileNetV3 <https://arxiv.org/abs/1905.02244>`_, Howard et al., 2019. The model
    takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``, also floats; a quantized model runs on a CPU only.

    Quantized weights make a quantized model in eval mode. Those of ``mobilenet_v3_large`` make a
    float model, for you to quantize.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``classifier.3``. A value other than the weights' requires
            ``new_head=True`` and float weights.
        quantize: Whether the model is quantized; weights, if given, determine it.
        backend: The backend of 8-bit operations, by torch's name: ``fbgemm`` or ``qnnpack``. It
            becomes ``torch.backends.quantized.engine`` of the process when the model is quantized.
        **config: More arguments, see ``QuantizedMobileNetV3LargeConfig``.

    Returns:
        The model: in training mode if it is not quantized.

    Raises:
        ValueError: This build of PyTorch does not have the backend.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import quantized_mobilenet_v3_large
        >>> model = quantized_mobilenet_v3_large(weights=None, num_classes=7, device="meta")
        >>> model.classifier[3].out_features
        7
    """
    from dapi.vision.models._quantization import converted, finished, prepared_for_training

    model = _quantizable(num_classes=num_classes, **config)
    if not quantize:
        return finished(model, quantize=False, backend=backend)
    return converted(prepared_for_training(model, backend=backend))


def _quantizable(**config: Any) -> QuantizableMobileNetV3:
    from torchvision.models.quantization.mobilenetv3 import (
        QuantizableInvertedResidual,
        QuantizableMobileNetV3,
    )

    from dapi.vision.models._mobilenet_v3 import large

    return large(QuantizableMobileNetV3, block=QuantizableInvertedResidual, **config)
