"""The schema of ``meta``: the keys of published entries and their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from numbers import Real
from typing import NamedTuple

_TASK = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def is_text(value: object) -> bool:
    """Whether it is a non-empty text."""
    return isinstance(value, str) and bool(value.strip())


def is_texts(value: object) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(is_text, value))


def is_count(value: object) -> bool:
    """Whether it is a positive integer."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_size(value: object) -> bool:
    """Whether it is a number of pixels, or height and width."""
    return is_count(value) or (isinstance(value, Sequence) and all(map(is_count, value)))


def is_number(value: object) -> bool:
    """Whether it is a number, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)


class Key(NamedTuple):
    """One key of ``meta``.

    Attributes:
        name: The key.
        is_required: Whether published entries must have it.
        expected: The expected value.
        meaning: Its meaning, as a sentence.
        is_right: Whether a value is valid; None for a key that is not checked.
    """

    name: str
    is_required: bool
    expected: str
    meaning: str
    is_right: Callable[[object], bool] | None = None


def _is_tag(value: object) -> bool:
    return isinstance(value, str) and bool(_TASK.fullmatch(value))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


# fmt: off
KEYS: tuple[Key, ...] = (
    Key("task", True, "a tag, as in a-task",
        "The task of the model, such as `image-classification`. "
        "This name selects the code that runs it on files.", _is_tag),
    Key("license", True, "text",
        "The license of the weights: an SPDX expression, or 'unknown'.", is_text),
    Key("num_params", True, "a positive integer",
        "The number of the model's parameters.", is_count),
    Key("datasets", True, "a list of names",
        "The training datasets; [] if unknown.", is_texts),
    Key("metrics", True, "a list",
        "Measured results, each with `dataset`, `name`, `value` and `source` (a page, or a script "
        "of the repository); [] if none are published.", _is_list),
    Key("recipe", True, "a URL, a path in the repository, or 'unknown'",
        "A description of the training.", is_text),
    Key("hash_source", True, "text",
        "The source of the file's hash, as in 'measured from the file before it was "
        "published'. For a file without a published hash: 'not published: trusted on first "
        "use'.", is_text),
    Key("known_as", False, "a list of names",
        "Names that the same weights have in other libraries; errors translate them.", is_texts),
    Key("categories", False, "a list of names",
        "The name of each class, in the order of the outputs. Long ones: `dapi.Lines`."),
    Key("keypoint_names", False, "a list of names", "The name of each keypoint.", is_texts),
    Key("labels", False, "a list of names", "The name of each output, such as a letter."),
    Key("gflops", False, "a number", "Billions of multiply-adds for one input.", is_number),
    Key("file_mib", False, "a number",
        "The size of the files in MiB, where no `size` says it.", is_number),
    Key("min_size", False, "a number of pixels, or height and width",
        "The minimum input size.", is_size),
    Key("min_temporal_size", False, "a number of frames",
        "The minimum number of frames of a video.", is_count),
    Key("frames", False, "a number of frames", "The number of frames in the evaluation."),
    Key("sample_rate", False, "a number",
        "Samples a second of the sound that the model takes or makes."),
    Key("n_fft", False, "a number",
        "The size of the Fourier transform of a model's spectrograms.", is_count),
    Key("n_mels", False, "a number", "The bands of its mel spectrograms.", is_count),
    Key("hop_length", False, "a number", "The samples from one of their frames to the next.",
        is_count),
    Key("language", False, "text",
        "Of speech or text: a language's code, or 'multilingual'."),
    Key("paper", False, "a URL", "The publication."),
    Key("license_source", False, "text", "The page that states the license."),
    Key("license_url", False, "a URL", "The location of the license text."),
    Key("backend", False, "text", "The backend that runs quantized weights, by torch's name."),
    Key("trained_from", False, "text",
        "The name of the weights that training started from."),
    Key("unquantized", False, "text",
        "The name of the float weights that quantized ones were made from."),
)
# fmt: on
