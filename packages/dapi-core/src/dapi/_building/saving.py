"""Saving a model so that ``dapi.load`` can build it again from the file alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dapi._building import build_model, demands, fingerprint
from dapi._building import provenance as _provenance
from dapi._building.arguments import Arguments
from dapi._building.comparison import Difference, Tree, differences
from dapi._building.header import PREFIX, Header, Plan, describe
from dapi._building.provenance import Provenance
from dapi._catalog import lookup
from dapi._loader import safetensors
from dapi._loader.loading import is_under
from dapi._loader.target import Target
from dapi._store import placeholder, settings
from dapi._store.disk import given_path
from dapi._values import notices
from dapi._values.public import public
from dapi.exceptions import (
    ChangedWeightsWarning,
    DapiError,
    MissingFileError,
    RebuildError,
    SavingError,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

# No argument of a builder is larger, but for numbers of what its file holds: a constructor may
# count to it.
_USUAL: Final = 1 << 24


@public
def save(model: nn.Module, path: str | Path) -> None:
    """Write a model to a safetensors file from which ``dapi.load`` builds it again.

    Beside the tensors of ``model.state_dict()``, the file's header says, in strings that need no
    plugin to be read: the builder, its distribution and version, the arguments and overrides it
    was built with (as JSON), the weights it started from, and their sha256; and what its layers
    are, so that loading sees a builder that makes others. Whatever was trained since is saved.
    Other programs read the file like any safetensors file; tied tensors stand in it under each of
    their keys. Touches no network.

    Before anything is written, the model is compared with what its builder makes of the same
    arguments: keys, shapes and ties, each module's class, and its attributes that are numbers,
    text or functions. What was changed by hand, such as a layer that was replaced or an ``eps``,
    would be lost, and is an error. Which parameters are trained is saved. Whether the model is in
    training mode is not, nor how it runs (``attn_implementation``, a device).

    Args:
        model: A model that a registered builder made, with weights or without; or what
            ``torch.compile``, DataParallel, DistributedDataParallel and AveragedModel made of it,
            in whole or in part, which is saved without them.
        path: Where to; its suffix is ``.safetensors``. An existing file is replaced whole.

    Raises:
        SavingError: The model was not made by a registered builder, is no longer what that makes,
            or an argument or a part of its state cannot be written.
        OSError: The directory cannot be written.

    Example:
        >>> import dapi
        >>> dapi.save(model, "plants.safetensors")  # doctest: +SKIP
    """
    target = given_path("dapi.save", path, "a model, then the path of a new .safetensors file")
    model = _provenance.unwrapped(model)
    subject = type(model).__name__
    if target.suffix != ".safetensors":
        raise SavingError(subject, f"{target.name!r} does not end in .safetensors")
    provenance = _provenance.find(model)
    if provenance is None or not provenance.target:
        raise SavingError(subject, "it was not made by a builder that register_model declared")
    tree, whole = Tree.of(model), model.state_dict()
    state_dict = {tree.plain(key): value for key, value in whole.items()}
    facts = describe(provenance, state_dict, _versions(tree, whole))
    made = _twin(subject, Header(target.absolute(), facts))
    twin = Tree.of(made)
    _check(subject, provenance, state_dict, tree, twin)
    facts["requires_grad"] = json.dumps(_unlike(tree, twin))
    facts["modules"] = fingerprint.record(made)
    metadata = {PREFIX + key: value for key, value in facts.items()}
    try:
        safetensors.write(target, state_dict, {"format": "pt", **metadata})
    except TypeError as cause:
        raise SavingError(subject, str(cause)) from cause


def _versions(tree: Tree, state_dict: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the versions of the modules' code, by path."""
    facts = getattr(state_dict, "_metadata", {})
    return {
        tree.plain(f"{path}." if path else "").removesuffix("."): each["version"]
        for path, each in facts.items()
        if each.get("version") is not None
    }


