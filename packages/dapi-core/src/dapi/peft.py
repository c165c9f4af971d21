"""Adapters of PEFT, bound to the model that they were trained on.

An adapter changes a model that is not in its file. PEFT loads it into any model of the same shapes,
and then computes something else than what was trained. Here its file records the hash of each
tensor of its base, and loading compares them. The directory stays one of PEFT: other programs read
it as before::

    model = peft.get_peft_model(dapi.get_model(name), peft.LoraConfig(target_modules=["query"]))
    ...  # train it
    dapi.peft.save(model, "my-adapter")
    model = dapi.peft.load(dapi.get_model(name), "my-adapter")
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dapi._building import provenance as _provenance
from dapi._loader import safetensors
from dapi._loader.loading import is_under
from dapi._store.disk import given_path
from dapi._values import notices
from dapi._weights.enum import entry_of
from dapi.exceptions import AdapterBaseError, SavingError, UnchangedModelWarning

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor, nn

__all__ = ["load", "save"]

_KEY: Final = "dapi.base"
_WEIGHTS: Final = "adapter_model.safetensors"
_DIGITS: Final = 16  # of a tensor's hash: a base is compared by all of its tensors


def save(model: PeftModel, directory: str | Path, *, adapter: str = "default") -> None:
    """Save an adapter as PEFT does, and record its base: the model without the adapter.

    Replaces the files of an adapter that is there already. Reads every tensor of the base to hash
    it (half a second for each GB); uses no network.

    Args:
        model: A model of ``peft.get_peft_model``, around any model.
        directory: Where ``adapter_config.json`` and ``adapter_model.safetensors`` are written.
        adapter: The name of the adapter in the model.

    Raises:
        SavingError: The model has no such adapter, or it is merged into the base.
        OSError: The directory cannot be written.

    Warns:
        UnchangedModelWarning: The adapter changes nothing: it was not trained.
    """
    expected = "a model, then the path of a directory"
    folder = given_path("dapi.peft.save", directory, expected).absolute()
    if adapter not in getattr(model, "peft_config", {}):
        raise SavingError(type(model).__name__, f"it has no PEFT adapter named {adapter!r}")
    if any(layer.merged for layer in _layers(model)):
        reason = "an adapter is merged into it; call model.unmerge_adapter() first"
        raise SavingError(type(model).__name__, reason)
    _warn_if_unchanged(model, adapter, f"The adapter {adapter!r}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made:
        model.save_pretrained(made, selected_adapters=[adapter], safe_serialization=True)
        written = Path(made) if adapter == "default" else Path(made, adapter)
        content = safetensors.read(written / _WEIGHTS)
        metadata = {**content.metadata, _KEY: json.dumps(_describe(model))}
        safetensors.write(written / _WEIGHTS, content.tensors, metadata)
        for file in sorted(written.iterdir(), key=lambda path: path.name == _WEIGHTS):
            if file.is_file():
                os.replace(file, folder / file.name)


def load(
    model: nn.Module, directory: str | Path, *, adapter: str = "default", trainable: bool = False
) -> PeftModel:
    """Load an adapter that ``dapi.peft.save`` wrote, if it was trained on this model.

    Every tensor must be the one that the adapter was trained on, in the same dtype; load the
    adapter first, then convert the model. Uses no network.

    Args:
        model: The base; or a PeftModel around it, which gets one more adapter.
        directory: The directory of the adapter.
        adapter: The name that the adapter gets in the model.
        trainable: Whether the adapter is trained further.

    Returns:
        The model with the adapter, in evaluation mode unless ``trainable``.

    Raises:
        AdapterBaseError: The adapter was trained on another model, or its file does not say on
            which.

    Warns:
        UnchangedModelWarning: The adapter changes nothing.
    """
    from peft import PeftModel

    folder = given_path("dapi.peft.load", directory, "a model, then the path of a directory")
    _check_base(model, folder)
    if isinstance(model, PeftModel):
        model.load_adapter(str(folder), adapter, is_trainable=trainable)
        found = model
    else:
        found = PeftModel.from_pretrained(model, str(folder), adapter, is_trainable=trainable)
    _warn_if_unchanged(found, adapter, f"The adapter in {folder}")
    return found


def _describe(model: PeftModel) -> dict[str, Any]:
    """Return the record of an adapter's base."""
    provenance = _provenance.find(model)
    weights = provenance.weights if provenance else None
    files = entry_of(weights).files if weights is not None else ()
    tensors, replaced = _base(model)
    return {
        "builder": provenance.builder if provenance else "",
        "weights": "" if weights is None else str(weights),
        "sha256": " ".join(file.sha256 or "unknown" for file in files),
        "replaced": replaced,
        "tensors": {key: _digest(tensor) for key, tensor in tensors.items()},
    }


def _check_base(model: nn.Module, folder: Path) -> None:
    """Refuse a model that differs from the base of an adapter.

    Raises:
        AdapterBaseError: It differs, or the adapter does not name its base.
    """
    recorded = _read(folder)
    wanted, replaced = recorded["tensors"], recorded["replaced"]
    found, _ = _base(model)
    others = [key for key in found if key not in wanted and not is_under(f"{key}.", replaced)]
    differing = [
        key for key in wanted if key not in found or _digest(found[key]) != wanted[key]
    ] + others
    if not differing:
        return
    known = _provenance.find(model)
    name = known.builder if known else type(model).__name__
    is_same = bool(known) and recorded["weights"] == str(known.weights)  # type: ignore[union-attr]
    raise AdapterBaseError(
        folder,
        base=recorded["weights"] or recorded["builder"] or "a model",
        model=str(known.weights) if known and known.weights is not None else name,
        differing=differing,
        total=len({*found, *wanted}),
        remedy=_remedy(differing, is_same=is_same),
    )


