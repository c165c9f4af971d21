"""Common facts of the published weights of torchvision's segmentation models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dapi import Build, WeightEntry, Weights, lazy
from dapi.vision.categories import VOC
from dapi.vision.models._torchvision import published

if TYPE_CHECKING:
    from dapi.vision import postprocess as postprocesses
    from dapi.vision.transforms import SemanticSegmentation

_TRANSFORMS = lazy("dapi.vision.transforms:SemanticSegmentation", resize_size=520)
_REGIONS = lazy("dapi.vision.postprocess:SemanticSegmentation", categories=VOC)
SEGMENTATION_RECIPES = "https://github.com/pytorch/vision/tree/main/references/segmentation"


if TYPE_CHECKING:

    class SegmentationWeights(Weights):
        """Weights that segment photos."""

        transforms: Callable[..., SemanticSegmentation]
        postprocess: Callable[..., postprocesses.SemanticSegmentation]
else:  # at run time an alias: a search creates every enum
    SegmentationWeights = Weights


def segmentation(
    model: str,
    file: str,
    *,
    miou: float,
    pixel_acc: float,
    recipe: str,
    build: Build,
    **fields: Any,
) -> WeightEntry:
    """Describe weights that were trained on the images of COCO with Pascal VOC's 20 categories.

    Args:
        model: The model's name.
        file: The file's name.
        miou: Mean over the categories of intersection over union, in percent.
        pixel_acc: Pixel accuracy, in percent.
        recipe: A description of the training.
        build: How to build the model.
        **fields: See ``published``.
    """
    return published(
        f"segmentation.{model}",
        file,
        metrics={"COCO-val2017-VOC-labels": {"miou": miou, "pixel_acc": pixel_acc}},
        meta={
            "task": "image-segmentation",
            "datasets": ["COCO"],
            "min_size": (1, 1),
            "recipe": recipe,
            "categories": VOC,
        },
        transforms=_TRANSFORMS,
        postprocess=_REGIONS,
        build=build,
        latest=True,
        **fields,
    )
