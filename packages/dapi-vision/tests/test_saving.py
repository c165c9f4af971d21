"""Saving models of vision: they come back as they were, or nothing is written."""

import socket

import pytest
import torch
from torch import nn

import dapi
from dapi.exceptions import SavingError
from dapi.vision import resnet18, resnet20_v2

ARGUMENTS = {
    "googlenet": {"init_weights": False, "num_classes": 5},
    "inception_v3": {"init_weights": False, "num_classes": 5},
    "quantized_googlenet": {"init_weights": False},
    "quantized_inception_v3": {"init_weights": False},
    "resnet18": {"zero_init_residual": True, "num_classes": 7},
    "ssdlite320_mobilenet_v3_large": {"num_classes": 4, "score_thresh": 0.1},
}
SMALL = {
    "deeplabv3_mobilenet_v3_large": (3, 64, 64),
    "efficientnet_b0": (3, 64, 64),
    "googlenet": (3, 64, 64),
    "mnasnet0_5": (3, 64, 64),
    "mobilenet_v3_small": (3, 64, 64),
    "quantized_resnet18": (3, 64, 64),
    "resnet18": (3, 64, 64),
    "shufflenet_v2_x0_5": (3, 64, 64),
    "squeezenet1_1": (3, 64, 64),
    "swin_v2_t": (3, 64, 64),
    "vit_b_32": (3, 224, 224),
}


@pytest.fixture
def no_sockets(monkeypatch):
    """Nobody opens a connection, nor asks for an address."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def comes_back(model, path):
    dapi.save(model, path)
    found = dapi.load(path)
    expected, loaded = model.state_dict(), found.state_dict()
    assert list(expected) == list(loaded)
    assert all(torch.equal(expected[key], loaded[key]) for key in expected)
    return found


@pytest.mark.parametrize("name", SMALL)
def test_model_that_was_used_comes_back(name, tmp_path, no_sockets):
    """After a forward in both modes, with an argument of its own, without the network."""
    backbone = "weights_backbone" in dapi.get_builder(name).__dapi_builder__.parameters
    arguments = ARGUMENTS.get(name, {}) | ({"weights_backbone": None} if backbone else {})
    model = dapi.get_model(name, weights=None, **arguments)
    images = torch.rand(2, *SMALL[name])
    model.train()(images)
    model.eval()(images)

    comes_back(model, tmp_path / "model.safetensors")


def test_detector_that_was_used_comes_back(tmp_path, no_sockets):
    """A detector, whose constructor runs a forward."""
    name = "ssdlite320_mobilenet_v3_large"
    model = dapi.get_model(name, weights=None, weights_backbone=None, **ARGUMENTS[name]).eval()
    model([torch.rand(3, 64, 64)])

    assert 0.1 == comes_back(model, tmp_path / "model.safetensors").score_thresh


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::dapi.exceptions.ReplacedBuilderWarning")
@pytest.mark.parametrize("name", dapi.list_models(distribution="dapi-vision"))
def test_model_comes_back(name, tmp_path, no_sockets):
    """Every builder's, but for the largest; quantized ones as the float models that they make."""
    builder = dapi.get_builder(name)
    backbone = "weights_backbone" in builder.__dapi_builder__.parameters
    arguments = ARGUMENTS.get(name, {}) | ({"weights_backbone": None} if backbone else {})
    size = sum(each.numel() for each in builder(**arguments, device="meta").parameters())
    if size > 100_000_000:
        pytest.skip("larger than is saved here")
    comes_back(builder(**arguments), tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda m: setattr(m, "maxpool", nn.Identity()), "maxpool is a Identity, not a MaxPool2d"),
        (lambda m: setattr(m.conv1, "stride", (1, 1)), r"conv1.stride is \(1, 1\), not \(2, 2\)"),
        (lambda m: setattr(m.bn1, "eps", 0.0), "bn1.eps is 0.0, not 1e-05"),
        (lambda m: setattr(m, "relu", nn.SiLU()), "relu is a SiLU, not a ReLU"),
        (lambda m: setattr(m, "fc", nn.Linear(512, 5)), "Build it with num_classes=5,"),
    ],
)
def test_idioms_of_changing_a_model_are_refused(change, what, tmp_path):
    """They would be lost without a word."""
    model = resnet18()
    change(model)

    with pytest.raises(SavingError, match=what):
        dapi.save(model, tmp_path / "model.safetensors")
    assert [] == list(tmp_path.iterdir())


def test_trained_model_is_named_with_its_weights(tmp_path, no_sockets):
    """After a new head was trained with the rest frozen, it is known what it started from."""
    member = dapi.get_weights("resnet20_v2:Digits_RefV1")
    model = resnet20_v2(weights=member, num_classes=3, new_head=True).requires_grad_(False)
    model.fc.requires_grad_(True)
    found = comes_back(model, tmp_path / "model.safetensors")

    assert ["fc.weight", "fc.bias"] == [
        key for key, each in found.named_parameters() if each.requires_grad
    ]
    assert member.transforms == dapi.weights_of(found).transforms
