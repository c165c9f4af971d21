"""Describe a checkpoint, and compare it with a builder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dapi import Build, Provenance, WeightEntry, Weights, adapt, catalog
from dapi.devkit._models import quiet
from dapi.devkit._packaged import distribution_of
from dapi.devkit.exceptions import BuilderArgumentsError
from dapi.exceptions import (
    DapiError,
    NestedCheckpointError,
    NoWeightsError,
    RebuildError,
    StateDictMismatchError,
)

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Misfit:
    """The differences between a checkpoint and a builder's model.

    Attributes:
        missing: Keys of the model that are not in the file.
        unexpected: Keys of the file that are not in the model.
        shapes: Shapes in the file and in the model, by key, where they differ.
        reason: Another problem; empty if there is none.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Origin:
    """The weights that a file was trained from, and the source of this fact.

    Attributes:
        weights: The weights whose transforms and names are used; None if there are none.
        config: Arguments of the builder that the file itself names.
        context: Overrides of constructor defaults that the file itself names.
        is_noted: Whether ``dapi.save`` recorded it in the file; otherwise it is a guess.
        has_new_head: Whether its classes differ from those of the weights.
        problem: Why the record in the file cannot be used; empty if it can, or there is none.
    """

    weights: Weights | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_noted: bool = False
    has_new_head: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Description:
    """The description of a checkpoint.

    Attributes:
        entry: An entry that loads the file; its metadata has the facts read from the file.
        format: The suffix, which determines how it is read.
        tensors: The number of tensors.
        misfit: The differences from the builder; None if it matches, or no builder was named.
        model: The builder that it was compared with; empty for none.
        origin: The origin of the entry's transforms, postprocess and names.
    """

    entry: WeightEntry
    format: str
    tensors: int
    misfit: Misfit | None
    model: str = ""
    origin: Origin = Origin()

    @property
    def taken(self) -> list[str]:
        """The parts of the entry that come from the weights of its origin."""
        named = [key for key in ("categories",) if key in self.entry.meta]
        parts = ("transforms", "postprocess")
        return [*(part for part in parts if getattr(self.entry, part)), *named]


def describe(
    path: Path, *, model: str | None = None, config: Mapping[str, Any] | None = None
) -> Description:
    """Read a checkpoint, and compare it with a builder.

    Only tensors are read: nothing else is unpickled. Touches no network.

    Args:
        path: The file.
        model: The builder's name; by default the one that ``dapi.save`` recorded in the file. The
            entry then has the recorded arguments and overrides, and the transforms of the weights
            that the model started from. For a file without a record, these are a guess: those of
            the builder's latest weights.
        config: More arguments of the builder that these weights fix.

    Raises:
        MissingFileError: There is no such file.
        CheckpointError: It contains more than tensors, or cannot be read.
        UnknownModelError: No installed distribution provides the model.
        BuilderArgumentsError: It needs arguments that neither its weights nor ``config`` have.
    """
    entry, state = read(path)
    misfit, num_params = None, sum(_count(tensor) for tensor in state.values())
    model, origin = _origin(path, model)
    if model:
        entry = _like(entry, origin, config or {})
        entry, misfit, num_params = _try(model, entry, state)
    meta = {"task": "unknown", **entry.meta, "num_params": num_params}
    entry = replace(entry, meta=meta, latest=True)
    return Description(entry, path.suffix.lstrip("."), len(state), misfit, model, origin)


def read(path: Path) -> tuple[WeightEntry, Mapping[str, Tensor]]:
    """Return the entry that reads a file, and its tensors; of a nested file, most of them.

    Raises:
        MissingFileError: As ``describe``.
        CheckpointError: As ``describe``.
    """
    entry = WeightEntry.from_file(path)
    try:
        return entry, entry.state_dict(progress=False)
    except NestedCheckpointError as error:
        entry = replace(entry, build=Build(adapt=(adapt.Take(*error.keys),)))
        return entry, entry.state_dict(progress=False)


def _origin(path: Path, model: str | None) -> tuple[str, Origin]:
    """Read the builder and the origin of a file; guess the rest."""
    try:
        noted, problem = catalog.saved(path.resolve()), ""
    except RebuildError as error:
        noted, problem = None, str(error)
    if noted is not None and model in (None, noted.builder, _qualified(noted)):
        weights = noted.weights if isinstance(noted.weights, Weights) else None
        is_new = noted.new_head or weights is None
        return _qualified(noted), Origin(weights, noted.config, noted.context, True, is_new)
    if model is None:
        return "", Origin(problem=problem)
    return model, Origin(latest(model), problem=problem)


def _qualified(noted: Provenance) -> str:
    points = catalog.entry_points("dapi.models")
    found = next((p for p in points if p.target == noted.target), None)
    return f"{found.distribution}/{found.name}" if found else noted.builder


