"""Choice: which tensors of a tree are the state dict, and what is left out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from dapi.catalog import counted
from dapi.devkit.conversion.arrays import Array
from dapi.devkit.conversion.distributed import Chunked
from dapi.devkit.conversion.inert import Inert, Map, Stored
from dapi.devkit.conversion.pickled import kind

# Deeper than any known layout; a hostile file could nest without end.
_DEEPEST: Final = 4
_MOST_MODULES: Final = 100_000
_LONGEST_PREFIX: Final = 1000
_SHOWN: Final = 100  # of what is left out


class Choice(NamedTuple):
    """The tensors that are written.

    Attributes:
        keys: The path of keys that leads to them.
        tensors: By their keys there.
        left_out: The type of each other value of the file, by its path.
        versions: Versions of the code of modules, by their paths.
    """

    keys: tuple[str, ...]
    tensors: Mapping[str, Any]
    left_out: Mapping[str, str]
    versions: Mapping[str, int]


def choose(tree: Any, take: Sequence[str] | None) -> Choice:
    """Return the tensors under a path of keys; by default under the one with most of them.

    Raises:
        ValueError: There are none, or two paths have equally many.
    """
    found = dict(_candidates(tree, (), set()))
    ranked = sorted(found, key=lambda keys: -len(found[keys]))
    if take is not None:
        keys = tuple(take)
    elif not ranked:
        raise ValueError("it has no tensors by key")
    else:
        keys = ranked[0]
    if keys not in found or (
        take is None and len(ranked) > 1 and len(found[ranked[1]]) == len(found[keys])
    ):
        ways = [f"{_option(each)} ({counted(len(found[each]), 'tensor')})" for each in ranked[:5]]
        fact = "its tensors are in several places" if take is None else "it has no tensors there"
        raise ValueError(f"{fact}. To choose: {' or '.join(ways) or 'none has any'}")
    return Choice(keys, found[keys], _left_out(tree, keys, found), _versions(tree, keys, found))


def is_tensor(value: Any) -> bool:
    """Whether a value of a tree is a tensor, or stands for one."""
    import torch

    if isinstance(value, Array):
        return value.is_numeric
    return isinstance(value, Stored | Chunked | torch.Tensor)


def _option(keys: tuple[str, ...]) -> str:
    return shlex.join(["--take", *keys])  # a stranger may have written them


def _candidates(
    value: Any, keys: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield the paths of keys that lead to tensors; each value once."""
    if len(keys) > _DEEPEST or id(value) in seen:
        return
    seen.add(id(value))
    named = _named(value)
    tensors = {key: each for key, each in named.items() if is_tensor(each)}
    if tensors:
        yield keys, tensors
    for key, each in named.items():
        if not is_tensor(each):
            yield from _candidates(each, (*keys, key), seen)


def _named(value: Any) -> dict[str, Any]:
    """Return what a value has by name: a mapping, or a module's parameters and buffers."""
    if isinstance(value, Inert) and _is_module(value):
        return dict(_of_module(value))
    pairs = value.items() if isinstance(value, dict) else getattr(value, "pairs", ())
    return {key: each for key, each in pairs if isinstance(key, str)}


def _is_module(value: Any) -> bool:
    state = value.state if isinstance(value, Inert) else None
    parts = ("_parameters", "_buffers", "_modules")
    return isinstance(state, dict) and all(isinstance(state.get(part), dict) for part in parts)


def _of_module(module: Inert) -> Iterator[tuple[str, Any]]:
    """Yield the state dict of a module that was pickled as a whole."""
    waiting, count = [("", module)], 0
    while waiting:
        prefix, each = waiting.pop()
        count += 1
        if count > _MOST_MODULES or len(prefix) > _LONGEST_PREFIX:
            raise ValueError("its modules are nested endlessly")
        hidden = each.state.get("_non_persistent_buffers_set")
        hidden = hidden if isinstance(hidden, set) else set()
        for name, value in {**each.state["_parameters"], **each.state["_buffers"]}.items():
            if isinstance(name, str) and value is not None and name not in hidden:
                yield prefix + name, value
        inner = [(f"{prefix}{name}.", sub) for name, sub in each.state["_modules"].items()]
        waiting += [(name, sub) for name, sub in reversed(inner) if _is_module(sub)]


def _left_out(
    tree: Any, keys: tuple[str, ...], found: Mapping[tuple[str, ...], Any]
) -> dict[str, str]:
    """Describe the values beside the path, and those beside the tensors at its end."""
    left: dict[str, str] = {}
    for depth in range(len(keys) + 1):
        path, value = keys[:depth], tree
        for key in path:
            value = _named(value)[key]
        pairs = value.items() if isinstance(value, dict) else _named(value).items()
        for key, each in pairs:
            is_chosen = depth == len(keys) and isinstance(key, str) and is_tensor(each)
            if is_chosen or (depth < len(keys) and key == keys[depth]):
                continue
            name = key if isinstance(key, str) else type(key).__name__
            inner = found.get((*path, name))
            left[".".join((*path, name))[:100]] = (
                counted(len(inner), "tensor") if inner else kind(each)
            )
    rest = len(left) - _SHOWN
    shown = dict(list(left.items())[:_SHOWN])
    return {**shown, "...": f"{rest} more"} if rest > 0 else shown


def _versions(
    tree: Any, keys: tuple[str, ...], found: Mapping[tuple[str, ...], Any]
) -> dict[str, int]:
    """Return the versions that a safetensors file would lose; not those that change nothing."""
    value = tree
    for key in keys:
        value = _named(value)[key]
    state = value.state if isinstance(value, Map) else None
    facts = state.get("_metadata") if isinstance(state, dict) else None
    versions: dict[str, int] = {}
    for path, each in facts.items() if isinstance(facts, dict) else ():
        version = each.get("version") if isinstance(each, dict) else None
        if type(path) is not str or type(version) is not int or version < 2:
            continue
        # The second version of norms added this key; with it, there is nothing to convert.
        if f"{path}.num_batches_tracked".lstrip(".") not in found[keys]:
            versions[path] = version
    return versions
