"""The Faster R-CNN builders: equal to torchvision's, with weights, with a backbone's, without."""

import re
import warnings

import pytest
import torch
import torchvision.models as peer
import torchvision.models.detection as peer_detection

from dapi.exceptions import (
    ConfigConflictError,
    LegacyArgumentWarning,
    OfflineError,
    WeightsTypeError,
)
from dapi.vision import (
    FasterRCNNResNet50FPNV2Weights,
    FasterRCNNResNet50FPNWeights,
    ResNet50Weights,
    fasterrcnn_resnet50_fpn,
    fasterrcnn_resnet50_fpn_v2,
)
from dapi.vision.models._frozen_norm import FrozenBatchNorm2d

V1 = (
    fasterrcnn_resnet50_fpn,
    peer_detection.fasterrcnn_resnet50_fpn,
    FasterRCNNResNet50FPNWeights.COCO_RefV1,
    peer_detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
)
V2 = (
    fasterrcnn_resnet50_fpn_v2,
    peer_detection.fasterrcnn_resnet50_fpn_v2,
    FasterRCNNResNet50FPNV2Weights.COCO_RefV1,
    peer_detection.FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
)
# Small images, and few proposals for the heads to look at.
SMALL = {
    "min_size": 64,
    "max_size": 128,
    "rpn_post_nms_top_n_train": 40,
    "rpn_post_nms_top_n_test": 40,
}
both = pytest.mark.parametrize(
    ("builder", "oracle", "member", "their_member"),
    [pytest.param(*V1, id="v1"), pytest.param(*V2, id="v2")],
)


@pytest.fixture(scope="module")
def trained(randomized):
    """A state dict for each builder, whose boxes and scores are neither all nor none."""

    def make(oracle):
        model = oracle(weights=None, weights_backbone=None)
        state_dict = {
            key: tensor * 1e-4 if re.search(r"bbox_pred|cls_", key) else tensor
            for key, tensor in randomized(model).items()
        }
        versions = {name: module._version for name, module in model.named_modules()}
        return state_dict, versions

    return {case: make(case[1]) for case in (V1, V2)}


@pytest.fixture(scope="module")
def backbone(randomized, save, tmp_path_factory):
    """A file with weights of a ResNet-50."""
    path = tmp_path_factory.mktemp("backbone") / "backbone.pth"
    return save(randomized(peer.resnet50()), path)


def as_published(state_dict, *, names, tracked):
    """Give the keys the form that they had at different times.

    Before version 2 of FeaturePyramidNetwork and RPNHead, their convolutions were not in blocks.
    Files came with and without ``num_batches_tracked``, also of frozen norms.
    """
    layout = {}
    for key, tensor in state_dict.items():
        if names == "old":
            key = re.sub(r"(fpn\.(?:inner|layer)_blocks\.\d)\.0\.", r"\1.", key)
            key = key.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        if not key.endswith("num_batches_tracked"):
            layout[key] = tensor
        if tracked and key.endswith("running_var"):
            layout[key.replace("running_var", "num_batches_tracked")] = torch.tensor(7)
    return layout


def scenes():
    """Two small images of different sizes, with an object each."""
    rng = torch.Generator().manual_seed(5)
    images = [torch.rand(3, 70, 96, generator=rng), torch.rand(3, 81, 64, generator=rng)]
    targets = [
        {"boxes": torch.tensor([[8.0, 8.0, 50.0, 60.0]]), "labels": torch.tensor([3])},
        {"boxes": torch.tensor([[5.0, 20.0, 60.0, 75.0]]), "labels": torch.tensor([17])},
    ]
    return images, targets


def assert_same_answers(ours, oracle):
    """Assert the same boxes in eval mode, and the same losses in training mode."""
    images, targets = scenes()
    with torch.no_grad():
        expected, actual = oracle.eval()(images), ours.eval()(images)
        for theirs, mine in zip(expected, actual, strict=True):
            assert theirs.keys() == mine.keys()
            assert len(theirs["boxes"]) > 0
            assert all(torch.equal(theirs[key], mine[key]) for key in theirs)
        losses = []
        for model in (oracle, ours):
            torch.manual_seed(2)  # boxes are sampled in training
            losses.append(model.train()(images, targets))
    assert losses[0] == losses[1] and len(losses[0]) == 4


