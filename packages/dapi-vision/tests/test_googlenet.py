"""GoogLeNet: what its weights want of the model, and what a user may still choose."""

import pytest
import torch
import torchvision.models as peer

from dapi.exceptions import StateDictMismatchError
from dapi.vision import GoogLeNetWeights, googlenet

MEMBER = GoogLeNetWeights.ImageNet1K_RefV1
pytestmark = pytest.mark.filterwarnings("ignore:auxiliary heads in the pretrained:UserWarning")


@pytest.fixture
def local(randomized, save, tmp_path):
    """A file as it was published: with the values of auxiliary heads."""
    model = peer.GoogLeNet(aux_logits=True, init_weights=False)
    return save(randomized(model), tmp_path / "googlenet.pth")


def test_auxiliary_heads_are_left_out_unless_asked_for(local, with_file, theirs, assert_same):
    """As in torchvision: by default without them, with them if a user says so."""
    weights = peer.GoogLeNet_Weights.IMAGENET1K_V1
    published = with_file(MEMBER, local)

    plain = googlenet(weights=published)
    assert_same(plain, theirs(peer.googlenet, local, weights=weights))
    assert not plain.aux_logits
    whole = googlenet(weights=published, aux_logits=True)
    assert_same(whole, theirs(peer.googlenet, local, weights=weights, aux_logits=True))
    assert 7 == len(plain.train()(torch.rand(7, 3, 64, 64)))
    assert whole(torch.rand(2, 3, 64, 64)).aux_logits1.shape == (2, 1000)


def test_input_is_rescaled_for_the_weights_only(local, with_file):
    """transform_input is theirs by default; a user may choose otherwise."""
    published = with_file(MEMBER, local)

    assert googlenet(weights=published).transform_input
    assert not googlenet(weights=published, transform_input=False).transform_input
    assert not googlenet(weights=None, init_weights=False).transform_input


def test_new_head_renews_the_auxiliary_ones_too(local, with_file):
    """Each layer that depends on the number of classes is new; the rest is loaded."""
    model = googlenet(
        weights=with_file(MEMBER, local), num_classes=7, new_head=True, aux_logits=True
    )
    file = torch.load(local.fetch(), weights_only=True)

    assert {7} == {head.out_features for head in (model.fc, model.aux1.fc2, model.aux2.fc2)}
    assert torch.equal(file["aux1.fc1.weight"], model.aux1.fc1.weight)


def test_a_file_without_auxiliary_heads_has_none_to_give(local, save, tmp_path, with_file):
    """Loading stays strict: heads that are asked for must be there."""
    file = torch.load(local.fetch(), weights_only=True)
    bare = save({k: v for k, v in file.items() if not k.startswith("aux")}, tmp_path / "bare.pth")

    assert googlenet(weights=with_file(MEMBER, bare)).aux1 is None
    with pytest.raises(StateDictMismatchError, match="aux1"):
        googlenet(weights=with_file(MEMBER, bare), aux_logits=True)
