"""Common facts of the published weights of torchvision's video models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dapi import Build, WeightEntry, Weights, lazy
from dapi.vision.categories import KINETICS400
from dapi.vision.models._torchvision import published

if TYPE_CHECKING:
    from dapi.vision.postprocess import Classification
    from dapi.vision.transforms import VideoClassification

_NAMES = lazy("dapi.vision.postprocess:Classification", categories=KINETICS400)


if TYPE_CHECKING:

    class VideoWeights(Weights):
        """Weights that classify videos."""

        transforms: Callable[..., VideoClassification]
        postprocess: Callable[..., Classification]
else:  # at run time an alias: a search creates every enum
    VideoWeights = Weights


def video(
    model: str,
    file: str,
    *,
    accuracy: tuple[float, float],
    recipe: str,
    crop_size: tuple[int, int],
    resize_size: Sequence[int],
    preset: Mapping[str, Any] | None = None,
    min_size: tuple[int, int] = (1, 1),
    min_temporal_size: int | None = None,
    frames: int = 16,
    datasets: Sequence[str] = ("Kinetics-400",),
    **fields: Any,
) -> WeightEntry:
    """Describe weights that were trained on Kinetics-400.

    Args:
        model: The model's name.
        file: The file's name.
        accuracy: Top 1 and top 5, in percent.
        recipe: A description of the training.
        crop_size: Height and width of the model's input.
        resize_size: Of the frames before the crop: of the shorter side, or height and width.
        preset: More arguments of ``dapi.vision.transforms:VideoClassification``.
        min_size: Height and width of the smallest frames that the model takes.
        min_temporal_size: The minimum number of frames, if known.
        frames: Number of frames of the clips in the evaluation.
        datasets: The training datasets.
        **fields: See ``published``.
    """
    fewest = {} if min_temporal_size is None else {"min_temporal_size": min_temporal_size}
    return published(
        f"video.{model}",
        file,
        metrics={"Kinetics-400": {"acc@1": accuracy[0], "acc@5": accuracy[1]}},
        meta={
            "task": "video-classification",
            "datasets": list(datasets),
            "min_size": min_size,
            "frames": frames,
            **fewest,
            "recipe": recipe,
            "categories": KINETICS400,
        },
        transforms=lazy(
            "dapi.vision.transforms:VideoClassification",
            crop_size=crop_size,
            resize_size=resize_size,
            **(preset or {}),
        ),
        postprocess=_NAMES,
        build=Build(config={"num_classes": 400}),
        latest=True,
        **fields,
    )
