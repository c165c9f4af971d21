"""Segmentation: equal to torchvision's models, with weights and with a backbone's."""

import pytest
import torch
import torchvision.models as peer
import torchvision.models.segmentation as peer_segmentation

from dapi.exceptions import ConfigConflictError
from dapi.vision import (
    DeepLabV3MobileNetV3LargeWeights,
    DeepLabV3ResNet50Weights,
    DeepLabV3ResNet101Weights,
    FCNResNet50Weights,
    FCNResNet101Weights,
    LRASPPMobileNetV3LargeWeights,
    MobileNetV3LargeWeights,
    ResNet50Weights,
    deeplabv3_mobilenet_v3_large,
    deeplabv3_resnet50,
    deeplabv3_resnet101,
    fcn_resnet50,
    fcn_resnet101,
    lraspp_mobilenet_v3_large,
)

MODELS = [
    (lraspp_mobilenet_v3_large, LRASPPMobileNetV3LargeWeights),
    (deeplabv3_mobilenet_v3_large, DeepLabV3MobileNetV3LargeWeights),
    (fcn_resnet50, FCNResNet50Weights),
    (deeplabv3_resnet50, DeepLabV3ResNet50Weights),
    (fcn_resnet101, FCNResNet101Weights),
    (deeplabv3_resnet101, DeepLabV3ResNet101Weights),
]


@pytest.mark.parametrize(
    ("builder", "weights"),
    [
        pytest.param(*model, id=model[0].__name__, marks=pytest.mark.slow if place > 1 else ())
        for place, model in enumerate(MODELS)
    ],
)
def test_equals_torchvision_with_weights(
    builder, weights, randomized, save, with_file, theirs, assert_same, tmp_path
):
    """The same values and, of photos, the same logits to the bit, auxiliary ones too."""
    oracle = getattr(peer_segmentation, builder.__name__)
    their_weights = peer.get_model_weights(builder.__name__).DEFAULT
    member = weights.COCO_VOCLabels_RefV1
    aux = {"aux_loss": True} if "aux_loss" in member.build.config else {}
    fresh = oracle(weights=None, weights_backbone=None, **aux)
    local = save(randomized(fresh), tmp_path / "published.pth")
    expected = theirs(oracle, local, weights=their_weights)
    ours = builder(weights=with_file(member, local))

    assert_same(ours, expected)
    photos = torch.randn(2, 3, 65, 80, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, actual = expected.eval()(photos), ours.eval()(photos)
    assert (["out", "aux"] if aux else ["out"]) == list(wanted) == list(actual)
    for name, logits in wanted.items():
        assert torch.equal(logits, actual[name])
        assert (2, 21, 65, 80) == logits.shape and logits.std() > 0.01


@pytest.mark.parametrize(
    ("builder", "network", "member"),
    [
        (
            lraspp_mobilenet_v3_large,
            peer.mobilenet_v3_large,
            MobileNetV3LargeWeights.ImageNet1K_RefV2,
        ),
        pytest.param(
            deeplabv3_mobilenet_v3_large,
            peer.mobilenet_v3_large,
            MobileNetV3LargeWeights.ImageNet1K_RefV2,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            fcn_resnet50,
            peer.resnet50,
            ResNet50Weights.ImageNet1K_RefV2,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            deeplabv3_resnet50,
            peer.resnet50,
            ResNet50Weights.ImageNet1K_RefV2,
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_weights_of_the_backbone_equal_torchvisions(
    builder, network, member, randomized, save, with_file, theirs, structure, tmp_path
):
    """They are loaded, and the rest is as without weights."""
    local = save(randomized(network()), tmp_path / "backbone.pth")
    expected = theirs(
        getattr(peer_segmentation, builder.__name__),
        local,
        weights_backbone=peer.get_model_weights(network.__name__).IMAGENET1K_V2,
    )
    ours = builder(weights_backbone=with_file(member, local))

    assert structure(expected) == structure(ours)
    state_dict = ours.state_dict()
    for key, tensor in expected.state_dict().items():
        if key.startswith("backbone."):
            assert torch.equal(tensor, state_dict[key]), key


def test_published_weights_have_the_auxiliary_classifier():
    """Leaving it out contradicts them, as in torchvision."""
    member = FCNResNet50Weights.COCO_VOCLabels_RefV1
    with pytest.raises(ConfigConflictError, match="aux_loss=False .*aux_loss=True"):
        fcn_resnet50(weights=member, aux_loss=False)
