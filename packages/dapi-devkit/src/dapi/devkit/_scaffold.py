"""Projects that ``dapi new`` writes, from templates.

The templates are real projects, of a distribution that is called acme-starter: words of theirs
are replaced by those of the new one.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from textwrap import wrap

from packaging.version import Version

from dapi import WeightEntry, catalog
from dapi.devkit import _wrapping as wrapping
from dapi.devkit._entry_points import Project as Sources
from dapi.devkit._published_for import annotation
from dapi.devkit._source import entry_source, imports
from dapi.devkit._wrap import Wrapped
from dapi.devkit.exceptions import MissingProjectError, ProjectExistsError, ProjectNameError

LICENSES = ("BSD-3-Clause", "MIT", "Apache-2.0")
LONGEST = 32  # the space in the templates' lines
_COLUMNS = 92  # the space for a comment in a class
_SHARED = ("postprocess", "tasks", "transforms")  # modules that families have in common
_MODULES = {"data", "postprocess", "removed", "tasks", "transforms", *sys.stdlib_module_names}

# The placeholder of an entry in the template for weights.
_IMPORT = "from dapi import WeightEntry, Weights"
_PLACE = 'WeightEntry(url="https://example.org/starter.safetensors")'
_DOCSTRING = '    """Weights for ``starter_builder``."""\n\n'


@dataclass(frozen=True)
class Project:
    """A distribution to be written.

    Attributes:
        name: Of the distribution, normalized.
        license: An SPDX identifier, one of ``LICENSES``.
        url: Of its repository; empty for a placeholder.
        model: The name of its model; empty for one that is made from its own name.
        family: The module of that model.
        recipe: The script that trains its weights.
    """

    name: str
    license: str = LICENSES[0]
    url: str = ""
    model: str = ""
    family: str = "mlp"
    recipe: str = "spirals"

    @property
    def package(self) -> str:
        """The name of the import package."""
        return self.name.replace("-", "_")

    @property
    def prefix(self) -> str:
        """The prefix of its classes' names."""
        return _titled(self.name, "-")

    @property
    def words(self) -> dict[str, str]:
        """The replacements of the templates' words."""
        core = metadata.version("dapi-core").split(".")
        model = self.model or f"{self.package}_mlp"
        titled = _titled(self.model, "_") if self.model else f"{self.prefix}MLP"
        url = {"https://github.com/OWNER/acme-starter": self.url.rstrip("/")} if self.url else {}
        return {
            **url,
            "acme_starter_mlp": model,
            "AcmeStarterMLP": titled,
            "acme_starter.mlp": f"{self.package}.{self.family}",
            "acme_starter._mlp": f"{self.package}._{self.family}",
            "from .mlp": f"from .{self.family}",
            "``mlp``": f"``{self.family}``",
            "mlp.py": f"{self.family}.py",
            "recipes/spirals.py": f"recipes/{self.recipe}.py",
            "from spirals": f"from {self.recipe}",
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

    def files_for(
        self, model: str, entry: WeightEntry, remarks: Sequence[str] = ()
    ) -> dict[str, bytes]:
        """Return the contents of its files by path: weights for another's builder.

        Args:
            model: The builder.
            entry: The weights.
            remarks: Remarks on the entry, as comments above it.
        """
        found = catalog.find(model)
        member = entry_source(entry, indent="    ", before=f"{self.prefix}_RefV1 = ")
        level = f"level = 2  # 3 requires answers: dapi answers --record {self.name}"
        comments = "".join(f"{_comment(remark)}\n    " for remark in remarks)
        types, line = annotation(found)
        lines = ["from typing import TYPE_CHECKING\n"] * bool(types) + imports(member)
        words = {
            "    level = 3": f"    {level}",
            "AcmeStarter_RefV1 = ": f"{comments}{self.prefix}_RefV1 = ",
            "starter-owner>=7": f"{found.distribution}{_bounds(found.distribution)}",
            "starter-owner": found.distribution,
            "starter_builder": found.name,
            _IMPORT: "\n".join([*lines, *([f"\n{types}"] if types else [])]).rstrip("\n"),
            _DOCSTRING: f'    """Weights for ``{found.name}``."""\n\n{line}',
            _PLACE: member,
        }
        return self._render("weights", {**words, **self.words, **words})

    def files_wrapping(self, wrapped: Wrapped) -> dict[str, bytes]:
        """Return the contents of its files by path: a builder for a class of others."""
        words = wrapping.words(wrapped, f"{self.prefix}_RefV1")
        words["    level = 3"] = "    level = 1  # 2 requires a task and what runs it; 3 answers"
        return self._render("wrapped", {**words, **self.words})

    def _render(self, kind: str, words: Mapping[str, str]) -> dict[str, bytes]:
        text = Path(__file__).with_name("templates") / "licenses" / f"{self.license}.txt"
        found = {**dict(_templates("shared")), **dict(_templates(kind))}
        found["README.md"] += found.pop("PUBLISH.md")
        return _replaced({**found, "LICENSE": text.read_bytes()}, words)


def _titled(name: str, between: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split(between))


def _comment(remark: str) -> str:
    lines = wrap(remark, _COLUMNS, break_long_words=False, break_on_hyphens=False)
    return "\n    ".join(f"# {line}" for line in lines)


def checked_model_name(name: str) -> str:
    """Return the name of a new model, which is also the name of its module.

    Raises:
        ProjectNameError: It is not a valid name.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > LONGEST:
        reason = f"it is not in snake_case, or longer than {LONGEST} characters"
        raise ProjectNameError(name, reason, what="model")
    if keyword.iskeyword(name) or name in _MODULES:
        raise ProjectNameError(name, "Python or the project has such a module", "model")
    return name


def checked_name(name: str) -> str:
    """Return a distribution's name in its normalized form.

    Raises:
        ProjectNameError: It cannot be the name of a new distribution.
    """
    found = catalog.normalize(name)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", found):
        raise ProjectNameError(name, "it contains other characters")
    reason = _taken(found, found.replace("-", "_"))
    if reason:
        raise ProjectNameError(name, reason)
    return found


def _taken(name: str, package: str) -> str:
    """Return why a well-formed name is not available for a new distribution."""
    if name == "dapi" or name.startswith("dapi-"):
        return "names that begin with dapi are reserved for this project"
    if len(name) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if keyword.iskeyword(package) or package in sys.stdlib_module_names:
        return f"{package!r} is a module of Python itself"
    if any(catalog.normalize(each.name or "") == name for each in metadata.distributions()):
        return "a distribution of that name is installed"
    return f"a package {package!r} is already installed" if find_spec(package) else ""


def add_family(folder: Path, family: str, model: str) -> tuple[str, list[Path]]:
    """Add a family to a project: its module, network, recipe and tests, and references to it.

    Existing files are not changed.

    Args:
        folder: The project.
        family: The name of the module.
        model: The name of the builder.

    Returns:
        The distribution's name, and the files that were written, the family's module first.

    Raises:
        MissingProjectError: There is no such project.
        ProjectExistsError: The family already exists.
    """
    sources = Sources(folder)
    license_ = sources.license if sources.license in LICENSES else LICENSES[0]
    recipe = f"train_{family}"
    project = Project(sources.name, license_, model=model, family=family, recipe=recipe)
    package = folder / "src" / project.package
    if not package.is_dir():
        raise MissingProjectError(package, "does not exist")
    contents = {folder / path: content for path, content in project.files().items()}
    own = [path for path in contents if family in path.stem or path.stem in (model, recipe)]
    for path in own:
        if path.exists():
            raise ProjectExistsError(path)
    shared = [p for p in contents if p.is_relative_to(package) and p not in own]
    wanted = [*own, *(path for path in shared if path.stem in _SHARED or path.parent != package)]
    written = [path for path in wanted if not path.exists()]
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[path])
    sources.add(
        {
            "dapi.tasks": (
                "tabular-classification",
                f"{project.package}.tasks:tabular_classification",
            ),
            "dapi.samples": ("tabular-classification", f"{project.package}.tasks:sample"),
            "dapi.answers": ("answers", project.package),
        }
    )
    return sources.name, sorted(written, key=lambda path: path != package / f"{family}.py")


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


def _bounds(distribution: str) -> str:
    """Return the versions to require: from the installed one, within its major version."""
    version = Version(metadata.version(distribution))
    return f">={version.public},<{version.major + 1}"


def _templates(kind: str) -> Iterator[tuple[str, bytes]]:
    """List the files of a template by path; ``dot_`` replaces a leading dot."""
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
