"""Annotations of builders, resolved for ``typing.get_type_hints`` and all that uses it.

A family imports the class that it constructs for type checkers only: with it, listing models would
import a framework. So the annotations can be evaluated only together with these imports.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any


class Annotations(dict[str, Any]):
    """The annotations of a function: strings, which are resolved when one is read or copied.

    An annotation that cannot be resolved, because a framework is missing, stays a string.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function.__annotations__)
        self._function = function

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if not isinstance(value, str):
            return value
        with suppress(Exception):  # evaluating it again raises the error
            namespace = _namespace(self._function)
            found = eval(value, namespace)  # noqa: S307  # as typing does
            return eval(found, namespace) if isinstance(found, str) else found  # noqa: S307  # an alias
        return value

    def __iter__(self) -> Iterator[str]:
        """Iterate as any dict; without a method of its own, ``dict()`` would not ask for values."""
        return super().__iter__()


def unwrapped(function: Any) -> Any:
    """Return the function inside of all decorators; ``inspect`` takes long to import."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _namespace(function: Any) -> dict[str, Any]:
    """Return the names that a function's annotations can use, including TYPE_CHECKING imports."""
    import ast
    import inspect

    namespace = dict(unwrapped(function).__globals__)
    body: list[ast.stmt] = []
    with suppress(OSError, SyntaxError, TypeError):  # a notebook, or a module without its source
        body = ast.parse(inspect.getsource(sys.modules[function.__module__])).body
    for block in body:
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING"):
            for line in block.body:
                with suppress(Exception):
                    exec(ast.unparse(line), namespace)  # noqa: S102  # the module's own code
    return namespace