def eps_values(model):
    return {module.eps for module in model.modules() if isinstance(module, FrozenBatchNorm2d)}


@pytest.mark.parametrize(
    ("case", "layout"),
    [
        (V1, {"names": "old", "version": None, "tracked": True, "legacy": True}),
        (V1, {"names": "old", "version": 1, "tracked": False, "legacy": False}),
        (V1, {"names": "new", "version": 2, "tracked": False, "legacy": False}),
        (V1, {"names": "new", "version": None, "tracked": True, "legacy": True}),
        (V2, {"names": "new", "version": 2, "tracked": True, "legacy": False}),
        (V2, {"names": "new", "version": None, "tracked": False, "legacy": True}),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_equals_torchvision_with_weights(
    case, layout, trained, save, with_file, theirs, assert_same, tmp_path
):
    """Whatever the layout of the file: the same model, the same boxes and the same losses."""
    builder, oracle, member, their_member = case
    state_dict, versions = trained[case]
    changed = dict.fromkeys(("backbone.fpn", "rpn.head"), layout["version"])
    local = save(
        as_published(state_dict, names=layout["names"], tracked=layout["tracked"]),
        tmp_path / "published.pth",
        versions=layout["version"] and {**versions, **changed},
        legacy=layout["legacy"],
    )
    expected = theirs(oracle, local, weights=their_member, **SMALL)
    ours = builder(weights=with_file(member, local), **SMALL)

    assert_same(ours, expected)
    assert ({0.0} if case is V1 else set()) == eps_values(ours)
    assert member.meta["num_params"] == sum(p.numel() for p in ours.parameters())
    assert_same_answers(ours, expected)
    assert_same(ours, expected)


@pytest.mark.parametrize(
    ("case", "layers"), [(V1, None), (V1, 0), (V1, 5), (V2, None), (V2, 4), (V2, 5)]
)
def test_weights_of_the_backbone_equal_torchvisions(case, layers, backbone, with_file, theirs):
    """They are loaded, the same parameters are frozen, and eps is 1e-5."""
    builder, oracle, *_ = case
    expected = theirs(
        oracle,
        backbone,
        weights_backbone=peer.ResNet50_Weights.IMAGENET1K_V2,
        trainable_backbone_layers=layers,
    )
    ours = builder(
        weights_backbone=with_file(ResNet50Weights.ImageNet1K_RefV2, backbone),
        trainable_backbone_layers=layers,
    )

    assert [(name, p.shape, p.requires_grad) for name, p in expected.named_parameters()] == [
        (name, p.shape, p.requires_grad) for name, p in ours.named_parameters()
    ]
    assert ({1e-5} if builder is fasterrcnn_resnet50_fpn else set()) == eps_values(ours)
    state_dict = ours.state_dict()
    assert list(expected.state_dict()) == list(state_dict)
    for key, tensor in expected.state_dict().items():
        if key.startswith("backbone.body."):
            assert torch.equal(tensor, state_dict[key]), key


@both
def test_without_weights_equals_torchvision(
    builder, oracle, member, their_member, assert_same, offline
):
    """The same seed gives the same random model; nothing is frozen and nothing is fetched."""
    torch.manual_seed(4)
    expected = oracle(weights=None, weights_backbone=None, num_classes=5)
    torch.manual_seed(4)
    ours = builder(num_classes=5)

    assert_same(ours, expected)
    assert all(parameter.requires_grad for parameter in ours.parameters())
    assert set() == eps_values(ours)


def test_trainable_layers_without_weights_warn():
    """Without weights all layers are trained, and an argument that says otherwise is reported."""
    with pytest.warns(UserWarning, match="trainable_backbone_layers=1 has no effect"):
        model = fasterrcnn_resnet50_fpn(trainable_backbone_layers=1)

    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("layers", [-1, 6, "all"])
def test_trainable_layers_out_of_range_are_refused(layers, backbone):
    """The error says what is possible."""
    with pytest.raises(ValueError, match=f"{layers!r} is not possible.*from 0 to 5"):
        fasterrcnn_resnet50_fpn(weights_backbone=backbone, trainable_backbone_layers=layers)


@both
def test_backbone_is_not_fetched_when_weights_are_given(
    builder, oracle, member, their_member, trained, save, with_file, offline, tmp_path
):
    """Weights of the whole detector hold the backbone's."""
    state_dict, _ = trained[builder, oracle, member, their_member]
    local = save(state_dict, tmp_path / "published.pth")
    other = ResNet50Weights.ImageNet1K_RefV2
    model = builder(weights=with_file(member, local), weights_backbone=other)

    key = "backbone.body.conv1.weight"
    assert torch.equal(state_dict[key], model.state_dict()[key])
    with pytest.raises(OfflineError, match=other.url):
        builder(weights_backbone=other)


def test_new_head_keeps_the_rest(trained, save, with_file, tmp_path):
    """Other classes are asked for explicitly; then the box predictor alone is new."""
    member, (state_dict, _) = FasterRCNNResNet50FPNWeights.COCO_RefV1, trained[V1]
    local = save(state_dict, tmp_path / "published.pth")
    with pytest.raises(ConfigConflictError, match="num_classes=3 .*num_classes=91"):
        fasterrcnn_resnet50_fpn(weights=member, num_classes=3)
    model = fasterrcnn_resnet50_fpn(weights=with_file(member, local), num_classes=3, new_head=True)

    for key, tensor in model.state_dict().items():
        if key.startswith("roi_heads.box_predictor."):
            assert tensor.shape[0] in (3, 12)
        else:
            assert torch.equal(state_dict[key], tensor), key
    assert {0.0} == eps_values(model)


@both
def test_arguments_of_the_past_warn(builder, oracle, member, their_member, offline):
    """pretrained= and pretrained_backbone= ask for what they meant, and say what to write."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        builder(pretrained=False, pretrained_backbone=False)
        with pytest.raises(OfflineError, match=ResNet50Weights.ImageNet1K_RefV1.url):
            builder(pretrained_backbone=True)
        with pytest.raises(OfflineError, match=member.url):
            builder(pretrained=True)

    name, enum = builder.__name__, type(member).__name__
    texts = [str(w.message) for w in said if w.category is LegacyArgumentWarning]
    assert [
        f"{name}(pretrained=False) is an argument of the past. Write {name}(weights=None).",
        f"{name}(pretrained_backbone=False) is an argument of the past. "
        f"Write {name}(weights_backbone=None).",
        f"{name}(pretrained_backbone=True) is an argument of the past. "
        f"Write {name}(weights_backbone=ResNet50Weights.ImageNet1K_RefV1).",
        f"{name}(pretrained=True) is an argument of the past. "
        f"Write {name}(weights={enum}.COCO_RefV1).",
    ] == texts


@both
def test_weights_of_another_builder_are_refused(builder, oracle, member, their_member, offline):
    """Weights of a classifier, or of the other detector, do not fit; the backbone takes its own."""
    (other,) = {V1[2], V2[2]} - {member}
    for wrong in (other, ResNet50Weights.ImageNet1K_RefV2):
        with pytest.raises(WeightsTypeError, match=type(member).__name__):
            builder(weights=wrong)
    with pytest.raises(WeightsTypeError, match="resnet50 cannot take .*ResNet50Weights"):
        builder(weights_backbone=member)


def test_eps_that_is_given_wins():
    """An argument is stronger than a context."""
    from dapi import ContextParams

    with ContextParams(FrozenBatchNorm2d, eps=0.0):
        assert (0.0, 0.5) == (FrozenBatchNorm2d(1).eps, FrozenBatchNorm2d(1, eps=0.5).eps)
    assert 1e-5 == FrozenBatchNorm2d(1).eps
