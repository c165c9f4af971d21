"""VGG: the weights that are only good for their features."""

import pytest
import torch
import torchvision.models as peer

from dapi.exceptions import ConfigConflictError, NoWeightsError
from dapi.vision import VGG16Weights, vgg16

FEATURES = VGG16Weights.ImageNet1K_Features_RefV1


def test_features_are_no_classifier():
    """No categories, no accuracy and no names for predictions; they outdate nothing."""
    assert "image-feature-extraction" == FEATURES.meta["task"]
    assert "categories" not in FEATURES.meta and () == tuple(FEATURES.meta["metrics"])
    with pytest.raises(NoWeightsError, match="postprocess"):
        FEATURES.postprocess()
    assert VGG16Weights.ImageNet1K_RefV1 is VGG16Weights.get_latest()
    assert FEATURES.latest


def test_features_need_the_classifier_of_their_file(offline):
    """Its values are no numbers, but they are there: other classes are a new head."""
    with pytest.raises(ConfigConflictError, match="num_classes"):
        vgg16(weights=FEATURES, num_classes=7)


@pytest.mark.slow
def test_features_are_loaded(save, with_file, theirs, assert_same, tmp_path):
    """A classifier of NaN loads as in torchvision, and the features are what the file has."""
    file = peer.vgg16(init_weights=False).state_dict()
    for key in [key for key in file if key.startswith("classifier.")]:
        file[key] = torch.full_like(file[key], torch.nan)
    local = save(file, tmp_path / "features.pth")

    weights = peer.VGG16_Weights.IMAGENET1K_FEATURES
    oracle = theirs(peer.vgg16, local, weights=weights)
    ours = vgg16(weights=with_file(FEATURES, local))
    assert_same(ours.features, oracle.features)
    assert all(p.isnan().all() for p in ours.classifier.parameters())
