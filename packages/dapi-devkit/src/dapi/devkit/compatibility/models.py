"""Models: the tensors and modules of a model, as plain data.

A model is built on the meta device, so that it costs no memory. Its facts are trees in which equal
numbered modules are listed once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from dapi.devkit._models import facts_of, quiet
from dapi.devkit._snapshots import folded

if TYPE_CHECKING:
    from torch import Tensor, nn

_SMALL = 2_000_000  # parameters of a model whose initial values are looked at
_OWN = "()"  # the key of the module itself, next to its children
_HOOKS = "_load_state_dict_pre_hooks"
_LOADING = ("_load_from_state_dict", "load_state_dict")


class Modules:
    """The kinds of modules, each kept once: its class, and its public numbers and texts."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def key(self, module: nn.Module) -> str:
        """Keep a kind, and return its key."""
        kind = {
            "class": f"{type(module).__module__}:{type(module).__qualname__}",
            "attributes": dict(sorted(_scalars(module))),
        }
        text = json.dumps(kind, sort_keys=True)
        key = f"m{sha256(text.encode()).hexdigest()[:10]}"
        self.kept[key] = kind
        return key


def describe(model: nn.Module, modules: Modules) -> dict[str, Any]:
    """Return the tensors and the modules of a model, without the values of the tensors."""
    return {
        "schema": folded(_lines(facts_of(model).schema)),
        "transient": folded(_lines(dict(_transient(model)))),
        "modules": folded(
            {f"{path}.{_OWN}".lstrip("."): modules.key(each) for path, each in _named(model)}
        ),
        "tied": _tied(model),
        "migrating": sorted(_migrating(model)),
        "start": {},
    }


def modules_of(tree: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of kinds by the paths of the modules, of an unfolded tree."""
    return {key[: -len(_OWN)].rstrip("."): kind for key, kind in tree.items()}


def start(build: Callable[[], nn.Module]) -> dict[str, list[float]]:
    """Return mean, standard deviation and number of the values that each parameter starts with.

    Only of a small model: a large one takes its time to initialize, and is made of the same code.
    """
    import torch

    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build()
    found = {}
    for name, value in model.named_parameters():
        if value.is_floating_point() and value.numel() and not value.is_meta:
            numbers = value.detach().double()
            facts = (float(numbers.mean()), float(numbers.std(correction=0)))
            found[name] = [*(float(f"{each:.6g}") for each in facts), value.numel()]
    return found


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return a hash of the names, types, shapes and values of tensors."""
    from ctypes import string_at  # numpy need not be installed

    found = sha256()
    for key, value in sorted(tensors.items()):
        found.update(f"{key} {_dtype(value)} {tuple(value.shape)};".encode())
        whole = value.detach().cpu().contiguous()
        found.update(string_at(whole.data_ptr(), whole.numel() * whole.element_size()))
    return found.hexdigest()


def is_small(model: nn.Module) -> bool:
    """Whether the values that a model starts with are looked at."""
    return sum(each.numel() for each in model.parameters()) <= _SMALL


def _named(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return iter(model.named_modules(remove_duplicate=False))


def _lines(schema: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, str]:
    return {
        key: " ".join((dtype, "x".join(map(str, shape)))).strip()
        for key, (dtype, shape) in schema.items()
    }


def _transient(model: nn.Module) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """Yield the buffers that are not part of the state dict."""
    for path, module in model.named_modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name in module._non_persistent_buffers_set:
                key = f"{path}.{name}".lstrip(".")
                yield key, (_dtype(buffer), tuple(buffer.shape))


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _scalars(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield the public attributes of a module that are numbers or texts, or tuples of them.

    Those in a state dict, such as the scale of a quantized layer, are values and not settings.
    """
    values = _saved(module)
    for name, value in vars(module).items():
        if name.startswith("_") or name == "training" or name in values:
            continue
        if isinstance(value, tuple | list) and len(value) < 16 and all(map(_is_scalar, value)):
            yield name, list(map(_plain, value))
        elif _is_scalar(value):
            yield name, _plain(value)
        elif callable(value) and getattr(value, "__module__", "").startswith("torch"):
            yield name, getattr(value, "__name__", type(value).__name__)


def _saved(module: nn.Module) -> dict[str, Any]:
    """Return what a module itself adds to a state dict, if it decides that."""
    saved: dict[str, Any] = {}
    if not any("_save_to_state_dict" in vars(each) for each in type(module).__mro__[:-2]):
        return saved  # torch.nn.Module adds parameters and buffers
    module._save_to_state_dict(saved, "", keep_vars=True)
    return saved


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and value - value != 0 else value


def _migrating(model: nn.Module) -> set[str]:
    """Return the classes of modules that do something of their own with a state dict.

    torch's own modules do it for files of long ago only.
    """
    return {
        f"{type(module).__module__}:{type(module).__qualname__}"
        for module in model.modules()
        if getattr(module, _HOOKS, None) or any(_is_own(type(module), name) for name in _LOADING)
    }


def _is_own(kind: type, method: str) -> bool:
    """Whether a class, or one that it extends outside of torch, defines a method."""
    definers = (each for each in kind.__mro__ if method in vars(each))
    return not next(definers, object).__module__.startswith("torch.")


def _tied(model: nn.Module) -> list[list[str]]:
    """List the names of parameters that are one and the same."""
    names: dict[int, list[str]] = {}
    for name, value in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(value), []).append(name)
    return sorted(sorted(group) for group in names.values() if len(group) > 1)
