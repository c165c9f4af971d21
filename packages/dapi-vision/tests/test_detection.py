"""Detectors: equal to torchvision's, with weights and with a backbone's."""

import re
import warnings

import pytest
import torch
import torchvision.models as peer
import torchvision.models.detection as peer_detection

import dapi
from dapi import ContextParams
from dapi.exceptions import (
    ConfigConflictError,
    LegacyArgumentWarning,
    NoWeightsError,
    OfflineError,
    WeightsTypeError,
)
from dapi.vision import (
    FasterRCNNResNet50FPNV2Weights,
    FasterRCNNResNet50FPNWeights,
    KeypointRCNNResNet50FPNWeights,
    MobileNetV3LargeWeights,
    ResNet50Weights,
    fasterrcnn_mobilenet_v3_large_320_fpn,
    fasterrcnn_resnet50_fpn,
    keypointrcnn_resnet50_fpn,
)
from dapi.vision.models._frozen_norm import FrozenBatchNorm2d

pytestmark = pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning")

BUILDERS = peer.list_models(module=peer_detection)
BY_DEFAULT = {
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fcos_resnet50_fpn",
    "ssdlite320_mobilenet_v3_large",
}
OF_FILES = {"fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2"}
LOSSES = {"fcos": 3, "retinanet": 2, "ssd": 2, "fasterrcnn": 4, "maskrcnn": 5, "keypointrcnn": 5}


def small(name):
    """Return arguments that make a detector look at small images, and at few places."""
    if name.startswith("ssd"):
        return {}
    size = {"min_size": 64, "max_size": 128}
    if "rcnn" not in name:
        return size
    few = {"rpn_post_nms_top_n_train": 40, "rpn_post_nms_top_n_test": 40}
    # Below 1/91: weights that nobody trained give each class about the same.
    return {**size, **few, "box_score_thresh": 0.01}


def trained(model, randomized):
    """Return a state dict whose boxes and scores are neither all nor none, and its versions."""
    state_dict = {
        key: tensor * 1e-4 if re.search(r"bbox_|cls_|classification_head", key) else tensor
        for key, tensor in randomized(model).items()
    }
    return state_dict, {name: module._version for name, module in model.named_modules()}


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
    boxes = [[8.0, 8.0, 50.0, 60.0]], [[5.0, 20.0, 60.0, 75.0]]
    targets = [
        {
            "boxes": torch.tensor(box),
            "labels": torch.tensor([1]),
            "masks": torch.ones(1, *image.shape[-2:], dtype=torch.uint8),
            "keypoints": torch.tensor([[[20.0, 30.0, 1.0]] * 17]),
        }
        for image, box in zip(images, boxes, strict=True)
    ]
    return images, targets


def assert_same_answers(ours, oracle, losses):
    """Assert the same objects in eval mode, and the same losses in training mode."""
    images, targets = scenes()
    with torch.no_grad():
        expected, actual = oracle.eval()(images), ours.eval()(images)
        for theirs, mine in zip(expected, actual, strict=True):
            assert theirs.keys() == mine.keys()
            assert len(theirs["boxes"]) > 0
            assert all(torch.equal(theirs[key], mine[key]) for key in theirs)
        found = []
        for model in (oracle, ours):
            torch.manual_seed(2)  # boxes are sampled in training
            found.append(model.train()(images, targets))
    assert found[0] == found[1] and losses == len(found[0])


def eps_values(model):
    return {module.eps for module in model.modules() if isinstance(module, FrozenBatchNorm2d)}


def counterpart(name):
    """Return our builder and its latest member, and torchvision's."""
    builder = dapi.get_builder(name)
    member = builder.__dapi_builder__.weights[0].get_latest()
    return builder, member, getattr(peer_detection, name), peer.get_model_weights(name).DEFAULT


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in BY_DEFAULT else pytest.mark.slow)
        for name in BUILDERS
        if name not in OF_FILES
    ],
)
def test_equals_torchvision_with_weights(
    name, randomized, save, with_file, theirs, assert_same, structure, tmp_path
):
    """The same model, the same objects with their shapes, and the same losses, to the bit."""
    builder, member, oracle, their_member = counterpart(name)
    state_dict, versions = trained(oracle(weights=None, weights_backbone=None), randomized)
    local = save(state_dict, tmp_path / "published.pth", versions=versions)
    expected = theirs(oracle, local, weights=their_member, **small(name))
    ours = builder(weights=with_file(member, local), **small(name))

    assert_same(ours, expected)
    assert structure(expected) == structure(ours)
    kind = next(kind for kind in LOSSES if name.startswith(kind))
    assert_same_answers(ours, expected, LOSSES[kind])


