"""Meta: the usual keys of an entry's metadata, with their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class Meta(TypedDict, total=False):
    """What an entry says of its weights. A publisher may add keys of its own.

    The first seven are required of published entries. What a publisher adds is read through the
    entry, whose metadata may have any key: ``member.value.meta["text_sources"]``.

    Attributes:
        task: What a model with these weights does, such as ``image-classification``.
        license: An SPDX expression, or "unknown".
        num_params: How many numbers the parameters of the model have.
        datasets: What the weights were trained on.
        metrics: Measured results: dicts of ``dataset``, ``name``, ``value`` and ``source``.
        recipe: Where the training is described: a URL, a path in the repository, or "unknown".
        hash_source: Who says which hash the file has.
        known_as: Names that the same weights have in other libraries; errors translate them.
        paper: The URL of the publication.
        license_source: Where the licence is stated.
        license_url: The URL of its text.
        gflops: Billions of multiply-adds for one input.
        file_mib: The size of the files in MiB, where their publisher does not say it in bytes.
        min_size: Height and width of the smallest input.
        min_temporal_size: The fewest frames of a video.
        frames: How many frames of a video the metrics are of.
        categories: The name of each class.
        keypoint_names: The name of each keypoint.
        labels: The label of each output of a recogniser of speech.
        sample_rate: Samples a second of the sound that the model takes or makes.
        language: A BCP 47 tag, or "multilingual".
        backend: What computes with quantized weights, by torch's name.
        unquantized: The name of the float weights that quantized ones were made from.
    """

    task: str
    license: str
    num_params: int
    datasets: Sequence[str]
    metrics: Sequence[Mapping[str, Any]]
    recipe: str
    hash_source: str
    known_as: Sequence[str]
    paper: str
    license_source: str
    license_url: str
    gflops: float
    file_mib: float
    min_size: Sequence[int]
    min_temporal_size: int
    frames: int
    categories: Sequence[str]
    keypoint_names: Sequence[str]
    labels: Sequence[str]
    sample_rate: int
    language: str
    backend: str
    unquantized: str
