"""Residual networks: the layouts of their files, and what a builder refuses."""

import pytest
import torch
import torchvision.models as peer

import dapi
from dapi.exceptions import (
    ConfigConflictError,
    LegacyArgumentWarning,
    OfflineError,
    OutdatedWeightsWarning,
    StateDictMismatchError,
    UnexpectedArgumentError,
    WeightsTypeError,
)
from dapi.vision import (
    ResNet18Weights,
    ResNet50Weights,
    ResNeXt101_32x8dWeights,
    resnet18,
    resnet50,
)

LAYOUTS = {
    "legacy-file": {"legacy": True},
    "legacy-file-without-num_batches_tracked": {"legacy": True, "tracked": False},
    "zip-with-versions": {"versioned": True},
    "half-precision": {"half": True},
}


def published(model, randomized, save, path, layout):
    """Write weights for a model as a file of that time was."""
    state_dict = randomized(model)
    if not layout.get("tracked", True):
        for key in [key for key in state_dict if key.endswith("num_batches_tracked")]:
            del state_dict[key]
    if layout.get("half"):
        for key in [key for key in state_dict if state_dict[key].is_floating_point()]:
            state_dict[key] = state_dict[key].half()
    versions = {name: module._version for name, module in model.named_modules()}
    return save(
        state_dict,
        path,
        versions=versions if layout.get("versioned") else None,
        legacy=layout.get("legacy", False),
    )


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_of_file_gives_torchvisions_model(
    layout, randomized, save, with_file, theirs, assert_same, tmp_path
):
    """The same keys, values, buffers and types, whatever the file has."""
    local = published(peer.resnet18(), randomized, save, tmp_path / "published.pth", layout)
    expected = theirs(peer.resnet18, local, weights=peer.ResNet18_Weights.IMAGENET1K_V1)

    ours = resnet18(weights=with_file(ResNet18Weights.ImageNet1K_RefV1, local))
    assert_same(ours, expected)
    assert torch.float32 == ours.conv1.weight.dtype


def test_pretrained_means_the_first_weights(offline):
    """pretrained=True asks for what it always meant, and says how to write it now."""
    with pytest.warns(LegacyArgumentWarning) as said:
        resnet50(pretrained=False)
        with (
            pytest.warns(OutdatedWeightsWarning),
            pytest.raises(OfflineError, match=ResNet50Weights.ImageNet1K_RefV1.url),
        ):
            resnet50(pretrained=True)

    legacy = [warning for warning in said if warning.category is LegacyArgumentWarning]
    assert [
        "resnet50(pretrained=False) is deprecated. Write resnet50(weights=None).",
        "resnet50(pretrained=True) is deprecated. "
        "Write resnet50(weights=ResNet50Weights.ImageNet1K_RefV1).",
    ] == [str(warning.message) for warning in legacy]
    assert {__file__} == {warning.filename for warning in legacy}


def test_weights_of_another_builder_are_refused(offline):
    """The error names whose weights they are and what was expected; nothing is fetched."""
    with pytest.raises(WeightsTypeError, match="resnext101_32x8d.*ResNet50Weights"):
        resnet50(weights=ResNeXt101_32x8dWeights.ImageNet1K_RefV2)


def test_file_of_another_model_is_refused(save, tmp_path):
    """A checkpoint that does not fit is named, with what is missing or left over."""
    local = save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(StateDictMismatchError, match="conv1.weight"):
        resnet18(weights=local)


def test_other_classes_need_a_new_head(offline):
    """num_classes that contradict the weights are an error that says both, before any fetch."""
    with pytest.raises(ConfigConflictError, match="num_classes=7 .*num_classes=1000.*new_head"):
        resnet50(weights=ResNet50Weights.ImageNet1K_RefV2, num_classes=7)


def test_misspelt_argument_is_refused():
    """A near miss of an argument is not swallowed."""
    with pytest.raises(UnexpectedArgumentError, match="'num_classes'"):
        resnet50(num_clases=7)


def test_earlier_weights_warn(offline):
    """RefV1 says that there is RefV2 for ImageNet1K, before it is fetched."""
    with (
        pytest.warns(OutdatedWeightsWarning, match="RefV1 is not the latest.*RefV2"),
        pytest.raises(OfflineError),
    ):
        resnet50(weights=ResNet50Weights.ImageNet1K_RefV1)


def test_names_of_torchvision_are_those_of_members():
    """A member says what torchvision's users call it."""
    names = [member.meta["known_as"][0] for member in dapi.list_weights("resnet50")]

    assert [f"ResNet50_Weights.IMAGENET1K_V{n}" for n in (1, 2)] == names
