"""The ends of classifiers: images of any channels, another head or none; all else is loaded."""

import dataclasses
import threading

import pytest
import torch
import torchvision.models as peer
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

import dapi
from dapi.exceptions import (
    ArgumentError,
    ConfigConflictError,
    NoWeightsError,
    UnexpectedArgumentError,
)
from dapi.vision import (
    ResNet18Weights,
    ResNet20V2Weights,
    quantized_resnet18,
    resnet18,
    resnet20_v2,
    resnet50,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning"),
    pytest.mark.filterwarnings("ignore::dapi.exceptions.ReplacedBuilderWarning"),
    pytest.mark.filterwarnings("ignore:The default weight initialization of:FutureWarning"),
]

# The smallest of each family; the others are slow.
SAMPLES = {
    "alexnet": 96,
    "convnext_tiny": 64,
    "densenet121": 64,
    "efficientnet_b0": 64,
    "efficientnet_lite0": 64,
    "maxvit_t": 224,
    "mnasnet0_5": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "regnet_y_400mf": 64,
    "resnet18": 64,
    "resnet20_v2": 32,
    "shufflenet_v2_x0_5": 64,
    "squeezenet1_1": 64,
    "swin_t": 64,
    "vgg11": 32,
    "vit_b_32": 224,
}
CLASSIFIERS = dapi.list_models(
    exclude="quantized_*", task="image-classification", distribution="dapi-vision"
)
FILMS = dapi.list_models(task="video-classification", distribution="dapi-vision")
SCRATCH = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}


def each(names, samples):
    return [pytest.param(n, marks=() if n in samples else pytest.mark.slow) for n in names]


def declared(name):
    return dapi.catalog.declaration(dapi.get_builder(name))


