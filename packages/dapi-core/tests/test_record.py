"""Record: a frozen dataclass for whoever asks, declared without that module."""

import copy
import dataclasses
import inspect
import sys

import pytest

from dapi._values.record import Record


class Point(Record):
    x: int
    y: int = 0


class Shifted(Record):
    x: int

    def __post_init__(self):
        object.__setattr__(self, "x", self.x + 1)

    def __call__(self, by):
        return self.x + by


@dataclasses.dataclass(frozen=True)
class Twin:
    x: int
    y: int = 0


@pytest.mark.parametrize(
    ("args", "fields"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1}), ((), {"y": 1, "z": 1})],
)
def test_wrong_arguments_are_refused_as_by_a_function(args, fields):
    """What is missing, too much, doubled or unknown is a TypeError."""
    with pytest.raises(TypeError):
        Twin(*args, **fields)
    with pytest.raises(TypeError):
        Point(*args, **fields)


def test_record_is_a_dataclass_for_the_module():
    """Its functions take it, and read the same of it as of a dataclass."""
    point, twin = Point(1), Twin(1)

    assert dataclasses.is_dataclass(Point) and dataclasses.is_dataclass(point)
    assert Point(1, 5) == dataclasses.replace(point, y=5)
    assert dataclasses.asdict(twin) == dataclasses.asdict(point)
    assert [(f.name, f.type, f.default) for f in dataclasses.fields(Twin)] == [
        (f.name, f.type, f.default) for f in dataclasses.fields(Point)
    ]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace is new in Python 3.13")
def test_record_is_replaced_by_copy():
    """A changed copy, as of a dataclass."""
    assert Point(1, 5) == copy.replace(Point(1), y=5)


def test_record_is_a_value_as_a_dataclass_is():
    """It compares, hashes, prints and matches by its fields, and with its own kind only."""
    assert hash(Twin(1, 2)) == hash(Point(1, 2))
    assert repr(Twin(1, 2)).replace("Twin", "Point") == repr(Point(1, 2))
    assert Point(1) == Point(x=1, y=0) != Point(2)
    assert Point(1) != Twin(1) and Point(1) != (1, 0)
    assert Twin.__match_args__ == Point.__match_args__


def test_record_cannot_be_written_to():
    """Neither an attribute set nor one deleted."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Point(1).x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del Point(1).x


def test_signature_is_that_of_the_fields():
    """Help shows the fields of the class; a callable instance has the signature of its call."""
    assert inspect.signature(Twin) == inspect.signature(Point)
    assert ["by"] == list(inspect.signature(Shifted(1)).parameters)


def test_record_can_be_extended_by_a_dataclass_and_by_a_class():
    """Both have the fields of the record and their own, and bring them into form as it does."""

    @dataclasses.dataclass(frozen=True)
    class Named(Shifted):
        name: str = ""

    class Plain(Shifted):
        name: str = ""

    assert (2, "a") == dataclasses.astuple(Named(1, "a")) == dataclasses.astuple(Plain(1, "a"))
