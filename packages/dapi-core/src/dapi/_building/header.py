"""The header of a saved file: write and read the strings that describe its model.

Files are untrusted. Only the values that this module reads from its header reach a builder, and
each is one that the builder itself declares: see ``arguments``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dapi._building import build_model, fingerprint, origin, register_model
from dapi._building.arguments import CALLERS, Arguments, is_inert
from dapi._building.provenance import Provenance
from dapi._catalog import builders, lookup
from dapi._plugins import removals
from dapi._plugins.discovery import discover
from dapi._values.frozen import FrozenDict, freeze
from dapi._values.names import parse
from dapi._weights.build import Build
from dapi._weights.entry import Status, WeightEntry
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import DapiError, SavingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

PREFIX: Final = "dapi."

# A distribution and its version, and nothing else that a shell or pip would interpret.
_REQUIREMENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]*==[0-9][a-z0-9.+!_-]*", re.ASCII)

# Limit of a mapping: an empty JSON list takes thirty times its length in memory.
_LONGEST: Final = 4 << 20


class Plan(NamedTuple):
    """How to build the model of a file.

    Attributes:
        recipe: How its builder constructs the model.
        entry: The file itself, with the transforms of the weights that it started from.
        config: The builder's arguments.
        provenance: The record on the model.
    """

    recipe: build_model.Recipe[nn.Module]
    entry: WeightEntry
    config: Mapping[str, Any]
    provenance: Provenance


class Header:
    """The description of a model in a file's header.

    Args:
        path: The file.
        facts: By key, without the prefix in the file.

    Raises:
        KeyError: A key is missing.
        ValueError: A value was not written by ``describe``.
    """

    def __init__(self, path: Path, facts: Mapping[str, str]) -> None:
        self._path, self._facts = path, facts
        name, self._distribution = facts["builder"], facts["distribution"]
        self._name = f"{self._distribution}/{name}" if self._distribution else name
        self._config = _mapping(facts["config"])
        self._context = _mapping(facts["context"])
        self._code_version = _mapping(facts["code_version"])
        self._defaults = _mapping(facts.get("defaults", "{}"))
        self.requires_grad = _mapping(facts.get("requires_grad", "{}"))
        self.modules = fingerprint.read(facts.get("modules", ""))
        if not all(type(each) is int for each in self._code_version.values()):
            raise ValueError("a code version is not an integer")
        if not all(type(each) is bool for each in self.requires_grad.values()):
            raise ValueError("whether a parameter is trained is neither true nor false")

    def plan(self) -> Plan:
        """Find the builder, and check all of its arguments.

        Raises:
            DapiError: The builder is not installed, or cannot be imported.
            ValueError: The header names an object that a file may not name.
        """
        builder = self._builder()
        spec = register_model.declaration(builder)
        declared = Arguments.of(builder, spec.name)
        config = {name: declared.admit(name, value) for name, value in self._config.items()}
        config = {**self._former_defaults(declared), **config}
        weights = self._weights(spec)
        self._check_context(spec, weights)
        entry = self._entry(weights)
        seen = entry if self._facts.get("weights") else None
        # A detector's layers depend on whether any weights are passed, even only of its backbone.
        of_backbone = entry if self._facts.get("pretrained") == "true" else None
        recipe = register_model.recipe(builder, weights=seen or of_backbone)
        provenance = Provenance(
            recipe.name,
            weights or seen,
            FrozenDict(config),
            entry.build.context,
            recipe.target,
            new_head=self._facts.get("new_head") == "true",
        )
        return Plan(recipe, entry, config, provenance)

    def _former_defaults(self, declared: Arguments) -> dict[str, Any]:
        """Return the defaults at the time of saving, of arguments whose default changed since."""
        former = {
            name: declared.admit(name, value)
            for name, value in self._defaults.items()
            if name in declared.types
        }
        usual = declared.defaults
        return {
            name: value
            for name, value in former.items()
            if name not in usual or freeze(usual[name]) != freeze(value)
        }

    def explain_changes(self, changes: Sequence[str]) -> str:
        """Return the message that the builder now makes a different model, with the remedy."""
        more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
        same = self._requirement()
        if self._facts.get("version") == _version(self._distribution):
            remedy = " A library that it uses has changed since."
        else:
            remedy = f" To build it as it was: pip install {same}." if same else ""
        return (
            f"{self.versions()}. {'; '.join(changes[:3])}{more}.{remedy} To load it as it is made "
            "now: dapi.load(path, accept_changes=True)"
        )

    def warn_of_source(self, weights: Weights | WeightEntry | None) -> None:
        """Warn if the weights that the model started from should not be used."""
        if isinstance(weights, Weights):
            origin.warn_of_source(self._path.name, weights)
            if self._facts.get("new_head") != "true":
                origin.warn_of_changes(self._path.name, self._facts, weights)

    def dtype(self) -> torch.dtype | None:
        """Return the floating-point dtype of the whole model, if it was not the usual one."""
        import torch

        found = getattr(torch, self._facts.get("dtype", ""), None)
        return found if isinstance(found, torch.dtype) else None

    def versions(self) -> str:
        """Return a sentence on different versions of the distribution, if they differ."""
        saved, installed = self._facts.get("version"), _version(self._distribution)
        if saved == installed:
            return f"{self._name} {installed} makes a different model"
        return f"{self._name} was of version {saved}, now {installed or 'not installed'}"

    def _builder(self) -> Callable[..., nn.Module]:
        wanted = parse(self._name)
        distribution, name, member, _ = wanted
        is_known = member is None and any(
            model.name == name and distribution in (None, model.distribution)
            for model in builders.known()
        )
        # The catalog's error would read every enum of every distribution for a suggestion.
        if not is_known and not removals.find(wanted._replace(member=None)):
            raise ValueError(self._absence())
        builder: Callable[..., nn.Module] = lookup.find(self._name).load()
        if not hasattr(builder, "__dapi_builder__"):
            raise ValueError(f"{self._name} is not made by register_model")
        return builder

    def _absence(self) -> str:
        """Explain why the builder is missing; names and versions in a file are untrusted."""
        plugin = next((each for each in discover() if each.name == self._distribution), None)
        if plugin is not None and plugin.disabled_by:
            return f"{plugin.disabled_by} disables {plugin.name}, whose builder made it"
        requirement = self._requirement()
        if not requirement:
            return (
                f"No model named {self._name!r} is installed. It was registered by the program "
                "that saved it: import the module that registers it, then load the file"
            )
        found = f"version {plugin.version} has no such builder" if plugin else "is not installed"
        return (
            f"No model named {self._name!r} is installed. It was saved with {requirement}; "
            f"{self._distribution} {found}. To install it, if you trust where the file comes "
            f"from: pip install {requirement}"
        )

    def _requirement(self) -> str:
        """Return the requirement of the former builder for pip; empty if unknown."""
        requirement = f"{self._distribution}=={self._facts.get('version', '')}"
        return requirement if _REQUIREMENT.fullmatch(requirement) else ""

    def _weights(self, spec: register_model.Declaration) -> Weights | None:
        """Return the member that the model started from, if the builder still accepts it.

        A name of another builder's weights is not looked up: that would import its distribution.
        """
        name = self._facts.get("weights", "")
        members = (member for enum in spec.weights for member in enum)
        own = next((member for member in members if str(member) == name), None)
        try:
            wanted = parse(name)
            is_offered = own is None and wanted.builder == spec.name and wanted.member
            # It was for the builder of this distribution, not for others installed now.
            owner = self._distribution or wanted.distribution
            return (
                lookup.get_weights(str(wanted._replace(distribution=owner))) if is_offered else own
            )
        except DapiError:
            return own  # it was renamed or removed since, and is not needed

    def _check_context(self, spec: register_model.Declaration, weights: Weights | None) -> None:
        """Refuse overrides of foreign classes, and values that could name objects.

        A name in a file never causes an import.
        """
        members = [member for enum in spec.weights for member in enum]
        members += [weights] if weights else []
        own = [item for member in members for item in member.build.context.items()]
        for target, params in self._context.items():
            if not isinstance(params, Mapping):
                raise ValueError(f"it overrides {target} with {params!r:.80}")
            if all(target != each for each, _ in own) and not _is_class_near(target, spec.module):
                raise ValueError(
                    f"it overrides {target}, of a module that {self._name} does not import"
                )
            usual = [item for each, values in own if each == target for item in values.items()]
            for name, value in params.items():
                if not is_inert(value) and (name, value) not in usual:
                    raise ValueError(f"it overrides {name} of {target} with {value!r:.80}")

    def _entry(self, weights: Weights | None) -> WeightEntry:
        """Return an entry for the file itself, with the transforms of the weights it started from.

        If a default changed later, and published weights now set it in a context, the saved model
        had the default of that time: the file's record takes precedence.
        """
        context = dict(entry_of(weights).build.context) if weights else {}
        for target, params in self._context.items():
            context[target] = {**context.get(target, {}), **params}
        build = Build(context=context, code_version=self._code_version)
        url = self._path.as_uri()
        if weights is None:
            return WeightEntry(url, build=build)
        return replace(
            entry_of(weights),
            url=url,
            sha256=None,
            size=None,
            mirrors=(),
            build=build,
            status=Status(),
        )


def _is_class_near(target: str, builder_module: str) -> bool:
    """Whether ``"module:Class"`` is imported, and in the same package as a builder."""
    module, _, attribute = target.partition(":")
    found: Any = sys.modules.get(module)
    for part in attribute.split("."):
        found = getattr(found, "__dict__", {}).get(part)  # unlike getattr, it runs no code
    packages = {name.partition(".")[0] for name in (module, builder_module)}
    return isinstance(found, type) and len(packages) == 1


def _mapping(text: str) -> Mapping[str, Any]:
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST:,} characters")
    found = json.loads(text, parse_int=_parse_int, parse_constant=_refuse)
    if not isinstance(found, dict):
        raise ValueError("not a mapping")
    frozen: Mapping[str, Any] = freeze(found)
    return frozen


def _parse_int(digits: str) -> int:
    if len(digits) > 19:
        raise ValueError("a number is too large")
    return int(digits)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def describe(
    provenance: Provenance, state_dict: Mapping[str, Tensor], versions: Mapping[str, int]
) -> dict[str, str]:
    """Describe in strings how a model was built, and facts that safetensors cannot store.

    Args:
        provenance: The record of the model.
        state_dict: Its own.
        versions: Of its modules' code, by path.

    Raises:
        SavingError: A value cannot be written.
    """
    return {
        **_describe_building(provenance),
        **_describe_state(state_dict, provenance.builder),
        "code_version": json.dumps(versions),
    }


def _describe_building(provenance: Provenance) -> dict[str, str]:
    model = builders.find_target(provenance.target)
    weights = provenance.weights
    files = entry_of(weights).files if weights is not None else ()
    backbone = provenance.config.get("weights_backbone")
    config = {
        name: value
        for name, value in provenance.config.items()
        if name not in CALLERS and (name != "weights_backbone" or backbone is None)
    }
    write = partial(_to_json, provenance.builder)
    defaults = _usual_arguments(model, config) if model else {}
    flags = {"new_head": provenance.new_head, "pretrained": backbone is not None}
    return {
        "builder": provenance.builder,
        "distribution": model.distribution if model else "",
        "version": _version(model.distribution) if model else "",
        "config": write(config, "argument"),
        "defaults": json.dumps(defaults),
        "context": write(provenance.context, "override of"),
        "weights": "" if weights is None else str(weights),
        "sha256": " ".join(file.sha256 or "unknown" for file in files),
        **origin.describe(weights),
        **{name: "true" for name, is_set in flags.items() if is_set},
    }


def _usual_arguments(model: builders.Builder, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of the other arguments that a file may pass."""
    declared, found = Arguments.of(model.load(), model.name), {}
    for name, value in declared.defaults.items():
        if name in config or name in CALLERS or name == "weights_backbone" or not _is_json(value):
            continue
        plain = _thawed(freeze(value))
        with suppress(ValueError):
            declared.admit(name, plain)
            found[name] = plain
    return found