def shapes(model):
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def weights(randomized, save, with_file, tmp_path_factory):
    """Return the weights of a ResNet-18 with a file."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "published.pth"
    local = save(randomized(peer.resnet18()), path)
    return with_file(ResNet18Weights.ImageNet1K_RefV1, local)


@pytest.mark.parametrize("name", each(CLASSIFIERS, SAMPLES))
def test_channels_change_the_first_convolution_only(name):
    """Of every image classifier, except those that rescale the three colors."""
    builder, stem = dapi.get_builder(name), declared(name).stem
    if name in ("googlenet", "inception_v3"):
        with pytest.raises(UnexpectedArgumentError, match="in_channels"):
            builder(in_channels=4)
        return
    before, after = shapes(builder(device="meta")), shapes(builder(device="meta", in_channels=4))

    changed = [key for key in before if before[key] != after[key]]
    assert list(before) == list(after) and changed == [f"{each}.weight" for each in stem]
    assert {4} == {after[key][1] for key in changed}


@pytest.mark.parametrize(
    "name", each(CLASSIFIERS, set(SAMPLES) - {"maxvit_t", "vgg11", "vit_b_32"})
)
def test_features_without_a_head_are_what_the_head_takes(name):
    """The head of the whole model makes its logits of the outputs of the model without one."""
    torch.manual_seed(0)
    arguments, head = SCRATCH.get(name, {}), declared(name).head[0]
    whole = dapi.get_builder(name)(**arguments).eval()
    bare = dapi.get_builder(name)(num_classes=0, **arguments).eval()
    bare.load_state_dict(whole.state_dict(), strict=False)
    given = []
    whole.get_submodule(head).register_forward_hook(lambda _, inputs, __: given.append(inputs[0]))
    size = SAMPLES.get(name, 299 if name == "inception_v3" else 224)
    with torch.no_grad():
        whole(images := torch.rand(2, 3, size, size))
        features = bare(images)

    taken = given[0] if given[0].ndim == 2 else given[0].relu().mean((2, 3))  # SqueezeNet's
    assert 2 == features.ndim and torch.allclose(taken, features, atol=1e-6)
    assert set(bare.state_dict()) == {
        key for key in whole.state_dict() if not key.startswith(declared(name).head)
    }


@pytest.mark.parametrize("name", each(FILMS, {"r3d_18"}))
def test_films_have_features_too(name):
    """Classifiers of films lose their head in the same way."""
    bare = dapi.get_builder(name)(num_classes=0, device="meta")

    assert isinstance(bare.get_submodule(declared(name).head[0]), nn.Identity)


def test_features_equal_those_of_a_torchvision_model_without_its_head(weights):
    """With weights, which then need no new_head: nothing of the model is initialized."""
    ours, theirs = resnet18(weights=weights, num_classes=0).eval(), peer.resnet18().eval()
    theirs.load_state_dict(weights.state_dict())
    theirs.fc = nn.Identity()
    images = torch.rand(2, 3, 64, 64)

    assert (2, 512) == ours(images).shape and torch.equal(theirs(images), ours(images))
    assert "categories" not in dapi.weights_of(ours).meta


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors:UserWarning")
@pytest.mark.parametrize("name", ["fasterrcnn_mobilenet_v3_large_fpn", "fcn_resnet50"])
def test_without_a_head_is_refused_where_a_model_needs_it(name, offline):
    """Detectors and segmenters refuse it: without their head, they have no output."""
    member = dapi.get_enum(name).get_latest()

    with pytest.raises(ConfigConflictError, match="num_classes=0 contradicts"):
        dapi.get_builder(name)(weights=member, num_classes=0, device="meta")


@pytest.mark.parametrize("quantize", [False, True])
def test_quantized_model_has_features_too(quantize, randomized, save, tmp_path):
    """The features of the whole quantized model, to the bit, from its own file."""
    torch.manual_seed(0)
    whole = quantized_resnet18(quantize=quantize).eval()
    local = save(whole.state_dict(), tmp_path / "quantized.pth")
    local = dataclasses.replace(local, build=dapi.Build(config={"num_classes": 1000}))
    bare = quantized_resnet18(weights=local, quantize=quantize, num_classes=0).eval()
    given = []
    whole.fc.register_forward_hook(lambda _, inputs, __: given.append(inputs[0]))
    images = torch.rand(2, 3, 64, 64)
    whole(images)

    taken = given[0].dequantize() if quantize else given[0]
    assert (2, 512) == taken.shape and torch.equal(taken, bare(images))


@pytest.mark.parametrize(("channels", "places"), [(1, None), (2, [0, 1]), (4, [0, 1, 2, 0])])
def test_adapted_filters_are_timms(weights, channels, places):
    """Summed for one channel; else repeated in order, and scaled."""
    file = weights.state_dict()
    filters = file["conv1.weight"]
    wanted = filters.sum(1, keepdim=True) if places is None else filters[:, places] * 3 / channels
    model = resnet18(weights=weights, in_channels=channels, new_stem="adapt")

    assert torch.allclose(wanted, model.conv1.weight)
    assert all(
        torch.equal(file[key], model.state_dict()[key]) for key in file if "conv1" != key[:5]
    )


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_adapted_model_sees_grey_images_as_before(name, randomized, save, with_file, tmp_path):
    """One channel gives the outputs that three equal ones gave."""
    builder = dapi.get_builder(name)
    local = save(randomized(peer.get_model(name)), tmp_path / "published.pth")
    member = with_file(dapi.get_enum(name).get_latest(), local)
    gray = torch.rand(2, 1, 64, 64)
    one = builder(weights=member, in_channels=1, new_stem="adapt").eval()
    three = builder(weights=member).eval()

    assert torch.allclose(three(gray.expand(-1, 3, -1, -1)), one(gray), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("is_loaded", [True, False])
def test_new_convolution_is_initialised_by_the_family(weights, is_loaded):
    """ResNet's own rule is normal with a variance of two over the outputs; torch's is not."""
    torch.manual_seed(0)
    arguments = {"weights": weights, "new_stem": True} if is_loaded else {}
    filters = resnet18(in_channels=8, **arguments).conv1.weight

    assert (64, 8, 7, 7) == filters.shape and filters.requires_grad
    assert (2 / (64 * 49)) ** 0.5 == pytest.approx(filters.std().item(), rel=0.03)


def test_new_convolution_leaves_the_rest_loaded(weights):
    """As a torchvision model whose layers are replaced by hand, both ends at once."""
    file = weights.state_dict()
    ours = resnet18(
        weights=weights, in_channels=4, new_stem=True, num_classes=7, new_head=True
    ).eval()
    theirs = peer.resnet18().eval()
    theirs.conv1 = nn.Conv2d(4, 64, 7, stride=2, padding=3, bias=False)
    theirs.fc = nn.Linear(512, 7)
    theirs.load_state_dict({**file, **{k: v for k, v in ours.state_dict().items() if k in
        ("conv1.weight", "fc.weight", "fc.bias")}})  # fmt: skip
    images = torch.rand(2, 4, 64, 64)

    assert torch.equal(theirs(images), ours(images))


def test_stem_of_the_same_size_is_new_when_asked(weights):
    """new_stem=True never loads the stem; 'adapt' changes nothing where nothing differs."""
    file = weights.state_dict()["conv1.weight"]

    assert not torch.equal(file, resnet18(weights=weights, new_stem=True).conv1.weight)
    assert torch.equal(file, resnet18(weights=weights, new_stem="adapt").conv1.weight)


def test_other_channels_must_be_asked_for(weights):
    """The error names both numbers and both ways, whether the entry or the file fixes them."""
    member = ResNet20V2Weights.Digits_RefV1
    with pytest.raises(ConfigConflictError, match=r"in_channels=4 .* in_channels=3.*'adapt'"):
        resnet18(weights=weights, in_channels=4)
    with pytest.raises(ConfigConflictError, match=r"in_channels=3 .* in_channels=1.*'adapt'"):
        resnet20_v2(weights=member, in_channels=3)

    model = resnet20_v2(weights=member, in_channels=3, new_stem="adapt")
    assert torch.allclose(member.state_dict()["conv1.weight"], model.conv1.weight.sum(1, True))


@pytest.mark.parametrize("channels", [0, -1, True, 3.5, "rgb", None])
@pytest.mark.parametrize("builder", [resnet50, resnet20_v2])
def test_channels_are_a_positive_number(builder, channels):
    """Other values are refused in words, before anything is built."""
    with pytest.raises(ArgumentError, match=f"{builder.__name__} does not accept in_channels="):
        builder(in_channels=channels)


@pytest.mark.parametrize("classes", [-1, False, 2.5, "2"])
def test_classes_are_a_number(classes):
    """Other values are refused in words, not by the layer that would be made of them."""
    with pytest.raises(ArgumentError, match="resnet18 does not accept num_classes="):
        resnet18(num_classes=classes)


def test_new_stem_has_three_values(weights):
    """A misspelt one, or a builder without a declared stem, is an error."""
    with pytest.raises(ArgumentError, match="True, False or 'adapt'"):
        resnet18(weights=weights, new_stem="adapted")
    with pytest.raises(NoWeightsError, match="new_stem=True requires .* declares a stem"):
        quantized_resnet18(weights=weights, new_stem=True)


@pytest.mark.parametrize(
    "arguments",
    [
        {"in_channels": 4, "new_stem": "adapt"},
        {"in_channels": 1, "new_stem": True, "num_classes": 5, "new_head": True},
        {"num_classes": 0},
    ],
    ids=str,
)
def test_saved_model_comes_back(weights, arguments, tmp_path):
    """From its file alone, with the channels and the head that it had."""
    model = resnet18(weights=weights, **arguments)
    dapi.save(model, tmp_path / "model.safetensors")
    found = dapi.load(tmp_path / "model.safetensors")

    assert shapes(model) == shapes(found)
    assert all(map(torch.equal, model.state_dict().values(), found.state_dict().values()))
    assert type(model.fc) is type(found.fc)


def test_threads_have_channels_of_their_own():
    """Models that are built at the same time do not take each other's."""
    found, barrier = {}, threading.Barrier(8)

    def build(channels):
        barrier.wait()
        for _ in range(3):
            name = "squeezenet1_1" if channels % 2 else "shufflenet_v2_x0_5"
            model = dapi.get_builder(name)(in_channels=channels)
            found.setdefault(channels, []).append(
                shapes(model)[f"{declared(name).stem[0]}.weight"][1]
            )

    threads = [threading.Thread(target=build, args=(count,)) for count in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {count: [count] * 3 for count in range(1, 9)}


def test_names_of_the_ends_are_of_layers_that_torch_fx_knows(weights):
    """What is declared is where intermediate outputs are taken from."""
    model = resnet18(weights=weights, in_channels=2, new_stem="adapt").eval()
    found = create_feature_extractor(model, [*declared("resnet18").stem])(torch.rand(1, 2, 64, 64))

    assert (1, 64, 32, 32) == found["conv1"].shape