def _remedy(differing: list[str], *, is_same: bool) -> str:
    if all(key.rpartition(".")[2].startswith(("running_", "num_batches")) for key in differing):
        return (
            "Training changed statistics of batch norm, which the adapter does not contain: keep "
            "these layers in eval mode while training, or name them in modules_to_save"
        )
    if is_same:
        return (
            "The base was changed, has another dtype, or has a new head: load the adapter before "
            "model.to(dtype), and name a new head in modules_to_save, so that the adapter has it"
        )
    return "Build the model that it was trained on"


def _read(folder: Path) -> dict[str, Any]:
    """Return the record of the base in an adapter's file, which a stranger may have written."""
    reason = ""
    if not all((folder / name).is_file() for name in (_WEIGHTS, "adapter_config.json")):
        reason = f"it has no adapter_config.json, or no {_WEIGHTS}"
    else:
        try:
            found = json.loads(safetensors.read_header(folder / _WEIGHTS).metadata[_KEY])
            if _is_record(found):
                return dict(found)
            reason = "the record of its base is damaged"
        except KeyError:
            reason = "PEFT alone saved it, without its base"
        except (ValueError, RecursionError) as cause:
            reason = f"its file is damaged: {cause}"
    raise AdapterBaseError(folder, reason=reason)


def _is_record(found: Any) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("tensors"), dict):
        return False
    texts = [found.get("builder"), found.get("weights"), *found["tensors"].values()]
    lists = found.get("replaced")
    return isinstance(lists, list) and all(isinstance(each, str) for each in [*texts, *lists])


def _digest(tensor: Tensor) -> str:
    """Return the beginning of a tensor's hash, with its dtype and shape."""
    import torch

    plain = tensor.detach().cpu().contiguous().reshape(-1)
    digest = sha256(f"{plain.dtype}{tuple(tensor.shape)}".encode())
    digest.update(plain.view(torch.uint8).numpy())
    return digest.hexdigest()[:_DIGITS]


def _base(model: nn.Module) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors of the base by its own keys, and the modules that the adapter replaces."""
    from peft import PeftModel

    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    tensors: dict[str, Tensor] = {}
    replaced: list[str] = []
    for path, module in _base_modules(_provenance.unwrapped(inner), ""):
        if module is None:
            replaced.append(path)
            continue
        prefix = f"{path}." if path else ""
        unsaved = module._non_persistent_buffers_set
        own: Mapping[str, Any] = {**module._parameters, **module._buffers}
        tensors |= {
            f"{prefix}{name}": tensor
            for name, tensor in own.items()
            if tensor is not None and name not in unsaved
        }
    return tensors, replaced


def _base_modules(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module | None]]:
    """Yield the modules of a base by their paths in it; None for one that an adapter replaces."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    if isinstance(module, AuxiliaryTrainingWrapper):
        module = getattr(module, "token_adapter", module)  # which changes some rows only
        if isinstance(module, AuxiliaryTrainingWrapper):
            yield path, None
            return
    if isinstance(module, BaseTunerLayer):
        module = module.get_base_layer()
    yield path, module
    for name, child in module._modules.items():
        if child is not None:
            yield from _base_modules(child, f"{path}.{name}" if path else name)


def _warn_if_unchanged(model: PeftModel, adapter: str, subject: str) -> None:
    import torch

    with torch.no_grad():
        is_changed = _changes(model, adapter)
    if not is_changed:
        notices.warn(
            f"{subject} changes nothing: the model with it equals its base. It was not trained, or "
            "its tensors were not found",
            UnchangedModelWarning,
        )


def _changes(model: PeftModel, adapter: str) -> bool:
    """Whether an adapter changes its base; prompts always do."""
    from peft.utils.other import ModulesToSaveWrapper

    if model.peft_config[adapter].is_prompt_learning:
        return True
    for module in model.modules():
        if isinstance(module, ModulesToSaveWrapper) and adapter in module.modules_to_save:
            before = module.original_module.state_dict()
            after = module.modules_to_save[adapter].state_dict()
            if any(_differ(tensor, after[key]) for key, tensor in before.items()):
                return True
    return any(_changes_layer(layer, adapter) for layer in _layers(model))


def _layers(model: nn.Module) -> list[Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [module for module in model.modules() if isinstance(module, BaseTunerLayer)]


def _changes_layer(layer: Any, adapter: str) -> bool:
    """Merge an adapter into a layer, compare, and restore the layer to the bit."""
    base = dict(layer.get_base_layer().named_parameters())
    kept = {name: (parameter.data, parameter.detach().clone()) for name, parameter in base.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that PEFT rounds when it takes the adapter out again
        try:
            layer.merge(safe_merge=True, adapter_names=[adapter])
            merged = dict(layer.get_base_layer().named_parameters())
            return any(_differ(copy, merged[name]) for name, (_, copy) in kept.items())
        except Exception:  # noqa: BLE001 - a method that cannot merge has an effect of its own
            return True
        finally:
            if layer.merged:
                layer.unmerge()
            for name, (data, copy) in kept.items():
                base[name].data = data  # where it was: mapped from a file, or shared
                if _differ(data, copy):
                    data.copy_(copy)


def _differ(one: Tensor, other: Tensor) -> bool:
    return one.shape != other.shape or bool((one != other).any())
