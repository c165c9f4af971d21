"""Video classification: equal to torchvision's models with weights."""

import pytest
import torch
import torchvision.models as peer
import torchvision.models.video as peer_video

import dapi

# Frames and size of clips: few and small, but for models that take one size only.
CLIPS = {
    "mc3_18": (3, 32),
    "r3d_18": (3, 32),
    "r2plus1d_18": (3, 32),
    "s3d": (14, 224),
    "swin3d_t": (3, 64),
    "swin3d_s": (3, 64),
    "swin3d_b": (3, 64),
    "mvit_v1_b": (16, 224),
    "mvit_v2_s": (16, 224),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "mc3_18" else pytest.mark.slow) for name in CLIPS],
)
def test_equals_torchvision_with_weights(
    name, randomized, save, with_file, theirs, assert_same, tmp_path
):
    """The same values and, of a clip, the same logits to the bit."""
    builder, oracle = dapi.get_builder(name), getattr(peer_video, name)
    member = builder.__dapi_builder__.weights[0].get_latest()
    local = save(randomized(oracle(weights=None)), tmp_path / "published.pth")
    expected = theirs(oracle, local, weights=peer.get_model_weights(name).DEFAULT)
    ours = builder(weights=with_file(member, local))

    assert_same(ours, expected)
    frames, size = CLIPS[name]
    rng = torch.Generator().manual_seed(1)
    clip = torch.randn(1, 3, frames, size, size, generator=rng)
    with torch.no_grad():
        wanted, actual = expected.eval()(clip), ours.eval()(clip)
    assert torch.equal(wanted, actual)
    assert (1, 400) == wanted.shape and wanted.isfinite().all() and wanted.std() > 0.01
