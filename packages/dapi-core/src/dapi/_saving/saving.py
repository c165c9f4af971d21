"""Save a model so that ``dapi.load`` can build it from the file alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi._building import build_model, head_and_stem
from dapi._building import provenance as _provenance
from dapi._building.arguments import Arguments
from dapi._building.declaration import declaration
from dapi._building.provenance import Provenance
from dapi._catalog import lookup
from dapi._loader import safetensors
from dapi._loader.keys import is_under
from dapi._saving import fingerprint
from dapi._saving.comparison import Difference, Tree, differences
from dapi._saving.description import describe
from dapi._saving.header import PREFIX, Header
from dapi._store import settings
from dapi._store.disk import given_path
from dapi._values.public import public
from dapi.exceptions import MissingDirectoryError, SavingError

if TYPE_CHECKING:
    from torch import Tensor, nn


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
        MissingDirectoryError: The directory does not exist.
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
    if not target.absolute().parent.is_dir():
        raise MissingDirectoryError(target.parent)
    provenance = _provenance.find(model)
    if provenance is None or not provenance.target:
        raise SavingError(subject, "it was not made by a builder that register_model declared")
    tree, whole = Tree.of(model), model.state_dict()
    state_dict = {tree.plain(key): value for key, value in whole.items()}
    facts = describe(provenance, state_dict, _versions(tree, whole))
    # Made from the very strings that the file will have: what they cannot say is a difference.
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
    facts = getattr(state_dict, "_metadata", {})  # PyTorch's record, which upgrades old files
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
    head = declaration(builder).head
    sizes = {_length(state_dict[each.place]) for each in changes if each.place in state_dict}
    usual = {_length(each) for key, each in twin.parameters() if is_under(key, head)}
    # A head of the usual size was replaced by hand: no argument makes that one.
    if sizes & usual or not all(is_under(f"{change.place}.", head) for change in changes):
        return "Save it before such changes, and repeat them after loading"
    arguments = Arguments.of(builder, provenance.builder).types
    name = next((each for each in head_and_stem.HEAD_ARGUMENTS if each in arguments), "num_classes")
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
