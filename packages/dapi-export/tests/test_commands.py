"""``dapi export``: what it prints."""

import json
from pathlib import Path

import pytest

from dapi.export.commands import export


def test_command_writes_the_file_and_reports(capsys, tmp_path):
    """--json prints the report; the file is where it says, in a directory that it made."""
    words = ["resnet20_v2", "--format", "torch-export", "--no-transforms", "--json"]

    assert 0 == export([*words, "-o", str(tmp_path / "new")])

    report = json.loads(capsys.readouterr().out)
    assert str(tmp_path / "new" / "resnet20_v2-Digits_RefV1.pt2") == report["path"]
    assert Path(report["path"]).stat().st_size == report["bytes"]
    assert report["difference"] <= report["tolerance"] and "transforms=False" == report["reason"]
    assert [{"name": "x", "dtype": "float32", "shape": [1, 1, 32, 32]}] == report["inputs"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["net", "--image-size", "3"], "'3' is neither a size, as in 480x640, nor any"),
        (["net", "--image-size", "0x5"], "is neither a size"),
        (["net", "--format", "torch-export", "--opset", "20"], "--opset is of ONNX"),
        (["net", "--format", "tflite"], "invalid choice"),
    ],
)
def test_wrong_options_are_refused(capsys, words, reason):
    """Before PyTorch is imported."""
    with pytest.raises(SystemExit) as caught:
        export(words)

    assert 2 == caught.value.code and reason in capsys.readouterr().err
