"""The fingerprint of a model: its modules and attributes, as recorded in a saved file.

A later version of a builder may make a different model with the same keys and shapes: another
default of a layer, another activation or stride. The file records the model at the time of saving.
Only stable facts are compared: PyTorch's layers, and common attributes that are numbers, text, or
functions of PyTorch. So a renamed or moved class, a faster kernel or a new attribute is not a
difference.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from enum import Enum
from hashlib import sha256
from math import isfinite
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any, Final
from zlib import compress, decompressobj
from zlib import error as zlib_error

from dapi._saving.comparison import Tree, attributes, awaits_input

if TYPE_CHECKING:
    from torch import nn

# The class of a module, and its attributes by name, as JSON.
Traits = dict[str, Any]

_LAYER: Final = "layer"
_OPAQUE: Final = object()
_CONTAINERS: Final = frozenset({"Module", "ModuleDict", "ModuleList", "Sequential"})
_LONGEST: Final = 4 << 20  # limit of the decompressed size: untrusted files may expand to any size
_LONGEST_TEXT: Final = 100
_LONGEST_LIST: Final = 32


def record(model: nn.Module) -> str:
    """Return the fingerprint of a model: JSON, compressed, in base64.

    Modules with equal traits are grouped by their paths. That takes 1 to 6 kB, a twentieth of the
    header's part about tensors.
    """
    groups: dict[str, list[str]] = {}
    for path, traits in _traits(model):
        groups.setdefault(json.dumps(traits, sort_keys=True), []).append(path)
    text = json.dumps([[json.loads(traits), paths] for traits, paths in groups.items()])
    return b64encode(compress(text.encode())).decode()


def read(text: str) -> dict[str, Traits]:
    """Return the recorded traits of each module; empty if the file has no fingerprint.

    Raises:
        ValueError: It was not written by ``record``.
    """
    if not text:
        return {}
    try:
        content = decompressobj().decompress(b64decode(text, validate=True), _LONGEST)
        return {str(path): dict(traits) for traits, paths in json.loads(content) for path in paths}
    except (TypeError, ValueError, RecursionError, zlib_error):
        raise ValueError("the record of its modules is damaged") from None


def differences(recorded: Mapping[str, Traits], model: nn.Module) -> Iterator[str]:
    """Return the differences between a model and a file's record, in the order of its modules."""
    for path, traits in _traits(model):
        before = recorded.get(path, {})
        changed = [name for name in traits if before.get(name, traits[name]) != traits[name]]
        if _LAYER in changed:
            yield f"{path or 'the model'} is {traits[_LAYER]}, not {before[_LAYER]}"
            continue
        for name in changed:
            place = f"{path}.{name}" if path else name
            yield f"{place} is {traits[name]!r:.60}, not {before[name]!r:.60}"


def _traits(model: nn.Module) -> Iterator[tuple[str, Traits]]:
    """Yield the traits of each module that has some, by its path."""
    configs: set[int] = set()  # transformers adds one to each of its modules
    for path, module in Tree.of(model).modules.items():
        if awaits_input(module):
            continue
        layer = _layer(type(module))
        facts = {name: _described(value) for name, value in attributes(module, configs)}
        traits = {_LAYER: layer} if layer else {}
        traits |= {name: fact for name, fact in facts.items() if fact is not _OPAQUE}
        configs.add(id(vars(module).get("config")))
        if traits:
            yield path, traits


def _layer(kind: type) -> str:
    """Return the PyTorch layer that a class is or derives from; None for others."""
    for each in kind.__mro__:
        if each.__module__.startswith("torch.nn."):
            return "" if each.__name__ in _CONTAINERS else each.__name__
    return ""


def _described(value: Any) -> Any:
    """Return a value as JSON if it is portable; ``_OPAQUE`` otherwise."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else repr(value)  # JSON has no infinity
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str):
        is_of_machine = "/" in value or "\\" in value or value.startswith(("cpu", "cuda"))
        return _OPAQUE if is_of_machine else value[:_LONGEST_TEXT]
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        is_of_torch = str(value.__module__).partition(".")[0] == "torch"
        return value.__name__ if is_of_torch else _OPAQUE
    return _described_list(value) if isinstance(value, tuple | list) else _OPAQUE


def _described_list(values: tuple[Any, ...] | list[Any]) -> Any:
    facts = [_described(each) for each in values]
    if _OPAQUE in facts:
        return _OPAQUE
    if len(facts) <= _LONGEST_LIST:
        return facts
    return f"{len(facts)} values {sha256(json.dumps(facts).encode()).hexdigest()[:12]}"
