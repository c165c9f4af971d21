"""Every builder of the tasks beyond classification is torchvision's: on meta, without values.

What it makes of images is compared in a file for each task.
"""

import inspect
import pickle
from contextlib import nullcontext
from functools import cache

import pytest
import torch
import torchvision.models as peer

import dapi
from dapi._loader import construction

BUILDERS = [
    name
    for module in (peer.detection, peer.segmentation, peer.video, peer.optical_flow)
    for name in peer.list_models(module=module)
]
QUANTIZED = peer.list_models(module=peer.quantization)
OWN = {name: list(dapi.get_builder(name).__dapi_builder__.weights[0]) for name in BUILDERS}
# One member for each way to build; of keypoints both, which torchvision builds in two ways.
MEMBERS = [
    pytest.param(name, member, id=str(member))
    for name, members in OWN.items()
    for i, member in enumerate(members)
    if member.build not in [earlier.build for earlier in members[:i]] or member.name == "COCO_RefV1"
]
# torchvision's builder runs a forward, which needs values.
NEEDS_VALUES = {"ssdlite320_mobilenet_v3_large"}
# The model is built as it was trained, and torchvision's is not (vision#2940).
MEANT = {"keypointrcnn_resnet50_fpn:COCO_Legacy_RefV1": {"eps": ("1e-05", "0.0")}}


@cache
def built(member, name):
    """Return our model with its parameters on meta."""
    return dapi.get_builder(name)(weights=member, device="meta")


def torchvisions(member, name):
    """Return torchvision's member of the same weights."""
    enum, _, theirs = member.meta["known_as"][0].partition(".")
    assert enum == peer.get_model_weights(name).__name__
    return peer.get_model_weights(name)[theirs]


def differences(expected, actual):
    """Return by attribute what the modules of two models keep otherwise."""
    assert expected.keys() == actual.keys()
    return {
        attribute: (value, actual[module][1].get(attribute))
        for module, (kind, kept) in expected.items()
        for attribute, value in [("kind", kind), *kept.items()]
        if value != {"kind": actual[module][0], **actual[module][1]}.get(attribute)
    }


@pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning")
@pytest.mark.parametrize(("name", "member"), MEMBERS)
def test_architecture_is_torchvisions_with_weights(name, member, structure, monkeypatch):
    """The same modules with the same arguments, keys, shapes, types and requires_grad."""
    ours = built(member, name)
    file = ours.state_dict()
    if name in NEEDS_VALUES:
        file = {key: torch.zeros_like(tensor, device="cpu") for key, tensor in file.items()}
    download = "torchvision.models._api.load_state_dict_from_url"
    monkeypatch.setattr(download, lambda *args, **options: file)
    with nullcontext() if name in NEEDS_VALUES else construction.deferred():
        oracle = peer.get_model_builder(name)(weights=torchvisions(member, name))

    expected, actual = structure(oracle), structure(ours)
    assert MEANT.get(str(member), {}) == differences(expected.pop("modules"), actual.pop("modules"))
    assert expected == actual


@pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in ("swin3d_s", "swin3d_b") else ())
        for name in BUILDERS
        if not name.startswith("raft")
    ],
)
def test_head_holds_what_depends_on_the_classes(name):
    """What has another shape for another number of classes is under the declared head."""
    member, builder = OWN[name][0], dapi.get_builder(name)
    other = builder(weights=member, device="meta", num_classes=7, new_head=True).state_dict()
    default, head = built(member, name).state_dict(), builder.__dapi_builder__.head
    differing = {key for key in default if default[key].shape != other[key].shape}

    assert differing
    assert all(any(key.startswith(f"{module}.") for module in head) for key in differing)


@pytest.mark.parametrize("name", [*BUILDERS, *QUANTIZED])
@pytest.mark.parametrize("arguments", [{}, {"quantize": True}], ids=["", "quantize"])
def test_arguments_of_the_past_mean_what_they_meant(name, arguments):
    """``pretrained=True`` stands for the weights that torchvision's builder takes it for."""
    handled = inspect.getclosurevars(peer.get_model_builder(name).__wrapped__).nonlocals["weights"]
    spec = dapi.get_builder(name).__dapi_builder__
    for parameter, (argument, meant) in handled.items():
        given = {**arguments, argument: True}
        member = meant(given) if callable(meant) else meant
        ours = next(legacy for legacy in spec.legacy if legacy.is_meant(given))

        assert parameter == ours.parameter
        assert f"{type(member).__name__}.{member.name}" in ours.values[True].meta["known_as"]
        assert ours.values[False] is None
    assert set(handled) == {legacy.parameter for legacy in spec.legacy}


def test_legacy_keypoints_can_still_be_asked_for():
    """Only this builder had a third value."""
    legacy = dapi.get_builder("keypointrcnn_resnet50_fpn").__dapi_builder__.legacy[0]

    assert "COCO_Legacy_RefV1" == legacy.values["legacy"].name


@pytest.mark.parametrize("name", [*BUILDERS, *QUANTIZED])
def test_builders_pickle(name):
    """A builder is a plain function that can go to another process."""
    builder = dapi.get_builder(name)

    assert builder is pickle.loads(pickle.dumps(builder))


@pytest.mark.parametrize(
    "name",
    [
        "deeplabv3_mobilenet_v3_large",
        "lraspp_mobilenet_v3_large",
        "raft_large",
        "raft_small",
        "s3d",
        "ssdlite320_mobilenet_v3_large",
        *(pytest.param(name, marks=pytest.mark.slow) for name in BUILDERS),
    ],
)
def test_without_weights_equals_torchvision(name, assert_same, structure, offline):
    """The same seed gives the same random model; nothing is frozen and nothing is fetched."""
    few = {} if name.startswith("raft") else {"num_classes": 5}
    builder = dapi.get_builder(name)
    if "weights_backbone" in builder.__dapi_builder__.parameters:
        few["weights_backbone"] = None
    torch.manual_seed(4)
    expected = peer.get_model_builder(name)(weights=None, **few)
    torch.manual_seed(4)
    ours = builder(**few)

    assert_same(ours, expected)
    assert structure(expected) == structure(ours)
    assert all(parameter.requires_grad for parameter in ours.parameters())
