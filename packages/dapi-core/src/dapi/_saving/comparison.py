"""Compare a model with its builder's model: a file records only how it was built."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from math import isnan
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dapi._building.provenance import inside
from dapi._weights.build import CALLERS

if TYPE_CHECKING:
    from torch import Tensor, nn


# Accelerate and PyTorch replace ``forward`` by a wrapper that runs the same function: it decides
# precision, device or speed, not the result.
_RUNNERS: Final = ("accelerate.", "torch._dynamo.", "torch.amp.")


class Tree(NamedTuple):
    """A model's modules by path, without torch's wrappers, and its own under the empty path.

    ``prefixes`` lead from prefixes of state dict keys to those without wrappers.
    """

    modules: dict[str, nn.Module]
    prefixes: dict[str, str]

    @classmethod
    def of(cls, model: nn.Module) -> Tree:
        """Walk through a model."""
        found = cls({}, {})
        waiting: list[tuple[nn.Module, str, str]] = [(model, "", "")]
        while waiting:
            module, prefix, plain = waiting.pop()
            found.prefixes[prefix] = plain
            while (step := inside(module)) is not None:
                module, prefix = step.model, f"{prefix}{step.attribute}."
                found.prefixes[prefix] = plain
            found.modules[plain.removesuffix(".")] = module
            waiting += [
                (child, f"{prefix}{name}.", f"{plain}{name}.")
                for name, child in reversed(module._modules.items())
                if child is not None
            ]
        return found

    def plain(self, key: str) -> str:
        """Return a key of the state dict without wrappers."""
        path, dot, name = key.rpartition(".")
        return f"{self.prefixes.get(path + dot, path + dot)}{name}"

    def parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield every parameter under each of its keys."""
        for path, module in self.modules.items():
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    yield f"{path}.{name}" if path else name, parameter


class Difference(NamedTuple):
    """A difference from the builder's model, at a key or the path of a module."""

    place: str
    text: str


def differences(tree: Tree, state_dict: Mapping[str, Tensor], twin: Tree) -> Iterator[Difference]:
    """Compare a model, its state dict by plain keys, with what its builder made of its arguments.

    This compares each module's class, its common attributes that are numbers, text, functions and
    the like, keys, shapes, kinds of numbers, and ties. The training mode and the floating-point
    types may differ.
    """
    changes = _in_modules(tree.modules, twin.modules)
    yield from (change for change in changes if change.place not in state_dict)
    yield from _in_tensors(state_dict, twin.modules[""].state_dict())
    yield from _in_ties(tree, twin)


def _in_modules(
    found: Mapping[str, nn.Module], expected: Mapping[str, nn.Module]
) -> Iterator[Difference]:
    for path in dict.fromkeys((*found, *expected)):
        one, other = found.get(path), expected.get(path)
        if awaits_input(other):
            continue
        if not _is_of_kind(one, other):
            yield Difference(path, f"{path or 'the model'} is {_kinds(one, other)}")
        elif one is not None and other is not None:
            yield from _in_methods(path, one, other)
            yield from _in_attributes(path, one, other)


def _is_of_kind(module: nn.Module | None, other: nn.Module | None) -> bool:
    """Whether two modules have the same class; training on several devices replaces batch norm."""
    from torch.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm

    if type(module) is SyncBatchNorm and type(other) in (BatchNorm1d, BatchNorm2d, BatchNorm3d):
        return True
    return _name(type(module)) == _name(type(other))


def awaits_input(module: nn.Module | None) -> bool:
    """Whether a module takes its shapes, and its class, from the first input."""
    check = getattr(module, "has_uninitialized_params", None)
    return check is not None and bool(check())


def _in_methods(path: str, found: nn.Module, expected: nn.Module) -> Iterator[Difference]:
    """Find methods that are hidden by an attribute of the object: ``model.forward = ...``."""
    for name in vars(found).keys() - vars(expected).keys():
        own = getattr(type(found), name, None)
        if isinstance(own, FunctionType) and _innermost(vars(found)[name]) is not own:
            place = f"{path}.{name}" if path else name
            yield Difference(place, f"{place} was replaced")


def _innermost(method: Any) -> Any:
    """Return the function inside of wrappers that only decide how it runs."""
    while True:
        method = getattr(method, "__func__", method)
        wrapper = method.func if isinstance(method, partial) else method
        home = getattr(wrapper, "__globals__", {}).get("__name__") or type(wrapper).__module__
        if not hasattr(method, "__wrapped__") or not home.startswith(_RUNNERS):
            return method
        method = method.__wrapped__


