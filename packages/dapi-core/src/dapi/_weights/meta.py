"""Meta: an entry's metadata, as a type: the usual keys and what they hold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from dapi._values.public import public

Text = Literal[
    "task",
    "license",
    "recipe",
    "hash_source",
    "paper",
    "license_source",
    "license_url",
    "language",
    "backend",
    "trained_from",
    "unquantized",
]
Texts = Literal["datasets", "known_as", "categories", "keypoint_names", "labels"]
Count = Literal["num_params", "min_temporal_size", "frames", "sample_rate"]
Number = Literal["gflops", "file_mib"]
Size = Literal["min_size"]
Metrics = Literal["metrics"]


@public
class Meta(Mapping[str, Any]):
    """What is known of weights, read-only; type checkers and editors know the keys below.

    A TypedDict would have to say of each key that it is there, or a type checker refuses to read
    it; and would refuse the keys that a publisher adds, which are Any here.

    Published entries have ``task``, ``license``, ``num_params``, ``datasets``, ``metrics``,
    ``recipe`` and ``hash_source``; all others where they apply:

    - ``task``: What a model with these weights does, such as ``image-classification``.
    - ``license``: An SPDX expression, or "unknown"; ``license_source`` says where it is stated,
      ``license_url`` where its text is.
    - ``num_params``: How many numbers the parameters of the model have.
    - ``datasets``: What the weights were trained on.
    - ``metrics``: Measured results, each with ``dataset``, ``name``, ``value`` and ``source``.
    - ``recipe``: Where the training is described: a URL, a path in the repository, or "unknown".
    - ``hash_source``: Who says which hash the file has.
    - ``known_as``: Names that the same weights have in other libraries, which errors translate.
    - ``paper``: The URL of the publication.
    - ``gflops``: Billions of multiply-adds for one input.
    - ``file_mib``: The size of the files in MiB, where their publisher says it in no other way.
    - ``min_size``: Height and width of the smallest input.
    - ``min_temporal_size``: The fewest frames of a video; ``frames``: as many the metrics are of.
    - ``categories``, ``keypoint_names``, ``labels``: The name of each class, keypoint, output.
    - ``sample_rate``: Samples a second of the sound that the model takes or makes.
    - ``language``: Of speech or text, by its code, or "multilingual".
    - ``backend``: What computes with quantized weights, by torch's name.
    - ``trained_from``: The name of the weights that training started from, if there are any.
    - ``unquantized``: The name of the float weights that quantized ones were made from.
    """

    @overload
    def __getitem__(self, key: Text) -> str: ...
    @overload
    def __getitem__(self, key: Texts) -> Sequence[str]: ...
    @overload
    def __getitem__(self, key: Count) -> int: ...
    @overload
    def __getitem__(self, key: Number) -> float: ...
    @overload
    def __getitem__(self, key: Size) -> Sequence[int]: ...
    @overload
    def __getitem__(self, key: Metrics) -> Sequence[Mapping[str, Any]]: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    @abstractmethod
    def __getitem__(self, key: str) -> Any:
        """Return what is known under a key."""