LAYOUTS = [
    ("fasterrcnn_resnet50_fpn", {"names": "old", "version": None, "tracked": True, "legacy": True}),
    ("fasterrcnn_resnet50_fpn", {"names": "old", "version": 1, "tracked": False, "legacy": False}),
    ("fasterrcnn_resnet50_fpn", {"names": "new", "version": 2, "tracked": False, "legacy": False}),
    (
        "fasterrcnn_resnet50_fpn_v2",
        {"names": "new", "version": 2, "tracked": True, "legacy": False},
    ),
    (
        "fasterrcnn_resnet50_fpn_v2",
        {"names": "new", "version": None, "tracked": False, "legacy": True},
    ),
]


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        pytest.param(
            name,
            layout,
            id="-".join([name, *map(str, layout.values())]),
            marks=pytest.mark.slow if place in (1, 2, 4) else (),
        )
        for place, (name, layout) in enumerate(LAYOUTS)
    ],
)
def test_equals_torchvision_whatever_the_layout(
    name, layout, randomized, save, with_file, theirs, assert_same, tmp_path
):
    """Files of every age make the same model, the same boxes and the same losses."""
    builder, member, oracle, their_member = counterpart(name)
    state_dict, versions = trained(oracle(weights=None, weights_backbone=None), randomized)
    changed = dict.fromkeys(("backbone.fpn", "rpn.head"), layout["version"])
    local = save(
        as_published(state_dict, names=layout["names"], tracked=layout["tracked"]),
        tmp_path / "published.pth",
        versions=layout["version"] and {**versions, **changed},
        legacy=layout["legacy"],
    )
    expected = theirs(oracle, local, weights=their_member, **small(name))
    ours = builder(weights=with_file(member, local), **small(name))

    assert_same(ours, expected)
    assert_same_answers(ours, expected, 4)
    assert_same(ours, expected)


@pytest.mark.parametrize(
    ("name", "eps"),
    [
        ("fasterrcnn_resnet50_fpn", {0.0}),
        ("fasterrcnn_resnet50_fpn_v2", set()),
        ("fasterrcnn_mobilenet_v3_large_fpn", {1e-5}),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", {1e-5}),
        ("fcos_resnet50_fpn", {1e-5}),
        ("keypointrcnn_resnet50_fpn", {0.0}),
        ("maskrcnn_resnet50_fpn", {0.0}),
        ("maskrcnn_resnet50_fpn_v2", set()),
        ("retinanet_resnet50_fpn", {0.0}),
        ("retinanet_resnet50_fpn_v2", set()),
        ("ssd300_vgg16", set()),
        ("ssdlite320_mobilenet_v3_large", set()),
    ],
)
def test_eps_is_what_the_weights_were_trained_with(name, eps):
    """Of every frozen norm: 0 for those of before 2020, of all members."""
    builder = dapi.get_builder(name)
    for member in builder.__dapi_builder__.weights[0]:
        assert eps == eps_values(builder(weights=member, device="meta")), member


def test_eps_of_legacy_keypoints_is_not_torchvisions():
    """They are as old as the others, and are built as they were trained (vision#2940)."""
    legacy = KeypointRCNNResNet50FPNWeights.COCO_Legacy_RefV1

    assert {0.0} == eps_values(keypointrcnn_resnet50_fpn(weights=legacy, device="meta"))
    assert not legacy.latest


def test_eps_that_is_given_wins():
    """An argument is stronger than a context."""
    with ContextParams(FrozenBatchNorm2d, eps=0.0):
        assert (0.0, 0.5) == (FrozenBatchNorm2d(1).eps, FrozenBatchNorm2d(1, eps=0.5).eps)
    assert 1e-5 == FrozenBatchNorm2d(1).eps


