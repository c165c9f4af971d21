"""Adapters of PEFT, bound to the model that they were trained on.

An adapter changes a model that is not in its file. PEFT loads it into any model of the same shapes,
which then computes something else than what was trained. Here its file records the hash of each
tensor of its base, and of its configuration, and loading compares them. The directory stays one of
PEFT: other programs read it as before::

    model = peft.get_peft_model(dapi.get_model(name), peft.LoraConfig(target_modules=["query"]))
    ...  # train it
    dapi.lock.peft.save(model, "my-adapter")
    model = dapi.lock.peft.load(dapi.get_model(name), "my-adapter")

It needs ``pip install "dapi-lock[peft]"``.
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

import dapi
from dapi.exceptions import NoWeightsError
from dapi.lock.exceptions import AdapterBaseError, AdapterError, UnchangedModelWarning

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor, nn

__all__ = ["load", "save"]

_KEY: Final = "dapi.base"
_WEIGHTS: Final = "adapter_model.safetensors"
_CONFIG: Final = "adapter_config.json"
_CARD: Final = "README.md"
# Initializations of LoRA that change the base's own weights, which no adapter contains.
_REPLACING: Final = ("corda", "loftq", "lora_ga", "olora", "pissa")
_DIGITS: Final = 16  # of a tensor's hash: a base is compared by all of its tensors


def save(model: PeftModel, directory: str | Path, *, adapter: str = "default") -> None:
    """Save an adapter as PEFT does, and record its base: the model without the adapter.

    Replaces the files of an adapter that is there already, but not a README.md. Reads every tensor
    of the base to hash it (some seconds for each GB); uses no network.

    Args:
        model: A model of ``peft.get_peft_model``, around any model.
        directory: Where ``adapter_config.json`` and ``adapter_model.safetensors`` are written.
        adapter: The name of the adapter in the model.

    Raises:
        AdapterError: The model has no such adapter, it is merged into the base, or its
            initialization (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) changed the base.
        OSError: The directory cannot be written.

    Warns:
        UnchangedModelWarning: The adapter changes nothing: it was not trained.
    """
    folder = Path(directory).absolute()
    known = sorted(getattr(model, "peft_config", {}))
    if adapter not in known:
        reason = f"this {type(model).__name__} has no adapter {adapter!r}"
        raise AdapterError(folder, reason, f"Its adapters are: {', '.join(known) or 'none'}")
    if any(layer.merged for layer in _layers(model)):
        raise AdapterError(folder, "it is merged into its base", "Call model.unmerge_adapter()")
    method = str(getattr(model.peft_config[adapter], "init_lora_weights", ""))
    if method.lower().startswith(_REPLACING):
        reason = f"init_lora_weights={method!r} changed its base, which it does not contain"
        remedy = (
            "Convert it with PEFT: save_pretrained(path_initial_model_for_weight_conversion=...)"
        )
        raise AdapterError(folder, reason, remedy)
    _warn_if_unchanged(model, adapter, f"The adapter {adapter!r}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made:
        model.save_pretrained(made, selected_adapters=[adapter], safe_serialization=True)
        written = Path(made) if adapter == "default" else Path(made, adapter)
        _record(written / _WEIGHTS, {**_describe(model), "config": _hash_config(written)})
        for file in sorted(written.iterdir(), key=lambda path: path.name == _WEIGHTS):
            is_written = file.name == _CARD and (folder / _CARD).exists()  # by the user
            if file.is_file() and not is_written:
                os.replace(file, folder / file.name)


def load(
    model: nn.Module, directory: str | Path, *, adapter: str = "default", trainable: bool = False
) -> PeftModel:
    """Load an adapter that ``save`` wrote, if it was trained on this model.

    Every tensor must be the one that the adapter was trained on, in the same dtype; load the
    adapter first, then convert the model. Uses no network.

    Args:
        model: The base; or a PeftModel around it, which gets one more adapter.
        directory: The directory of the adapter.
        adapter: The name that the adapter gets in the model.
        trainable: Whether the adapter is trained further.

    Returns:
        The model with the adapter.

    Raises:
        AdapterBaseError: The adapter was trained on another model.
        AdapterError: The directory has no adapter, its file does not say on which model it was
            trained, its configuration was changed since it was saved, or PEFT cannot load it,
            which may leave the model changed.

    Warns:
        UnchangedModelWarning: The adapter changes nothing.
    """
    from peft import PeftModel

    folder = Path(directory).absolute()
    _check_base(model, folder)
    try:
        if isinstance(model, PeftModel):
            model.load_adapter(str(folder), adapter, is_trainable=trainable)
            found = model
        else:
            found = PeftModel.from_pretrained(model, str(folder), adapter, is_trainable=trainable)
    except Exception as cause:  # of a configuration, PEFT may raise anything
        reason = f"PEFT cannot load it ({type(cause).__name__}: {cause})"
        raise AdapterError(folder, reason, "Build the model again, and check the files") from cause
    _warn_if_unchanged(found, adapter, f"The adapter in {folder}")
    return found


def _weights_of(model: nn.Module) -> str:
    try:
        return str(dapi.weights_of(model))
    except NoWeightsError:
        return ""


def _describe(model: PeftModel) -> dict[str, Any]:
    """Return the record of an adapter's base."""
    tensors, replaced = _base(model)
    digests = {key: _digest(tensor) for key, tensor in tensors.items()}
    return {"weights": _weights_of(model), "replaced": replaced, "tensors": digests}


