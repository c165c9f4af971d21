"""Declarations: a distribution's builders, enums and entries, as plain data.

No framework is needed for it. Equal values give equal facts: a number by its value, a factory by
its target and arguments, a long list by the hash of its items, independent of their source.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from email.parser import HeaderParser
from enum import Enum
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from dapi import BuilderConfig, File, WeightEntry, Weights, catalog
from dapi.devkit.exceptions import UnknownDistributionError

_LONG = 16  # so many texts of a list are kept in place
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+|0x[0-9a-fA-F]{6,}")


class Texts:
    """Long lists of texts, each kept once, under its hash."""

    def __init__(self) -> None:
        self.kept: dict[str, list[str]] = {}

    def plain(self, value: Any) -> Any:
        """Write a value as JSON has it."""
        if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
            return value
        if isinstance(value, float):
            return value if value - value == 0 else str(value)
        if isinstance(value, catalog.Lazy):
            return self._factory(value)
        if isinstance(value, Mapping):
            return {str(key): self.plain(item) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes | str):
            return self._sequence(value)
        if isinstance(value, set | frozenset):
            return sorted(map(str, value))
        return named(value)

    def _factory(self, value: catalog.Lazy) -> dict[str, Any]:
        """Return a factory with its default arguments, which may change too."""
        defaults: dict[str, Any] = {}
        with suppress(Exception, SystemExit):  # its module may need a missing library
            parameters = inspect.signature(catalog.import_target(value.target)).parameters
            defaults = {
                name: self.plain(each.default)
                for name, each in parameters.items()
                if each.default is not each.empty and name not in value.kwargs
            }
        arguments = self.plain(value.kwargs)
        return {"target": value.target, "arguments": arguments, "defaults": defaults}

    def _sequence(self, value: Sequence[Any]) -> Any:
        items = [self.plain(item) for item in value]
        if len(items) < _LONG or not all(isinstance(item, str) for item in items):
            return items
        digest = sha256("\n".join(items).encode()).hexdigest()[:16]
        self.kept[digest] = items
        return {"texts": digest}


def named(value: Any) -> str:
    """Return a value as text: a function by its location, others by their repr."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module and name:
        return f"{module}:{name}"
    return _ADDRESS.sub("", catalog.redact(repr(value)))[:500]


def find(name: str) -> catalog.Plugin:
    """Find an installed distribution that advertises something to dapi.

    Raises:
        UnknownDistributionError: None of that name does.
    """
    plugins = {plugin.name: plugin for plugin in catalog.plugins()}
    wanted = catalog.normalize(name)
    if wanted not in plugins:
        raise UnknownDistributionError(name, available=sorted(plugins))
    return plugins[wanted]


def requirements(plugin: catalog.Plugin) -> dict[str, Any]:
    """Return the Python and the packages that a distribution requires, but for its extras."""
    described = HeaderParser().parsestr(plugin.metadata.described() or "")
    lines = described.get_all("Requires-Dist") or []
    packages = sorted(line for line in lines if "extra ==" not in line)
    return {"python": described.get("Requires-Python") or "", "packages": packages}


def entry_points(plugin: catalog.Plugin) -> dict[str, dict[str, str]]:
    """Return the entry points of a distribution: targets by name by group."""
    groups: dict[str, dict[str, str]] = {}
    for point in plugin.entry_points:
        groups.setdefault(point.group, {})[point.name] = point.target
    return groups


def tombstone(point: catalog.EntryPoint) -> dict[str, str]:
    """Return the facts of a tombstone."""
    found = point.load()
    return {key: str(getattr(found, key)) for key in ("successor", "last_version", "reason")}


def builder(function: Callable[..., Any], texts: Texts) -> dict[str, Any]:
    """Return the declaration of a builder."""
    declared = catalog.declaration(function)
    signature = inspect.signature(function)
    return {
        "where": _where(function),
        "target": declared.target,
        "parameters": list(_parameters(function, declared.name, signature, texts)),
        "returns": _return_type(signature.return_annotation),
        "enums": [_target(enum) for enum in declared.weights],
        "head": list(declared.head),
        "legacy": _legacy(declared),
        "replaces": declared.replaces,
    }


def _parameters(
    function: Callable[..., Any], name: str, signature: inspect.Signature, texts: Texts
) -> Iterable[dict[str, Any]]:
    """List the parameters; ``**config`` is replaced by its declared arguments."""
    for each in signature.parameters.values():
        required = each.default is each.empty and each.kind not in (
            each.VAR_KEYWORD,
            each.VAR_POSITIONAL,
        )
        if each.kind is each.VAR_KEYWORD:
            taken = catalog.Arguments.of(function, name)
            if not taken.takes_others:
                own = taken.types.keys() - signature.parameters.keys()
                for key in sorted(own - BuilderConfig.__annotations__.keys()):
                    yield {"name": key, "kind": "config", "required": False, "default": None}
                continue
        yield {
            "name": each.name,
            "kind": each.kind.name.lower(),
            "required": required,
            "default": None if each.default is each.empty else texts.plain(each.default),
        }


