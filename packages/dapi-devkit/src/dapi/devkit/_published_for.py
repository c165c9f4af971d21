"""Published for: the annotation by which type checkers accept weights for the builder of others."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

from dapi import Weights, catalog


def annotation(builder: catalog.Builder) -> tuple[str, str]:
    """Return an import, and the line of an enum that says for which builder it is published.

    Both are empty if the builder has no enum of its own, or one without public or checked types.
    """
    own = next((e for owner, e in catalog.enums(builder) if owner == builder.distribution), None)
    module = "" if own is None else _public_module(own)
    if own is None or not module:
        return "", ""
    comment = f"# for type checkers: {builder.name} takes the members"
    return (
        f"if TYPE_CHECKING:\n    from {module} import {own.__name__}\n",
        f"    published_for: {own.__name__}  {comment}\n\n",
    )


def _public_module(enum: type[Weights]) -> str:
    """Return the module to import an enum from; empty if that is private or has no types."""
    modules = list(accumulate(enum.__module__.split("."), "{}.{}".format))
    if not any(map(_is_typed, modules)):
        return ""
    for name in modules:
        is_private = any(part.startswith("_") for part in name.split("."))
        if not is_private and getattr(import_module(name), enum.__name__, None) is enum:
            return name
    return ""


def _is_typed(package: str) -> bool:
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return any((Path(place) / "py.typed").is_file() for place in places or ())
