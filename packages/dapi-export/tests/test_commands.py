"""``dapi export``: what it prints."""

import json

import pytest

from dapi.export.commands import export


def test_command_writes_the_file_and_reports(capsys, tmp_path):
    """--json prints the report; the file is where it says."""
    words = ["resnet20_v2", "--format", "torch-export", "-o", str(tmp_path / "new"), "--json"]

    assert 0 == export(words)

    report = json.loads(capsys.readouterr().out)
    assert str(tmp_path / "new" / "resnet20_v2-Digits_RefV1.pt2") == report["path"]
    assert report["transforms"] and report["difference"] <= report["tolerance"]
    assert {"name": "image", "dtype": "uint8", "shape": [1, 3, "height", "width"]} in (
        report["inputs"]
    )


def test_report_is_readable(capsys, tmp_path):
    """Without --json: what the file takes, returns and contains, and the largest difference."""
    export(["resnet20_v2", "--format", "torch-export", "-o", str(tmp_path), "--quiet"])

    printed = capsys.readouterr()
    assert "transforms  included" in printed.out and "image: uint8 (1, 3, height, width)" in (
        printed.out
    )
    assert "the largest difference is" in printed.out and "" == printed.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["net", "--image-size", "3"], "'3' is not a size, as in 480x640"),
        (["net", "--image-size", "0x5"], "is not a size"),
        (["net", "--format", "torch-export", "--opset", "20"], "--opset is of ONNX"),
        (["net", "--format", "tflite"], "invalid choice"),
    ],
)
def test_wrong_options_are_refused(capsys, words, reason):
    """Before PyTorch is imported."""
    with pytest.raises(SystemExit) as caught:
        export(words)

    assert 2 == caught.value.code and reason in capsys.readouterr().err
