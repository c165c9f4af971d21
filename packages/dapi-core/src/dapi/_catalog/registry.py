"""The builders that were decorated in this process: what a notebook adds to the entry points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dapi.exceptions import DuplicateModelError


class Registered(NamedTuple):
    """A decorated builder."""

    name: str
    target: str
    function: Callable[..., Any]
    replaces: str | None

    @property
    def module(self) -> str:
        """The module that defines it."""
        return self.target.partition(":")[0]


_builders: dict[str, Registered] = {}


def add(name: str, function: Callable[..., Any], *, replaces: str | None) -> None:
    """Remember a builder; one of the same module and name replaces it (a cell run again).

    Raises:
        DuplicateModelError: Another function of that module has the name.
    """
    target = f"{function.__module__}:{function.__qualname__}"
    for other in builders():  # a copy: another thread may register at the same time
        if other.name == name and other.target != target and other.module == function.__module__:
            raise DuplicateModelError(name, first=other.target, second=target)
    _builders[target] = Registered(name, target, function, replaces)


def builders() -> list[Registered]:
    """List what was registered so far."""
    return list(_builders.values())


def successor(name: str, module: str) -> str | None:
    """Return the builder of the same module that says it replaces ``name``.

    Only of the same module: installing a distribution never changes what another one says.
    """
    for other in builders():
        if other.replaces == name and other.module == module:
            return other.name
    return None