def _twin(subject: str, header: Header) -> nn.Module:
    """Construct on meta what loading the file will construct."""
    try:
        plan = header.plan()
        with settings.offline():
            return build_model.twin(plan.recipe, plan.entry, plan.config)
    except Exception as cause:  # whatever a constructor raises
        raise SavingError(subject, f"its builder cannot make it again. {cause}") from cause


def _check(
    subject: str,
    provenance: Provenance,
    state_dict: Mapping[str, Tensor],
    tree: Tree,
    twin: Tree,
) -> None:
    """Refuse a model that its builder makes otherwise: loading would refuse it, or change it."""
    changes = list(differences(tree, state_dict, twin))
    if not changes:
        return
    more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
    listed = "; ".join(change.text for change in changes[:3])
    if hasattr(tree.modules[""], "merge_and_unload"):  # PEFT's, which merges the adapters
        remedy = "Save model.merge_and_unload()"
    else:
        remedy = _remedy(provenance, state_dict, twin, changes)
    raise SavingError(
        subject,
        f"it is not what {provenance.builder} makes: {listed}{more}. "
        f"{remedy}, or register a builder that makes it",
    )


def _remedy(
    provenance: Provenance,
    state_dict: Mapping[str, Tensor],
    twin: Tree,
    changes: Sequence[Difference],
) -> str:
    """Say how the builder itself makes a model with this head, if its size is all that differs."""
    builder = lookup.find(provenance.builder).load()
    head = builder.__dapi_builder__.head
    sizes = {_length(state_dict[each.place]) for each in changes if each.place in state_dict}
    usual = {_length(each) for key, each in twin.parameters() if is_under(key, head)}
    if sizes & usual or not all(is_under(f"{change.place}.", head) for change in changes):
        return "Save it before such changes, and repeat them after loading"
    arguments = Arguments.of(builder, provenance.builder).types
    name = next((each for each in demands.HEAD_ARGUMENTS if each in arguments), "num_classes")
    size = sizes.pop() if len(sizes) == 1 else "..."
    new = "" if provenance.weights is None else ", new_head=True"
    return f"Build it with {name}={size}{new}"


def _length(tensor: Any) -> int:
    return tensor.shape[0] if getattr(tensor, "ndim", 0) else 0


def _unlike(tree: Tree, twin: Tree) -> dict[str, bool]:
    """Return which parameters are trained though the builder freezes them, or the other way."""
    usual = {key: each.requires_grad for key, each in twin.parameters()}
    return {
        key: each.requires_grad
        for key, each in tree.parameters()
        if each.requires_grad != usual[key]
    }


@public
def load(
    path: str | Path,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    accept_changes: bool = False,
) -> nn.Module:
    """Build the model that ``dapi.save`` wrote, from the file alone.

    Only a registered builder is called, found by its name among the installed distributions, and
    only with arguments that it declares, by values of their types: to an argument that it declares
    without a type, a file may give numbers, booleans and None. Nothing in the file is executed or
    imported. No network is used, and no other weights are loaded.

    The model is the one that was saved: with the arguments' defaults of then, and with the context
    that the weights it started from have now. If its layers are others all the same (another
    activation, ``eps`` or stride), since the builder or a library changed, that is an error.

    Args:
        path: A file that ``dapi.save`` wrote.
        device: As in ``dapi.build_model``.
        dtype: As in ``dapi.build_model``; by default that of the model that was saved.
        accept_changes: Load what the builder makes now, and warn of the differences.

    Returns:
        The model, in training mode unless its builder says otherwise. ``dapi.weights_of`` tells
        the weights that it started from, where they are still known.

    Raises:
        FileNotFoundError: There is no such file.
        RebuildError: It was not written by ``dapi.save``, its builder is not installed, it names
            what a file may not name, or what is installed no longer fits, or makes another model.

    Warns:
        OutdatedWeightsWarning: The weights that it started from were deprecated or withdrawn.
        ChangedWeightsWarning: They have other transforms now than when it was saved.
    """
    expected = "the path of a file that dapi.save wrote; for a name: dapi.get_model(name)"
    file = given_path("dapi.load", path, expected).resolve()
    if not file.is_file():
        raise MissingFileError(path)
    header, shapes = _read(file)
    try:
        plan = header.plan()
        _check_size(plan, shapes)
    except (DapiError, RecursionError, ValueError) as cause:
        raise RebuildError(file, reason=str(cause)) from cause
    target = Target(device, dtype or header.dtype())
    try:
        with settings.offline():
            model = build_model.build(
                plan.recipe, plan.entry, plan.config, new_head=False, progress=False, target=target
            )
        if target.dtype is None:
            _restore_types(model, file)
        for key, parameter in model.named_parameters(remove_duplicate=False):
            parameter.requires_grad_(header.requires_grad.get(key, parameter.requires_grad))
    except Exception as cause:  # whatever a constructor raises for arguments that a file gives it
        raise RebuildError(file, reason=f"{header.versions()}. {cause}") from cause
    _check_changes(file, header, model, accept=accept_changes)
    header.warn_of_source(plan.provenance.weights)
    _provenance.record(model, plan.provenance)
    return model


