"""``dapi describe``: a ready WeightEntry for a checkpoint, and how it fits a builder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dapi import Build, WeightEntry, Weights, catalog
from dapi.devkit._models import quiet
from dapi.devkit._packaged import distribution_of
from dapi.devkit._source import entry_source
from dapi.devkit.exceptions import BuilderArgumentsError
from dapi.exceptions import DapiError, NoWeightsError, StateDictMismatchError

if TYPE_CHECKING:
    from torch import Tensor, nn

_MISFIT = 1
_ORIGIN = "No installed distribution has the file. To say what to install for it: #REQUIREMENT"
_HINT = "An enum refuses a file: URL. To say where the file will be published: --url URL"


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
class Description:
    """What is known of a checkpoint.

    Attributes:
        entry: Loads it from where it is; its metadata says what can be read off the file.
        format: The suffix, which says how it is read.
        tensors: How many it holds.
        misfit: Where it does not fit the builder; None when it fits, or no builder was named.
    """

    entry: WeightEntry
    format: str
    tensors: int
    misfit: Misfit | None


def describe(
    path: Path, *, model: str | None = None, config: Mapping[str, Any] | None = None
) -> Description:
    """Read a checkpoint, and try it on a builder.

    Only tensors are read: nothing else is unpickled. Touches no network.

    Args:
        path: The file.
        model: The builder's name. The entry then has the transforms, the arguments and the
            overrides of its latest weights.
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
    if model is not None:
        base = latest(model)
        entry = _like(entry, base, config or {})
        entry, misfit, num_params = _try(model, entry, state)
    meta = {"task": "unknown", **entry.meta, "num_params": num_params}
    return Description(
        replace(entry, meta=meta, latest=True), path.suffix.lstrip("."), len(state), misfit
    )


def latest(model: str) -> Weights | None:
    """Return the latest of a builder's own weights; None if it has none."""
    try:
        _, weights = catalog.resolve(model)
    except NoWeightsError:
        return None
    return weights if isinstance(weights, Weights) else None


def _like(entry: WeightEntry, base: Weights | None, config: Mapping[str, Any]) -> WeightEntry:
    """Describe a file as the weights are that it was trained from, as far as they can tell."""
    if base is None:
        return replace(entry, build=Build(config=config))
    build = replace(base.build, config={**base.build.config, **config})
    like = replace(entry, transforms=base.transforms, assets=base.assets, build=build)
    task = base.meta.get("task", "unknown")
    if config:  # other classes, which have other names
        return replace(like, meta={"task": task})
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


def main(arguments: Sequence[str]) -> int:
    """Run ``dapi describe``; its status is 1 where the file does not fit the builder."""
    options = _parser().parse_args(arguments)
    found = describe(options.file, model=options.model, config=dict(options.config))
    url = options.url or package_url(options.file) or options.file.resolve().as_uri()
    entry = published(found.entry, url)
    if options.json:
        print(json.dumps(_facts(found, entry), indent=2))
    else:
        print(entry_source(entry))
        remarks = _remarks(found, options.model)
        print(*(f"# {line}" for line in remarks + _hints(url)), sep="\n")
    return _MISFIT if found.misfit else 0


def _hints(url: str) -> list[str]:
    """Say what the URL lacks."""
    if url.startswith("package:"):
        return [] if "#" in url else [_ORIGIN]
    return [] if url.startswith("https:") else [_HINT]


def _facts(found: Description, entry: WeightEntry) -> dict[str, Any]:
    facts = {
        "url": entry.url,
        "sha256": entry.sha256,
        "size": entry.size,
        "format": found.format,
        "tensors": found.tensors,
        "num_params": entry.meta["num_params"],
    }
    return facts if found.misfit is None else {**facts, "misfit": vars(found.misfit)}


def _remarks(found: Description, model: str | None) -> list[str]:
    """Say in sentences what the entry does not show."""
    said = [f"{found.format}, {found.tensors} tensors."]
    if model is None:
        said.append("num_params counts buffers too. For more: --model NAME")
    if found.misfit is None:
        return said + ([f"It fits {model}."] if model else [])
    misfit = found.misfit
    said += [f"{model} would miss {key}." for key in misfit.missing]
    said += [f"{model} has no {key}." for key in misfit.unexpected]
    said += [
        f"{key} is {list(one)} in the file and {list(other)} in {model}."
        for key, (one, other) in misfit.shapes.items()
    ]
    return said + ([misfit.reason] if misfit.reason else [])


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``; each gives a name and a value."""
    parser.add_argument(
        "--config",
        type=_config_item,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the builder that these weights fix, as in num_classes=10",
    )


def _config_item(text: str) -> tuple[str, Any]:
    """Read ``name=value``, the value as JSON, or as text if it is none."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dapi describe", description="Print a WeightEntry for a checkpoint."
    )
    parser.add_argument("file", type=Path, help="a .safetensors or .pth file of tensors")
    parser.add_argument("--model", metavar="NAME", help="the builder that it is for")
    add_config_option(parser)
    parser.add_argument("--url", help="where the file will be published")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")
    return parser
