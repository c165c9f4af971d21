"""Saving a model so that ``dapi.load`` can build it again from the file alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dapi import _building, _catalog, _models, _provenance, _registration, _safetensors
from dapi._discovery import discover
from dapi._entry import Build, Status, WeightEntry
from dapi._frozen import freeze
from dapi._placement import Target
from dapi._provenance import Provenance
from dapi._weights import Weights, entry_of
from dapi.exceptions import DapiError, RebuildError, SavingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_PREFIX: Final = "dapi."


def save(model: nn.Module, path: str | Path) -> None:
    """Write a model to a safetensors file from which ``dapi.load`` builds it again.

    Beside the tensors of ``model.state_dict()``, the file's header says, in strings that need no
    plugin to be read: the builder, its distribution and version, the arguments and overrides it
    was built with (as JSON), the weights it started from, and their sha256. Whatever was trained
    since is saved. Other programs read the file like any safetensors file; tied tensors stand in
    it under each of their keys. Touches no network.

    Args:
        model: A model that a registered builder made, with weights or without.
        path: Where to; its suffix is ``.safetensors``. An existing file is replaced whole.

    Raises:
        SavingError: The model was not made by a registered builder, or an argument or a part of
            its state cannot be written.
        OSError: The directory cannot be written.

    Example:
        >>> import dapi
        >>> dapi.save(model, "plants.safetensors")  # doctest: +SKIP
    """
    target = Path(path)
    subject = type(model).__name__
    if target.suffix != ".safetensors":
        raise SavingError(subject, f"{target.name!r} does not end in .safetensors")
    provenance = _provenance.find(model)
    if provenance is None or not provenance.target:
        raise SavingError(subject, "it was not made by a builder that register_model declared")
    state_dict = model.state_dict()
    header = {**_describe(provenance), **_describe_state(state_dict, provenance)}
    metadata = {_PREFIX + key: value for key, value in header.items()}
    try:
        _safetensors.write(target, state_dict, {"format": "pt", **metadata})
    except TypeError as cause:
        raise SavingError(subject, str(cause)) from cause


def load(
    path: str | Path,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """Build the model that ``dapi.save`` wrote, from the file alone.

    Only a registered builder is called, found by its name among the installed distributions;
    nothing in the file is executed. No network is used, and no other weights are loaded.

    Args:
        path: A file that ``dapi.save`` wrote.
        device: As in ``dapi.build_model``.
        dtype: As in ``dapi.build_model``; by default that of the model that was saved.

    Returns:
        The model, in training mode unless its builder says otherwise. ``dapi.weights_of`` tells
        the weights that it started from, where they are still known.

    Raises:
        FileNotFoundError: There is no such file.
        RebuildError: It was not written by ``dapi.save``, its builder is not installed, or what
            is installed no longer fits.
    """
    file = Path(path).resolve(strict=True)
    saved = _Saved(file)
    try:
        return saved.build(Target(device, dtype or saved.dtype()))
    except RebuildError:
        raise
    except (DapiError, TypeError, ValueError, RuntimeError) as cause:
        raise RebuildError(file, reason=f"{saved.versions()}. {cause}") from cause


class _Saved:
    """What the header of a file says of a model."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            found = _safetensors.read_header(path).metadata
            self._header = {
                key.removeprefix(_PREFIX): value
                for key, value in found.items()
                if key.startswith(_PREFIX)
            }
            self._name = f"{self._header['distribution']}/{self._header['builder']}"
            self._config, self._context, self._code_version = (
                _mapping(self._header[key]) for key in ("config", "context", "code_version")
            )
        except (KeyError, RecursionError, ValueError) as cause:
            raise RebuildError(path, reason="dapi.save did not write it") from cause

    def build(self, target: Target) -> nn.Module:
        """Call the builder's function, as it was called then, and load the file."""
        builder = self._builder()
        self._check(builder)
        weights = self._weights()
        entry = self._entry(weights)
        seen = entry if self._header.get("weights") else None
        recipe = _registration.recipe(builder, weights=seen)
        model = _building.build(
            recipe, entry, self._config, new_head=False, progress=False, target=target
        )
        if target.dtype is None:
            self._restore_types(model)
        context = entry.build.context
        _provenance.record(
            model,
            Provenance(recipe.name, weights or seen, self._config, context, recipe.target),
        )
        return model

    def _restore_types(self, model: nn.Module) -> None:
        """Give each tensor the type it was saved in: a model may have been cast in part."""
        import torch

        saved = _safetensors.read(self._path).tensors
        for key, tensor in model.state_dict(keep_vars=True).items():
            if tensor.dtype != saved[key].dtype:
                typed = torch.empty_like(tensor, dtype=saved[key].dtype, requires_grad=False)
                tensor.data = typed.copy_(saved[key])

    def dtype(self) -> torch.dtype | None:
        """Return the floating-point type that the whole model had, if it was not the usual one."""
        import torch

        found = getattr(torch, self._header.get("dtype", ""), None)
        return found if isinstance(found, torch.dtype) else None

    def versions(self) -> str:
        """Say which versions of the distribution are at odds."""
        name = self._header["distribution"]
        installed = _version(name) or "not installed"
        return f"{self._name} was of version {self._header.get('version')}, now {installed}"

    def _builder(self) -> Callable[..., nn.Module]:
        try:
            builder: Callable[..., nn.Module] = _catalog.find(self._name).load()
        except DapiError as cause:
            raise RebuildError(self._path, reason=str(cause)) from cause
        if not hasattr(builder, "__dapi_builder__"):
            raise RebuildError(self._path, reason=f"{self._name} is not made by register_model")
        return builder

    def _check(self, builder: Callable[..., nn.Module]) -> None:
        """Refuse what would import a module only because the file names it, or fetch weights."""
        enums = builder.__dapi_builder__.weights  # type: ignore[attr-defined]
        known = {target for enum in enums for member in enum for target in member.build.context}
        for target, params in self._context.items():
            if target not in known and target.partition(":")[0] not in sys.modules:
                reason = f"it overrides {target}, of a module that {self._name} does not import"
                raise RebuildError(self._path, reason=reason)
            if not isinstance(params, Mapping):
                raise RebuildError(self._path, reason=f"it overrides {target} with {params!r}")
        if "weights" in self._config:
            raise RebuildError(self._path, reason="it names weights among the arguments")

    def _weights(self) -> Weights | None:
        name = self._header.get("weights", "")
        try:
            return _catalog.get_weights(name) if ":" in name else None
        except DapiError:
            return None  # they were renamed or removed since, and are not needed

    def _entry(self, weights: Weights | None) -> WeightEntry:
        """Describe the file itself, with the transforms of the weights it started from."""
        build = Build(context=self._context, code_version=self._code_version)
        url = self._path.as_uri()
        if weights is None:
            return WeightEntry(url, build=build)
        return replace(
            entry_of(weights),
            url=url,
            sha256=None,
            size=None,
            mirrors=(),
            build=build,
            status=Status(),
        )


