"""Quantized models: equal to torchvision's with quantized weights, and with float ones.

The files are made by torchvision's own models, quantized; half of them in the older format.
"""

import warnings

import pytest
import torch
import torchvision.models as peer
import torchvision.models.quantization as peer_quantization
from torchvision.models.quantization.utils import quantize_model

import dapi
from dapi.exceptions import (
    ConfigConflictError,
    LegacyArgumentWarning,
    NoWeightsError,
    OfflineError,
    StateDictMismatchError,
)
from dapi.vision import (
    QuantizedMobileNetV2Weights,
    QuantizedResNet18Weights,
    ResNet18Weights,
    ShuffleNetV2X0_5Weights,
    quantized_inception_v3,
    quantized_mobilenet_v2,
    quantized_resnet18,
    quantized_shufflenet_v2_x0_5,
)
from dapi.vision.models._quantization import converted, prepared_for_training

pytestmark = [
    pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor"),
]

BY_DEFAULT = {"quantized_mobilenet_v3_large", "quantized_resnet18"}
MEMBERS = [
    pytest.param(
        name,
        member,
        id=str(member),
        marks=() if name in BY_DEFAULT else pytest.mark.slow,
    )
    for name in peer.list_models(module=peer_quantization)
    for member in dapi.get_builder(name).__dapi_builder__.weights[0]
]
# What torchvision warns of when the heads of GoogLeNet are built anew.
INITIALIZED = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}


@pytest.fixture(autouse=True)
def engine():
    """Leave the process as it was."""
    before = torch.backends.quantized.engine
    yield
    torch.backends.quantized.engine = before


def photos(size=96):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def file_of(name, backend, randomized):
    """Return a state dict as the published file has it, of a model that computes something."""
    kind = name.removeprefix("quantized_")
    model = getattr(peer_quantization, kind)(**INITIALIZED.get(kind, {}))
    model.load_state_dict(randomized(model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of its own quantization
        if kind == "mobilenet_v3_large":
            prepared_for_training(model, backend=backend)
            model(photos())
        else:
            quantize_model(model, backend)
    if kind == "inception_v3":
        model.AuxLogits = None
    return model.state_dict()


def as_torchvision(name, member, local, theirs):
    """Return torchvision's model with its own member."""
    enum, _, their_member = member.meta["known_as"][0].partition(".")
    weights = getattr(peer_quantization, enum)[their_member]
    kind = name.removeprefix("quantized_")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of its own quantization
        return theirs(
            getattr(peer_quantization, kind),
            local,
            weights=weights,
            quantize=True,
            **({} if kind == "googlenet" else INITIALIZED.get(kind, {})),
        )


def assert_same_state(expected, actual):
    """Assert that state dicts are equal, packed parameters as well."""
    assert list(expected) == list(actual)
    for key, value in expected.items():
        if isinstance(value, tuple):
            assert_same_state(dict(enumerate(value)), dict(enumerate(actual[key])))
        elif isinstance(value, torch.Tensor):
            assert value.dtype == actual[key].dtype and torch.equal(value, actual[key]), key
        else:
            assert value == actual[key], key


@pytest.mark.parametrize(("name", "member"), MEMBERS)
def test_equals_torchvision_with_quantized_weights(
    name, member, randomized, save, with_file, theirs, structure, tmp_path
):
    """The same modules and values in 8 bits, and of photos the same logits to the bit."""
    state_dict = file_of(name, member.meta["backend"], randomized)
    versions = {path: facts["version"] for path, facts in state_dict._metadata.items()}
    local = save(
        state_dict, tmp_path / "published.pth", versions=versions, legacy=len(name) % 2 == 0
    )
    expected = as_torchvision(name, member, local, theirs)
    ours = dapi.get_builder(name)(weights=with_file(member, local))

    assert structure(expected) == structure(ours)
    assert_same_state(expected.state_dict(), ours.state_dict())
    assert not ours.training and not expected.training
    assert not list(ours.parameters())
    assert member.meta["backend"] == torch.backends.quantized.engine
    with torch.no_grad():
        wanted, actual = expected(photos()), ours(photos())
    assert torch.equal(wanted, actual)
    assert wanted.std() > 0.01


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "quantized_resnet18" else pytest.mark.slow)
        for name in peer.list_models(module=peer_quantization)
    ],
)
def test_equals_torchvision_with_float_weights(
    name, randomized, save, with_file, theirs, assert_same, structure, tmp_path
):
    """Without quantizing, the weights of the float model are loaded, and can be trained."""
    kind, builder = name.removeprefix("quantized_"), dapi.get_builder(name)
    oracle = getattr(peer_quantization, kind)
    member = builder.__dapi_builder__.weights[1].get_latest()
    # torchvision's float Inception v3 keeps its auxiliary head, and its quantizable one does not.
    same = {"aux_logits": False} if kind == "inception_v3" else {}
    fresh = getattr(peer, kind)(weights=None, **INITIALIZED.get(kind, {}))
    local = save(randomized(fresh), tmp_path / "published.pth")
    expected = theirs(
        oracle,
        local,
        weights=peer.get_model_weights(kind).DEFAULT,
        **({} if kind != "inception_v3" else INITIALIZED[kind]),
    )
    ours = builder(weights=with_file(member, local), **same)

    assert_same(ours, expected)
    assert structure(expected) == structure(ours)
    assert all(parameter.requires_grad for parameter in ours.parameters())
    with torch.no_grad():
        assert torch.equal(expected.eval()(photos()), ours.eval()(photos()))


