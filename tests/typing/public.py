"""How a user writes it, with the types that a user sees. Checked by mypy, never run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torchvision.models.resnet import ResNet
from typing_extensions import assert_type

import dapi
from dapi import Build, ContextParams, File, WeightEntry, Weights, lazy, register_model
from dapi.devkit import Conformance
from dapi.lock import Lock
from dapi.lock import read as read_lock
from dapi.vision import ResNet50Weights, resnet50

assert_type(dapi.list_models("resnet*", distribution="dapi-vision"), list[str])
assert_type(dapi.list_weights("resnet50"), list[Weights])
assert_type(dapi.search("resnet", min_metric={"acc@1": 80}, sort="params"), list[Weights])
assert_type(dapi.get_weights("resnet50:ImageNet1K_RefV2"), Weights)
assert_type(dapi.get_model("resnet50", weights=dapi.LATEST), nn.Module)
assert_type(dapi.get_builder("resnet50"), Callable[..., nn.Module])

weights = ResNet50Weights.ImageNet1K_RefV2
assert_type(weights.value, WeightEntry)
assert_type(weights.meta, Mapping[str, Any])
assert_type(weights.latest, bool)
assert_type(weights.files, tuple[File, ...])
assert_type(weights.fetch(), Path)
assert_type(weights.state_dict(), dict[str, Tensor])
assert_type(ResNet50Weights.get_latest(), ResNet50Weights)
weights.transforms()
absent = ResNet50Weights.ImageNet1K_RefV9  # type: ignore[attr-defined]

model = resnet50(weights=weights)
assert_type(model, ResNet)
assert_type(dapi.weights_of(model), Weights | WeightEntry)
resnet50(weights)  # type: ignore[call-arg]
resnet50(weights="ImageNet1K_RefV2")  # type: ignore[arg-type]


class NetWeights(Weights):
    """Weights of a net."""

    Digits_RefV1 = WeightEntry(
        "https://example.org/net.safetensors",
        sha256="0" * 64,
        transforms=lazy("acme.transforms:Digits", size=32),
        build=Build(config={"num_classes": 10}),
        latest=True,
    )


@register_model(weights=NetWeights, head=("fc",))
def net(*, weights: NetWeights | WeightEntry | None = None, width: int = 8) -> nn.Linear:
    """Build a net."""
    return nn.Linear(width, width)


assert_type(net(weights=NetWeights.Digits_RefV1, width=4), nn.Linear)
net(widht=4)  # type: ignore[call-arg]
assert_type(dapi.build_model(nn.Linear, 2, 3, weights=None), nn.Linear)

with ContextParams(nn.BatchNorm2d, True, eps=0.0):
    assert_type(ContextParams.get(model, "eps", 1e-5), float)


class TestConformance(Conformance):
    """As a distribution's tests inherit the suite."""

    distribution = "acme-models"
    max_parameters = None
    expected_failures = {"DAPI-C032": "the authors were asked"}  # noqa: RUF012


with dapi.use_lock("dapi.lock"):
    assert_type(dapi.get_model("resnet50"), nn.Module)
dapi.use_lock(None)
assert_type(read_lock("dapi.lock"), Lock)
assert_type(read_lock("dapi.lock").weights[0].files[0].size, int)