def _mapping(text: str) -> Mapping[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not a mapping")
    frozen: Mapping[str, Any] = freeze(found)
    return frozen


def _describe(provenance: Provenance) -> dict[str, str]:
    """Say in strings how a model was built."""
    model = _models.find_target(provenance.target)
    weights = provenance.weights
    files = entry_of(weights).files if weights is not None else ()
    write = partial(_to_json, provenance.builder)
    return {
        "builder": provenance.builder,
        "distribution": model.distribution if model else "",
        "version": _version(model.distribution) if model else "",
        "config": write(provenance.config, "argument"),
        "context": write(provenance.context, "override of"),
        "weights": "" if weights is None else str(weights),
        "sha256": " ".join(file.sha256 or "unknown" for file in files),
    }


def _describe_state(state_dict: Mapping[str, Tensor], provenance: Provenance) -> dict[str, str]:
    """Say in strings what a safetensors file has no place for."""
    import torch

    foreign = [key for key, value in state_dict.items() if not _is_complete(value)]
    if foreign:
        reason = f"{foreign[0]} in its state is no dense tensor with values"
        raise SavingError(provenance.builder, reason)
    types = {value.dtype for value in state_dict.values() if value.is_floating_point()}
    facts = getattr(state_dict, "_metadata", {})
    versions = {
        path: each["version"] for path, each in facts.items() if each.get("version") is not None
    }
    described = {"code_version": json.dumps(versions)}
    if len(types) == 1 and torch.get_default_dtype() not in types:
        described["dtype"] = str(types.pop()).removeprefix("torch.")
    return described


def _is_complete(value: Any) -> bool:
    """Whether a value has all its numbers here: one on meta, or in shards, has not."""
    import torch

    is_dense = type(value) is torch.Tensor and value.layout is torch.strided
    return is_dense and not value.is_meta


def _to_json(builder: str, values: Mapping[str, Any], what: str) -> str:
    for key, value in values.items():
        if not _is_json(value):
            raise SavingError(builder, f"its {what} {key!r} is {value!r}, which JSON does not have")
    return json.dumps({key: _thawed(value) for key, value in values.items()})


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return all(map(_is_json, value))
    if type(value) is float:
        return isfinite(value)
    return value is None or type(value) in (str, bool, int)


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple | list) else value


def _version(distribution: str) -> str:
    return next((each.version for each in discover() if each.name == distribution), "")