def _describe_state(state_dict: Mapping[str, Tensor], builder: str) -> dict[str, str]:
    import torch

    foreign = [key for key, value in state_dict.items() if not _is_complete(value)]
    if foreign:
        reason = f"{foreign[0]} in its state is not a dense tensor with values"
        if any(hasattr(value, "full_tensor") for value in state_dict.values()):
            reason = (
                f"{foreign[0]} is spread over several processes. "
                "Save a model that loaded get_model_state_dict (full_state_dict=True)"
            )
        raise SavingError(builder, reason)
    types = {value.dtype for value in state_dict.values() if value.is_floating_point()}
    if len(types) != 1 or torch.get_default_dtype() in types:
        return {}
    return {"dtype": str(types.pop()).removeprefix("torch.")}


def _is_complete(value: Any) -> bool:
    """Whether a value has all of its numbers: not on meta, and not in shards."""
    import torch

    is_dense = type(value) is torch.Tensor and value.layout is torch.strided
    return is_dense and not value.is_meta


def _to_json(builder: str, values: Mapping[str, Any], what: str) -> str:
    for key, value in values.items():
        if not _is_json(value):
            raise SavingError(builder, f"its {what} {key!r} is {value!r}, which JSON does not have")
    return json.dumps({key: _thawed(value) for key, value in values.items()})


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(type(key) in (str, int) and _is_json(item) for key, item in value.items())
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return all(map(_is_json, value))
    if type(value) is float:
        return isfinite(value)
    return value is None or type(value) in (str, bool, int)


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple | list) else value


def _version(distribution: str) -> str:
    return next((each.version for each in discover() if each.name == distribution), "")
