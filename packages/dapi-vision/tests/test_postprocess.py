"""Postprocessing: outputs become names, probabilities and boxes."""

import pytest
import torch

from dapi.vision.postprocess import Classification, Detection

NAMES = ["cat", "dog", "fox", "hen"]


def found(*rows):
    boxes, labels, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return {
        "boxes": torch.tensor(boxes).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "scores": torch.tensor(scores),
    }


def test_classification_ranks_labels():
    """For each image the best labels first, with probabilities that add up."""
    logits = torch.tensor([[0.0, 3.0, 1.0, 2.0], [5.0, 0.0, 0.0, -1.0]])
    first, second = Classification(NAMES)(logits)

    assert ["dog", "hen", "fox", "cat"] == [label for label, _ in first]
    assert "cat" == second[0][0]
    assert logits.softmax(1).max(1).values.tolist() == [first[0][1], second[0][1]]
    assert 1 == pytest.approx(sum(probability for _, probability in first))


@pytest.mark.parametrize(("k", "count"), [(1, 1), (3, 3), (9, 4)])
def test_classification_names_k(k, count):
    """As many as are asked for, or as there are."""
    (labels,) = Classification(NAMES, k=k)(torch.zeros(1, 4))

    assert count == len(labels)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_classification_takes_any_float(dtype):
    """Probabilities are computed in single precision; a gradient does not matter."""
    logits = torch.tensor([[0.0, 3.0, 1.0, 2.0]], dtype=dtype, requires_grad=True)

    assert Classification(NAMES)(logits) == Classification(NAMES)(logits.float())


def test_classification_of_no_image_is_empty():
    """An empty batch is no error."""
    assert [] == Classification(NAMES)(torch.zeros(0, 4))


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ([[0.0, 1.0]], TypeError, "got list"),
        (torch.zeros(1, 4, dtype=torch.int64), TypeError, "got torch.int64"),
        (torch.zeros(4), ValueError, r"got the shape \(4,\)"),
        (torch.zeros(2, 5), ValueError, r"got the shape \(2, 5\)"),
    ],
    ids=["list", "integers", "one-dimension", "other-classes"],
)
def test_classification_refuses_what_is_no_logits(wrong, error, text):
    """The error says which shape was expected."""
    with pytest.raises(error, match=rf"float tensor of shape \(N, 4\); {text}"):
        Classification(NAMES)(wrong)


def test_detection_names_boxes():
    """Boxes above the threshold, in the detector's order; the threshold itself is above."""
    first = found(
        ((0.0, 1.0, 2.0, 3.5), 3, 0.875), ((0.0, 0.0, 1.0, 1.0), 1, 0.5), ((0.0,) * 4, 2, 0.25)
    )

    assert [
        [
            {"label": "hen", "score": 0.875, "box": (0.0, 1.0, 2.0, 3.5)},
            {"label": "dog", "score": 0.5, "box": (0.0, 0.0, 1.0, 1.0)},
        ],
        [],
    ] == Detection(NAMES)([first, found()])
    assert 3 == len(Detection(NAMES, score_threshold=0)([first])[0])


@pytest.mark.parametrize(
    "wrong", [{"loss": torch.tensor(1.0)}, [{"loss": 1}], [3], found()], ids=str
)
def test_detection_refuses_what_is_no_detection(wrong):
    """Losses, of a model in training mode, are no detections: the error says so."""
    with pytest.raises(TypeError, match="in eval mode"):
        Detection(NAMES)(wrong)


def test_detection_refuses_labels_without_a_name():
    """A new head with more classes needs names of its own."""
    with pytest.raises(ValueError, match="label 4 has no name: there are 4"):
        Detection(NAMES)([found(((0.0,) * 4, 4, 0.9))])
