"""Vision Transformers: weights for one size of images, and those of SWAG."""

import pytest

from dapi.exceptions import ConfigConflictError
from dapi.vision import ViTB16Weights, ViTH14Weights, ViTL16Weights, vit_b_16

SWAG = [
    member
    for enum in (ViTB16Weights, ViTL16Weights, ViTH14Weights)
    for member in enum
    if "SWAG" in member.name
]


def test_weights_fix_the_size_of_images(offline):
    """Another size is an error that says both, before any fetch."""
    with pytest.raises(ConfigConflictError, match="image_size=224 .*image_size=384"):
        vit_b_16(weights=ViTB16Weights.ImageNet1K_SWAG_E2E_RefV1, image_size=224)


@pytest.mark.parametrize("member", SWAG, ids=str)
def test_weights_of_swag_are_not_for_any_purpose(member):
    """Their license is known, and no other recipe outdates them."""
    assert "CC-BY-NC-4.0" == member.meta["license"]
    assert member.latest


def test_the_first_latest_need_not_be_the_best():
    """What torchvision takes by default for ViT-L/16 is not what names most photos right."""
    accuracy = {
        member: metric["value"]
        for member in ViTL16Weights
        for metric in member.meta["metrics"]
        if metric["name"] == "acc@1"
    }

    assert ViTL16Weights.ImageNet1K_RefV1 is ViTL16Weights.get_latest()
    assert ViTL16Weights.ImageNet1K_SWAG_E2E_RefV1 is max(accuracy, key=accuracy.get)
