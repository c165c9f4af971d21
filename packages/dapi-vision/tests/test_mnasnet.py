"""MNASNet: which version of the code wrote a file."""

from dataclasses import replace

import pytest
import torch
import torchvision.models as peer
from safetensors.torch import save_file

import dapi
from dapi.adapt import StripPrefix
from dapi.vision import MNASNet0_5Weights, mnasnet0_5

MEMBER = MNASNet0_5Weights.ImageNet1K_RefV1


def test_a_file_that_lost_its_version_is_of_the_second(randomized, with_file, tmp_path):
    """safetensors keeps no versions; torchvision's class refuses such a state dict."""
    state_dict = randomized(peer.mnasnet0_5())
    save_file(state_dict, tmp_path / "mnasnet.safetensors")
    with pytest.raises(ValueError, match="version should be set to 1 or 2"):
        peer.mnasnet0_5().load_state_dict(dict(state_dict))

    local = dapi.WeightEntry.from_file(tmp_path / "mnasnet.safetensors")
    ours = mnasnet0_5(weights=with_file(MEMBER, local)).state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in state_dict.items())


@pytest.mark.filterwarnings("ignore:A new version of MNASNet model:UserWarning")
def test_a_file_of_the_first_version_gets_its_wider_stem(
    randomized, save, with_file, theirs, assert_same, tmp_path
):
    """The first code did not scale the first layers; such a file still works, as it did."""
    model = peer.mnasnet0_5()
    as_first = model.state_dict()
    as_first._metadata[""]["version"] = 1
    with pytest.raises(RuntimeError, match="size mismatch"):  # the model is of that version now
        model.load_state_dict(as_first)
    versions = {path: module._version for path, module in model.named_modules()}
    local = save(randomized(model), tmp_path / "first.pth", versions=versions)

    weights = peer.MNASNet0_5_Weights.IMAGENET1K_V1
    ours = mnasnet0_5(weights=with_file(MEMBER, local))
    assert_same(ours, theirs(peer.mnasnet0_5, local, weights=weights))
    assert 1 == versions[""] and 32 == ours.layers[0].out_channels


def test_a_file_that_dataparallel_wrote_is_of_the_second(with_file, tmp_path):
    """The wrapper has a version of its own, which is not the model's."""
    model = peer.mnasnet0_5()
    torch.save(torch.nn.DataParallel(model).state_dict(), tmp_path / "wrapped.pth")
    local = with_file(MEMBER, dapi.WeightEntry.from_file(tmp_path / "wrapped.pth"))
    for code_version in ({}, {"": 2}):
        build = replace(local.build, adapt=(StripPrefix("module."),), code_version=code_version)
        ours = mnasnet0_5(weights=replace(local, build=build)).state_dict()

        assert all(torch.equal(value, ours[key]) for key, value in model.state_dict().items())
