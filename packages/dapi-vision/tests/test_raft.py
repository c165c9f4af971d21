"""RAFT: equal to torchvision's models with weights, and its weights by dataset."""

from functools import partial

import pytest
import torch
import torchvision.models.optical_flow as peer_flow
from torch import nn
from torchvision.models.optical_flow import raft

from dapi.exceptions import StateDictMismatchError
from dapi.vision import RaftLargeWeights, RaftSmallWeights, raft_large, raft_small


@pytest.mark.parametrize(
    ("builder", "member", "their_member"),
    [
        (raft_large, RaftLargeWeights.KITTI_RefV2, peer_flow.Raft_Large_Weights.C_T_SKHT_K_V2),
        (raft_small, RaftSmallWeights.FlyingThings_RefV2, peer_flow.Raft_Small_Weights.C_T_V2),
    ],
)
def test_equals_torchvision_with_weights(
    builder, member, their_member, randomized, save, with_file, theirs, assert_same, tmp_path
):
    """The same values and, of two frames, the same flows to the bit, each time it is refined."""
    oracle = getattr(peer_flow, builder.__name__)
    local = save(randomized(oracle()), tmp_path / "published.pth")
    expected = theirs(oracle, local, weights=their_member)
    ours = builder(weights=with_file(member, local))

    assert_same(ours, expected)
    rng = torch.Generator().manual_seed(1)
    frames = [torch.rand(1, 3, 128, 136, generator=rng) * 2 - 1 for _ in range(2)]
    with torch.no_grad():
        wanted = expected.eval()(*frames, num_flow_updates=2)
        actual = ours.eval()(*frames, num_flow_updates=2)
    assert 2 == len(wanted) == len(actual)
    assert all(map(torch.equal, wanted, actual))
    assert (1, 2, 128, 136) == wanted[-1].shape and wanted[-1].std() > 0.01


def parts(narrow):
    """Return a RAFT's parts, which fit each other and no published file."""
    encoder = partial(raft.FeatureEncoder, block=raft.ResidualBlock, norm_layer=nn.BatchNorm2d)
    correlation = raft.CorrBlock(num_levels=3, radius=2)
    motion = raft.MotionEncoder(
        in_channels_corr=correlation.out_channels,
        corr_layers=(16,),
        flow_layers=(16, 8),
        out_channels=16,
    )
    recurrent = raft.RecurrentBlock(
        input_size=16 + narrow, hidden_size=narrow, kernel_size=(3,), padding=(1,)
    )
    return {
        "feature_encoder": encoder(layers=(8, 8, 8, 8, 8 * narrow)),
        "context_encoder": encoder(layers=(8, 8, 8, 8, 2 * narrow)),
        "corr_block": correlation,
        "update_block": raft.UpdateBlock(
            motion_encoder=motion,
            recurrent_block=recurrent,
            flow_head=raft.FlowHead(in_channels=narrow, hidden_size=8),
        ),
        "mask_predictor": raft.MaskPredictor(in_channels=narrow, hidden_size=8),
    }


@pytest.mark.parametrize("builder", [raft_large, raft_small])
def test_parts_are_the_callers_as_in_torchvision(builder):
    """All of them at once, and one whose size decides that of another."""
    torch.manual_seed(0)
    given = parts(8)
    ours, theirs = builder(**given), getattr(peer_flow, builder.__name__)(**given)
    assert all(getattr(ours, name) is part for name, part in given.items())
    frames = [torch.rand(1, 3, 64, 64) for _ in range(2)]
    with torch.no_grad():
        flows = [model.eval()(*frames, num_flow_updates=2)[-1] for model in (ours, theirs)]
    assert torch.equal(*flows)

    correlation = raft.CorrBlock(num_levels=3, radius=2)
    models = [
        make(corr_block=correlation) for make in (builder, getattr(peer_flow, builder.__name__))
    ]
    shapes = [{key: each.shape for key, each in model.state_dict().items()} for model in models]
    assert shapes[0] == shapes[1]


def test_parts_that_do_not_fit_the_weights_are_refused(randomized, save, with_file, tmp_path):
    """A published file is for the paper's parts; with them, a part of one's own is loaded."""
    local = save(randomized(peer_flow.raft_small()), tmp_path / "published.pth")
    weights = with_file(RaftSmallWeights.FlyingThings_RefV2, local)
    own = peer_flow.raft_small().feature_encoder

    assert raft_small(weights=weights, feature_encoder=own).feature_encoder is own
    assert torch.equal(own.conv.weight, weights.state_dict()["feature_encoder.conv.weight"])
    with pytest.raises(StateDictMismatchError, match="feature_encoder"):
        raft_small(weights=weights, feature_encoder=parts(8)["feature_encoder"])


def test_latest_is_by_dataset():
    """Weights for one dataset are not outdated by those for another."""
    assert RaftLargeWeights.Sintel_RefV2 is RaftLargeWeights.get_latest()
    for dataset in ("FlyingThings", "KITTI", "Sintel"):
        assert RaftLargeWeights[f"{dataset}_RefV2"] is RaftLargeWeights.get_latest(dataset)
