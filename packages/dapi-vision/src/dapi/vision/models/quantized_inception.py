"""Inception v3 of 8 bits, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._quantized import build, pretrained_quantized, quantized
from dapi.vision.models._torchvision import ClassificationWeights
from dapi.vision.models.inception import InceptionV3Weights, QuantizedInceptionConfig

if TYPE_CHECKING:
    from torchvision.models.quantization import QuantizableInception3
    from typing_extensions import Unpack

_BUILD = build(
    "fbgemm",
    fixed={"aux_logits": False},
    defaults={"transform_input": True, "init_weights": False},
)


class QuantizedInceptionV3Weights(
    ClassificationWeights, meta={"num_params": 27_161_264, "gflops": 5.713}
):
    """Weights of ``quantized_inception_v3``: torchvision's IMAGENET1K_FBGEMM_V1.

    Quantized after training, without the auxiliary head.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "inception_v3",
        "inception_v3_google_fbgemm-a2837893.pth",
        known_as="Inception_V3_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(77.176, 93.354),
        file_mib=23.146,
        min_size=(75, 75),
        unquantized="inception_v3:ImageNet1K_RefV1",
        build=_BUILD,
        crop_size=299,
        preset={"resize_size": 342},
        latest=True,
    )


@register_classifier(
    weights=(QuantizedInceptionV3Weights, InceptionV3Weights),
    head=("fc", "AuxLogits.fc"),
    legacy=pretrained_quantized(
        QuantizedInceptionV3Weights.ImageNet1K_FBGEMM_RefV1, InceptionV3Weights.ImageNet1K_RefV1
    ),
)
def quantized_inception_v3(
    *,
    weights: WeightsLike[QuantizedInceptionV3Weights | InceptionV3Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    aux_logits: bool = True,
    transform_input: bool = False,
    init_weights: bool | None = None,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[QuantizedInceptionConfig],
) -> QuantizableInception3:
    """Build an Inception v3, quantizable or quantized to 8 bits.

    `Rethinking the Inception Architecture for Computer Vision <https://arxiv.org/abs/1512.00567>`_,
    Szegedy et al., 2015. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()``
    makes them (at least 75 pixels per side; 299 is the intended size), and returns logits
    ``(N, num_classes)``, also floats; a quantized model runs on a CPU only. With the auxiliary head
    and in training mode it returns a named tuple of ``logits`` and ``aux_logits``.

    Quantized weights make a quantized model in eval mode. Those of ``inception_v3`` make a float
    model, for you to quantize.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``, and of the auxiliary head. A value other than the
            weights' requires ``new_head=True`` and float weights.
        aux_logits: Whether it has an auxiliary head, for training; not with quantized weights.
        transform_input: Whether to rescale images, as normalized by ``weights.transforms()``, to
            -1..1 first; by default with weights.
        init_weights: Whether to initialize parameters as in the original; by default with a
            warning, and not when weights are loaded.
        quantize: Whether the model is quantized; weights, if given, determine it.
        backend: The backend of 8-bit operations, by torch's name: ``fbgemm`` or ``qnnpack``. It
            becomes ``torch.backends.quantized.engine`` of the process when the model is quantized.
        **config: More arguments of ``torchvision.models.quantization.QuantizableInception3``, and
            ``new_head``.

    Returns:
        The model: in training mode if it is not quantized.

    Raises:
        ValueError: This build of PyTorch does not have the backend.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import quantized_inception_v3
        >>> model = quantized_inception_v3(
        ...     weights=None, num_classes=7, device="meta", init_weights=False
        ... )
        >>> model.fc.out_features
        7
    """
    from torchvision.models.quantization import QuantizableInception3

    from dapi.vision.models._quantization import finished

    model = QuantizableInception3(
        num_classes=num_classes,
        aux_logits=aux_logits,
        transform_input=transform_input,
        init_weights=init_weights,
        **config,
    )
    return finished(model, quantize=quantize, backend=backend)
