"""``dapi new --wrap``: how a class of another distribution is built with files of others."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi import Build, File, WeightEntry, adapt, build_model, catalog
from dapi.devkit._description import package_url, published, unwrap
from dapi.devkit._models import as_entry, quiet
from dapi.devkit._packaged import distribution_of
from dapi.devkit.exceptions import BuilderArgumentsError, WrapError
from dapi.exceptions import DapiError, NestedCheckpointError, StateDictMismatchError

if TYPE_CHECKING:
    from torch import nn

_PRETRAINED = "pretrained"  # a class with this argument would load files itself
# Arguments that every builder has, with a meaning of their own.
_OWN = ("weights", "progress", "config", "new_head", "new_stem", "device", "dtype", _PRETRAINED)


@dataclass(frozen=True)
class Wrapped:
    """A class of another distribution (the owner), and weights for it that were loaded strictly.

    Its arguments are given with their types; ``loads_files`` says that it would load files itself.
    """

    target: str
    owner: str
    entry: WeightEntry
    required: Mapping[str, str]
    optional: Mapping[str, str]
    loads_files: bool
    remarks: tuple[str, ...]

    @property
    def requirements(self) -> dict[str, str]:
        """The versions to require: the files are those of the installed version and no other."""
        owners = [file.url.partition("#")[2] for file in self.entry.files]
        exact = {name: f"=={metadata.version(name)}" for name in owners if name}
        return {self.owner: f">={metadata.version(self.owner)}", **exact}


def wrap(
    target: str, files: Sequence[str], config: Mapping[str, Any], computed: Sequence[str]
) -> Wrapped:
    """Import a class, build it with files, and return how.

    Args:
        target: The class, as ``"module:Class"``.
        files: URLs, or paths in installed packages, each with or without ``PREFIX=`` before it.
        config: Arguments of the class that the weights fix.
        computed: As in ``dapi.Build``.

    Raises:
        WrapError: The class or a file is not of an installed distribution, or cannot be declared.
        BuilderArgumentsError: The class needs other arguments.
        StateDictMismatchError: The files do not fit the model.
    """
    constructor = _imported(target)
    owner = _owner(target, Path(inspect.getfile(constructor)))
    required, optional = _arguments(target, constructor, config)
    loads_files = _PRETRAINED in inspect.signature(constructor).parameters
    make = partial(constructor, pretrained=False) if loads_files else constructor
    parts = tuple(map(_file, files))
    build = Build(config=config, computed=tuple(computed))
    alone = len(parts) == 1 and not parts[0].prefix
    entry = replace(as_entry(parts[0]), build=build) if alone else WeightEntry(parts, build=build)
    entry, model = _fitted(target, make, entry)
    num_params = sum(parameter.numel() for parameter in model.parameters())
    known = {"task": "unknown", "hash_source": "measured from the installed file"}
    entry = replace(entry, meta={**known, "num_params": num_params}, latest=True)
    entry = replace(entry, meta=published(entry, parts[0].url).meta)
    owners = dict.fromkeys([owner, *(part.url.partition("#")[2] for part in parts)])
    remarks = tuple(_license(name) for name in owners if name)
    return Wrapped(target, owner, entry, required, optional, loads_files, remarks)


def _owner(subject: str, path: Path) -> str:
    found = distribution_of(path.resolve())
    if found is None:
        raise WrapError(subject, "belongs to no installed distribution", "Install it with pip.")
    return found


def _imported(target: str) -> Callable[..., Any]:
    try:
        found = catalog.import_target(target)
    except (ImportError, AttributeError, ValueError) as cause:
        raise WrapError(target, f"cannot be imported ({cause})", _EXPECTED) from cause
    if not inspect.isclass(found) and not inspect.isfunction(found):
        raise WrapError(target, "is neither a class nor a function", _EXPECTED)
    return found


_EXPECTED = "Write MODULE:CLASS, as in torchvision.models.resnet:ResNet."


def _arguments(
    target: str, constructor: Callable[..., Any], config: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the types of the arguments without a default, and of the others."""
    parameters = [
        each
        for each in inspect.signature(constructor).parameters.values()
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    required = [each.name for each in parameters if each.default is each.empty]
    taken = next((name for name in required if name in _OWN), None)
    if taken is not None:
        problem = f"requires the argument {taken!r}, which has another meaning for every builder"
        raise WrapError(target, problem, "Write a function that calls it, and wrap that.")
    missing = [name for name in required if name not in config]
    if missing:
        raise BuilderArgumentsError(target, f"it requires {', '.join(missing)}")
    hints = {name: type(value) for name, value in config.items()}
    hints |= {each.name: each.annotation for each in parameters if each.annotation != each.empty}
    types = {name: _name_of(hints.get(name)) for name in [*(p.name for p in parameters), *hints]}
    optional = {name: types[name] for name in types if name not in (*required, *_OWN)}
    return {name: types[name] for name in required}, optional


def _name_of(hint: Any) -> str:
    """Return the name of a plain type, which may be an annotation as text; Any for others."""
    name = getattr(hint, "__name__", str(hint))
    return name if name in ("bool", "int", "float", "str") else "Any"


def _file(text: str) -> File:
    """Return a file with its hash and size, for a URL or a path, with or without a prefix."""
    prefix, place = re.fullmatch(r"(?:([\w.-]+)=)?(.*)", text).groups("")  # type: ignore[union-attr]
    url = place if re.match(r"[a-z][a-z0-9+.-]+:", place) else package_url(Path(place))
    if url is None:
        raise WrapError(
            place, "is not in an installed package", "Pass its URL, as package:PACKAGE/PATH."
        )
    file = File(url, prefix=prefix)
    path = as_entry(file).fetch()
    if url.startswith("package:") and "#" not in url:
        url = f"{url}#{_owner(url, path)}"
    measured = WeightEntry.from_file(path)
    return replace(file, url=url, sha256=measured.sha256, size=measured.size)


def _fitted(
    target: str, make: Callable[..., nn.Module], entry: WeightEntry
) -> tuple[WeightEntry, nn.Module]:
    """Load the files strictly: by their keys, or without the prefix that all of them have."""
    try:
        state = entry.state_dict(progress=False)
    except NestedCheckpointError as error:
        taken = adapt.Take(*error.keys)
        entry = replace(entry, build=replace(entry.build, adapt=(taken,)))
        state = entry.state_dict(progress=False)
    build = replace(entry.build, adapt=(*entry.build.adapt, *unwrap(state)))
    try:
        return entry, _built(target, make, entry)
    except StateDictMismatchError:
        if build == entry.build:
            raise
    entry = replace(entry, build=build)
    return entry, _built(target, make, entry)


def _built(target: str, make: Callable[..., nn.Module], entry: WeightEntry) -> nn.Module:
    try:
        with quiet():
            return build_model(make, weights=entry)
    except DapiError:
        raise
    except TypeError as cause:
        raise BuilderArgumentsError(target, str(cause)) from cause


def _license(distribution: str) -> str:
    """Return a remark on the license that a distribution states."""
    facts = metadata.metadata(distribution)
    kinds = (line for line in facts.get_all("Classifier") or () if line.startswith("License ::"))
    stated: Iterator[str | None] = iter((facts["License-Expression"], next(kinds, None)))
    found = next(filter(None, stated), None) or facts["License"] or "no license"
    return f"{distribution} states: {found.splitlines()[0]}. Check that this covers its files."
