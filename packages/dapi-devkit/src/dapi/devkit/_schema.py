"""The schema of ``meta``: what published entries say of themselves, and in which form."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from numbers import Real

_TASK = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def is_text(value: object) -> bool:
    """Whether it is a text that says something."""
    return isinstance(value, str) and bool(value.strip())


def is_texts(value: object) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(is_text, value))


def is_count(value: object) -> bool:
    """Whether it is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_size(value: object) -> bool:
    """Whether it is a number of pixels, or height and width."""
    return is_count(value) or (isinstance(value, Sequence) and all(map(is_count, value)))


def is_number(value: object) -> bool:
    """Whether it is a number, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)


# What meta must have, and what it may have, with what the values must be.
REQUIRED: dict[str, tuple[Callable[[object], bool], str]] = {
    "task": (lambda v: isinstance(v, str) and bool(_TASK.fullmatch(v)), "a tag, as in a-task"),
    "license": (is_text, "text"),
    "num_params": (is_count, "a whole number above 0"),
    "datasets": (is_texts, "a list of names"),
    "metrics": (lambda v: isinstance(v, Sequence) and not isinstance(v, str), "a list"),
    "recipe": (is_text, "a URL, a path in the repository, or 'unknown'"),
    "hash_source": (is_text, "text"),
}
OPTIONAL: dict[str, tuple[Callable[[object], bool], str]] = {
    "known_as": (is_texts, "a list of names"),
    "gflops": (is_number, "a number"),
    "file_mib": (is_number, "a number"),
    "min_size": (is_size, "a number of pixels, or height and width"),
    "min_temporal_size": (is_count, "a number of frames"),
    "keypoint_names": (is_texts, "a list of names"),
}
