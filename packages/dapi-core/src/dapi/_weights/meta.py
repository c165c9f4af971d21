"""Meta: the type of an entry's metadata, with the usual keys and their values."""

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
Count = Literal[
    "num_params",
    "min_temporal_size",
    "frames",
    "sample_rate",
    "n_fft",
    "n_mels",
    "hop_length",
]
Number = Literal["gflops", "file_mib"]
Size = Literal["min_size"]
Metrics = Literal["metrics"]


@public
class Meta(Mapping[str, Any]):
    """Metadata of weights, read-only; type checkers and editors know the keys below.

    Not a TypedDict, which would require every key to exist, or a type checker to refuse reading it,
    and would refuse keys that a publisher adds, which are Any here.

    Published entries have ``task``, ``license``, ``num_params``, ``datasets``, ``metrics``,
    ``recipe`` and ``hash_source``; all others where they apply:

    - ``task``: The model's task, such as ``image-classification``.
    - ``license``: An SPDX expression, or "unknown"; ``license_source`` says where it is stated,
      ``license_url`` where its text is.
    - ``num_params``: The number of the model's parameters.
    - ``datasets``: The training datasets.
    - ``metrics``: Measured results, each with ``dataset``, ``name``, ``value`` and ``source``.
    - ``recipe``: A description of the training: a URL, a path in the repository, or "unknown".
    - ``hash_source``: The source of the file's hash.
    - ``known_as``: Names that the same weights have in other libraries, which errors translate.
    - ``paper``: The URL of the publication.
    - ``gflops``: Billions of multiply-adds for one input.
    - ``file_mib``: The size of the files in MiB, if their publisher states it in no other way.
    - ``min_size``: Height and width of the smallest input.
    - ``min_temporal_size``: The minimum number of frames of a video; ``frames``: the number in the
    evaluation.
    - ``categories``, ``keypoint_names``, ``labels``: The name of each class, keypoint, output.
    - ``sample_rate``: Samples per second of the sound that the model takes or makes.
    - ``n_fft``, ``n_mels``, ``hop_length``: The size of the Fourier transform, the bands, and the
    samples from one frame to the next, of a model's mel spectrograms.
    - ``language``: Of speech or text, by its code, or "multilingual".
    - ``backend``: The backend of quantized weights, by torch's name.
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
        """Return the value of a key."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return dicts, lists and scalars, as ``json.dumps``, YAML and pydantic take them."""
