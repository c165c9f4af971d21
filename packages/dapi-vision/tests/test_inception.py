"""Inception v3: what its weights want of the model, and what a user may still choose."""

import pytest
import torchvision.models as peer

from dapi.vision import InceptionV3Weights, inception_v3

MEMBER = InceptionV3Weights.ImageNet1K_RefV1


@pytest.fixture
def local(randomized, save, tmp_path):
    """A file as it was published: with the values of the auxiliary head."""
    model = peer.Inception3(aux_logits=True, init_weights=False)
    return save(randomized(model), tmp_path / "inception.pth")


def test_auxiliary_head_can_be_left_out(local, with_file, theirs):
    """torchvision refuses that; what is left is the same model."""
    published = with_file(MEMBER, local)
    plain, whole = (
        inception_v3(weights=published, aux_logits=False),
        inception_v3(weights=published),
    )

    with pytest.raises(ValueError, match="aux_logits"):
        weights = peer.Inception_V3_Weights.IMAGENET1K_V1
        theirs(peer.inception_v3, local, weights=weights, aux_logits=False)
    assert plain.AuxLogits is None and not plain.aux_logits
    kept = [key for key in whole.state_dict() if not key.startswith("AuxLogits.")]
    assert kept == list(plain.state_dict())


def test_input_is_rescaled_for_the_weights_only(local, with_file):
    """transform_input is theirs by default; a user may choose otherwise."""
    published = with_file(MEMBER, local)

    assert inception_v3(weights=published).transform_input
    assert not inception_v3(weights=published, transform_input=False).transform_input
