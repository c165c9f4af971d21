"""``dapi new``: a distribution of one's own, which passes its tests from the first minute.

The templates are real projects, of a distribution that is called acme-starter: words of theirs
are replaced by those of the new one.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dapi import Status, WeightEntry, catalog
from dapi.devkit._describe import add_config_option, describe, latest, published
from dapi.devkit._source import entry_source, imports
from dapi.devkit.exceptions import ProjectExistsError, ProjectNameError
from dapi.exceptions import NoWeightsError, StateDictMismatchError

LICENSES = ("BSD-3-Clause", "MIT", "Apache-2.0")
_LONGEST = 32  # what the lines of the templates have room for

# What the template for weights has in place of an entry.
_IMPORT = "from dapi import WeightEntry, Weights"
_PLACE = 'WeightEntry(url="https://example.org/starter.safetensors")'


@dataclass(frozen=True)
class Project:
    """A distribution to be written.

    Attributes:
        name: Of the distribution, normalised.
        license: An SPDX identifier, one of ``LICENSES``.
    """

    name: str
    license: str = LICENSES[0]

    @property
    def package(self) -> str:
        """What is imported."""
        return self.name.replace("-", "_")

    @property
    def prefix(self) -> str:
        """What the names of its classes begin with."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def words(self) -> dict[str, str]:
        """What stands in its files in place of the templates' words."""
        core = metadata.version("dapi-core").split(".")
        return {
            "acme-starter": self.name,
            "acme_starter": self.package,
            "AcmeStarter": self.prefix,
            "BSD-3-Clause": self.license,
            "THIS_YEAR": str(datetime.now(timezone.utc).year),
            ">=0.1.0,<1": f">={core[0]}.{core[1]}.0,<{int(core[0]) + 1}",
        }

    def files(self) -> dict[str, bytes]:
        """Return the contents of its files by path: models and their weights."""
        return self._render("models", self.words)

    def files_for(self, model: str, entry: WeightEntry) -> dict[str, bytes]:
        """Return the contents of its files by path: weights for another's builder."""
        found = catalog.find(model)
        member = entry_source(entry, indent="    ", before=f"{self.prefix}_RefV1 = ")
        words = {
            "starter-owner>=7": f"{found.distribution}>={_version(found.distribution)}",
            "starter-owner": found.distribution,
            "starter_builder": found.name,
            _IMPORT: "\n".join(imports(member)),
            _PLACE: member,
        }
        return self._render("weights", {**self.words, **words})

    def _render(self, kind: str, words: Mapping[str, str]) -> dict[str, bytes]:
        text = Path(__file__).with_name("templates") / "licenses" / f"{self.license}.txt"
        found = {**dict(_templates("shared")), **dict(_templates(kind))}
        return _replaced({**found, "LICENSE": text.read_bytes()}, words)


def checked_name(name: str) -> str:
    """Return a distribution's name in its normalised form.

    Raises:
        ProjectNameError: It cannot be the name of a new distribution.
    """
    found = catalog.normalize(name)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", found):
        raise ProjectNameError(name, "it is not made of letters, digits and hyphens")
    reason = _taken(found, found.replace("-", "_"))
    if reason:
        raise ProjectNameError(name, reason)
    return found


def _taken(name: str, package: str) -> str:
    """Say what keeps a well-formed name from being that of a new distribution."""
    if name == "dapi" or name.startswith("dapi-"):
        return "names that begin with dapi are this project's own"
    if len(name) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if keyword.iskeyword(package) or package in sys.stdlib_module_names:
        return f"Python itself has {package!r}"
    if any(catalog.normalize(each.name or "") == name for each in metadata.distributions()):
        return "a distribution of that name is installed"
    return f"another package {package!r} is installed" if find_spec(package) else ""


def entry_to_start(model: str) -> WeightEntry:
    """Return an entry for the file of a model's own latest weights, marked as no more than that.

    Raises:
        NoWeightsError: The model has none.
    """
    base = latest(model)
    if base is None:
        raise NoWeightsError(
            f"{model} has no published weights to start from",
            "Give a file of yours: --checkpoint FILE",
        )
    keys = ("task", "license", "num_params", "datasets", "recipe", "hash_source", "categories")
    meta = {key: base.meta[key] for key in keys if key in base.meta}
    reason = f"The file of {base}, to start from. Put yours in its place."
    return replace(
        _of_distribution(catalog.entry_of(base), catalog.find(model).distribution),
        latest=False,
        meta={**meta, "metrics": []},
        status=Status("deprecated", reason=reason),
    )


