"""Write the pages of the site into ``build/pages``; Zensical makes the site of them.

    nox -s docs

They are the pages of docs/, the source files that those link to, the API reference, and the
catalogue of weights. Everything in the reference is named as a reader imports it, so that moving
a private module changes no page and no link.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import dapi
from dapi.devkit._page import installed, page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = ROOT / "build" / "pages"
SOURCES = ROOT / "build" / "sources"
SOURCE = "source"  # the folder of pages that show a file of the repository

LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)\s#]+)")
EXAMPLE = re.compile(r'(?m)(?<=\n\n)( +)>>> .*\n(?:\1(?!""").+\n)*')
HEADING = re.compile(r"(?m)^( *)Example:\n(?= *>>>)")
REFERENCE = re.compile(r"`([^`<>]+?)\s+<(https://[^>\s]+)>`__?")
LANGUAGES = {".py": "python", ".toml": "toml", ".md": "markdown", ".yml": "yaml"}

DOMAINS = {"vision": "Images and films", "text": "Text", "audio": "Sound"}
DISTRIBUTIONS = {f"dapi-{name}" for name in DOMAINS}
# Public modules of a domain, beside its families.
PARTS = ("transforms", "postprocess", "categories", "pretrained", "sklearn")
MODULES = ("exceptions", "adapt", "tasks", "hooks", "cache", "catalog", "answers")
CORE = {
    "Find and build": """
        list_models get_model LATEST get_builder get_enum list_weights get_weights search
        build_model weights_of Provenance save load SearchResults""",
    "Run a model": "predictor ModelPredictor Predictions",
    "Declare weights": """
        Weights WeightsFor WeightsLike WeightEntry File Build Status lazy Asset Lines
        FrozenDict""",
    "Declare builders": "register_model ContextParams LegacyArgument Removed",
    "What is installed": "plugins PluginInfo refresh Refreshed",
}


