"""What the published weights of torchvision's detectors have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dapi import Build, BuilderConfig, Lines, WeightEntry, Weights, lazy
from dapi.vision.models._torchvision import published

if TYPE_CHECKING:
    from torch import nn

    from dapi.vision.postprocess import Detection
    from dapi.vision.transforms import ObjectDetection


class RCNNConfig(BuilderConfig, total=False):
    """Further arguments of torchvision's R-CNN detectors.

    Attributes:
        min_size: Pixels that the shorter side of an image is resized to.
        max_size: The most pixels of its longer side.
        image_mean: What is subtracted from each channel.
        image_std: What each channel is divided by then.
        size_divisible: What height and width of a batch are multiples of.
        fixed_size: Width and height that every image is resized to instead.
        rpn_anchor_generator: What makes the boxes that the region proposal network (RPN) starts
            from.
        rpn_head: What scores and moves them.
        rpn_pre_nms_top_n_train: Proposals that are kept in training, before overlapping ones are
            suppressed.
        rpn_pre_nms_top_n_test: The same, in eval mode.
        rpn_post_nms_top_n_train: Proposals that are kept in training after that.
        rpn_post_nms_top_n_test: The same, in eval mode.
        rpn_nms_thresh: Overlap above which the worse of two proposals is suppressed.
        rpn_fg_iou_thresh: Overlap from which an anchor counts as an object, in training.
        rpn_bg_iou_thresh: Overlap below which it counts as background.
        rpn_batch_size_per_image: Anchors of an image that the loss is computed of.
        rpn_positive_fraction: Their share of objects.
        rpn_score_thresh: Score below which proposals are dropped, in eval mode.
        box_roi_pool: What crops features for the box head.
        box_head: What makes a vector of them.
        box_predictor: What makes classes and boxes of that; not beside ``num_classes``.
        box_score_thresh: Score below which boxes are dropped, in eval mode.
        box_nms_thresh: Overlap above which the worse of two boxes is suppressed.
        box_detections_per_img: The most boxes of an image.
        box_fg_iou_thresh: Overlap from which a proposal counts as an object, in training.
        box_bg_iou_thresh: Overlap below which it counts as background.
        box_batch_size_per_image: Proposals of an image that the loss is computed of.
        box_positive_fraction: Their share of objects.
        bbox_reg_weights: What the four numbers of a box are scaled by in the loss.
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


COCO = Lines("dapi.vision:data/coco.txt")
DETECTION_RECIPES = "https://github.com/pytorch/vision/tree/main/references/detection"
COCO_BUILD = Build(config={"num_classes": 91})
# What FrozenBatchNorm2d's eps was when the first detectors were trained: vision#2599, vision#2933,
# vision#2940.
ANCIENT_EPS = {"dapi.vision.models._frozen_norm:FrozenBatchNorm2d": {"eps": 0.0}}
ANCIENT_BUILD = Build(config={"num_classes": 91}, context=ANCIENT_EPS)


if TYPE_CHECKING:

    class DetectionWeights(Weights):
        """Weights that find objects in photos."""

        transforms: Callable[..., ObjectDetection]
        postprocess: Callable[..., Detection]
else:  # a search makes every enum: what only types see costs it nothing
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
        recipe: Where the training is described.
        task: What the model finds.
        categories: The name of each label.
        keypoint_names: The name of each keypoint.
        build: What building needs.
        **fields: As of ``published``.
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