def _of_distribution(entry: WeightEntry, owner: str) -> WeightEntry:
    """Say what to install for a file of a package, which in its own distribution goes unsaid."""
    url = entry.url
    if isinstance(url, str) and url.startswith("package:") and "#" not in url:
        return replace(entry, url=f"{url}#{owner}")
    return entry


def entry_of_file(
    path: Path, project: Project, model: str, config: Mapping[str, Any]
) -> WeightEntry:
    """Return an entry for a checkpoint that goes into the package.

    Raises:
        StateDictMismatchError: It does not fit the model.
    """
    found = describe(path, model=model, config=config)
    if found.misfit:
        raise StateDictMismatchError(path.name, **vars(found.misfit))
    stem = re.sub(r"[^\w.-]+", "-", path.stem, flags=re.ASCII)
    name = f"{stem}-{str(found.entry.sha256)[:8]}{path.suffix}"
    return published(found.entry, f"package:{project.package}/data/{name}")


def write(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a new folder.

    Raises:
        ProjectExistsError: The folder exists.
    """
    if folder.exists():
        raise ProjectExistsError(folder)
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _version(distribution: str) -> str:
    return metadata.version(distribution).partition("+")[0]


def _templates(kind: str) -> Iterator[tuple[str, bytes]]:
    """List the files of a template by path; ``dot_`` stands for a dot that would hide them."""
    folder = Path(__file__).with_name("templates") / kind
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        if file.is_file() and not re.search(r"(^|/)(\.|__pycache__/)", path):  # caches of tools
            yield re.sub(r"(^|/)dot_", r"\1.", path), file.read_bytes()


def _replaced(templates: Mapping[str, bytes], words: Mapping[str, str]) -> dict[str, bytes]:
    pattern = re.compile("|".join(map(re.escape, words)))

    def written(text: str) -> str:
        return pattern.sub(lambda match: words[match[0]], text)

    return {
        written(path): content
        if path.endswith(".safetensors")
        else written(content.decode()).encode()
        for path, content in templates.items()
    }


def main(arguments: Sequence[str]) -> int:
    """Run ``dapi new``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.weights_for is None and (options.checkpoint or options.config):
        parser.error("--checkpoint and --config go with --weights-for")
    if ":" in (options.weights_for or ""):
        builder, _, _ = options.weights_for.partition(":")
        parser.error(f"--weights-for takes a builder, and no weights. Write: {builder}")
    project = Project(checked_name(options.name), options.license)
    folder, contents = Path(project.name), _contents(project, options)
    write(contents, folder)
    for path in sorted(contents):
        print(f"{folder / path}")
    print(f"\n{_next(project, options.weights_for)}")
    return 0


def _contents(project: Project, options: argparse.Namespace) -> dict[str, bytes]:
    model, checkpoint = options.weights_for, options.checkpoint
    if model is None:
        return project.files()
    if checkpoint is None:
        return project.files_for(model, entry_to_start(model))
    entry = entry_of_file(checkpoint, project, model, dict(options.config))
    path = str(entry.url).removeprefix(f"package:{project.package}/")
    contents = project.files_for(model, entry)
    return {**contents, f"src/{project.package}/{path}": checkpoint.read_bytes()}


def _next(project: Project, model: str | None) -> str:
    """Say what to run next."""
    look = f"dapi show {model}" if model else f"dapi list --distribution {project.name}"
    return (
        f"Next:\n"
        f"  pip wheel --no-deps --wheel-dir dist ./{project.name}\n"
        f"  pip install dist/{project.package}-0.1.0-py3-none-any.whl\n"
        f"  {look}\n"
        f"  pytest --dapi-conformance {project.name}\n"
        f"To make it yours: {project.name}/README.md"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dapi new", description="Write a distribution with models and weights of your own."
    )
    parser.add_argument("name", help="of the distribution, as in acme-models")
    parser.add_argument("--license", choices=LICENSES, default=LICENSES[0])
    parser.add_argument(
        "--weights-for", metavar="MODEL", help="write only weights, for a builder that exists"
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="the file of these weights, if there is one"
    )
    add_config_option(parser)
    return parser