def main() -> None:
    """Write all pages anew."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS, PAGES, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for path in PAGES.glob("*.md"):
        path.write_text(relink(path.read_text("utf-8")), "utf-8")
    merge_sources()
    write_reference()
    found = [each for each in installed() if each.distribution in DISTRIBUTIONS]
    (PAGES / "weights.html").write_text(page(found, home="index.html"), "utf-8")


def merge_sources() -> None:
    """Put the sources of all distributions into one package, as installing them does."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    for package in ROOT.glob("packages/*/src/dapi"):
        shutil.copytree(package, SOURCES / "dapi", ignore=_no_source, dirs_exist_ok=True)
    for path in SOURCES.rglob("*.py"):
        text = HEADING.sub(r"\1Examples:\n", path.read_text("utf-8"))
        text = REFERENCE.sub(_as_markdown, text).replace("::\n\n", ":\n\n")
        path.write_text(EXAMPLE.sub(_as_section, text), "utf-8")


def _as_markdown(match: re.Match[str]) -> str:
    """Write a link of reStructuredText, as editors show it, for a generator of Markdown."""
    return f"[{match[1]}]({match[2]})"


def _as_section(match: re.Match[str]) -> str:
    """Put a bare example under a heading that the reader of docstrings knows."""
    lines = "".join(f"    {line}" for line in match[0].splitlines(keepends=True))
    return f"{match[1]}Examples:\n{lines}"


def _no_source(folder: str, names: list[str]) -> list[str]:
    files = (name for name in names if (Path(folder) / name).is_file())
    return ["templates", *(name for name in files if not name.endswith((".py", ".pyi")))]


def relink(text: str) -> str:
    """Lead links to files that are no pages of the site to pages that show them."""
    return LINK.sub(lambda match: _target(match[1]), text)


def _target(link: str) -> str:
    path = (DOCS / link).resolve()
    if path.is_relative_to(DOCS) and path.suffix != ".py":
        return link
    return show(path).relative_to(PAGES).as_posix()


def show(path: Path) -> Path:
    """Write a page that shows a file of the repository, or lists a folder; return its path."""
    name = path.relative_to(ROOT).as_posix()
    target = PAGES / SOURCE / f"{name.removesuffix('.md')}.md"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()  # a folder and its files link to each other
        body = _listing(path, target) if path.is_dir() else _code(path)
        target.write_text(f"---\nsearch:\n  exclude: true\n---\n\n# `{name}`\n\n{body}\n", "utf-8")
    return target


def _listing(folder: Path, page: Path) -> str:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in LANGUAGES and "build" not in path.relative_to(folder).parts
    )
    return "\n".join(
        f"- [{path.relative_to(folder)}]({os.path.relpath(show(path), page.parent)})"
        for path in files
    )


def _code(path: Path) -> str:
    text = path.read_text("utf-8")
    return f"`````{LANGUAGES.get(path.suffix, 'text')}\n{text}`````"


def write_reference() -> None:
    """Write the pages whose text a generator takes from docstrings."""
    _write("reference/dapi.md", "# dapi", _core())
    for name in MODULES:
        _write(f"reference/{name}.md", f"# dapi.{name}", _module(f"dapi.{name}"))
    for name, text in DOMAINS.items():
        parts = [each for each in PARTS if (SOURCES / "dapi" / name / f"{each}.py").is_file()]
        links = ", ".join(f"[dapi.{name}.{each}]({name}/{each}.md)" for each in parts)
        _write(f"reference/{name}.md", f"# dapi.{name}\n\n{text}, by family. See also {links}.", [])
        for each in parts:
            module = f"dapi.{name}.{each}"
            _write(f"reference/{name}/{each}.md", f"# {module}", [_members(module)])
        for family, names in _families(f"dapi.{name}"):
            objects = [_object(f"dapi.{name}.{each}") for each in names]
            _write(f"reference/{name}/{family}.md", f"# dapi.{name}: {family}", objects)
            with (PAGES / f"reference/{name}.md").open("a", encoding="utf-8") as index:
                builders = ", ".join(f"`{each}`" for each in names if each.islower())
                index.write(f"- [{family}]({name}/{family}.md): {builders}\n")


def _core() -> Iterator[str]:
    """Say where each public name of dapi stands; a name that is new is never left out."""
    placed = {title: names.split() for title, names in CORE.items()}
    everywhere = {name for names in placed.values() for name in names}
    rest = [name for name in dapi.__all__ if name not in everywhere.union(MODULES)]
    for title, names in {**placed, **({"More": rest} if rest else {})}.items():
        yield f"## {title}\n"
        yield from (_object(f"dapi.{name}", level=3) for name in names)


def _module(name: str) -> Iterator[str]:
    """Say what a module has; the classes of errors are defined in parts of theirs."""
    if name != "dapi.exceptions":
        yield _members(name)
        return
    yield _members(name) + "      members: false\n"
    classes = (each for each in dir(dapi.exceptions) if each.endswith(("Error", "Warning")))
    yield from (_object(f"{name}.{each}") for each in classes)


def _families(package: str) -> Iterator[tuple[str, list[str]]]:
    """Group the public names of a domain by the module of their family, builders first."""
    names = importlib.import_module(package).__all__
    homes = {name: getattr(importlib.import_module(package), name).__module__ for name in names}
    in_order = sorted(names, key=lambda name: (homes[name], not name.islower(), _natural(name)))
    for home, group in groupby(in_order, key=homes.__getitem__):
        yield home.rpartition(".")[2], list(group)


def _natural(name: str) -> list[str]:
    """Return a key that puts resnet18 before resnet101."""
    return [part.zfill(9) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _object(name: str, level: int = 2) -> str:
    full = "true" if name.count(".") == 1 else "false"  # a domain's page says the domain once
    options = f"heading_level: {level}\n      show_root_full_path: {full}"
    return f"::: {name}\n    options:\n      {options}\n"


def _members(module: str) -> str:
    return f"::: {module}\n    options:\n      show_root_heading: false\n      heading_level: 2\n"


def _write(name: str, head: str, parts: Iterable[str]) -> None:
    path = PAGES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"{head}\n", *parts]), "utf-8")


if __name__ == "__main__":
    main()
