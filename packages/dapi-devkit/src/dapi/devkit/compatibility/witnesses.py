"""Witnesses: try claims on the installed release, in a separate process.

A claim is an action of a user with the earlier release. If it still works, nothing broke.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dapi import catalog
from dapi.devkit._models import as_active, quiet, required

if TYPE_CHECKING:
    from torch import Tensor, nn


def testify(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Try claims; return for each why it does not hold, and nothing where it does."""
    return [_try(claim) for claim in claims]


def _try(claim: Mapping[str, Any]) -> str:
    try:
        if claim["kind"] == "import":
            catalog.import_target(claim["target"])
            return ""
        return _load(claim["name"], claim["schema"])
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the distribution's own code
        return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _load(name: str, schema: Mapping[str, str]) -> str:
    """Load tensors of an old schema into the model of today."""
    model, tensors = _built(name), _tensors(schema)
    model.load_state_dict(dict(tensors), strict=True)
    for key, value in model.state_dict().items():
        old = tensors.get(key)
        if old is not None and not bool((value.double() == old.double()).all()):
            return f"{key} has other values after it was loaded"
    return ""


def _built(name: str) -> nn.Module:
    """Build a model whose tensors can be written to: on the CPU, since loading may compute."""
    if catalog.parse(name).member is None:
        builder, weights = catalog.resolve(name, None)
    else:
        builder, weights = catalog.resolve(name)
    function = builder.load()
    given: dict[str, Any] = {"progress": False} if weights is not None else required(function)
    with quiet():
        chosen = as_active(weights) if weights is not None else None
        model: nn.Module = function(weights=chosen, device="meta", **given)
    return model.to_empty(device="cpu")


def _tensors(schema: Mapping[str, str]) -> dict[str, Tensor]:
    """Make tensors of an old schema, whose values need all digits that their type has."""
    import torch

    found = {}
    for key, line in schema.items():
        dtype, _, shape = line.partition(" ")
        sizes = [int(each) for each in shape.split("x") if each]
        value = torch.full(sizes, 1 / 3, dtype=torch.float64)
        kind = getattr(torch, dtype)
        found[key] = value.to(kind) if kind.is_floating_point else torch.ones(sizes, dtype=kind)
    return found