def test_without_weights_equals_torchvision(offline):
    """The same seed gives the same quantized model, of as many classes as are asked for."""
    torch.manual_seed(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of its own quantization
        expected = peer_quantization.shufflenet_v2_x0_5(quantize=True, num_classes=5)
    torch.manual_seed(4)
    ours = quantized_shufflenet_v2_x0_5(quantize=True, num_classes=5)

    assert_same_state(expected.state_dict(), ours.state_dict())


def test_quantized_weights_quantize(offline):
    """Nobody has to say so, and nobody can deny it."""
    member = QuantizedResNet18Weights.ImageNet1K_FBGEMM_RefV1
    with pytest.raises(ConfigConflictError, match="quantize=False .*quantize=True"):
        quantized_resnet18(weights=member, quantize=False)
    with pytest.raises(ConfigConflictError, match="'qnnpack' .*'fbgemm'"):
        quantized_resnet18(weights=member, backend="qnnpack")


def test_float_weights_do_not_quantize(randomized, save, with_file, tmp_path):
    """A file of floats does not fit a quantized model, and the error says what it lacks."""
    local = save(randomized(peer.shufflenet_v2_x0_5()), tmp_path / "published.pth")
    weights = with_file(ShuffleNetV2X0_5Weights.ImageNet1K_RefV1, local)
    with pytest.raises(StateDictMismatchError, match=r"missing.*conv1\.0\.bias"):
        quantized_shufflenet_v2_x0_5(weights=weights, quantize=True)


def test_unknown_backend_is_refused():
    """The error names those of this build of PyTorch."""
    with pytest.raises(
        ValueError, match="'tpu' is not available in this build of PyTorch. Available: .*x86"
    ):
        quantized_mobilenet_v2(quantize=True, backend="tpu")


@pytest.mark.parametrize(
    ("arguments", "member"),
    [
        ({"quantize": True}, QuantizedResNet18Weights.ImageNet1K_FBGEMM_RefV1),
        ({"quantize": False}, ResNet18Weights.ImageNet1K_RefV1),
        ({}, ResNet18Weights.ImageNet1K_RefV1),
    ],
)
def test_pretrained_depends_on_quantize(arguments, member, offline):
    """As in torchvision, it meant the quantized weights only when they were asked for."""
    with (
        pytest.warns(LegacyArgumentWarning, match=f"weights={type(member).__name__}.{member.name}"),
        pytest.raises(OfflineError, match=member.url),
    ):
        quantized_resnet18(pretrained=True, **arguments)


def test_quantized_file_of_inception_has_no_auxiliary_head(offline):
    """The builder has one by default; quantized weights do not."""
    member = dapi.get_weights("quantized_inception_v3:ImageNet1K_FBGEMM_RefV1")
    with pytest.raises(ConfigConflictError, match="aux_logits=True .*aux_logits=False"):
        quantized_inception_v3(weights=member, aux_logits=True)


def test_files_without_a_published_hash_say_so():
    """Digits after an underscore are no promise of torchvision's: it checks those after a dash."""
    unpinned = [
        member
        for name in peer.list_models(module=peer_quantization)
        for member in dapi.get_builder(name).__dapi_builder__.weights[0]
        if member.sha256 is None
    ]

    assert 4 == len(unpinned)
    assert QuantizedMobileNetV2Weights.ImageNet1K_QNNPACK_RefV1 in unpinned
    for member in unpinned:
        assert "not published: trusted on first use" == member.meta["hash_source"]


@pytest.mark.parametrize("device", [None, "meta"])
def test_new_head_is_for_float_models(device, offline):
    """Nobody could train a head of 8 bits: the error says so before anything is fetched."""
    for arguments in (
        {"weights": QuantizedResNet18Weights.ImageNet1K_FBGEMM_RefV1},
        {"weights": ResNet18Weights.ImageNet1K_RefV1, "quantize": True},
    ):
        with pytest.raises(NoWeightsError, match="would be quantized.*new_head=True with float"):
            quantized_resnet18(**arguments, num_classes=5, new_head=True, device=device)
    model = quantized_resnet18(
        weights=ResNet18Weights.ImageNet1K_RefV1, num_classes=5, new_head=True, device="meta"
    )
    assert 5 == model.fc.out_features


def test_training_with_quantization_in_mind_ends_in_eval_mode():
    """What is converted computes in 8 bits."""
    model = converted(prepared_for_training(peer_quantization.resnet18(), backend="fbgemm"))

    assert not model.training and not list(model.parameters())
