"""What the published weights of torchvision's detectors have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dapi import Build, Lines, WeightEntry, lazy
from dapi.vision.models._torchvision import published

__all__ = ["ANCIENT_BUILD", "ANCIENT_EPS", "DETECTION_RECIPES", "detection"]

COCO = Lines("dapi.vision:data/coco.txt")
DETECTION_RECIPES = "https://github.com/pytorch/vision/tree/main/references/detection"
COCO_BUILD = Build(config={"num_classes": 91})
# What FrozenBatchNorm2d's eps was when the first detectors were trained: vision#2599, vision#2933,
# vision#2940.
ANCIENT_EPS = {"dapi.vision.models._frozen_norm:FrozenBatchNorm2d": {"eps": 0.0}}
ANCIENT_BUILD = Build(config={"num_classes": 91}, context=ANCIENT_EPS)


def detection(
    model: str,
    file: str,
    *,
    average_precision: Mapping[str, float],
    num_params: int,
    gflops: float,
    file_mib: float,
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
        num_params: How many parameters.
        gflops: Billions of multiply-adds for one image, as torchvision counts them.
        file_mib: Size of the file in MiB, as torchvision states it.
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
            "num_params": num_params,
            "gflops": gflops,
            "file_mib": file_mib,
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
