"""Export: the report of a file."""

from pathlib import Path

from dapi.export import Export, ProofError
from dapi.export.report import Port

REPORT = Export(
    weights="net:A_RefV1",
    format="onnx",
    path=Path("net.onnx"),
    size=1_260_000,
    transforms=True,
    reason="",
    inputs=(Port("image", "uint8", (1, 3, "height", "width")),),
    outputs=(Port("output", "float32", (1, 10)),),
    difference=4.2e-6,
    tolerance=1e-4,
    runs=4,
)


def test_report_is_readable():
    """What the file takes, returns and contains, and the largest difference."""
    text = str(REPORT)

    assert "net.onnx  1.3 MB" in text and "transforms  included" in text
    assert "image: uint8 (1, 3, height, width)" in text
    assert "equal on 4 inputs: the largest difference is 4e-06 of" in text


def test_report_says_why_transforms_are_missing():
    """The model alone expects what they return."""
    report = REPORT._replace(transforms=False, reason="its transforms take text, not tensors")

    assert "not included: its transforms take text" in str(report)


def test_report_says_what_was_changed_and_fixed():
    """Parameters that are no longer those of the weights, and the only size of images."""
    text = str(REPORT._replace(changed=True, image_size=(480, 640)))

    assert "based on net:A_RefV1, whose parameters were changed" in text
    assert "image size  480x640 only; for another: --image-size HEIGHTxWIDTH" in text
    assert "image size" not in str(REPORT) and "based on" not in str(REPORT)


def test_infinite_difference_is_explained():
    """Other shapes or integers have no size; the text names them."""
    error = ProofError("net:A_RefV1", "onnx", difference=float("inf"), tolerance=1e-4)

    assert "the shapes or the integers of its outputs differ" in str(error)
