"""``dapi new``: a distribution of one's own, which passes its tests from the first minute."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dapi import Status, WeightEntry, catalog
from dapi.devkit._command_line import parser_of, put_json
from dapi.devkit._describe import add_config_option, provenance_of
from dapi.devkit._description import describe, latest, published
from dapi.devkit._scaffold import (
    LICENSES,
    LONGEST,
    Project,
    add_family,
    checked_model_name,
    checked_name,
    write,
)
from dapi.devkit._wrap import wrap
from dapi.exceptions import NoWeightsError, StateDictMismatchError


def entry_to_start(model: str) -> WeightEntry:
    """Return an entry for the file of a model's own latest weights, marked as no more than that.

    Raises:
        NoWeightsError: The model has none.
    """
    base = latest(model)
    if base is None:
        raise NoWeightsError(
            f"{model} has no published weights to start from",
            "Pass a file of your own: --checkpoint FILE",
        )
    keys = ("task", "license", "num_params", "datasets", "recipe", "hash_source", "categories")
    meta = {key: base.meta[key] for key in keys if key in base.meta}
    reason = f"The file of {base}, as a start. Replace it with your own."
    return replace(
        _of_distribution(catalog.entry_of(base), catalog.find(model).distribution),
        latest=False,
        meta={**meta, "metrics": []},
        status=Status("deprecated", reason=reason),
    )


def _of_distribution(entry: WeightEntry, owner: str) -> WeightEntry:
    """Add the requirement to a package: URL, unless it is the distribution's own."""
    url = entry.url
    if isinstance(url, str) and url.startswith("package:") and "#" not in url:
        return replace(entry, url=f"{url}#{owner}")
    return entry


def entry_of_file(
    path: Path, project: Project, model: str, config: Mapping[str, Any]
) -> tuple[WeightEntry, list[str]]:
    """Return an entry for a checkpoint in the package, and the guesses in it.

    Raises:
        StateDictMismatchError: It does not fit the model.
    """
    found = describe(path, model=model, config=config)
    if found.misfit:
        raise StateDictMismatchError(path.name, **vars(found.misfit))
    stem = re.sub(r"[^\w.-]+", "-", path.stem, flags=re.ASCII)
    name = f"{stem}-{str(found.entry.sha256)[:8]}{path.suffix}"
    entry = published(found.entry, f"package:{project.package}/data/{name}")
    return entry, provenance_of(found)


def main(arguments: Sequence[str]) -> int:
    """Run ``dapi new``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    _check_wrap(parser, options)
    if options.family:
        return _add_family(options)
    name = checked_name(options.name)
    model = checked_model_name(options.model_name) if options.model_name else ""
    family = model or "mlp"
    if options.wrap:
        family = _family(options.wrap)
        full = f"{name.replace('-', '_')}_{family}"
        model = model or (full if len(full) <= LONGEST else family)
    project = Project(name, options.license, options.url, model, family)
    folder, contents = Path(project.name), _contents(project, options)
    write(contents, folder)
    written = [str(folder / path) for path in sorted(contents)]
    readme = folder / "README.md"
    _tell(options, written, _next(project, options.weights_for), yours=readme)
    return 0


def _tell(
    options: argparse.Namespace, files: Sequence[str], commands: Sequence[str], *, yours: object
) -> None:
    """Print the written files, and the commands to run next."""
    if options.json:
        put_json({"files": files, "next": commands})
        return
    lines = "".join(f"  {command}\n" for command in commands)
    print(*files, f"\nNext:\n{lines}To make it yours: {yours}", sep="\n")


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse options that have no effect with others."""
    if not options.name and not options.family:
        parser.error("name the distribution, as in: dapi new acme-models")
    if options.family and (options.name or options.weights_for):
        parser.error("--family adds to the project in this directory; it takes no name or weights")
    if options.weights_for is None and options.checkpoint:
        parser.error("--checkpoint goes with --weights-for")
    if options.weights_for is None and options.wrap is None and options.config:
        parser.error("--config goes with --weights-for or --wrap")
    if options.weights_for is not None and options.model_name:
        parser.error("--model-name requires a model that the project itself builds")
    if ":" in (options.weights_for or ""):
        builder, _, _ = options.weights_for.partition(":")
        parser.error(f"--weights-for takes a builder, not weights. Write: {builder}")


