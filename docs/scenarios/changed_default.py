"""Scenario 2: the default of a hyper-parameter changes.

The case. FrozenBatchNorm2d divided by ``sqrt(running_var + eps)`` with ``eps=0`` by default. In
half precision a small variance becomes 0, and the output NaN
(https://github.com/pytorch/vision/issues/2599). The default became 1e-5
(https://github.com/pytorch/vision/pull/2933), and everything trained before would have computed
something else from then on. torchvision sets eps back to 0 after loading pretrained detectors
(https://github.com/pytorch/vision/pull/2940): each builder has to know which weights need that.

What dapi does. The layer asks ContextParams for its default. What old weights need is written on
*their* entry; the layer, the model and the builder take no further argument.

A second case. The region proposal network got a score threshold. The class keeps 0.0, so that old
models behave as before; builders that were new then pass 0.05
(https://github.com/pytorch/vision/pull/3205, and torchvision's two Faster R-CNN builders over
MobileNetV3). That needs no context: a default in the new builder's own signature is enough.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import FrozenBatchNorm2d

from dapi import Build, ContextParams, WeightEntry, Weights, register_model


class FrozenNorm(FrozenBatchNorm2d):  # type: ignore[misc]  # torchvision has no types
    """The layer with today's default, which a context may override."""

    def __init__(self, features: int, eps: float = 1e-5) -> None:
        super().__init__(features, eps=ContextParams.get(self, "eps", eps))


class Stem(nn.Sequential):
    """A model that contains the layer and knows nothing of eps."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 1), FrozenNorm(4), nn.ReLU())


class StemWeights(Weights):
    """RefV1 was trained with eps=0, RefV2 with today's default."""

    COCO_RefV1 = WeightEntry(
        "package:published/stem_v1.pth",
        build=Build(context={f"{__name__}:FrozenNorm": {"eps": 0.0}}),
    )
    COCO_RefV2 = WeightEntry("package:published/stem_v2.pth", latest=True)


@register_model(weights=StemWeights)
def stem(*, weights: StemWeights | WeightEntry | None = None, **config: Any) -> Stem:
    """Build a stem. The same body serves old weights, new weights and none."""
    return Stem(**config)


@register_model()
def proposals(*, weights: WeightEntry | None = None, **config: Any) -> RegionProposalNetwork:
    """Build the network as it always was: the class decides on the threshold."""
    anchors, head = AnchorGenerator(((32,),), ((1.0,),)), RPNHead(4, 1)
    counts = {"training": 10, "testing": 10}
    return RegionProposalNetwork(anchors, head, 0.7, 0.3, 16, 0.5, counts, counts, 0.7, **config)


@register_model()
def proposals_mobile(
    *, weights: WeightEntry | None = None, score_thresh: float = 0.05, **config: Any
) -> RegionProposalNetwork:
    """Build a network of a family that is new: it has a default of its own from the start."""
    return proposals(weights=None, score_thresh=score_thresh, **config)


def publish(folder: Path) -> None:
    """Save weights where ``package:published/...`` finds them; the variances are tiny."""
    (folder / "published").mkdir()
    sys.path.insert(0, str(folder))
    state_dict: dict[str, Tensor] = Stem().state_dict()
    state_dict["1.running_var"] = torch.full((4,), 1e-9)
    for name in ("stem_v1.pth", "stem_v2.pth"):
        torch.save(state_dict, folder / "published" / name)


def describe(name: str, model: Stem) -> None:
    """Print the eps that a model was built with, and what half precision makes of it."""
    norm = model[1]
    output = norm.half()(torch.zeros(1, 4, 1, 1).half())
    print(f"{name:12} eps={norm.eps:g}  NaN in half precision: {bool(output.isnan().any())}")


def main() -> None:
    """Build with old weights, new weights and none; then show the threshold of each builder."""
    with tempfile.TemporaryDirectory() as folder:
        publish(Path(folder))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # COCO_RefV1 is not the latest, as it should say
            describe("COCO_RefV1", stem(weights=StemWeights.COCO_RefV1))
        describe("COCO_RefV2", stem(weights=StemWeights.COCO_RefV2))
        describe("no weights", stem(weights=None))
    print("old builder      score_thresh:", proposals().score_thresh)
    print("new builder      score_thresh:", proposals_mobile().score_thresh)
    print("caller's choice  score_thresh:", proposals_mobile(score_thresh=0.2).score_thresh)


if __name__ == "__main__":
    main()
