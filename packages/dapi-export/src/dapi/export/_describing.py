"""Description: what a file states about itself, as texts by key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch

import dapi
from dapi import WeightEntry, Weights
from dapi.export._calling import Call
from dapi.export.report import Port

# Of the metadata of weights, what a user of the file needs.
_KEYS = ("task", "license", "license_url", "categories", "keypoint_names", "sample_rate", "labels")


def describe(
    weights: Weights | WeightEntry,
    call: Call,
    *,
    transforms: bool,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
) -> dict[str, str]:
    """Return the metadata of a file; lists and dicts are JSON.

    Args:
        weights: The weights that the model was built with.
        call: How its task calls it.
        transforms: Whether the file contains the transforms.
        inputs: Its inputs.
        outputs: Its outputs.
    """
    files = [
        {"name": file.name, "sha256": file.sha256, "size": file.size} for file in weights.files
    ]
    is_local = weights.files[0].url.startswith("file:")  # others need no path of this machine
    facts: dict[str, Any] = {
        "weights": weights.files[0].name if is_local else str(weights),
        "files": files,
        **{key: weights.meta[key] for key in _KEYS if weights.meta.get(key)},
        "transforms": repr(call.transforms),
        "transforms_included": transforms,
        "inputs": [port._asdict() for port in inputs],
        "outputs": [port._asdict() for port in outputs],
        "versions": {"dapi": dapi.__version__, "torch": torch.__version__},
    }
    return {f"dapi.{key}": _text(value) for key, value in facts.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) else str(value)  # such as dapi.Lines
