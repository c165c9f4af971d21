"""Listing: the names of the models, by pattern, distribution, module and task."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType
from typing import Any

from dapi._catalog import builders
from dapi._values import names as _names
from dapi._values.public import public
from dapi.exceptions import ArgumentError


@public
def list_models(
    include: str | Collection[str] | None = None,
    *,
    exclude: str | Collection[str] | None = None,
    distribution: str | Collection[str] | None = None,
    module: str | ModuleType | None = None,
    task: str | Collection[str] | None = None,
) -> list[str]:
    """List the models of every installed distribution, and those registered in this process.

    Imports none of them, and no framework; ``task`` alone reads the enums of weights.

    Args:
        include: Only names that match this pattern, with ``*`` and ``?`` as in file names; or any
            of several patterns. None, or no pattern, includes all.
        exclude: None of the names that match this pattern, or any of several.
        distribution: Only models of this distribution, as in ``"dapi-vision"``, or of several.
        module: Only models declared in this module, as in ``"dapi.vision.models.resnet"``, or
            below it.
        task: Only models with weights for this task, as in ``"object-detection"``, or for any of
            several.

    Returns:
        The names, sorted. A name that several distributions provide is listed once for each,
        qualified, so that every listed name can be built.

    Raises:
        ArgumentError: An argument has a wrong type.
        UnknownFacetError: No installed weights have the task; suggests similar ones.
    """
    included = _read("include", include or ())
    excluded = _read("exclude", exclude or ())
    owners = {*map(_names.normalize, _read("distribution", distribution or ()))}
    package = module.__name__ if isinstance(module, ModuleType) else module
    if not isinstance(package, str | None):
        raise ArgumentError("dapi.list_models", "module", module, expected="a module, or its name")
    found = [
        name
        for name, model in builders.listed().items()
        if (distribution is None or model.distribution in owners)
        and (package is None or _is_below(model.target.partition(":")[0], package))
        and (not included or _matches(model.name, included))
        and not (excluded and _matches(model.name, excluded))
    ]
    return found if task is None else _for_tasks(found, _read("task", task))


def _read(argument: str, value: Any) -> tuple[str, ...]:
    return _names.one_or_several("dapi.list_models", argument, value)


def _is_below(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _matches(name: str, patterns: Collection[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _for_tasks(models: list[str], tasks: Collection[str]) -> list[str]:
    from dapi._catalog import search

    offered = list(search.offered())
    search.check_known("task", tasks, (str(found.meta.get("task", "")) for found in offered))
    having = {found.model for found in offered if found.meta.get("task") in tasks}
    return [name for name in models if name in having]