def _in_attributes(path: str, found: nn.Module, expected: nn.Module) -> Iterator[Difference]:
    usual = dict(attributes(expected))
    for name, value in attributes(found):
        one, other = _described(value), _described(usual.get(name, _OPAQUE))
        if one != other and _OPAQUE not in (one, other):
            place = f"{path}.{name}" if path else name
            yield Difference(place, f"{place} is {one!r:.80}, not {other!r:.80}")


def attributes(module: nn.Module, known: Collection[int] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a module that may change its results.

    Those of a configuration of transformers are among them, unless its id is known: each module
    has it, and ``to_dict`` copies all of it.
    """
    for name, value in vars(module).items():
        if name == "config" and hasattr(value, "to_dict"):
            inner = {} if id(value) in known else value.to_dict()
            yield from ((f"config.{key}", each) for key, each in inner.items() if _counts(key))
        elif _counts(name) and not isinstance(value, dict):  # of statistics of inputs
            yield name, value


def _counts(name: str) -> bool:
    return not name.startswith("_") and name not in _OF_NO_MODEL


# How and where a model runs, and who wrote its configuration: these do not change its results.
# transformers sets problem_type when it first computes a loss, from the labels.
_OF_NO_MODEL: Final = CALLERS | {
    "architectures",
    "gradient_checkpointing",
    "inplace",
    "problem_type",
    "training",
    "transformers_version",
    "use_cache",
}
_OPAQUE: Final = object()


def _described(value: Any) -> Any:
    """Return a description that is equal for equal values; ``_OPAQUE`` if there is none."""
    if isinstance(value, float) and isnan(value):
        return "nan"  # which, as a number, is not equal to itself
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return _name(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, partial):
        value = (value.func, value.args, value.keywords)
    elif is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    return _described_all(value) if isinstance(value, tuple | list | Mapping) else _OPAQUE


def _described_all(values: Any) -> Any:
    if isinstance(values, Mapping):
        parts = _described_all(list(values.values()))
        return _OPAQUE if parts is _OPAQUE else dict(zip(values, parts, strict=True))
    parts = [_described(each) for each in values]
    return _OPAQUE if _OPAQUE in parts else tuple(parts)


def _in_tensors(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Difference]:
    from torch.nn.parameter import is_lazy

    for key in dict.fromkeys((*found, *expected)):
        if key not in found or key not in expected:
            yield Difference(key, f"{key} is {'missing' if key not in found else 'left over'}")
            continue
        one, other = found[key], expected[key]
        if is_lazy(other) or not hasattr(one, "shape") or not hasattr(other, "shape"):
            continue
        if one.shape != other.shape:
            shapes = f"{tuple(one.shape)}, not {tuple(other.shape)}"
            yield Difference(key, f"{key} has the shape {shapes}")
        elif _kind_of_numbers(one) != _kind_of_numbers(other):
            yield Difference(key, f"{key} is of {one.dtype}, not {other.dtype}")


def _kind_of_numbers(tensor: Tensor) -> tuple[bool, bool]:
    return tensor.dtype.is_floating_point, tensor.dtype.is_complex


def _in_ties(tree: Tree, twin: Tree) -> Iterator[Difference]:
    """Compare which parameters are tied under several keys."""
    found, expected = _ties(tree), _ties(twin)
    for keys in [*(found - expected), *(expected - found)]:
        are = "are" if keys in found else "are not"
        yield Difference(keys[0], f"{' and '.join(keys)} {are} one parameter")


def _ties(tree: Tree) -> set[tuple[str, ...]]:
    keys = defaultdict(list)
    for key, parameter in tree.parameters():
        keys[id(parameter)].append(key)
    return {tuple(sorted(each)) for each in keys.values() if len(each) > 1}


def _name(function: Any) -> str:
    return f"{function.__module__}:{function.__qualname__}"


def _kinds(one: nn.Module | None, other: nn.Module | None) -> str:
    """Name the classes of two modules, with where they are defined if both have one name."""
    names = ["missing" if each is None else f"a {type(each).__name__}" for each in (one, other)]
    if names[0] == names[1]:  # PEFT has a Linear of its own
        names = [f"a {type(each).__module__}.{type(each).__name__}" for each in (one, other)]
    return f"{names[0]}, not {names[1]}"
