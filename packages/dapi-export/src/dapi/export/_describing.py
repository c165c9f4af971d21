"""Description: what a file states about itself, as texts by key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch

import dapi
from dapi.export._calling import Call
from dapi.export._candidates import Candidate
from dapi.export._subject import Subject
from dapi.export._tracing import Traced

# Of the metadata of weights, what a user of the file needs.
_KEYS = ("task", "categories", "keypoint_names", "sample_rate", "labels")
_LICENSE = ("license", "license_url")


def describe(subject: Subject, call: Call, candidate: Candidate, traced: Traced) -> dict[str, str]:
    """Return the metadata of a file; lists and dicts are JSON.

    Args:
        subject: The model, and the weights that it was built with.
        call: How its task calls it.
        candidate: The form in which it is exported.
        traced: The program.
    """
    meta = subject.weights.meta
    size = candidate.image_size
    facts: dict[str, Any] = {
        **_origin(subject),
        **{key: meta[key] for key in _KEYS if meta.get(key)},
        "transforms": repr(call.transforms),
        "transforms_included": candidate.transforms,
        "inputs": [port._asdict() for port in traced.inputs],
        "outputs": [port._asdict() for port in traced.outputs],
        **({"image_size": size} if size else {}),
        "versions": {"dapi": dapi.__version__, "torch": torch.__version__},
    }
    return {f"dapi.{key}": _text(value) for key, value in facts.items()}


def _origin(subject: Subject) -> dict[str, Any]:
    """Return the weights and their license; of changed ones, no hash: the file has others."""
    weights = subject.weights
    is_local = weights.files[0].url.startswith("file:")  # others need no path of this machine
    name = weights.files[0].name if is_local else str(weights)
    terms = {key: weights.meta[key] for key in _LICENSE if weights.meta.get(key)}
    if subject.is_changed:
        based_on = {f"based_on_{key}": value for key, value in terms.items()}
        return {"based_on": name, "parameters_changed": True, **based_on}
    files = [
        {"name": file.name, "sha256": file.sha256, "size": file.size} for file in weights.files
    ]
    return {"weights": name, "files": files, **terms}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) else str(value)  # such as dapi.Lines