def _record(path: Path, base: Mapping[str, Any]) -> None:
    """Write the record of the base into the header of a file."""
    from safetensors.torch import load_file, save_file

    beside = path.with_suffix(".new")  # the tensors may be mapped from the file
    save_file(load_file(path), beside, {"format": "pt", _KEY: json.dumps(base)})
    os.replace(beside, path)


def _check_base(model: nn.Module, folder: Path) -> None:
    """Refuse a model that differs from the base of an adapter.

    Raises:
        AdapterBaseError: It differs.
        AdapterError: The adapter does not record its base.
    """
    recorded = _read(folder)
    wanted, replaced = recorded["tensors"], tuple(f"{each}." for each in recorded["replaced"])
    found, _ = _base(model)
    differing = [
        *(key for key in wanted if key not in found or _digest(found[key]) != wanted[key]),
        *(key for key in found if key not in wanted and not key.startswith(replaced)),
    ]
    if differing:
        base = recorded["weights"]
        is_same = bool(base) and base == _weights_of(model)
        total, remedy = len({*found, *wanted}), _remedy(differing, is_same=is_same)
        raise AdapterBaseError(folder, base=base, differing=differing, total=total, remedy=remedy)


def _remedy(differing: list[str], *, is_same: bool) -> str:
    if all(key.rpartition(".")[2].startswith(("running_", "num_batches")) for key in differing):
        return (
            "Training changed statistics of batch norm, which the adapter does not contain: keep "
            "these layers in eval mode while training, or name them in modules_to_save"
        )
    if is_same:
        return (
            "This base was trained, has another dtype, or has a new head: load the adapter before "
            "model.to(dtype), and name a new head in modules_to_save, so that the adapter has it"
        )
    return "Build the model that it was trained on"


def _read(folder: Path) -> dict[str, Any]:
    """Return the record of the base in an adapter's file, which a stranger may have written."""
    from safetensors import SafetensorError, safe_open

    remedy = "To load it without this check: peft.PeftModel.from_pretrained(model, path)"
    if not all((folder / name).is_file() for name in (_WEIGHTS, _CONFIG)):
        raise AdapterError(folder, f"it has no {_CONFIG}, or no {_WEIGHTS}", "Check the path")
    try:
        with safe_open(folder / _WEIGHTS, "pt") as file:
            record = (file.metadata() or {}).get(_KEY)
        found = None if record is None else json.loads(record)
    except (SafetensorError, ValueError, RecursionError) as cause:
        raise AdapterError(folder, f"its file is damaged ({cause})", "Save it again") from cause
    if found is None:
        raise AdapterError(folder, "its file does not record on which model it was trained", remedy)
    if not _is_record(found):
        raise AdapterError(folder, "the record of its base is damaged", "Save it again")
    if found["config"] != _hash_config(folder):
        reason = f"its {_CONFIG} was changed after it was saved"
        raise AdapterError(folder, reason, "Restore that file, or save the adapter again")
    return dict(found)


def _is_record(found: Any) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("tensors"), dict):
        return False
    texts = [found.get("weights"), found.get("config"), *found["tensors"].values()]
    paths = found.get("replaced")
    return isinstance(paths, list) and all(isinstance(each, str) for each in [*texts, *paths])


def _hash_config(folder: Path) -> str:
    """Return the hash of an adapter's configuration, however its JSON is laid out.

    Raises:
        AdapterError: The file is not JSON.
    """
    try:
        config = json.loads((folder / _CONFIG).read_bytes())
    except (ValueError, RecursionError) as cause:
        raise AdapterError(
            folder, f"its {_CONFIG} is damaged ({cause})", "Save it again"
        ) from cause
    return sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def _digest(tensor: Tensor) -> str:
    """Return the beginning of a tensor's hash, with its dtype and shape."""
    import torch

    plain = tensor.detach().cpu().contiguous().reshape(-1)
    digest = sha256(f"{plain.dtype}{tuple(tensor.shape)}".encode())
    digest.update(plain.view(torch.uint8).numpy().data)
    return digest.hexdigest()[:_DIGITS]


def _base(model: nn.Module) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors of the base by its own keys, and the modules that the adapter replaces."""
    from peft import PeftModel

    tensors: dict[str, Tensor] = {}
    replaced: list[str] = []
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    for path, module in _base_modules(inner, ""):
        if module is None:
            replaced.append(path)
            continue
        prefix = f"{path}." if path else ""
        own: Mapping[str, Any] = {**module._parameters, **module._buffers}
        tensors |= {
            f"{prefix}{name}": tensor
            for name, tensor in own.items()
            if tensor is not None and name not in module._non_persistent_buffers_set
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
        warnings.warn(
            f"{subject} changes nothing: the model with it equals its base. It was not trained, or "
            "its tensors were not found",
            UnchangedModelWarning,
            stacklevel=3,
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
