"""How a user writes it, with the types that a user sees. Checked by mypy, never run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from torch import Tensor, nn
from torchvision.models.optical_flow import RAFT
from torchvision.models.resnet import ResNet
from typing_extensions import assert_type

import dapi
from dapi import (
    Build,
    BuilderConfig,
    ContextParams,
    File,
    Meta,
    WeightEntry,
    Weights,
    WeightsFor,
    WeightsLike,
    lazy,
    register_model,
)
from dapi.audio import wav2vec2_base
from dapi.devkit import Conformance
from dapi.exceptions import DapiError, StateDictMismatchError, UnknownModelError
from dapi.export import Export, export
from dapi.lock import Lock
from dapi.lock import read as read_lock
from dapi.text import bert_base
from dapi.vision import (
    ResNet50Weights,
    fasterrcnn_resnet50_fpn,
    quantized_resnet50,
    raft_large,
    resnet18,
    resnet50,
)
from dapi.vision.postprocess import Classification
from dapi.vision.transforms import ImageClassification, ObjectDetection

if TYPE_CHECKING:
    from typing_extensions import Unpack

assert_type(dapi.list_models("resnet*", distribution="dapi-vision"), list[str])
dapi.list_models({"*swin*", "vit_*"}, exclude="*_v2_*", task=["image-classification"])
dapi.list_models(pattern="resnet*")  # type: ignore[call-arg]
assert_type(dapi.list_weights("resnet50"), list[Weights])
assert_type(dapi.get_enum("resnet50"), type[Weights])
assert_type(dapi.search("resnet", min_metric={"acc@1": 80}, sort="params"), dapi.SearchResults)
assert_type(dapi.get_weights("resnet50:ImageNet1K_RefV2"), Weights)
assert_type(dapi.get_model("resnet50", weights=dapi.LATEST), nn.Module)
assert_type(dapi.get_builder("resnet50"), Callable[..., nn.Module])

weights = ResNet50Weights.ImageNet1K_RefV2
assert_type(weights.value, WeightEntry)
assert_type(weights.meta, Meta)
assert_type(weights.meta["categories"], Sequence[str])
assert_type(weights.meta["num_params"], int)
assert_type(weights.meta["acme_key"], Any)
assert_type(weights.meta.to_dict(), dict[str, Any])
weights.meta["num_params"] = 7  # type: ignore[index]
assert_type(weights.latest, bool)
assert_type(weights.files, tuple[File, ...])
assert_type(weights.fetch(), Path)
assert_type(weights.state_dict(), dict[str, Tensor])
assert_type(ResNet50Weights.get_latest(), ResNet50Weights)
assert_type(weights.transforms(crop_size=176), ImageClassification)
assert_type(weights.transforms()(Image.new("RGB", (8, 8))), Tensor)
assert_type(weights.transforms()([Image.new("RGB", (8, 8))]), Tensor)
assert_type(ObjectDetection()([Image.new("RGB", (8, 8))]), list[Tensor])
assert_type(weights.postprocess(), Classification)
assert_type(dapi.get_weights("resnet50:ImageNet1K_RefV2").transforms(), Callable[..., Any])
crop = weights.transforms.crop_size  # type: ignore[attr-defined]
absent = ResNet50Weights.ImageNet1K_RefV9  # type: ignore[attr-defined]

model = resnet50(weights=weights)
assert_type(model, ResNet)
assert_type(dapi.weights_of(model), Weights | WeightEntry)
resnet50(weights)  # type: ignore[call-arg]
resnet50(weights="ImageNet1K_RefV2")  # type: ignore[arg-type]
resnet50(weights=Path("own.pth"), dtype="float16")

# Weights that somebody publishes for the builder of another distribution.


class LeavesWeights(Weights, meta={"num_params": 7}):
    """Weights for ``resnet50``, with what the enum says of all members."""

    published_for: ResNet50Weights
    Leaves_RefV1 = WeightEntry("https://example.org/leaves.safetensors", latest=True)


class BirdsWeights(Weights):
    """Weights that do not say for which builder they are."""

    Birds_RefV1 = WeightEntry("https://example.org/birds.safetensors", latest=True)


assert_type(LeavesWeights.Leaves_RefV1.latest, bool)
assert_type(LeavesWeights.get_latest(), LeavesWeights)
assert_type(resnet50(weights=LeavesWeights.Leaves_RefV1), ResNet)
assert_type(resnet50(weights=LeavesWeights.Leaves_RefV1.value), ResNet)
assert_type(dapi.build_model(nn.Linear, 2, 3, weights=LeavesWeights.Leaves_RefV1), nn.Linear)
resnet50(weights=BirdsWeights.Birds_RefV1)  # type: ignore[arg-type]
published: WeightsFor[ResNet50Weights] = LeavesWeights.Leaves_RefV1
resnet50(weights=published)
resnet18(weights=LeavesWeights.Leaves_RefV1)  # type: ignore[arg-type]
resnet18(weights=weights)  # type: ignore[arg-type]
quantized_resnet50(weights=LeavesWeights.Leaves_RefV1)

# A builder's arguments: its own, those of its family, and those of every builder.
resnet50(num_classes=7, zero_init_residual=True, new_head=True, device="meta", dtype=None)
resnet50(num_clases=7)  # type: ignore[call-arg]
resnet50(wieghts=weights)  # type: ignore[call-arg]
resnet50(new_haed=True)  # type: ignore[call-arg]
resnet50(num_classes="7")  # type: ignore[arg-type]
resnet50(zero_init_residual="no")  # type: ignore[arg-type]
resnet50(device=0)  # type: ignore[arg-type]
assert_type(resnet50(weights=weights, in_channels=4, new_stem="adapt"), ResNet)
resnet50(in_channels="4")  # type: ignore[arg-type]
resnet50(weights=weights, new_stem="adapted")  # type: ignore[arg-type]
quantized_resnet50(in_channels=4)  # type: ignore[call-arg]
assert_type(raft_large(corr_block=nn.Identity(), mask_predictor=None), RAFT)
raft_large(corr_blok=nn.Identity())  # type: ignore[call-arg]
fasterrcnn_resnet50_fpn(box_score_thresh=0.5)
fasterrcnn_resnet50_fpn(box_score_tresh=0.5)  # type: ignore[call-arg]
bert_base(hidden_dropout_prob=0.0)
bert_base(d_ff=2048)  # type: ignore[call-arg]
wav2vec2_base(aux_num_out=32, encoder_layer_drop=0.0)
wav2vec2_base(encoder_layerdrop=0.0)  # type: ignore[call-arg]


class NetWeights(Weights, meta={"num_params": 72}):
    """Weights of a net."""

    Digits_RefV1 = WeightEntry(
        "https://example.org/net.safetensors",
        sha256="0" * 64,
        transforms=lazy("acme.transforms:Digits", size=32),
        build=Build(config={"num_classes": 10}),
        latest=True,
    )


class NetConfig(BuilderConfig, total=False):
    """Further arguments of the net."""

    bias: bool


@register_model(weights=NetWeights, head=("fc",))
def net(
    *,
    weights: WeightsLike[NetWeights] | None = None,
    width: int = 8,
    **config: "Unpack[NetConfig]",
) -> nn.Linear:
    """Build a net."""
    return nn.Linear(width, width, bias=config.get("bias", True))


@register_model(weights=NetWeights)
def plain_net(*, weights: NetWeights | WeightEntry | None = None) -> nn.Linear:
    """Build a net whose signature knows only its own weights and entries."""
    return nn.Linear(1, 1)


assert_type(plain_net(weights=NetWeights.Digits_RefV1), nn.Linear)
assert_type(net(weights=NetWeights.Digits_RefV1, width=4), nn.Linear)
net(bias=False, device="cpu", new_head=True)
net(widht=4)  # type: ignore[call-arg]
net(biass=False)  # type: ignore[call-arg]
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
assert_type(export("resnet50", format="torch-export"), Export)
assert_type(export(resnet18()).inputs[0].shape, tuple[int | str, ...])
assert_type(read_lock("dapi.lock"), Lock)
assert_type(read_lock("dapi.lock").weights[0].files[0].size, int)

unknown = UnknownModelError("net", available=["net_v2"])
assert_type(unknown.available, tuple[str, ...])
assert_type(unknown.provider, str | None)
assert_type(StateDictMismatchError("net:A", missing=["a"]).missing, tuple[str, ...])
found: LookupError = unknown
base: DapiError = unknown
UnknownModelError("net", ["net_v2"])  # type: ignore[call-arg]
UnknownModelError("net", availabel=["net_v2"])  # type: ignore[call-arg]
other = dapi.exceptions.UnknownNetError  # type: ignore[attr-defined]