def latest(model: str) -> Weights | None:
    """Return the latest of a builder's own weights; None if it has none."""
    try:
        _, weights = catalog.resolve(model)
    except NoWeightsError:
        return None
    return weights if isinstance(weights, Weights) else None


def _like(entry: WeightEntry, origin: Origin, config: Mapping[str, Any]) -> WeightEntry:
    """Describe a file like the weights that it was trained from, where they apply."""
    base, stated = origin.weights, {**origin.config, **config}
    if base is None:
        adapted = entry.build.adapt
        return replace(entry, build=Build(config=stated, context=origin.context, adapt=adapted))
    if origin.is_noted:
        build = replace(base.build, config=stated, defaults={}, context=origin.context)
    else:
        build = replace(base.build, config={**base.build.config, **stated})
    steps = [step for step in base.build.adapt if not isinstance(step, adapt.Take)]
    build = replace(build, adapt=(*entry.build.adapt, *steps))
    like = replace(entry, transforms=base.transforms, assets=base.assets, build=build)
    task, fixed = base.meta.get("task", "unknown"), {**base.build.defaults, **base.build.config}
    if origin.has_new_head or any(fixed.get(key) != stated[key] for key in stated):
        return replace(like, meta={"task": task})  # other classes, which have other names
    named = {key: base.meta[key] for key in ("categories",) if key in base.meta}
    return replace(like, meta={"task": task, **named}, postprocess=base.postprocess)


def _try(
    model: str, entry: WeightEntry, state: Mapping[str, Tensor]
) -> tuple[WeightEntry, Misfit | None, int]:
    """Load a file strictly: by its keys, by the steps of its origin, or without a prefix."""
    taken = [step for step in entry.build.adapt if isinstance(step, adapt.Take)]
    plain, stripped = (
        replace(entry, build=replace(entry.build, adapt=(*taken, *steps)))
        for steps in ((), _unwrap(state))
    )
    reason = ""
    for tried in dict.fromkeys((plain, entry, stripped)):
        try:
            loaded = _build(model, tried)
        except StateDictMismatchError as error:
            reason = reason or str(error)
        else:
            return tried, None, _num_params(loaded)
    wanted = _build(model, plain, device="meta")
    return plain, _compare(state, wanted.state_dict(), reason), _num_params(wanted)


def _unwrap(state: Mapping[str, Tensor]) -> tuple[adapt.Step, ...]:
    """Return the step that strips the first part of all keys, as of a model that was wrapped."""
    parts = {key.partition(".")[0] for key in state}
    return (adapt.StripPrefix(f"{parts.pop()}."),) if len(parts) == 1 else ()


def _build(model: str, entry: WeightEntry, **config: Any) -> nn.Module:
    builder = catalog.find(model).load()
    try:
        with quiet():
            built: nn.Module = builder(weights=entry, **config)
    except DapiError:
        raise
    except TypeError as cause:
        raise BuilderArgumentsError(model, str(cause)) from cause
    return built


def _num_params(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _compare(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], reason: str) -> Misfit:
    """Return the different keys and shapes of a file; the reason only if there are none."""
    shapes = {
        key: (tuple(state[key].shape), tuple(tensor.shape))
        for key, tensor in wanted.items()
        if key in state and state[key].shape != tensor.shape
    }
    missing = tuple(key for key in wanted if key not in state)
    unexpected = tuple(key for key in state if key not in wanted)
    known = missing or unexpected or shapes
    return Misfit(missing, unexpected, shapes, "" if known else reason)


def _count(tensor: Any) -> int:
    return int(tensor.numel()) if hasattr(tensor, "numel") else 0


def published(entry: WeightEntry, url: str) -> WeightEntry:
    """Return an entry as it is published: under a URL, and with all keys of metadata."""
    known = {
        "task": entry.meta["task"],
        "license": "unknown",
        "num_params": entry.meta["num_params"],
        "datasets": [],
        "metrics": [],
        "recipe": "unknown",
        "hash_source": "measured from the file in this distribution"
        if url.startswith("package:")
        else "measured from the file before it was published",
    }
    url_or_files = url if isinstance(entry.url, str) else entry.url
    return replace(entry, url=url_or_files, meta={**known, **entry.meta})


def package_url(path: Path) -> str | None:
    """Return the ``package:`` URL of a file inside a package that can be imported, or None.

    Its fragment is the requirement to install for the file, if the metadata has it.
    """
    file = path.resolve()
    for folder in file.parents:
        names = [folder.name, f"{folder.parent.name}.{folder.name}"]
        for name in names:
            if (folder / "__init__.py").is_file() and folder in _places(name):
                requirement = distribution_of(file)
                fragment = f"#{requirement}" if requirement else ""
                return f"package:{name}/{quote(file.relative_to(folder).as_posix())}{fragment}"
    return None


def _places(package: str) -> list[Path]:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    return [Path(place).resolve() for place in (spec and spec.submodule_search_locations) or ()]