def _check_changes(file: Path, header: Header, model: nn.Module, *, accept: bool) -> None:
    """Refuse a model whose layers are not those that were saved, or warn of it."""
    changes = list(fingerprint.differences(header.modules, model))
    if changes and accept:
        text = f"{file.name}: {header.versions()}. {'; '.join(changes)}"
        notices.warn(text, ChangedWeightsWarning)
    elif changes:
        raise RebuildError(file, reason=header.explain_changes(changes))


def _read(file: Path) -> tuple[Header, list[tuple[int, ...]]]:
    """Return what a file says of its model, and the shapes of its tensors."""
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
        return Header(file, facts), [shape for _, shape, *_ in found.tensors.values()]
    except (KeyError, RecursionError, ValueError) as cause:
        raise RebuildError(file, reason="dapi.save did not write it") from cause


def noted(path: Path) -> Provenance | None:
    """Return what ``dapi.save`` noted in a file of its model; None if it did not write the file.

    Imports the builder's module; builds nothing, and reads no tensors.

    Raises:
        RebuildError: Its builder is not installed, or it names what a file may not name.
    """
    try:
        header, shapes = _read(path)
    except RebuildError:
        return None
    try:
        plan = header.plan()
        _check_size(plan, shapes)
    except (DapiError, RecursionError, ValueError) as cause:
        raise RebuildError(path, reason=str(cause)) from cause
    return plan.provenance


def _check_size(plan: Plan, shapes: Sequence[tuple[int, ...]]) -> None:
    """Refuse arguments by which a small file would ask for a model of any size.

    Raises:
        ValueError: They ask for more than the file holds.
    """
    elements = sum(map(prod, shapes))
    largest = max(_numbers([plan.config, plan.entry.build.context]), default=0)
    if largest > max(elements, _USUAL):
        raise ValueError(
            f"it passes its builder the number {largest}, and holds {elements} numbers"
        )
    if plan.config or plan.entry.build.context:
        build_model.check_size(
            plan.recipe, plan.entry, plan.config, tensors=len(shapes), elements=elements
        )


def _numbers(value: object) -> Iterator[int]:
    """Yield the sizes of the whole numbers among arguments."""
    if isinstance(value, int):
        yield abs(value)
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _numbers(each)


def _restore_types(model: nn.Module, file: Path) -> None:
    """Give each tensor the type it was saved in: a model may have been cast in part."""
    import torch

    current = model.state_dict(keep_vars=True)
    facts = safetensors.read_header(file).tensors
    if all(facts[key][0] == safetensors.type_name(key, each) for key, each in current.items()):
        return  # as nearly always: the file is not read a second time
    saved = safetensors.read(file).tensors
    for key, tensor in current.items():
        if tensor.dtype != saved[key].dtype:
            typed = torch.empty_like(tensor, dtype=saved[key].dtype, requires_grad=False)
            tensor.data = typed.copy_(saved[key])
