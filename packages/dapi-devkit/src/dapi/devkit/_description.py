"""What can be read off a checkpoint, and how it fits a builder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dapi import Build, Provenance, WeightEntry, Weights, catalog
from dapi.devkit._models import quiet
from dapi.devkit._packaged import distribution_of
from dapi.devkit.exceptions import BuilderArgumentsError
from dapi.exceptions import DapiError, NoWeightsError, RebuildError, StateDictMismatchError

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Misfit:
    """Where a checkpoint differs from what a builder makes.

    Attributes:
        missing: Keys that the builder would miss.
        unexpected: Keys that it has left over.
        shapes: Shapes in the file and in the model, by key, where they differ.
        reason: What else is wrong; empty when it is only the above.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Origin:
    """What a file was trained from, and who says so.

    Attributes:
        weights: Those whose transforms and names are taken over; None if there are none.
        config: Arguments of the builder that the file itself names.
        context: Overrides of constructor defaults that the file itself names.
        is_noted: Whether ``dapi.save`` noted it in the file; otherwise it is a guess.
        has_new_head: Whether its classes are others than those of the weights.
        problem: Why what is noted in the file cannot be used; empty if it can, or there is nothing.
    """

    weights: Weights | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_noted: bool = False
    has_new_head: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Description:
    """What is known of a checkpoint.

    Attributes:
        entry: Loads it from where it is; its metadata says what can be read off the file.
        format: The suffix, which says how it is read.
        tensors: How many it holds.
        misfit: Where it does not fit the builder; None when it fits, or no builder was named.
        model: The builder that it was tried on; empty for none.
        origin: Where the entry's transforms, postprocess and names are from.
    """

    entry: WeightEntry
    format: str
    tensors: int
    misfit: Misfit | None
    model: str = ""
    origin: Origin = Origin()

    @property
    def taken(self) -> list[str]:
        """What the entry has from the weights of its origin."""
        named = [key for key in ("categories",) if key in self.entry.meta]
        parts = ("transforms", "postprocess")
        return [*(part for part in parts if getattr(self.entry, part)), *named]


def describe(
    path: Path, *, model: str | None = None, config: Mapping[str, Any] | None = None
) -> Description:
    """Read a checkpoint, and try it on a builder.

    Only tensors are read: nothing else is unpickled. Touches no network.

    Args:
        path: The file.
        model: The builder's name; by default the one that ``dapi.save`` noted in the file. The
            entry then has the arguments and overrides that are noted there, and the transforms of
            the weights that the model started from. Of a file without notes, all of that is a
            guess: it is what the builder's latest weights have.
        config: Arguments of the builder that these weights fix, beside those.

    Raises:
        MissingFileError: There is no such file.
        CheckpointError: It holds more than tensors, or cannot be read.
        UnknownModelError: No distribution that is installed gives the model.
        BuilderArgumentsError: It needs arguments that neither its weights nor ``config`` say.
    """
    entry = WeightEntry.from_file(path)
    state = entry.state_dict(progress=False)
    misfit, num_params = None, sum(_count(tensor) for tensor in state.values())
    model, origin = _origin(path, model)
    if model:
        entry = _like(entry, origin, config or {})
        entry, misfit, num_params = _try(model, entry, state)
    meta = {"task": "unknown", **entry.meta, "num_params": num_params}
    entry = replace(entry, meta=meta, latest=True)
    return Description(entry, path.suffix.lstrip("."), len(state), misfit, model, origin)


def _origin(path: Path, model: str | None) -> tuple[str, Origin]:
    """Read which builder a file is for, and what it was trained from; guess the rest."""
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
    """Describe a file as the weights are that it was trained from, as far as they can tell."""
    base, stated = origin.weights, {**origin.config, **config}
    if base is None:
        return replace(entry, build=Build(config=stated, context=origin.context))
    if origin.is_noted:
        build = replace(base.build, config=stated, defaults={}, context=origin.context)
    else:
        build = replace(base.build, config={**base.build.config, **stated})
    like = replace(entry, transforms=base.transforms, assets=base.assets, build=build)
    task, fixed = base.meta.get("task", "unknown"), {**base.build.defaults, **base.build.config}
    if origin.has_new_head or any(fixed.get(key) != stated[key] for key in stated):
        return replace(like, meta={"task": task})  # other classes, which have other names
    named = {key: base.meta[key] for key in ("categories",) if key in base.meta}
    return replace(like, meta={"task": task, **named}, postprocess=base.postprocess)


def _try(
    model: str, entry: WeightEntry, state: Mapping[str, Tensor]
) -> tuple[WeightEntry, Misfit | None, int]:
    """Load a file strictly, by its keys as they are or by the steps of the weights before it."""
    plain = replace(entry, build=replace(entry.build, adapt=()))
    reason = ""
    for tried in (plain, entry):
        try:
            loaded = _build(model, tried)
        except StateDictMismatchError as error:
            reason = reason or str(error)
        else:
            return tried, None, _num_params(loaded)
    wanted = _build(model, plain, device="meta")
    return plain, _compare(state, wanted.state_dict(), reason), _num_params(wanted)


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
    """Say where the keys and shapes of a file differ; the reason only if they do not."""
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
    return replace(entry, url=url, meta={**known, **entry.meta})


def package_url(path: Path) -> str | None:
    """Return the ``package:`` URL of a file inside a package that can be imported, or None.

    Its fragment is what to install to have the file, where the metadata says that.
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
