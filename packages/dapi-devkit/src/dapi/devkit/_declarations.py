"""Checks of a distribution's entry points and builders, without building models.

Each function yields the problems of its subject, a sentence each.
"""

from __future__ import annotations

import inspect
import json
import os
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib import metadata

from dapi import LegacyArgument, Weights, catalog
from dapi.devkit._entry_points import is_same, needed
from dapi.devkit._subjects import Builder, Distribution, Line, documented
from dapi.exceptions import DapiError, DapiWarning, LegacyArgumentWarning, PluginLoadError

# In a fresh process: prints which module imported which framework, even after errors.
_IMPORTS = """
import importlib, json, sys

FRAMEWORKS = {"PIL", "jax", "numpy", "scipy", "sklearn", "tensorflow", "timm", "torch",
              "torchaudio", "torchvision", "transformers"}
brought = {}
for module in sys.argv[1:]:
    before = FRAMEWORKS & set(sys.modules)
    try:
        importlib.import_module(module)
    except (Exception, SystemExit):
        pass
    new = FRAMEWORKS & set(sys.modules) - before
    if new:
        brought[module] = sorted(new)
print("\\n" + json.dumps(brought))
"""


def metadata_is_sound(distribution: Distribution) -> Iterator[str]:
    """Find damaged entry points, and other copies of the metadata."""
    if distribution.plugin.problem:
        yield distribution.plugin.problem
    hidden = () if distribution.workshop.is_of_wheel else distribution.plugin.hidden
    for path in hidden:
        yield f"a second copy of its metadata is at {path}"


def leaves_the_namespace_alone(distribution: Distribution) -> Iterator[str]:
    """Find files beside the packages of dapi's own."""
    files = metadata.distribution(distribution.name).files or ()
    for file in files:
        if len(file.parts) == 2 and file.parts[0] == "dapi":
            yield f"it installs {file}"


def import_no_framework(distribution: Distribution) -> Iterator[str]:
    """Import every module that declares something, in a process that has imported nothing."""
    path = os.pathsep.join(filter(None, sys.path))
    result = subprocess.run(  # noqa: S603  # this Python, on the modules of the entry points
        [sys.executable, "-c", _IMPORTS, *distribution.modules],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        yield f"importing them terminates Python: {result.stderr.strip()[-200:]}"
        return
    for module, brought in json.loads(result.stdout.splitlines()[-1]).items():
        yield f"importing {module} imports {', '.join(brought)}"


def entry_points_agree(distribution: Distribution) -> Iterator[str]:
    """Compare the lines that there are with those that the decorated builders need."""
    wanted = needed(distribution.builders())
    for group, lines in wanted.items():
        found = distribution.targets(group)
        for name, target in lines.items():
            if not is_same(found.get(name), target):
                yield f'[project.entry-points."{group}"] lacks: {name} = "{target}"'
    for name, target in distribution.targets("dapi.models").items():
        if name not in wanted["dapi.models"] and target in wanted["dapi.models"].values():
            yield f'[project.entry-points."dapi.models"] has a wrong name: {name} = "{target}"'


def enums_are_advertised(distribution: Distribution) -> Iterator[str]:
    """Look for each enum among those of builders, and in the lines of ``dapi.weights``."""
    own = {enum for each in distribution.builders() for enum in each.weights}
    points = [p for p in distribution.plugin.entry_points if p.group == "dapi.weights"]
    for enum in distribution.enums():
        if enum not in own and not any(point.leads_to(enum) for point in points):
            yield f"no builder and no line has {enum.__module__}:{enum.__qualname__}"


def snapshots_are_current(distribution: Distribution) -> Iterator[str]:
    """Look for the builder of each snapshot."""
    for name in distribution.workshop.snapshots.names():
        if name not in distribution.targets("dapi.models"):
            yield f"there is a snapshot of its state dict, but no builder {name!r}"


def target_is_right(line: Line) -> Iterator[str]:
    """Load it, as dapi would."""
    loads = {"dapi.models": catalog.load_builder, "dapi.weights": catalog.load_enum}
    try:
        loads.get(line.point.group, catalog.EntryPoint.load)(line.point)
    except PluginLoadError as error:
        yield error.reason


def weights_have_a_builder(line: Line) -> Iterator[str]:
    """Find the builder that a line of ``dapi.weights`` names."""
    if line.point.group != "dapi.weights":
        return
    own = (line.point.distribution, line.point.name)
    if own in {(p.distribution, p.name) for p in catalog.entry_points("dapi.models")}:
        return
    try:
        catalog.find(line.point.name)
    except DapiError as error:
        yield str(error)


def name_is_its_own(builder: Builder) -> Iterator[str]:
    """Check the form of the name, and look for other distributions that give it."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", builder.name):
        yield f"the name {builder.name!r} is not in snake_case"
    points = catalog.entry_points("dapi.models")
    for point in points:
        if point.name == builder.name and point.distribution != builder.distribution.name:
            yield f"{point.distribution} also provides {builder.name!r}"


def signature_is_by_keyword(builder: Builder) -> Iterator[str]:
    """Look at the parameters; that there is ``weights``, the decorator has seen to."""
    parameters = inspect.signature(builder.function).parameters.values()
    for parameter in parameters:
        if parameter.kind not in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            yield f"{parameter.name!r} is not keyword-only"
        if parameter.name in ("weights", "weights_backbone") and parameter.default is not None:
            yield f"{parameter.name!r} is not None by default"


def has_docstring(builder: Builder) -> Iterator[str]:
    """Look for a docstring."""
    if not documented(builder.function):
        yield "it has no docstring"


def replaces_a_neighbor(builder: Builder) -> Iterator[str]:
    """Look for the builder that it declares to replace."""
    declaration = builder.declaration
    neighbors = {
        each.name
        for each in map(catalog.declaration, catalog.registered())
        if each.module == declaration.module and each.name != declaration.name
    }
    if declaration.replaces is not None and declaration.replaces not in neighbors:
        yield (
            f"it replaces {declaration.replaces!r}; other builders of {declaration.module}: "
            f"{', '.join(sorted(neighbors)) or 'none'}"
        )


def legacy_arguments_warn(builder: Builder) -> Iterator[str]:
    """Translate each value that a deprecated argument accepted."""
    for legacy in builder.declaration.legacy:
        if legacy.parameter not in builder.declaration.parameters:
            yield f"{legacy.name} becomes {legacy.parameter}, which is not a parameter"
        for value in legacy.values:
            yield from _translate(builder, legacy, value)


def _translate(builder: Builder, legacy: LegacyArgument, value: object) -> Iterator[str]:
    written = f"{legacy.name}={value!r}"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DapiWarning)
        translated = builder.declaration.translate_legacy({legacy.name: value})
    if LegacyArgumentWarning not in {warning.category for warning in said}:
        yield f"{written} does not warn"
    meant = translated.get(legacy.parameter)
    own = builder.declaration.weights if legacy.parameter == "weights" else Weights
    if meant is not None and not isinstance(meant, own):
        yield f"{written} becomes {meant!r}, which the builder does not take"


def builder_pickles(builder: Builder) -> Iterator[str]:
    """Pickle it, and load it again."""
    if pickle.loads(pickle.dumps(builder.function)) is not builder.function:  # noqa: S301
        yield "it is a different function after pickling"
