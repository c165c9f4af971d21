"""Common facts of torchvision's published weights.

A family states the facts of each file; these functions make its entry. The enum states the facts of
the model (parameters, GFLOPs) for all of its members. Numbers are from the metadata of torchvision
0.29.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dapi import Build, LegacyArgument, WeightEntry, Weights, lazy
from dapi.vision.categories import IMAGENET1K
from dapi.vision.models._licenses import stated

if TYPE_CHECKING:
    from dapi.vision.postprocess import Classification
    from dapi.vision.transforms import ImageClassification

RECIPES = "https://github.com/pytorch/vision/tree/main/references/classification"
NEW_RECIPES = "https://github.com/pytorch/vision/issues/3995"

SWAG = {
    "license": "CC-BY-NC-4.0",
    "license_source": "https://github.com/pytorch/vision#pre-trained-model-license",
    "license_url": "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
}

_FILES = "https://download.pytorch.org/models"
_NAMES = lazy("dapi.vision.postprocess:Classification", categories=IMAGENET1K)
_PAGES = "https://pytorch.org/vision/stable/models/generated/torchvision.models"


if TYPE_CHECKING:

    class ClassificationWeights(Weights):
        """Weights that classify photos."""

        transforms: Callable[..., ImageClassification]
        postprocess: Callable[..., Classification]
else:  # at run time an alias: a search creates every enum
    ClassificationWeights = Weights


def published(
    model: str,
    file: str,
    *,
    known_as: str,
    timm: str | None = None,
    metrics: Mapping[str, Mapping[str, float]],
    meta: Mapping[str, Any],
    sha256: str | None = None,
    sources: int = 0,
    num_params: int | None = None,
    gflops: float | None = None,
    file_mib: float | None = None,
    **fields: Any,
) -> WeightEntry:
    """Describe a file that torchvision publishes.

    Args:
        model: The model's name behind ``torchvision.models``, as in ``detection.ssd300_vgg16``.
        file: The file's name, or its URL where that is not torchvision's own.
        known_as: torchvision's name of the weights, as in ``ResNet50_Weights.IMAGENET1K_V1``.
        timm: timm's name of the weights, if its table of pretrained weights has the same URL.
        metrics: The metrics on torchvision's page of the model: by dataset, by name.
        meta: The rest of the metadata.
        sha256: The file's full hash; without it, the digits in its name are used.
        sources: The number of independent public projects that pin the full hash.
        num_params: The number of parameters, if it differs between weights of the model.
        gflops: Billions of multiply-adds for one input, if they differ between weights.
        file_mib: Its size in MiB, as stated by torchvision, if its size in bytes is not published.
        **fields: Further attributes of the entry.
    """
    own = {"num_params": num_params, "gflops": gflops, "file_mib": file_mib}
    return WeightEntry(
        url=file if file.startswith("https:") else f"{_FILES}/{file}",
        sha256=sha256 or _digits(file),
        meta={
            **stated(file),
            **{key: value for key, value in own.items() if value is not None},
            **meta,
            "metrics": _sourced(metrics, f"{_PAGES}.{model}.html"),
            "known_as": (known_as, timm) if timm else (known_as,),
            "hash_source": _hash_source(file, sha256, sources),
        },
        **fields,
    )


def _digits(file: str) -> str | None:
    """Return the digits of its hash that are in a file's name."""
    found = re.search(r"-([0-9a-f]{8,})\.pth$", file)
    return found and found[1]


def _hash_source(file: str, sha256: str | None, sources: int) -> str:
    if sha256 and sources == 1:
        return "pinned by 1 public project, with its size"
    if sha256:
        return f"pinned alike by {sources} independent public projects"
    digits = _digits(file)
    if digits:
        return f"first {len(digits)} digits, from the file's name"
    return "not published: trusted on first use"


def _sourced(metrics: Mapping[str, Mapping[str, float]], source: str) -> list[dict[str, Any]]:
    return [
        {"dataset": dataset, "name": name, "value": value, "source": source}
        for dataset, values in metrics.items()
        for name, value in values.items()
    ]


def classification(
    model: str,
    file: str,
    *,
    accuracy: tuple[float, float],
    recipe: str,
    min_size: tuple[int, int] = (1, 1),
    crop_size: int = 224,
    preset: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    build: Build = Build(config={"num_classes": 1000}),  # noqa: B008  # immutable
    **fields: Any,
) -> WeightEntry:
    """Describe weights that were trained on ImageNet-1K.

    Args:
        model: The model's name.
        file: The file's name.
        accuracy: Top 1 and top 5, in percent, of one central crop.
        recipe: A description of the training.
        min_size: Height and width of the smallest image that the model takes.
        crop_size: Height and width of the model's input.
        preset: More arguments of ``dapi.vision.transforms:ImageClassification``.
        meta: Further metadata, such as the license.
        build: How to build the model.
        **fields: See ``published``.
    """
    return published(
        model,
        file,
        metrics={"ImageNet-1K": {"acc@1": accuracy[0], "acc@5": accuracy[1]}},
        meta={
            "task": "image-classification",
            "datasets": ["ImageNet-1K"],
            "min_size": min_size,
            "recipe": recipe,
            "categories": IMAGENET1K,
            **(meta or {}),
        },
        transforms=lazy(
            "dapi.vision.transforms:ImageClassification", crop_size=crop_size, **(preset or {})
        ),
        postprocess=_NAMES,
        build=build,
        **fields,
    )


def pretrained(member: Weights | None) -> LegacyArgument:
    """Return the weights that ``pretrained=True`` selected; None if it was an error."""
    meant: dict[bool, Weights | None] = {False: None}
    if member is not None:
        meant[True] = member
    return LegacyArgument("pretrained", meant)


def pretrained_backbone(member: Weights) -> LegacyArgument:
    """Return the weights that torchvision's ``pretrained_backbone=True`` selected."""
    meant = {True: member, False: None}
    return LegacyArgument("pretrained_backbone", meant, parameter="weights_backbone")
