"""Scenario 3: the behavior changes and the architecture stays the same.

The case. FeaturePyramidNetwork meant to initialize all its convolutions in one way. Its loop ran
over ``children()``, which are two lists of blocks and no convolutions, so that each convolution
kept PyTorch's default initialization (https://github.com/pytorch/vision/issues/2326). With
``modules()`` the loop reaches them (https://github.com/pytorch/vision/pull/2954). The keys and
shapes of the state dict are the same, and published weights compute what they computed. Only
training from scratch goes another way: who wants to repeat an old experiment needs the old start.

What dapi does. The change gets a new builder, which says what it ``replaces``. The old one keeps
the old initialization; ContextParams hands it to the class deep inside, without an argument on the
way. Weights fit both builders, so the new one accepts the enum of the old one as well.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

import dapi
from dapi import ContextParams, WeightEntry, Weights, register_model


class Pyramid(FeaturePyramidNetwork):  # type: ignore[misc]  # torchvision has no types
    """The network as it is today; a context may ask for the initialization of before."""

    def __init__(self, in_channels: list[int], out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        if ContextParams.get(self, "initialize", "modules") == "children":
            for conv in convolutions(self):
                conv.reset_parameters()  # what PyTorch does by default


class Detector(nn.Module):
    """A model that contains the network and passes nothing about initialization on."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.fpn = Pyramid([channels, channels], channels)

    def forward(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a pyramid of feature maps."""
        merged: dict[str, Tensor] = self.fpn(maps)
        return merged


class DetectorWeights(Weights):
    """Weights that were trained from the old start."""

    COCO_RefV1 = WeightEntry("package:published/detector_v1.pth", latest=True)


class DetectorV2Weights(Weights):
    """Weights that were trained from the new start."""

    COCO_RefV1 = WeightEntry("package:published/detector_v2.pth", latest=True)


@register_model(weights=DetectorWeights)
def detector(*, weights: DetectorWeights | WeightEntry | None = None, **config: Any) -> Detector:
    """Build a detector as it was, its initialization included."""
    with ContextParams(Pyramid, initialize="children"):
        return Detector(**config)


@register_model(weights=(DetectorV2Weights, DetectorWeights), replaces="detector")
def detector_v2(
    *, weights: DetectorV2Weights | DetectorWeights | WeightEntry | None = None, **config: Any
) -> Detector:
    """Build a detector whose convolutions are all initialized. Takes the old weights too."""
    return Detector(**config)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """Return every convolution below a module."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def describe(name: str, model: Detector) -> None:
    """Print the spread of the weights (in units of 1/sqrt(fan_in)) and the largest bias."""
    spread = [c.weight.std().item() * c.weight[0].numel() ** 0.5 for c in convolutions(model)]
    biases = [c.bias.abs().max().item() for c in convolutions(model) if c.bias is not None]
    mean = sum(spread) / len(spread)
    print(f"{name:12} spread of weights {mean:.2f}  largest bias {max(biases):.3f}")


def main() -> None:
    """Compare both starts, then load the same weights into both models."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        old, new = detector(), detector_v2()
    print(f"{caught[0].category.__name__}: {caught[0].message}")
    describe("detector", old)
    describe("detector_v2", new)
    print("same keys:", list(old.state_dict()) == list(new.state_dict()))

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "published").mkdir()
        sys.path.insert(0, folder)  # where package:published/... is found
        torch.save(old.state_dict(), Path(folder, "published", "detector_v1.pth"))
        old = detector(weights=DetectorWeights.COCO_RefV1)
        new = detector_v2(weights=DetectorWeights.COCO_RefV1)
    maps = {"0": torch.ones(1, 64, 8, 8), "1": torch.ones(1, 64, 4, 4)}
    print("both built with", dapi.weights_of(new))
    print("same output:", torch.equal(old(dict(maps))["0"], new(dict(maps))["0"]))


if __name__ == "__main__":
    main()
