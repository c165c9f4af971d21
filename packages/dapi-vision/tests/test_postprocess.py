"""Postprocessing: outputs become names, probabilities and boxes."""

import pytest
import torch

from dapi.vision.postprocess import (
    Classification,
    Detection,
    OpticalFlow,
    SemanticSegmentation,
)

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


def test_detection_names_one_of_boxes_that_compete():
    """Only where it is asked for: the best of those that overlap, whatever their labels."""
    found = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [0, 1, 10, 10], [0, 0, 10, 5], [50, 0, 60, 10]]),
        "labels": torch.tensor([1, 2, 2, 1]),
        "scores": torch.tensor([0.9, 0.8, 0.7, 0.6]),
    }
    (all_of_them,), (best,) = (
        Detection(NAMES)([found]),
        Detection(NAMES, nms_threshold=0.5)([found]),
    )

    assert [0.9, 0.8, 0.7, 0.6] == pytest.approx([each["score"] for each in all_of_them])
    assert [all_of_them[place] for place in (0, 2, 3)] == best


def test_detection_gives_masks():
    """Where a model finds outlines, each object has the pixels that are likely enough."""
    masks = torch.tensor([[[[0.25, 0.5, 0.75]]], [[[1.0, 1.0, 1.0]]]])
    shapes = found(((0.0, 0.0, 3.0, 1.0), 2, 0.875), ((0.0,) * 4, 1, 0.25))
    ((named,),) = Detection(NAMES)([{**shapes, "masks": masks}])

    assert "fox" == named["label"]
    assert [[False, True, True]] == named["mask"].tolist()
    ((strict,),) = Detection(NAMES, mask_threshold=0.6)([{**shapes, "masks": masks}])
    assert [[False, False, True]] == strict["mask"].tolist()


def test_detection_names_keypoints():
    """Where a model finds keypoints, each object has their places by name."""
    keypoints = torch.tensor([[[1.0, 2.0, 1.0], [3.0, 4.5, 0.0]]])
    shapes = {**found(((0.0, 0.0, 3.0, 1.0), 1, 0.875)), "keypoints": keypoints}
    ((named,),) = Detection(NAMES, keypoint_names=["nose", "tail"])([shapes])

    assert {"nose": (1.0, 2.0), "tail": (3.0, 4.5)} == named["keypoints"]
    with pytest.raises(ValueError, match="There are 2 keypoints, but 1 names"):
        Detection(NAMES, keypoint_names=["nose"])([shapes])


def test_segmentation_names_masks():
    """What is in an image, the largest first; each pixel is in one mask."""
    logits = torch.zeros(2, 4, 2, 3)
    logits[0, 3] = 1.0
    logits[0, 1, 0, 0] = 2.0
    first, second = SemanticSegmentation(NAMES)({"out": logits, "aux": -logits})

    assert ["hen", "dog"] == list(first)
    assert [[True, False, False], [False, False, False]] == first["dog"].tolist()
    assert torch.ones(2, 3).equal(sum(mask.float() for mask in first.values()))
    assert ["cat"] == list(second)
    assert SemanticSegmentation(NAMES)(logits)[1].keys() == second.keys()


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ([[0.0, 1.0]], TypeError, "got list"),
        (torch.zeros(1, 4, 2, 2, dtype=torch.int64), TypeError, "got torch.int64"),
        (torch.zeros(4, 2, 2), ValueError, r"got the shape \(4, 2, 2\)"),
        (torch.zeros(2, 5, 2, 2), ValueError, r"got the shape \(2, 5, 2, 2\)"),
    ],
    ids=["list", "integers", "three-dimensions", "other-classes"],
)
def test_segmentation_refuses_what_is_no_logits(wrong, error, text):
    """The error says which shape was expected."""
    with pytest.raises(error, match=rf"float tensor of shape \(N, 4, H, W\); {text}"):
        SemanticSegmentation(NAMES)(wrong)


def test_equal_names_of_what_is_returned_by_name_are_refused():
    """A third of an image would be gone; of a list, two items may have one name."""
    with pytest.raises(ValueError, match="categories has 'crane' more than once"):
        SemanticSegmentation(["crane", "sky", "crane"])
    with pytest.raises(ValueError, match="keypoint_names has 'eye', 'ear' more than once"):
        Detection(["person"], keypoint_names=["eye", "eye", "ear", "nose", "ear"])

    logits = torch.tensor([[3.0, 2.0, 1.0]])
    assert ["crane", "crane"] == [each for each, _ in Classification(["crane"] * 3, k=2)(logits)[0]]
    boxes = found(((0.0, 0.0, 4.0, 4.0), 0, 0.9), ((9.0, 9.0, 12.0, 12.0), 1, 0.8))
    assert ["crane", "crane"] == [each["label"] for each in Detection(["crane"] * 2)([boxes])[0]]


def test_flow_becomes_a_picture():
    """The last flow of a list is shown; what moves has a color, and what stays is white."""
    flow = torch.zeros(1, 2, 2, 2)
    flow[0, 0, 0, 0] = 3.0
    picture = OpticalFlow()([-flow, flow])

    assert (1, 3, 2, 2) == picture.shape and torch.uint8 == picture.dtype
    assert [255, 255, 255] == picture[0, :, 1, 1].tolist() != picture[0, :, 0, 0].tolist()
    assert torch.equal(picture, OpticalFlow()(flow))
    assert not torch.equal(picture, OpticalFlow()(-flow))


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (torch.zeros(1, 2, 4, 4, dtype=torch.int64), TypeError, "got torch.int64"),
        (torch.zeros(2, 4, 4), ValueError, r"got the shape \(2, 4, 4\)"),
        ([torch.zeros(1, 3, 4, 4)], ValueError, r"got the shape \(1, 3, 4, 4\)"),
        ([], TypeError, "got list"),
        (3, TypeError, "got int"),
    ],
    ids=["integers", "three-dimensions", "channels", "nothing", "number"],
)
def test_flow_refuses_what_is_no_flow(wrong, error, text):
    """The error says what was expected."""
    with pytest.raises(error, match=f"Expected a flow.*{text}"):
        OpticalFlow()(wrong)
