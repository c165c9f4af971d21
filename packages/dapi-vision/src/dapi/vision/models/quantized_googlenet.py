"""GoogLeNet of 8 bits, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import WeightsLike
from dapi.adapt import Drop
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._quantized import build, pretrained_quantized, quantized
from dapi.vision.models._torchvision import ClassificationWeights
from dapi.vision.models.googlenet import GoogLeNetWeights, QuantizedGoogLeNetConfig

if TYPE_CHECKING:
    from torchvision.models.quantization import QuantizableGoogLeNet
    from typing_extensions import Unpack

_BUILD = build(
    "fbgemm",
    # As of the float weights.
    defaults={"transform_input": True, "aux_logits": False, "init_weights": False},
    adapt=(Drop(r"aux[12]\.", unless="aux_logits"),),
)


class QuantizedGoogLeNetWeights(
    ClassificationWeights, meta={"num_params": 6_624_904, "gflops": 1.498}
):
    """Weights of ``quantized_googlenet``: torchvision's IMAGENET1K_FBGEMM_V1.

    Quantized after training.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "googlenet",
        "googlenet_fbgemm-c81f6644.pth",
        known_as="GoogLeNet_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(69.826, 89.404),
        file_mib=12.618,
        min_size=(15, 15),
        unquantized="googlenet:ImageNet1K_RefV1",
        build=_BUILD,
        latest=True,
    )


@register_classifier(
    weights=(QuantizedGoogLeNetWeights, GoogLeNetWeights),
    head=("fc", "aux1.fc2", "aux2.fc2"),
    legacy=pretrained_quantized(
        QuantizedGoogLeNetWeights.ImageNet1K_FBGEMM_RefV1, GoogLeNetWeights.ImageNet1K_RefV1
    ),
)
def quantized_googlenet(
    *,
    weights: WeightsLike[QuantizedGoogLeNetWeights | GoogLeNetWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    aux_logits: bool = True,
    transform_input: bool = False,
    init_weights: bool | None = None,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[QuantizedGoogLeNetConfig],
) -> QuantizableGoogLeNet:
    """Build a GoogLeNet, quantizable or quantized to 8 bits.

    `Going Deeper with Convolutions <https://arxiv.org/abs/1409.4842>`_, Szegedy et al., 2014. The
    model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them (at least 15
    pixels per side), and returns logits ``(N, num_classes)``, also floats; a quantized model runs
    on a CPU only. With auxiliary heads and in training mode it returns a named tuple of ``logits``,
    ``aux_logits2`` and ``aux_logits1``.

    Quantized weights make a quantized model in eval mode. Those of ``googlenet`` make a float
    model, for you to quantize.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``, and of the auxiliary heads. A value other than the
            weights' requires ``new_head=True`` and float weights.
        aux_logits: Whether it has two auxiliary heads, for training; by default only without
            weights. Those in the published files are not trained.
        transform_input: Whether to rescale images, as normalized by ``weights.transforms()``, to
            -1..1 first; by default with weights.
        init_weights: Whether to initialize parameters as in the original; by default with a
            warning, and not when weights are loaded.
        quantize: Whether the model is quantized; weights, if given, determine it.
        backend: The backend of 8-bit operations, by torch's name: ``fbgemm`` or ``qnnpack``. It
            becomes ``torch.backends.quantized.engine`` of the process when the model is quantized.
        **config: More arguments of ``torchvision.models.quantization.QuantizableGoogLeNet``, and
            ``new_head``.

    Returns:
        The model: in training mode if it is not quantized.

    Raises:
        ValueError: This build of PyTorch does not have the backend.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import quantized_googlenet
        >>> model = quantized_googlenet(
        ...     weights=None, num_classes=7, device="meta", init_weights=False
        ... )
        >>> model.fc.out_features
        7
    """
    from torchvision.models.quantization import QuantizableGoogLeNet

    from dapi.vision.models._quantization import finished

    model = QuantizableGoogLeNet(
        num_classes=num_classes,
        aux_logits=aux_logits,
        transform_input=transform_input,
        init_weights=init_weights,
        **config,
    )
    return finished(model, quantize=quantize, backend=backend)
