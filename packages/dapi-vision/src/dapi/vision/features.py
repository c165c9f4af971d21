"""Features: which layers of a model have intermediate outputs worth taking, and their shapes.

``torchvision.models.feature_extraction.create_feature_extractor`` takes the outputs of named layers
out of a model, and computes no others. Their names differ between families; ``layers`` finds them::

    from torchvision.models.feature_extraction import create_feature_extractor

    names = [layer.name for layer in layers(model)]
    maps = create_feature_extractor(model, names)(images)  # a dict of tensors by name
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dapi.exceptions import ArgumentError

__all__ = ["Layer", "layers"]

# The children of a model that make logits of its features.
_HEADS = ("classifier", "fc", "_fc", "head", "heads")


class Layer(NamedTuple):
    """A layer, and its output for one input.

    Attributes:
        name: Its name in ``model.named_modules()``.
        shape: The shape of its output, without the batch: ``(C, H, W)``, or ``(number, C)`` of
            tokens. Stages of Swin have the channels last.
        reduction: How many pixels of the image are one of the output, along its last axis of
            space; None for tokens.
    """

    name: str
    shape: tuple[int, ...]
    reduction: int | None


def layers(model: nn.Module, shape: Sequence[int] = (3, 224, 224)) -> list[Layer]:
    """Return the last layer of a model at each resolution, in the order of the forward pass.

    Looks at the children of the model, and at those of its sequences of layers; layers of the head
    are omitted. The model runs once on the meta device: nothing is computed or changed, and a model
    that was built with ``device="meta"`` will do.

    Args:
        model: A float model that takes a batch of images, or of videos: a classifier, a segmenter,
            or the ``backbone`` of a detector.
        shape: The shape of one input: ``(C, H, W)``, or ``(C, T, H, W)`` for videos.

    Raises:
        ArgumentError: The model is a detector, which takes a list of images.
        RuntimeError: The model does not accept this shape.

    Example:
        >>> from dapi.vision import resnet18
        >>> for layer in layers(resnet18(device="meta")):
        ...     print(*layer)
        relu (64, 112, 112) 2
        layer1 (64, 56, 56) 4
        layer2 (128, 28, 28) 8
        layer3 (256, 14, 14) 16
        layer4 (512, 7, 7) 32
    """
    from torchvision.models.detection.transform import GeneralizedRCNNTransform

    if isinstance(getattr(model, "transform", None), GeneralizedRCNNTransform):
        expected = "the part of the detector that takes a batch: layers(model.backbone)"
        raise ArgumentError("layers", "model", type(model).__name__, expected=expected)
    last: dict[Any, Layer] = {}
    for name, output in _outputs(model, shape).items():
        grid = _grid(output)
        if max(grid, default=0) > 1:
            last.pop(grid, None)
            reduction = round(shape[-1] / grid[-1]) if len(output) > 2 else None
            last[grid] = Layer(name, output, reduction)
    return list(last.values())


def _outputs(model: nn.Module, shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the outputs of layers, without the batch, in the order of their ends."""
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str, output: object) -> None:
        found.pop(name, None)
        if isinstance(output, Tensor):
            found[name] = tuple(output.shape[1:])

    handles = [
        layer.register_forward_hook(lambda _, __, output, name=name: note(name, output))
        for name, layer in _trunk(model)
    ]
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    dtype = next((each.dtype for each in tensors.values() if each.is_floating_point()), None)
    # Two inputs: batch norm that trains refuses one.
    images = torch.empty(2, *shape, dtype=dtype, device="meta")
    try:
        functional_call(model, {key: each.to("meta") for key, each in tensors.items()}, (images,))
    finally:
        for handle in handles:
            handle.remove()
    return found


def _trunk(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the layers that come one after the other: those in branches do not."""
    found = []
    for name, child in model.named_children():
        if name in _HEADS:
            continue
        found.append((name, child))
        if isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            found += [(f"{name}.{inner}", each) for inner, each in child.named_children()]
    return found


def _grid(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of an output that are not its channels."""
    if len(shape) == 2:
        return shape[:1]
    is_last = len(shape) > 2 and shape[-1] != shape[-2] == shape[-3]
    return shape[:-1] if is_last else shape[1:]
