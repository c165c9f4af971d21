"""Residual networks of 8 bits, with torchvision's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import WeightsLike
from dapi.vision.models._classifier import register_classifier
from dapi.vision.models._quantized import pretrained_quantized, quantized
from dapi.vision.models._torchvision import ClassificationWeights
from dapi.vision.models.resnet import (
    QuantizedResNetConfig,
    QuantizedResNeXtConfig,
    ResNet18Weights,
    ResNet50Weights,
    ResNeXt101_32x8dWeights,
    ResNeXt101_64x4dWeights,
)

if TYPE_CHECKING:
    from torchvision.models.quantization import QuantizableResNet
    from typing_extensions import Unpack


class QuantizedResNet18Weights(
    ClassificationWeights, meta={"num_params": 11_689_512, "gflops": 1.814}
):
    """Weights of ``quantized_resnet18``: torchvision's IMAGENET1K_FBGEMM_V1.

    Quantized after training; no hash of the file is published.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "resnet18",
        "resnet18_fbgemm_16fa66dd.pth",
        known_as="ResNet18_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(69.494, 88.882),
        file_mib=11.238,
        unquantized="resnet18:ImageNet1K_RefV1",
        latest=True,
    )


@register_classifier(
    weights=(QuantizedResNet18Weights, ResNet18Weights),
    head="fc",
    legacy=pretrained_quantized(
        QuantizedResNet18Weights.ImageNet1K_FBGEMM_RefV1, ResNet18Weights.ImageNet1K_RefV1
    ),
)
def quantized_resnet18(
    *,
    weights: WeightsLike[QuantizedResNet18Weights | ResNet18Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[QuantizedResNetConfig],
) -> QuantizableResNet:
    """Build a ResNet-18, quantizable or quantized to 8 bits.

    `Deep Residual Learning for Image Recognition <https://arxiv.org/abs/1512.03385>`_, He et al.,
    2015. The model takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and
    returns logits ``(N, num_classes)``, also floats; a quantized model runs on a CPU only.

    Quantized weights make a quantized model in eval mode. Those of ``resnet18`` make a float model,
    for you to quantize.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Outputs of the layer ``fc``. A value other than the weights' requires
            ``new_head=True`` and float weights.
        quantize: Whether the model is quantized; weights, if given, determine it.
        backend: The backend of 8-bit operations, by torch's name: ``fbgemm`` or ``qnnpack``. It
            becomes ``torch.backends.quantized.engine`` of the process when the model is quantized.
        **config: More arguments, see ``QuantizedResNetConfig``.

    Returns:
        The model: in training mode if it is not quantized.

    Raises:
        ValueError: This build of PyTorch does not have the backend.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import quantized_resnet18
        >>> model = quantized_resnet18(weights=None, num_classes=7, device="meta")
        >>> model.fc.out_features
        7
    """
    from torchvision.models.quantization.resnet import QuantizableBasicBlock, QuantizableResNet

    from dapi.vision.models._quantization import finished

    model = QuantizableResNet(
        QuantizableBasicBlock, [2, 2, 2, 2], num_classes=num_classes, **config
    )
    return finished(model, quantize=quantize, backend=backend)


class QuantizedResNet50Weights(
    ClassificationWeights, meta={"num_params": 25_557_032, "gflops": 4.089}
):
    """Weights of ``quantized_resnet50``: torchvision's IMAGENET1K_FBGEMM_V1 and _V2.

    Quantized after training, from the float weights of the same version. No hash of RefV1 is
    published.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "resnet50",
        "resnet50_fbgemm_bf931d71.pth",
        known_as="ResNet50_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(75.92, 92.814),
        file_mib=24.759,
        unquantized="resnet50:ImageNet1K_RefV1",
    )
    ImageNet1K_FBGEMM_RefV2 = quantized(
        "resnet50",
        "resnet50_fbgemm-23753f79.pth",
        known_as="ResNet50_QuantizedWeights.IMAGENET1K_FBGEMM_V2",
        accuracy=(80.282, 94.976),
        file_mib=24.953,
        unquantized="resnet50:ImageNet1K_RefV2",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=(QuantizedResNet50Weights, ResNet50Weights),
    head="fc",
    legacy=pretrained_quantized(
        QuantizedResNet50Weights.ImageNet1K_FBGEMM_RefV1, ResNet50Weights.ImageNet1K_RefV1
    ),
)
def quantized_resnet50(
    *,
    weights: WeightsLike[QuantizedResNet50Weights | ResNet50Weights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[QuantizedResNetConfig],
) -> QuantizableResNet:
    """Build a ResNet-50, quantizable or quantized to 8 bits.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. Quantized weights make a quantized model in eval mode, for CPUs only;
    ``quantize=True`` makes one without weights, which uses ``backend``. A ``num_classes`` other
    than the weights' requires ``new_head=True`` and float weights.
    """
    return _resnet(
        [3, 4, 6, 3], quantize=quantize, backend=backend, num_classes=num_classes, **config
    )


class QuantizedResNeXt101_32x8dWeights(
    ClassificationWeights, meta={"num_params": 88_791_336, "gflops": 16.414}
):
    """Weights of ``quantized_resnext101_32x8d``: torchvision's IMAGENET1K_FBGEMM_V1 and _V2.

    Quantized after training, RefV1 and RefV2 from the float weights of the same names.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "resnext101_32x8d",
        "resnext101_32x8_fbgemm_09835ccf.pth",
        known_as="ResNeXt101_32X8D_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(78.986, 94.48),
        file_mib=86.034,
        unquantized="resnext101_32x8d:ImageNet1K_RefV1",
    )
    ImageNet1K_FBGEMM_RefV2 = quantized(
        "resnext101_32x8d",
        "resnext101_32x8_fbgemm-ee16d00c.pth",
        known_as="ResNeXt101_32X8D_QuantizedWeights.IMAGENET1K_FBGEMM_V2",
        accuracy=(82.574, 96.132),
        file_mib=86.645,
        unquantized="resnext101_32x8d:ImageNet1K_RefV2",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=(QuantizedResNeXt101_32x8dWeights, ResNeXt101_32x8dWeights),
    head="fc",
    legacy=pretrained_quantized(
        QuantizedResNeXt101_32x8dWeights.ImageNet1K_FBGEMM_RefV1,
        ResNeXt101_32x8dWeights.ImageNet1K_RefV1,
    ),
)
def quantized_resnext101_32x8d(
    *,
    weights: WeightsLike[QuantizedResNeXt101_32x8dWeights | ResNeXt101_32x8dWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[QuantizedResNeXtConfig],
) -> QuantizableResNet:
    """Build a ResNeXt-101 32x8d, quantizable or quantized to 8 bits.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. Quantized weights make a quantized model in eval mode, for CPUs only;
    ``quantize=True`` makes one without weights, which uses ``backend``. A ``num_classes`` other
    than the weights' requires ``new_head=True`` and float weights.
    """
    return _resnet(
        [3, 4, 23, 3],
        groups=32,
        width_per_group=8,
        quantize=quantize,
        backend=backend,
        num_classes=num_classes,
        **config,
    )


class QuantizedResNeXt101_64x4dWeights(
    ClassificationWeights, meta={"num_params": 83_455_272, "gflops": 15.46}
):
    """Weights of ``quantized_resnext101_64x4d``: torchvision's IMAGENET1K_FBGEMM_V1.

    Quantized after training.
    """

    ImageNet1K_FBGEMM_RefV1 = quantized(
        "resnext101_64x4d",
        "resnext101_64x4d_fbgemm-605a1cb3.pth",
        known_as="ResNeXt101_64X4D_QuantizedWeights.IMAGENET1K_FBGEMM_V1",
        accuracy=(82.898, 96.326),
        file_mib=81.556,
        recipe="https://github.com/pytorch/vision/pull/5935",
        unquantized="resnext101_64x4d:ImageNet1K_RefV1",
        preset={"resize_size": 232},
        latest=True,
    )


@register_classifier(
    weights=(QuantizedResNeXt101_64x4dWeights, ResNeXt101_64x4dWeights),
    head="fc",
    legacy=pretrained_quantized(
        QuantizedResNeXt101_64x4dWeights.ImageNet1K_FBGEMM_RefV1,
        ResNeXt101_64x4dWeights.ImageNet1K_RefV1,
    ),
)
def quantized_resnext101_64x4d(
    *,
    weights: WeightsLike[QuantizedResNeXt101_64x4dWeights | ResNeXt101_64x4dWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    quantize: bool = False,
    backend: str = "fbgemm",
    **config: Unpack[QuantizedResNeXtConfig],
) -> QuantizableResNet:
    """Build a ResNeXt-101 64x4d, quantizable or quantized to 8 bits.

    Takes float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, and returns logits
    ``(N, num_classes)``. Quantized weights make a quantized model in eval mode, for CPUs only;
    ``quantize=True`` makes one without weights, which uses ``backend``. A ``num_classes`` other
    than the weights' requires ``new_head=True`` and float weights.
    """
    return _resnet(
        [3, 4, 23, 3],
        groups=64,
        width_per_group=4,
        quantize=quantize,
        backend=backend,
        num_classes=num_classes,
        **config,
    )


def _resnet(layers: list[int], *, quantize: bool, backend: str, **config: Any) -> QuantizableResNet:
    from torchvision.models.quantization.resnet import QuantizableBottleneck, QuantizableResNet

    from dapi.vision.models._quantization import finished

    model = QuantizableResNet(QuantizableBottleneck, layers, **config)
    return finished(model, quantize=quantize, backend=backend)
