"""Common facts of the published weights of torchvision's detectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dapi import Build, BuilderConfig, Lines, WeightEntry, Weights, lazy
from dapi.vision.categories import COCO
from dapi.vision.models._torchvision import published

if TYPE_CHECKING:
    from torch import nn

    from dapi.vision.postprocess import Detection
    from dapi.vision.transforms import ObjectDetection


class RCNNConfig(BuilderConfig, total=False):
    """More arguments of torchvision's R-CNN detectors.

    Attributes:
        min_size: Length in pixels that the shorter side of an image is resized to.
        max_size: Maximum length of its longer side, in pixels.
        image_mean: Mean of each channel, which is subtracted first.
        image_std: Standard deviation of each channel, by which it is then divided.
        size_divisible: Height and width of a batch are padded to multiples of this.
        fixed_size: Width and height that every image is resized to instead.
        rpn_anchor_generator: Module that generates the anchors of the region proposal network
            (RPN).
        rpn_head: Module that scores and regresses them.
        rpn_pre_nms_top_n_train: Number of proposals kept in training before non-maximum
            suppression.
        rpn_pre_nms_top_n_test: The same, in eval mode.
        rpn_post_nms_top_n_train: Number of proposals kept in training after it.
        rpn_post_nms_top_n_test: The same, in eval mode.
        rpn_nms_thresh: Overlap (IoU) above which the lower-scoring of two proposals is suppressed.
        rpn_fg_iou_thresh: Overlap from which an anchor counts as an object, in training.
        rpn_bg_iou_thresh: Overlap below which it counts as background.
        rpn_batch_size_per_image: Number of anchors per image in the loss.
        rpn_positive_fraction: The fraction of them that are objects.
        rpn_score_thresh: Score below which proposals are dropped, in eval mode.
        box_roi_pool: Module that crops features for the box head.
        box_head: Module that turns them into a vector.
        box_predictor: Module that predicts classes and boxes from it; not together with
            ``num_classes``.
        box_score_thresh: Score below which boxes are dropped, in eval mode.
        box_nms_thresh: Overlap (IoU) above which the lower-scoring of two boxes is suppressed.
        box_detections_per_img: Maximum number of boxes per image.
        box_fg_iou_thresh: Overlap from which a proposal counts as an object, in training.
        box_bg_iou_thresh: Overlap below which it counts as background.
        box_batch_size_per_image: Number of proposals per image in the loss.
        box_positive_fraction: The fraction of them that are objects.
        bbox_reg_weights: Factors of the four box coordinates in the loss.
    """

    min_size: int
    max_size: int
    image_mean: list[float] | None
    image_std: list[float] | None
    size_divisible: int
    fixed_size: tuple[int, int] | None
    rpn_anchor_generator: nn.Module | None
    rpn_head: nn.Module | None
    rpn_pre_nms_top_n_train: int
    rpn_pre_nms_top_n_test: int
    rpn_post_nms_top_n_train: int
    rpn_post_nms_top_n_test: int
    rpn_nms_thresh: float
    rpn_fg_iou_thresh: float
    rpn_bg_iou_thresh: float
    rpn_batch_size_per_image: int
    rpn_positive_fraction: float
    rpn_score_thresh: float
    box_roi_pool: nn.Module | None
    box_head: nn.Module | None
    box_predictor: nn.Module | None
    box_score_thresh: float
    box_nms_thresh: float
    box_detections_per_img: int
    box_fg_iou_thresh: float
    box_bg_iou_thresh: float
    box_batch_size_per_image: int
    box_positive_fraction: float
    bbox_reg_weights: tuple[float, float, float, float] | None


DETECTION_RECIPES = "https://github.com/pytorch/vision/tree/main/references/detection"
COCO_BUILD = Build(config={"num_classes": 91})
# The eps of FrozenBatchNorm2d when the first detectors were trained: vision#2599, vision#2933,
# vision#2940.
ANCIENT_EPS = {"dapi.vision.models._frozen_norm:FrozenBatchNorm2d": {"eps": 0.0}}
ANCIENT_BUILD = Build(config={"num_classes": 91}, context=ANCIENT_EPS)


if TYPE_CHECKING:

    class DetectionWeights(Weights):
        """Weights that detect objects in photos."""

        transforms: Callable[..., ObjectDetection]
        postprocess: Callable[..., Detection]
else:  # at run time an alias: a search creates every enum
    DetectionWeights = Weights


def detection(
    model: str,
    file: str,
    *,
    average_precision: Mapping[str, float],
    recipe: str,
    task: str = "object-detection",
    categories: Lines = COCO,
    keypoint_names: Lines | None = None,
    build: Build = COCO_BUILD,
    **fields: Any,
) -> WeightEntry:
    """Describe weights that were trained on COCO.

    Args:
        model: The model's name.
        file: The file's name.
        average_precision: In percent, of boxes (``box_map``), masks and keypoints.
        recipe: A description of the training.
        task: The task of the model.
        categories: The name of each label.
        keypoint_names: The name of each keypoint.
        build: How to build the model.
        **fields: See ``published``.
    """
    named = {} if keypoint_names is None else {"keypoint_names": keypoint_names}
    return published(
        f"detection.{model}",
        file,
        metrics={"COCO-val2017": average_precision},
        meta={
            "task": task,
            "datasets": ["COCO"],
            "min_size": (1, 1),
            "recipe": recipe,
            "categories": categories,
            **named,
        },
        transforms=lazy("dapi.vision.transforms:ObjectDetection"),
        postprocess=lazy("dapi.vision.postprocess:Detection", categories=categories, **named),
        build=build,
        **fields,
    )
