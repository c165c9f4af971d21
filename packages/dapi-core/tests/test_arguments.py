"""Arguments that a file may give: what a builder declares, however its author wrote the types."""

import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Optional, TypedDict, Union

import pytest

from dapi._building.arguments import CALLERS
from dapi.catalog import Arguments


class Shared(TypedDict, total=False):
    depth: int


class Config(Shared, total=False):
    names: "dict[int, str]"
    ratio: "NotRequired[float]"  # noqa: F821 - a type checker's


def builder(
    positional,
    /,
    free=None,
    *,
    weights: "Unseen | None" = None,  # noqa: F821 - as of type checkers
    backbone: "Unseen | None" = None,  # noqa: F821
    made: "Callable[[int], unseen.Module] | None" = None,  # noqa: F821
    width: int = 3,
    flag: bool = False,
    scale: float = 1.0,
    old: Optional[str] = None,  # noqa: UP045 - as before Python 3.10
    either: Union[int, Sequence[int]] = 1,  # noqa: UP007
    part: Literal["one", 2] = "one",
    pair: tuple[int, float] = (1, 2.0),
    many: "tuple[str, ...]" = (),
    labels: Mapping[str, int] = {},
    anything: Any = None,
    function: Callable[[int], int] | None = None,
    **config: "Unpack[Config]",  # noqa: F821
):
    """Take arguments of all kinds."""


DECLARED = Arguments.of(builder, "net")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("free", 3, 3),
        ("free", (1, (2.5, None)), (1, (2.5, None))),
        ("backbone", None, None),
        ("made", None, None),
        ("function", None, None),
        ("width", 5, 5),
        ("scale", 2, 2),
        ("old", "a", "a"),
        ("either", [1, 2], (1, 2)),
        ("part", 2, 2),
        ("pair", [1, 2], (1, 2)),
        ("many", ["a", "b"], ("a", "b")),
        ("labels", {"a": 1}, {"a": 1}),
        ("anything", True, True),
        ("depth", 3, 3),
        ("names", {"0": "a", "-1": "b"}, {0: "a", -1: "b"}),
        ("ratio", 0.5, 0.5),
    ],
)
def test_value_of_the_declared_type_is_admitted(name, value, expected):
    """As the type has it: JSON has neither tuples nor numbers as keys."""
    found = DECLARED.admit(name, value)

    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("free", "text"),
        ("free", {"a": 1}),
        ("free", ["text"]),
        ("free", [1, ["text"]]),
        ("backbone", "text"),
        ("made", 3),
        ("function", "os:system"),
        ("width", True),
        ("width", 1.0),
        ("width", "1"),
        ("flag", 1),
        ("scale", "1"),
        ("old", 1),
        ("either", "1"),
        ("part", "two"),
        ("part", True),
        ("pair", [1]),
        ("many", "ab"),
        ("many", [1]),
        ("labels", {"a": "b"}),
        ("labels", [1]),
        ("anything", "text"),
        ("names", {"a": "b"}),
        ("names", {"1" * 40: "b"}),
    ],
)
def test_value_of_another_type_is_refused(name, value):
    """Text and mappings need a type that says so."""
    with pytest.raises(ValueError, match=f"it gives {name}=.* net declares no such value"):
        DECLARED.admit(name, value)


def test_argument_that_is_not_declared_is_refused():
    """Those by position alone too; without a TypedDict, numbers are admitted."""
    for name in ("positional", "config", "other"):
        with pytest.raises(ValueError, match=f"'{name}', which net does not accept"):
            DECLARED.admit(name, 3)

    def open_builder(*args, weights=None, **config: Any): ...

    declared = Arguments.of(open_builder, "net")
    assert 3 == declared.admit("other", 3)
    with pytest.raises(ValueError, match="declares no such value"):
        declared.admit("other", "text")


@pytest.mark.parametrize("name", sorted(CALLERS))
def test_how_a_model_runs_is_never_admitted(name):
    """Even where a builder declares it."""
    declared = Arguments("net", {name: str}, takes_others=True)
    with pytest.raises(ValueError, match=f"names {name} among the arguments, which only a caller"):
        declared.admit(name, "text")


def test_type_is_evaluated_where_it_was_written(monkeypatch):
    """A TypedDict may extend one of another module, which has names of its own."""
    texts = {
        "acme_first": "from typing import Literal\nfrom dapi import BuilderConfig\n"
        "Size = Literal['small', 'large']\n"
        "class First(BuilderConfig, total=False):\n    size: Size\n    kind: int\n",
        "acme_second": "from acme_first import First\n"
        "class Second(First, total=False):\n    kind: str\n"
        "def net(*, weights=None, **config: Unpack[Second]): ...\n",
    }
    for name, text in texts.items():
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec("from __future__ import annotations\n" + text, vars(module))
    declared = Arguments.of(sys.modules["acme_second"].net, "net")

    assert ("small", "a") == (declared.admit("size", "small"), declared.admit("kind", "a"))
    with pytest.raises(ValueError, match="declares no such value"):
        declared.admit("size", "huge")