def _check_wrap(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse options that have no effect with ``--wrap``, or without it."""
    if options.wrap is None and (options.file or options.computed):
        parser.error("--file and --computed go with --wrap")
    if options.wrap is not None and not options.file:
        parser.error("name the files: --wrap MODULE:CLASS --file package:PACKAGE/PATH")
    if options.wrap is not None and (options.weights_for or options.family):
        parser.error("--wrap goes without --weights-for and --family")


def _contents(project: Project, options: argparse.Namespace) -> dict[str, bytes]:
    model, checkpoint = options.weights_for, options.checkpoint
    if options.wrap is not None:
        found = wrap(options.wrap, options.file, dict(options.config), options.computed)
        return project.files_wrapping(found)
    if model is None:
        return project.files()
    if checkpoint is None:
        return project.files_for(model, entry_to_start(model))
    entry, remarks = entry_of_file(checkpoint, project, model, dict(options.config))
    path = str(entry.url).removeprefix(f"package:{project.package}/")
    contents = project.files_for(model, entry, remarks)
    return {**contents, f"src/{project.package}/{path}": checkpoint.read_bytes()}


def _family(target: str) -> str:
    """Return the name of the module for a class: its name in snake_case."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+", target.rpartition(":")[2])
    return checked_model_name("_".join(words).lower())


def _add_family(options: argparse.Namespace) -> int:
    """Add a model to the project in this directory, and print the written files."""
    family = checked_model_name(options.family)
    name = checked_model_name(options.model_name) if options.model_name else family
    distribution, written = add_family(Path(), family, name)
    record = f"dapi answers --record {distribution}"
    commands = ["pip install --editable .", record, "pytest"]
    _tell(options, list(map(str, written)), commands, yours=written[0])
    return 0


def _next(project: Project, model: str | None) -> list[str]:
    """Return the next commands to run."""
    look = f"dapi show {model}" if model else f"dapi list --distribution {project.name}"
    return [
        f"pip wheel --no-deps --wheel-dir dist ./{project.name}",
        f"pip install dist/{project.package}-0.1.0-py3-none-any.whl",
        look,
        f"pytest --dapi-conformance {project.name}",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "new",
        "Write a distribution with models and weights of your own.",
        "dapi new acme-models --model-name plantnet",
        "dapi new acme-weights --weights-for resnet50 \\\n      --checkpoint plants.safetensors",
        "dapi new acme-faces \\\n"
        "      --wrap facenet_pytorch.models.mtcnn:ONet \\\n"
        "      --file package:facenet_pytorch/data/onet.pt",
        "dapi new --family birdnet",
    )
    parser.add_argument("name", nargs="?", help="name of the distribution, as in acme-models")
    parser.add_argument("--license", choices=LICENSES, default=LICENSES[0])
    parser.add_argument("--url", default="", help="URL of the repository, for the package index")
    parser.add_argument("--model-name", metavar="NAME", help="name of the model, as in plantnet")
    parser.add_argument(
        "--family", metavar="NAME", help="add a family of models to the project in this directory"
    )
    parser.add_argument(
        "--weights-for", metavar="MODEL", help="write weights only, for an existing builder"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="the file of these weights, if there is one"
    )
    parser.add_argument(
        "--wrap", metavar="MODULE:CLASS", help="write a builder for a class of another distribution"
    )
    parser.add_argument(
        "--file", action="append", default=[], metavar="[PREFIX=]URL",
        help="a file for this class, as in package:PACKAGE/PATH; PREFIX is added to its keys",
    )  # fmt: skip
    parser.add_argument(
        "--computed", action="append", default=[], metavar="NAME",
        help="a key or a module of this class that its constructor computes",
    )  # fmt: skip
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="print the files as JSON")
    return parser
