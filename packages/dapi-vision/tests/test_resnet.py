"""resnet50 and resnext101_32x8d: equal to torchvision's, with weights."""

import pickle

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
from dapi.vision import ResNet50Weights, ResNeXt101_32x8dWeights, resnet50, resnext101_32x8d

CASES = [
    pytest.param(
        resnet50,
        peer.resnet50,
        ResNet50Weights.ImageNet1K_RefV1,
        peer.ResNet50_Weights.IMAGENET1K_V1,
        {"legacy": True},
        id="resnet50-v1-legacy-file",
    ),
    pytest.param(
        resnet50,
        peer.resnet50,
        ResNet50Weights.ImageNet1K_RefV2,
        peer.ResNet50_Weights.IMAGENET1K_V2,
        {"versioned": True},
        id="resnet50-v2-zip-with-versions",
    ),
    pytest.param(
        resnet50,
        peer.resnet50,
        ResNet50Weights.ImageNet1K_RefV1,
        peer.ResNet50_Weights.IMAGENET1K_V1,
        {"legacy": True, "tracked": False},
        id="resnet50-v1-without-num_batches_tracked",
    ),
    pytest.param(
        resnext101_32x8d,
        peer.resnext101_32x8d,
        ResNeXt101_32x8dWeights.ImageNet1K_RefV1,
        peer.ResNeXt101_32X8D_Weights.IMAGENET1K_V1,
        {"legacy": True},
        id="resnext101-v1-legacy-file",
    ),
    pytest.param(
        resnext101_32x8d,
        peer.resnext101_32x8d,
        ResNeXt101_32x8dWeights.ImageNet1K_RefV2,
        peer.ResNeXt101_32X8D_Weights.IMAGENET1K_V2,
        {"versioned": True},
        id="resnext101-v2-zip-with-versions",
    ),
]

pytestmark = pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning")


def published(model, randomized, save, path, *, legacy=False, versioned=False, tracked=True):
    """Write weights for a model as a file of that time was."""
    state_dict = randomized(model)
    if not tracked:
        for key in [key for key in state_dict if key.endswith("num_batches_tracked")]:
            del state_dict[key]
    versions = {name: module._version for name, module in model.named_modules()}
    return save(state_dict, path, versions=versions if versioned else None, legacy=legacy)


@pytest.mark.parametrize(("builder", "oracle", "member", "their_member", "layout"), CASES)
def test_equals_torchvision_with_weights(
    builder,
    oracle,
    member,
    their_member,
    layout,
    randomized,
    save,
    with_file,
    theirs,
    assert_same,
    tmp_path,
):
    """The same keys, values, buffers and requires_grad; the same output in both modes."""
    local = published(oracle(), randomized, save, tmp_path / "published.pth", **layout)
    expected = theirs(oracle, local, weights=their_member)
    ours = builder(weights=with_file(member, local))

    assert_same(ours, expected)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(expected.train()(images), ours.train()(images))
        output = ours.eval()(images)
    assert torch.equal(expected.eval()(images), output)
    assert output.std() > 0.01
    assert_same(ours, expected)


@pytest.mark.parametrize(
    ("builder", "oracle"),
    [(resnet50, peer.resnet50), (resnext101_32x8d, peer.resnext101_32x8d)],
    ids=["resnet50", "resnext101_32x8d"],
)
def test_without_weights_equals_torchvision(builder, oracle, assert_same, offline):
    """The same seed gives the same random model, and nothing is fetched."""
    torch.manual_seed(3)
    expected = oracle(weights=None, num_classes=5)
    torch.manual_seed(3)

    assert_same(builder(weights=None, num_classes=5), expected)


@pytest.mark.parametrize(
    ("builder", "member"),
    [
        (resnet50, ResNet50Weights.ImageNet1K_RefV1),
        (resnext101_32x8d, ResNeXt101_32x8dWeights.ImageNet1K_RefV1),
    ],
    ids=["resnet50", "resnext101_32x8d"],
)
def test_pretrained_means_the_first_weights(builder, member, offline):
    """pretrained=True asks for what it always meant, and says how to write it now."""
    with pytest.warns(LegacyArgumentWarning) as said:
        builder(pretrained=False)
        with pytest.raises(OfflineError, match=member.url):
            builder(pretrained=True)

    name, enum = builder.__name__, type(member).__name__
    legacy = [warning for warning in said if warning.category is LegacyArgumentWarning]
    assert [
        f"{name}(pretrained=False) is an argument of the past. Write {name}(weights=None).",
        f"{name}(pretrained=True) is an argument of the past. "
        f"Write {name}(weights={enum}.ImageNet1K_RefV1).",
    ] == [str(warning.message) for warning in legacy]
    assert {__file__} == {warning.filename for warning in legacy}


def test_weights_of_another_builder_are_refused(offline):
    """The error names whose weights they are and what was expected; nothing is fetched."""
    with pytest.raises(WeightsTypeError, match="resnext101_32x8d.*ResNet50Weights"):
        resnet50(weights=ResNeXt101_32x8dWeights.ImageNet1K_RefV2)


def test_file_of_another_model_is_refused(randomized, save, tmp_path):
    """A checkpoint that does not fit is named, with what is missing or left over."""
    local = save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(StateDictMismatchError, match="conv1.weight"):
        resnet50(weights=local)


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


@pytest.mark.parametrize("builder", [resnet50, resnext101_32x8d])
def test_builders_pickle(builder):
    """A builder is a plain function that can go to another process."""
    assert builder is pickle.loads(pickle.dumps(builder))
    assert builder is dapi.get_builder(builder.__name__)
