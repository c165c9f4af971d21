"""Load a model from a file of ``dapi.save``, which may come from a stranger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dapi._building import build_model
from dapi._building import provenance as _provenance
from dapi._building.provenance import Provenance
from dapi._loader import safetensors
from dapi._loader.target import Target
from dapi._saving import fingerprint
from dapi._saving.header import PREFIX, Header, Plan
from dapi._store import placeholder, settings
from dapi._store.disk import given_path
from dapi._values import notices
from dapi._values.public import public
from dapi.exceptions import ChangedWeightsWarning, DapiError, MissingFileError, RebuildError

if TYPE_CHECKING:
    import torch
    from torch import nn

# No argument of a builder is larger, except numbers of the file's contents: a constructor may count
# to it.
_USUAL: Final = 1 << 24


@public
def load(
    path: str | Path,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    accept_changes: bool = False,
) -> nn.Module:
    """Load a model from a file of ``dapi.save``.

    Only a registered builder is called, found by its name among the installed distributions, and
    only with arguments that it declares, with values of their types: to an argument without a type,
    a file may pass numbers, booleans and None. Nothing in the file is executed or imported. No
    network is used, and no other weights are loaded.

    The model is the one that was saved: with the arguments' defaults at that time, and with the
    current context of the weights it started from. If its layers differ anyway (another activation,
    ``eps`` or stride), because the builder or a library changed, that is an error.

    Args:
        path: A file that ``dapi.save`` wrote.
        device: As in ``dapi.build_model``.
        dtype: As in ``dapi.build_model``; by default, and for ``"auto"``, the dtype of the saved
            model.
        accept_changes: Load the builder's current model, and warn of the differences.

    Returns:
        The model, in training mode unless its builder says otherwise. ``dapi.weights_of`` returns
        the weights that it started from, if they are still known.

    Raises:
        FileNotFoundError: There is no such file.
        RebuildError: It was not written by ``dapi.save``, its builder is not installed, it names an
            object that a file may not name, or the installed builder no longer fits it, or makes
            another model.

    Warns:
        OutdatedWeightsWarning: The weights that it started from were deprecated or withdrawn.
        ChangedWeightsWarning: Their transforms changed since it was saved.
    """
    expected = "the path of a file that dapi.save wrote; for a name: dapi.get_model(name)"
    file = given_path("dapi.load", path, expected).resolve()
    if not file.is_file():
        raise MissingFileError(path)
    header = _read(file)
    plan = _plan(header)
    model = _build(header, plan, device, dtype)
    changes = list(fingerprint.differences(header.modules, model))
    if changes and not accept_changes:
        raise RebuildError(file, reason=header.explain_changes(changes))
    if changes:
        text = f"{file.name}: {header.versions()}. {'; '.join(changes)}"
        notices.warn(text, ChangedWeightsWarning)
    header.warn_of_source(plan.provenance.weights)
    _provenance.record(model, plan.provenance)
    return model


def noted(path: Path) -> Provenance | None:
    """Return the record of ``dapi.save`` in a file; None if it did not write the file.

    Imports the builder's module; builds nothing, and reads no tensors.

    Raises:
        RebuildError: Its builder is not installed, or it names an object that a file may not name.
    """
    try:
        header = _read(path)
    except RebuildError:
        return None
    return _plan(header).provenance


def _read(file: Path) -> Header:
    try:
        found = safetensors.read_header(file)
    except (RecursionError, ValueError) as cause:
        reason, remedy = placeholder.explain(file), ""
        if not reason:
            reason = "it is not a safetensors file, or damaged"
            remedy = f"For a checkpoint: weights=dapi.WeightEntry.from_file({str(file)!r})"
        raise RebuildError(file, reason=reason, remedy=remedy) from cause
    facts = {
        key.removeprefix(PREFIX): value
        for key, value in found.metadata.items()
        if key.startswith(PREFIX)
    }
    try:
        return Header(file, facts, [shape for _, shape, *_ in found.tensors.values()])
    except (KeyError, RecursionError, ValueError) as cause:
        raise RebuildError(file, reason="dapi.save did not write it") from cause


def _plan(header: Header) -> Plan:
    try:
        plan = header.plan()
        _check_size(plan, header.shapes)
    except (DapiError, RecursionError, ValueError) as cause:
        raise RebuildError(header.path, reason=str(cause)) from cause
    return plan


def _check_size(plan: Plan, shapes: Sequence[tuple[int, ...]]) -> None:
    """Refuse arguments with which a small file would build an enormous model."""
    elements = sum(map(prod, shapes))
    largest = max(_numbers([plan.config, plan.entry.build.context]), default=0)
    if largest > max(elements, _USUAL):
        raise ValueError(
            f"it passes its builder the number {largest}, but has only {elements} numbers"
        )
    if plan.config or plan.entry.build.context:
        build_model.check_size(
            plan.recipe, plan.entry, plan.config, tensors=len(shapes), elements=elements
        )


def _numbers(value: object) -> Iterator[int]:
    """Yield the sizes of the integers among arguments."""
    if isinstance(value, int):
        yield abs(value)
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _numbers(each)


def _build(
    header: Header, plan: Plan, device: torch.device | str | None, dtype: torch.dtype | str | None
) -> nn.Module:
    kept = header.dtype() if dtype in (None, "auto") else dtype
    target = Target.given("dapi.load", device, kept)
    try:
        with settings.offline():
            model = build_model.build(
                plan.recipe, plan.entry, plan.config, progress=False, target=target
            )
        if target.dtype is None:
            _restore_types(model, header.path)
        for key, parameter in model.named_parameters(remove_duplicate=False):
            parameter.requires_grad_(header.requires_grad.get(key, parameter.requires_grad))
    except Exception as cause:  # a constructor may raise anything for arguments from a file
        raise RebuildError(header.path, reason=f"{header.versions()}. {cause}") from cause
    return model


def _restore_types(model: nn.Module, file: Path) -> None:
    """Cast each tensor to its saved dtype: a model may have been cast in part."""
    import torch

    current = model.state_dict(keep_vars=True)
    facts = safetensors.read_header(file).tensors
    if all(facts[key][0] == safetensors.type_name(key, each) for key, each in current.items()):
        return  # the usual case: the file is not read a second time
    saved = safetensors.read(file).tensors
    for key, tensor in current.items():
        if tensor.dtype != saved[key].dtype:
            typed = torch.empty_like(tensor, dtype=saved[key].dtype, requires_grad=False)
            tensor.data = typed.copy_(saved[key])