BACKBONES = {
    "resnet50": (peer.resnet50, "ResNet50_Weights", "IMAGENET1K_V2"),
    "mobilenet": (peer.mobilenet_v3_large, "MobileNet_V3_Large_Weights", "IMAGENET1K_V2"),
    "vgg16": (peer.vgg16, "VGG16_Weights", "IMAGENET1K_FEATURES"),
}


@pytest.fixture(scope="module")
def backbone(randomized, save, tmp_path_factory):
    """Return a function that makes a file with weights of a network."""

    def make(network):
        path = tmp_path_factory.mktemp("backbone") / "backbone.pth"
        return save(randomized(network()), path)

    return make


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("fasterrcnn_resnet50_fpn", None),
        ("fasterrcnn_mobilenet_v3_large_fpn", 0),
        ("ssdlite320_mobilenet_v3_large", 2),
        *(
            pytest.param(name, layers, marks=pytest.mark.slow)
            for name, layers in (
                ("fasterrcnn_resnet50_fpn", 0),
                ("fasterrcnn_resnet50_fpn_v2", 5),
                ("retinanet_resnet50_fpn_v2", 4),
                ("fasterrcnn_mobilenet_v3_large_fpn", None),
                ("fasterrcnn_mobilenet_v3_large_fpn", 6),
                ("ssdlite320_mobilenet_v3_large", None),
                ("ssd300_vgg16", None),
                ("ssd300_vgg16", 1),
            )
        ),
    ],
)
def test_weights_of_the_backbone_equal_torchvisions(
    name, layers, backbone, with_file, theirs, structure
):
    """They are loaded, the same parameters are frozen, and eps is 1e-5."""
    network, enum, member = next(value for kind, value in BACKBONES.items() if kind in name)
    local = backbone(network)
    builder, _, oracle, _ = counterpart(name)
    known_as = f"{enum}.{member}"
    ours_of = dapi.get_builder(network.__name__).__dapi_builder__.weights[0]
    entry = next(each for each in ours_of if known_as in each.meta["known_as"])
    arguments = {"trainable_backbone_layers": layers}
    expected = theirs(
        oracle, local, weights_backbone=getattr(getattr(peer, enum), member), **arguments
    )
    ours = builder(weights_backbone=with_file(entry, local), **arguments)

    assert structure(expected) == structure(ours)
    assert eps_values(ours) <= {1e-5}
    part = "backbone.features." if name.startswith("ssd") else "backbone.body."
    keys = [key for key in expected.state_dict() if key.startswith(part)]
    state_dict = ours.state_dict()
    assert keys
    for key in keys:
        assert torch.equal(expected.state_dict()[key], state_dict[key]), key


def test_trainable_layers_without_weights_warn():
    """Without weights all layers are trained, and an argument that says otherwise is reported."""
    with pytest.warns(UserWarning, match="trainable_backbone_layers=1 has no effect"):
        model = fasterrcnn_resnet50_fpn(trainable_backbone_layers=1, device="meta")

    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "layers", "most"),
    [
        ("fasterrcnn_resnet50_fpn", -1, 5),
        ("fasterrcnn_resnet50_fpn", "all", 5),
        ("fasterrcnn_mobilenet_v3_large_fpn", 7, 6),
        ("ssd300_vgg16", 6, 5),
        ("ssdlite320_mobilenet_v3_large", 7, 6),
    ],
)
def test_trainable_layers_out_of_range_are_refused(name, layers, most):
    """The error says what is possible."""
    builder, member, *_ = counterpart(name)
    with pytest.raises(ValueError, match=f"{layers!r} is not valid.*between 0 and {most}"):
        builder(weights=member, trainable_backbone_layers=layers, device="meta")


def test_backbone_is_not_fetched_when_weights_are_given(
    randomized, save, with_file, offline, tmp_path
):
    """Weights of the whole detector hold the backbone's."""
    builder, member, oracle, _ = counterpart("ssdlite320_mobilenet_v3_large")
    state_dict, _ = trained(oracle(weights=None, weights_backbone=None), randomized)
    local = save(state_dict, tmp_path / "published.pth")
    other = MobileNetV3LargeWeights.ImageNet1K_RefV2
    model = builder(weights=with_file(member, local), weights_backbone=other)

    key = "backbone.features.0.0.0.weight"
    assert torch.equal(state_dict[key], model.state_dict()[key])
    with pytest.raises(OfflineError, match=other.url):
        builder(weights_backbone=other)


