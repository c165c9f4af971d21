"""The header of a saved file: read the strings that describe its model.

Files are untrusted. Only the values that this module reads from its header reach a builder, and
each is one that the builder itself declares: see ``arguments``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dapi._building import build_model, call, trained_from
from dapi._building.arguments import Arguments, is_inert
from dapi._building.declaration import Declaration, declaration
from dapi._building.provenance import Provenance
from dapi._catalog import builders, lookup
from dapi._plugins import discovery, removals
from dapi._saving import fingerprint
from dapi._values.frozen import FrozenDict, freeze
from dapi._values.names import parse
from dapi._weights.build import Build
from dapi._weights.entry import Status, WeightEntry
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import DapiError

if TYPE_CHECKING:
    import torch
    from torch import nn

PREFIX: Final = "dapi."

# A distribution and its version, and nothing else that a shell or pip would interpret.
_REQUIREMENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]*==[0-9][a-z0-9.+!_-]*", re.ASCII)

# Limit of a mapping: an empty JSON list takes thirty times its length in memory.
_LONGEST: Final = 4 << 20


class Plan(NamedTuple):
    """How to build the model of a file.

    ``entry`` is the file itself, with the transforms of the weights that it started from.
    """

    recipe: build_model.Recipe[nn.Module]
    entry: WeightEntry
    config: Mapping[str, Any]
    provenance: Provenance


class Header:
    """The description of a model in a file's header: strings by key, without their prefix.

    A KeyError or a ValueError says that ``describe`` did not write it.
    """

    def __init__(
        self, path: Path, facts: Mapping[str, str], shapes: Sequence[tuple[int, ...]] = ()
    ) -> None:
        self.path, self.shapes, self._facts = path, shapes, facts
        name, self._distribution = facts["builder"], facts["distribution"]
        self._installed = discovery.versions().get(self._distribution, "")
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
        spec = declaration(builder)
        declared = Arguments.of(builder, spec.name)
        config = {name: declared.admit(name, value) for name, value in self._config.items()}
        config = {**self._former_defaults(declared), **config}
        weights = self._weights(spec)
        self._check_context(spec, weights)
        entry = self._entry(weights)
        seen = entry if self._facts.get("weights") else None
        # A detector's layers depend on whether any weights are passed, even only of its backbone.
        of_backbone = entry if self._facts.get("pretrained") == "true" else None
        recipe = call.recipe(builder, weights=seen or of_backbone)
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
        usual, former = declared.defaults, {}
        for name in [each for each in self._defaults if each in declared.types]:
            value = declared.admit(name, self._defaults[name])
            if name not in usual or freeze(usual[name]) != freeze(value):
                former[name] = value
        return former

    def explain_changes(self, changes: Sequence[str]) -> str:
        """Return the message that the builder now makes a different model, with the remedy."""
        more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
        requirement = self._requirement()
        remedy = f" To build it as it was: pip install {requirement}." if requirement else ""
        if self._facts.get("version") == self._installed:
            remedy = " A library that it uses has changed since."
        return (
            f"{self.versions()}. {'; '.join(changes[:3])}{more}.{remedy} To load it as it is made "
            "now: dapi.load(path, accept_changes=True)"
        )

    def warn_of_source(self, weights: Weights | WeightEntry | None) -> None:
        """Warn if the weights that the model started from should not be used."""
        if isinstance(weights, Weights):
            trained_from.warn_of_source(self.path.name, weights)
            if self._facts.get("new_head") != "true":
                trained_from.warn_of_changes(self.path.name, self._facts, weights)

    def dtype(self) -> torch.dtype | None:
        """Return the floating-point dtype of the whole model, if it was not the usual one."""
        import torch

        found = getattr(torch, self._facts.get("dtype", ""), None)
        return found if isinstance(found, torch.dtype) else None

    def versions(self) -> str:
        """Return a sentence on different versions of the distribution, if they differ."""
        saved, installed = self._facts.get("version"), self._installed
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
        plugin = next(
            (each for each in discovery.discover() if each.name == self._distribution), None
        )
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

    def _weights(self, spec: Declaration) -> Weights | None:
        """Return the member that the model started from, if the builder still accepts it.

        A name of another builder's weights is not looked up: that would import its distribution.
        """
        name = self._facts.get("weights", "")
        members = (member for enum in spec.weights for member in enum)
        own = next((member for member in members if str(member) == name), None)
        if own is not None:
            return own
        try:
            wanted = parse(name)
            if wanted.builder != spec.name or not wanted.member:
                return None
            # It was for the builder of this distribution, not for others installed now.
            owner = self._distribution or wanted.distribution
            return lookup.get_weights(str(wanted._replace(distribution=owner)))
        except DapiError:
            return None  # it was renamed or removed since, and is not needed

    def _check_context(self, spec: Declaration, weights: Weights | None) -> None:
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
        url = self.path.as_uri()
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
