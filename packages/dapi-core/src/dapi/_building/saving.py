"""Save a model so that ``dapi.load`` can build it from the file alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dapi._building import build_model, ends, fingerprint
from dapi._building import provenance as _provenance
from dapi._building.arguments import Arguments
from dapi._building.comparison import Difference, Tree, differences
from dapi._building.header import PREFIX, Header, Plan, describe
from dapi._building.provenance import Provenance
from dapi._catalog import lookup
from dapi._loader import safetensors
from dapi._loader.keys import is_under
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

# No argument of a builder is larger, except numbers of the file's contents: a constructor may count
# to it.
_USUAL: Final = 1 << 24


@public
def save(model: nn.Module, path: str | Path) -> None:
    """Save a model to a safetensors file, from which ``dapi.load`` builds it.

    In addition to the tensors of ``model.state_dict()``, the file's header has strings that can be
    read without a plugin: the builder, its distribution and version, the arguments and overrides it
    was built with (as JSON), the weights it started from, and their sha256; and its layers, so that
    loading detects a builder that changed. The current values of all tensors are saved. Other
    programs read the file like any safetensors file; tied tensors are in it under each of their
    keys. Uses no network.

    Before writing, the model is compared with the builder's model for the same arguments: keys,
    shapes and ties, each module's class, and its attributes that are numbers, text or functions.
    Manual changes, such as a replaced layer or an ``eps``, would be lost, and are an error. Which
    parameters are trainable is saved. The training mode is not, nor how the model runs
    (``attn_implementation``, a device).

    Args:
        model: A model of a registered builder, with or without weights; wrappers of
            ``torch.compile``, DataParallel, DistributedDataParallel and AveragedModel, around the
            whole or a part, are not saved.
        path: The file to write, with the suffix ``.safetensors``. An existing file is replaced
            atomically.

    Raises:
        SavingError: The model was not made by a registered builder, differs from its model, or an
            argument or a part of its state cannot be written.
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
    """Construct on meta the model that loading the file will construct."""
    try:
        plan = header.plan()
        with settings.offline():
            return build_model.twin(plan.recipe, plan.entry, plan.config)
    except Exception as cause:  # a constructor may raise anything
        raise SavingError(subject, f"its builder cannot make it again. {cause}") from cause


def _check(
    subject: str,
    provenance: Provenance,
    state_dict: Mapping[str, Tensor],
    tree: Tree,
    twin: Tree,
) -> None:
    """Refuse a model that differs from its builder's: loading would refuse or change it."""
    changes = list(differences(tree, state_dict, twin))
    if not changes:
        return
    more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
    listed = "; ".join(change.text for change in changes[:3])
    if hasattr(tree.modules[""], "merge_and_unload"):  # PEFT's, which merges the adapters
        remedy = "Save model.merge_and_unload(), or the adapter alone (dapi.lock.peft.save)"
    else:
        remedy = _remedy(provenance, state_dict, twin, changes)
    raise SavingError(
        subject,
        f"it differs from the model of {provenance.builder}: {listed}{more}. "
        f"{remedy}, or register a builder that makes it",
    )


def _remedy(
    provenance: Provenance,
    state_dict: Mapping[str, Tensor],
    twin: Tree,
    changes: Sequence[Difference],
) -> str:
    """Return how to build a model with this head, if only its size differs."""
    builder = lookup.find(provenance.builder).load()
    head = builder.__dapi_builder__.head
    sizes = {_length(state_dict[each.place]) for each in changes if each.place in state_dict}
    usual = {_length(each) for key, each in twin.parameters() if is_under(key, head)}
    if sizes & usual or not all(is_under(f"{change.place}.", head) for change in changes):
        return "Save it before such changes, and repeat them after loading"
    arguments = Arguments.of(builder, provenance.builder).types
    name = next((each for each in ends.HEAD_ARGUMENTS if each in arguments), "num_classes")
    size = sizes.pop() if len(sizes) == 1 else "..."
    new = "" if provenance.weights is None else ", new_head=True"
    return f"Build it with {name}={size}{new}"


def _length(tensor: Any) -> int:
    return tensor.shape[0] if getattr(tensor, "ndim", 0) else 0


def _unlike(tree: Tree, twin: Tree) -> dict[str, bool]:
    """Return the parameters that are trainable but frozen by the builder, or vice versa."""
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
    header, shapes = _read(file)
    try:
        plan = header.plan()
        _check_size(plan, shapes)
    except (DapiError, RecursionError, ValueError) as cause:
        raise RebuildError(file, reason=str(cause)) from cause
    kept = header.dtype() if dtype in (None, "auto") else dtype
    target = Target.given("dapi.load", device, kept)
    try:
        with settings.offline():
            model = build_model.build(
                plan.recipe, plan.entry, plan.config, progress=False, target=target
            )
        if target.dtype is None:
            _restore_types(model, file)
        for key, parameter in model.named_parameters(remove_duplicate=False):
            parameter.requires_grad_(header.requires_grad.get(key, parameter.requires_grad))
    except Exception as cause:  # a constructor may raise anything for arguments from a file
        raise RebuildError(file, reason=f"{header.versions()}. {cause}") from cause
    _check_changes(file, header, model, accept=accept_changes)
    header.warn_of_source(plan.provenance.weights)
    _provenance.record(model, plan.provenance)
    return model


def _check_changes(file: Path, header: Header, model: nn.Module, *, accept: bool) -> None:
    """Refuse a model whose layers differ from the saved ones, or warn."""
    changes = list(fingerprint.differences(header.modules, model))
    if changes and accept:
        text = f"{file.name}: {header.versions()}. {'; '.join(changes)}"
        notices.warn(text, ChangedWeightsWarning)
    elif changes:
        raise RebuildError(file, reason=header.explain_changes(changes))


def _read(file: Path) -> tuple[Header, list[tuple[int, ...]]]:
    """Return a file's description of its model, and the shapes of its tensors."""
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
    """Return the record of ``dapi.save`` in a file; None if it did not write the file.

    Imports the builder's module; builds nothing, and reads no tensors.

    Raises:
        RebuildError: Its builder is not installed, or it names an object that a file may not name.
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
    """Refuse arguments with which a small file would build an enormous model.

    Raises:
        ValueError: The model would be larger than the file.
    """
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