def test_new_head_keeps_the_rest(randomized, save, with_file, tmp_path):
    """Other classes are asked for explicitly; then the head alone is new."""
    builder, member, oracle, _ = counterpart("ssdlite320_mobilenet_v3_large")
    with pytest.raises(ConfigConflictError, match="num_classes=3 .*num_classes=91"):
        builder(weights=member, num_classes=3)
    state_dict, _ = trained(oracle(weights=None, weights_backbone=None), randomized)
    local = save(state_dict, tmp_path / "published.pth")
    model = builder(weights=with_file(member, local), num_classes=3, new_head=True)

    for key, tensor in model.state_dict().items():
        if not key.startswith("head.classification_head."):
            assert torch.equal(state_dict[key], tensor), key
    assert 3 == model.head.classification_head.num_columns


def test_new_head_may_have_other_keypoints():
    """Their number is of the head, as that of the classes is."""
    member = KeypointRCNNResNet50FPNWeights.COCO_RefV1
    with pytest.raises(ConfigConflictError, match="num_keypoints=5 .*num_keypoints=17"):
        keypointrcnn_resnet50_fpn(weights=member, num_keypoints=5)
    model = keypointrcnn_resnet50_fpn(weights=member, num_keypoints=5, new_head=True, device="meta")

    assert 5 == model.roi_heads.keypoint_predictor.kps_score_lowres.out_channels
    assert {0.0} == eps_values(model)
    with pytest.raises(NoWeightsError, match=r"categories=\[\.\.\.\], keypoint_names=\[\.\.\.\]"):
        dapi.weights_of(model).postprocess()


def test_detector_with_a_pretrained_backbone_is_saved(randomized, save, with_file, tmp_path):
    """Its norms are frozen, as in one that has weights of its own; the backbone is not needed."""
    member = MobileNetV3LargeWeights.ImageNet1K_RefV1
    state_dict, _ = trained(peer.mobilenet_v3_large(weights=None), randomized)
    local = save(state_dict, tmp_path / "backbone.pth")
    model = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights_backbone=with_file(member, local), trainable_backbone_layers=1, num_classes=3
    )
    path = tmp_path / "detector.safetensors"
    dapi.save(model, path)
    found = dapi.load(path)

    expected = model.state_dict()
    assert expected.keys() == found.state_dict().keys()
    assert all(torch.equal(expected[key], each) for key, each in found.state_dict().items())
    trained_keys = [key for key, each in model.named_parameters() if each.requires_grad]
    assert trained_keys == [key for key, each in found.named_parameters() if each.requires_grad]


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2"])
def test_arguments_of_the_past_warn(name, offline):
    """pretrained= and pretrained_backbone= ask for what they meant, and say what to write."""
    builder, member, *_ = counterpart(name)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        builder(pretrained=False, pretrained_backbone=False, device="meta")
        with pytest.raises(OfflineError, match=ResNet50Weights.ImageNet1K_RefV1.url):
            builder(pretrained_backbone=True)
        with pytest.raises(OfflineError, match=member.url):
            builder(pretrained=True)

    texts = [str(w.message) for w in said if w.category is LegacyArgumentWarning]
    past = f"{name}({{}}) is deprecated. Write {name}({{}})."
    network = "weights_backbone=ResNet50Weights.ImageNet1K_RefV1"
    assert [
        past.format("pretrained=False", "weights=None"),
        past.format("pretrained_backbone=False", "weights_backbone=None"),
        past.format("pretrained_backbone=True", network),
        past.format("pretrained=True", f"weights={type(member).__name__}.COCO_RefV1"),
    ] == texts


def test_weights_of_another_builder_are_refused(offline):
    """Weights of a classifier, or of another detector, do not fit; the backbone takes its own."""
    member = FasterRCNNResNet50FPNWeights.COCO_RefV1
    for wrong in (FasterRCNNResNet50FPNV2Weights.COCO_RefV1, ResNet50Weights.ImageNet1K_RefV2):
        with pytest.raises(WeightsTypeError, match="FasterRCNNResNet50FPNWeights"):
            fasterrcnn_resnet50_fpn(weights=wrong)
    with pytest.raises(WeightsTypeError, match="resnet50 does not accept .*ResNet50Weights"):
        fasterrcnn_resnet50_fpn(weights_backbone=member)
