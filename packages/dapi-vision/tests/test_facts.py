"""What the entries state of torchvision's weights is what torchvision states."""

from pathlib import Path

import pytest
import torchvision.models as peer
import torchvision.models.detection as peer_detection

from dapi import list_weights
from dapi.vision import (
    FasterRCNNResNet50FPNV2Weights,
    FasterRCNNResNet50FPNWeights,
    ResNet50Weights,
    ResNeXt101_32x8dWeights,
)

PAIRS = [
    (ResNet50Weights.ImageNet1K_RefV1, peer.ResNet50_Weights.IMAGENET1K_V1),
    (ResNet50Weights.ImageNet1K_RefV2, peer.ResNet50_Weights.IMAGENET1K_V2),
    (ResNeXt101_32x8dWeights.ImageNet1K_RefV1, peer.ResNeXt101_32X8D_Weights.IMAGENET1K_V1),
    (ResNeXt101_32x8dWeights.ImageNet1K_RefV2, peer.ResNeXt101_32X8D_Weights.IMAGENET1K_V2),
    (
        FasterRCNNResNet50FPNWeights.COCO_RefV1,
        peer_detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
    ),
    (
        FasterRCNNResNet50FPNV2Weights.COCO_RefV1,
        peer_detection.FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    ),
]
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[str(ours) for ours, _ in PAIRS])


@pairs
def test_facts_are_torchvisions(ours, theirs):
    """URL, parameters, categories, recipe and every metric."""
    metrics = {}
    for metric in ours.meta["metrics"]:
        metrics.setdefault(metric["dataset"], {})[metric["name"]] = metric["value"]

    assert theirs.url == ours.url
    assert theirs.meta["num_params"] == ours.meta["num_params"]
    assert theirs.meta["categories"] == list(ours.meta["categories"])
    assert theirs.meta["recipe"] == ours.meta["recipe"]
    assert theirs.meta["_metrics"] == metrics
    assert (theirs is type(theirs).DEFAULT) == ours.latest
    assert [member for member, _ in PAIRS if type(member) is type(ours)] == list(type(ours))


@pairs
def test_transforms_have_torchvisions_parameters(ours, theirs):
    """Each parameter of torchvision's preset has the same value in ours."""
    preset, transforms = theirs.transforms(), ours.transforms()
    assert type(preset).__name__ == type(transforms).__name__
    if type(preset).__name__ == "ImageClassification":
        assert preset.crop_size == [transforms.crop_size]
        assert preset.resize_size == [transforms.resize_size]
        assert (preset.mean, preset.std) == (list(transforms.mean), list(transforms.std))
        assert preset.interpolation.value == transforms.interpolation
        assert preset.antialias == transforms.antialias


@pairs
def test_hash_and_size_agree_with_what_is_published(ours, theirs):
    """The hash begins with the digits in the file's name, and the size is torchvision's."""
    digits = Path(theirs.url).stem.rpartition("-")[2]

    assert ours.sha256.startswith(digits)
    if ours.size is None:
        assert digits == ours.sha256
    else:
        assert 64 == len(ours.sha256)
        assert theirs.meta["_file_size"] == pytest.approx(ours.size / 2**20, abs=1e-3)


def test_postprocess_names_what_meta_names():
    """The names that predictions get are the categories in the metadata."""
    for member in list_weights():
        if type(member).__module__.startswith("dapi.vision."):
            assert member.meta["categories"] == member.postprocess.kwargs["categories"]
            assert len(member.meta["categories"]) == member.build.config["num_classes"]
