"""Layers with features: found in one way for all families, by names that torchvision takes."""

import pytest
import torch
import torchvision.models as peer
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

import dapi
from dapi.exceptions import ArgumentError
from dapi.vision import features, resnet50, swin_t, vit_b_16

pytestmark = [
    pytest.mark.filterwarnings("ignore::dapi.exceptions.ReplacedBuilderWarning"),
    pytest.mark.filterwarnings("ignore:The default weight initialization of:FutureWarning"),
]

SAMPLES = {
    "convnext_tiny",
    "efficientnet_b0",
    "efficientnet_lite0",
    "fcn_resnet50",
    "mobilenet_v3_small",
    "r3d_18",
    "regnet_y_400mf",
    "resnet18",
    "resnet20_v2",
    "swin_t",
    "vit_b_32",
}
CLASSIFIERS = dapi.list_models(
    exclude="quantized_*",
    task=["image-classification", "image-segmentation", "video-classification"],
    distribution="dapi-vision",
)
DETECTORS = dapi.list_models(
    task=["object-detection", "instance-segmentation", "keypoint-detection"],
    distribution="dapi-vision",
)
FILMS = dapi.list_models(task="video-classification", distribution="dapi-vision")


def made(name):
    """Return a model on meta, and the shape of its input."""
    plain = {"init_weights": False, "aux_logits": False}  # auxiliary heads exist in training only
    arguments = plain if name in ("googlenet", "inception_v3") else {}
    shape = (3, 16, 224, 224) if name in FILMS else (3, 299, 299) if "inception" in name else None
    return dapi.get_builder(name)(device="meta", **arguments), shape or (3, 224, 224)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in SAMPLES else pytest.mark.slow) for n in CLASSIFIERS]
)
def test_layers_are_those_that_torchvisions_extractor_finds(name):
    """Of classifiers and segmenters: each name leads to an output of that shape, deeper last."""
    model, shape = made(name)
    found = features.layers(model, shape)
    extract = create_feature_extractor(model.eval(), [layer.name for layer in found]).to("meta")
    outputs = extract(torch.empty(2, *shape, device="meta"))

    assert [tuple(outputs[each.name].shape[1:]) for each in found] == [each.shape for each in found]
    reductions = [layer.reduction for layer in found if layer.reduction]
    assert reductions == sorted(reductions) and 2 <= len(found)
    coarsest = {"resnet20": 4, "mvit": 4, "deeplabv3": 8, "fcn": 8}
    assert reductions[-1] >= coarsest.get(name.partition("_")[0], 14)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if n.startswith(("ssdlite", "retina")) else pytest.mark.slow)
        for n in DETECTORS
    ],
)
def test_layers_of_a_detector_are_those_of_its_backbone(name):
    """The detector itself takes a list of images, and the error names its backbone."""
    model = dapi.get_builder(name)(device="meta")
    with pytest.raises(ArgumentError, match=rf"'{type(model).__name__}'.*layers\(model\.backbone"):
        features.layers(model)

    found = features.layers(model.backbone)
    names = [layer.name for layer in found]
    extract = create_feature_extractor(model.backbone.eval(), names).to("meta")
    outputs = extract(torch.empty(2, 3, 224, 224, device="meta"))
    assert [tuple(outputs[each.name].shape[1:]) for each in found] == [each.shape for each in found]
    assert 2 <= len(found)


def test_layers_of_a_resnet_are_its_stages():
    """The names and the channels that timm's features_only returns for it."""
    assert [
        ("relu", 64, 2),
        ("layer1", 256, 4),
        ("layer2", 512, 8),
        ("layer3", 1024, 16),
        ("layer4", 2048, 32),
    ] == [
        (each.name, each.shape[0], each.reduction)
        for each in features.layers(resnet50(device="meta"))
    ]


def test_outputs_equal_those_of_torchvisions_model():
    """The same tensors from both libraries' ResNet, with the names found here."""
    torch.manual_seed(0)
    ours, theirs = resnet50(), peer.resnet50()
    theirs.load_state_dict(ours.state_dict())
    names = [layer.name for layer in features.layers(ours)]
    images = torch.rand(1, 3, 64, 64)
    expected = create_feature_extractor(theirs.eval(), names)(images)
    found = create_feature_extractor(ours.eval(), names)(images)

    assert names == list(found)
    assert all(torch.equal(expected[name], found[name]) for name in names)


def test_looking_changes_nothing():
    """Neither a model that trains, nor its buffers, nor the random state; no hook stays."""
    model = resnet50(in_channels=5).half().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    features.layers(model, (5, 64, 64))

    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert model.training and torch.equal(state, torch.get_rng_state())
    assert not any(each._forward_hooks for each in model.modules())
    with pytest.raises(RuntimeError):
        features.layers(model, (3, 64, 64))


def test_layers_with_channels_last_and_tokens():
    """Swin's stages end with the channels; a ViT has one map, and tokens."""
    swin = features.layers(swin_t(device="meta"))
    assert [(56, 56, 96), (28, 28, 192), (14, 14, 384), (768, 7, 7)] == [
        each.shape for each in swin
    ]
    assert [4, 8, 16, 32] == [layer.reduction for layer in swin]

    conv, tokens = features.layers(vit_b_16(device="meta"))
    assert ("conv_proj", (768, 14, 14), 16) == conv
    assert ("encoder", (197, 768), None) == tokens


def test_layers_of_a_module_of_ones_own():
    """Any module will do; a head is left out by its name."""
    model = nn.Sequential()
    model.stages = nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d(2), nn.MaxPool2d(2))
    model.fc = nn.Conv2d(2, 3, 1, stride=2)

    assert [("stages.0", 1), ("stages.1", 2), ("stages", 4)] == [
        (each.name, each.reduction) for each in features.layers(model, (1, 16, 16))
    ]
