"""The description of a model in the header of its file: what ``Header`` reads, as strings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, Any

from dapi._building import trained_from
from dapi._building.arguments import Arguments
from dapi._building.provenance import Provenance
from dapi._catalog import builders
from dapi._plugins import discovery
from dapi._values.frozen import freeze, to_json
from dapi._weights.build import CALLERS
from dapi._weights.enum import entry_of
from dapi.exceptions import SavingError

if TYPE_CHECKING:
    from torch import Tensor


def describe(
    provenance: Provenance, state_dict: Mapping[str, Tensor], versions: Mapping[str, int]
) -> dict[str, str]:
    """Describe in strings how a model was built, and facts that safetensors cannot store.

    Raises:
        SavingError: A value cannot be written.
    """
    return {
        **_of_building(provenance),
        **_of_state(state_dict, provenance.builder),
        "code_version": json.dumps(versions),
    }


def _of_building(provenance: Provenance) -> dict[str, str]:
    name, weights = provenance.builder, provenance.weights
    model = builders.find_target(provenance.target)
    files = entry_of(weights).files if weights is not None else ()
    # A file says only that its backbone had weights: loading it fetches none.
    backbone = provenance.config.get("weights_backbone")
    config = {
        argument: value
        for argument, value in provenance.config.items()
        if argument not in CALLERS and (argument != "weights_backbone" or backbone is None)
    }
    flags = {"new_head": provenance.new_head, "pretrained": backbone is not None}
    return {
        "builder": name,
        "distribution": model.distribution if model else "",
        "version": discovery.versions().get(model.distribution, "") if model else "",
        "config": _to_json(name, "argument", config),
        "defaults": json.dumps(_usual_arguments(model, config) if model else {}),
        "context": _to_json(name, "override of", provenance.context),
        "weights": "" if weights is None else str(weights),
        "sha256": " ".join(file.sha256 or "unknown" for file in files),
        **trained_from.describe(weights),
        **{flag: "true" for flag, is_set in flags.items() if is_set},
    }


def _usual_arguments(model: builders.Builder, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of the other arguments that a file may pass."""
    declared, found = Arguments.of(model.load(), model.name), {}
    for name, value in declared.defaults.items():
        if name in config or name in CALLERS or name == "weights_backbone" or not _is_json(value):
            continue
        plain = to_json(freeze(value))
        with suppress(ValueError):
            declared.admit(name, plain)
            found[name] = plain
    return found


def _of_state(state_dict: Mapping[str, Tensor], builder: str) -> dict[str, str]:
    import torch

    foreign = [key for key, value in state_dict.items() if not _is_complete(value)]
    if foreign:
        reason = f"{foreign[0]} in its state is not a dense tensor with values"
        if any(hasattr(value, "full_tensor") for value in state_dict.values()):
            reason = (
                f"{foreign[0]} is spread over several processes. "
                "Save a model that loaded get_model_state_dict (full_state_dict=True)"
            )
        raise SavingError(builder, reason)
    # A model that was cast in part has no type of its own: loading casts each tensor instead.
    types = {value.dtype for value in state_dict.values() if value.is_floating_point()}
    if len(types) != 1 or torch.get_default_dtype() in types:
        return {}
    return {"dtype": str(types.pop()).removeprefix("torch.")}


def _is_complete(value: Any) -> bool:
    """Whether a value has all of its numbers: not on meta, and not in shards."""
    import torch

    # A DTensor, which is a subclass, has only the numbers of this process.
    is_dense = type(value) is torch.Tensor and value.layout is torch.strided
    return is_dense and not value.is_meta


def _to_json(builder: str, what: str, values: Mapping[str, Any]) -> str:
    for key, value in values.items():
        if not _is_json(value):
            raise SavingError(builder, f"its {what} {key!r} is {value!r}, which JSON does not have")
    return json.dumps(to_json(values))


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(type(key) in (str, int) and _is_json(item) for key, item in value.items())
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return all(map(_is_json, value))
    if type(value) is float:
        return isfinite(value)
    return value is None or type(value) in (str, bool, int)
