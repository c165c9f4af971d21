"""RAFT: equal to torchvision's models with weights, and its weights by dataset."""

import pytest
import torch
import torchvision.models.optical_flow as peer_flow

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


def test_latest_is_by_dataset():
    """Weights for one dataset are not outdated by those for another."""
    assert RaftLargeWeights.Sintel_RefV2 is RaftLargeWeights.get_latest()
    for dataset in ("FlyingThings", "KITTI", "Sintel"):
        assert RaftLargeWeights[f"{dataset}_RefV2"] is RaftLargeWeights.get_latest(dataset)