def _legacy(declared: catalog.Declaration) -> dict[str, dict[str, str | None]]:
    """Return the current equivalents of the values of deprecated arguments."""
    found: dict[str, dict[str, str | None]] = {}
    for each in declared.legacy:
        when = "".join(f", {name}={value!r}" for name, value in sorted(each.when.items()))
        for value, meant in each.values.items():
            text = f"{meant.__class__.__name__}.{meant.name}" if meant is not None else None
            found.setdefault(each.name, {})[f"{value!r}{when}"] = text
    return found


def _return_type(annotation: Any) -> str:
    """Return the name of a type, whether it is an annotation's text or the type itself."""
    if annotation is inspect.Signature.empty:
        return ""
    return str(getattr(annotation, "__qualname__", annotation)).rpartition(".")[2]


def _target(found: type) -> str:
    return f"{found.__module__}:{found.__qualname__}"


def enum(found: type[Weights], builders: Sequence[str], texts: Texts) -> dict[str, Any]:
    """Return the declaration of an enum of weights."""
    file, lines = _file(found), _lines_of_members(found)
    return {
        "where": _where(found),
        "builders": sorted(builders),
        "members": {
            each.name: {**_entry(each, texts), "where": f"{file}:{lines.get(each.name, 1)}"}
            for each in found
        },
    }


def _entry(member: Weights, texts: Texts) -> dict[str, Any]:
    entry = catalog.entry_of(member)
    names = ("config", "defaults", "context", "adapt", "code_version", "computed")
    return {
        "files": list(map(_published, entry.files)),
        "assets": {name: list(map(_published, _files(each))) for name, each in _assets(entry)},
        "transforms": texts.plain(entry.transforms) if bool(entry.transforms) else None,
        "postprocess": texts.plain(entry.postprocess) if bool(entry.postprocess) else None,
        "build": {name: texts.plain(getattr(entry.build, name)) for name in names},
        "meta": {key: texts.plain(value) for key, value in entry.meta.items()},
        "latest": entry.latest,
        "status": {
            "state": entry.status.state,
            "replacement": entry.status.replacement,
            "reason": entry.status.reason,
        },
    }


def _assets(entry: WeightEntry) -> Iterable[tuple[str, Any]]:
    return entry.assets.items()


def _files(asset: File | WeightEntry | Weights) -> list[File]:
    return [asset] if isinstance(asset, File) else list(catalog.files(asset))


def _published(file: File) -> dict[str, Any]:
    return {
        "url": catalog.redacted(file.url),
        "sha256": file.sha256,
        "size": file.size,
        "mirrors": [catalog.redacted(url) for url in file.mirrors],
        "prefix": file.prefix,
    }


def _where(found: Any) -> str:
    """Return the file, from the top of its package, and the line where something is defined."""
    plain = inspect.unwrap(found)
    if isinstance(plain, type):
        return f"{_file(plain)}:{_positions(plain.__module__).get(plain.__qualname__, 1)}"
    code = getattr(plain, "__code__", None)
    return f"{_file(plain)}:{code.co_firstlineno if code else 1}"


def _file(found: Any) -> str:
    """Return the path in the wheel of the file that defines an object."""
    path = Path(getattr(sys.modules.get(found.__module__), "__file__", None) or "unknown.py")
    parts = found.__module__.split(".")
    is_package = path.stem == "__init__"
    return "/".join((*parts, path.name) if is_package else (*parts[:-1], path.name))


def _lines_of_members(found: type) -> dict[str, int]:
    prefix = f"{found.__qualname__}."
    places = _positions(found.__module__)
    return {name[len(prefix) :]: n for name, n in places.items() if name.startswith(prefix)}


@cache
def _positions(module: str) -> dict[str, int]:
    """Return the lines of the classes of a module, and of their assignments."""
    try:
        tree = ast.parse(Path(str(sys.modules[module].__file__)).read_bytes())
    except (OSError, SyntaxError, KeyError, ValueError):
        return {}
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found[node.name] = node.lineno
            for line in node.body:
                targets = line.targets if isinstance(line, ast.Assign) else []
                names = (each.id for each in targets if isinstance(each, ast.Name))
                found.update({f"{node.name}.{name}": line.lineno for name in names})
    return found
