"""Unpickling files of others: stand-ins for all that they name, and nothing is run."""

import io
import os
import pickle
import struct
import sys
import time
from functools import partial

import pytest

from dapi.devkit.conversion import inert
from dapi.devkit.conversion.inert import Inert, Map, Reader, Storage, Stored
from dapi.devkit.conversion.pickled import kind

RAN = []


def unpickled(content):
    reader = Reader(io.BytesIO(content))
    return reader.load(), reader


class Calls:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


@pytest.mark.parametrize("protocol", range(6 if sys.version_info >= (3, 8) else 5))
@pytest.mark.parametrize(
    "payload",
    [
        Calls(os.system, "echo a payload ran"),
        Calls(eval, "print('a payload ran')"),
        Calls(exec, "print('a payload ran')"),
        Calls(__import__, "antigravity"),
        Calls(print, "a payload ran"),
        Calls(RAN.append, 1),
        Calls(partial(RAN.append, 1)),
    ],
)
def test_functions_are_not_called(payload, protocol, capfd):
    """The result is a stand-in with the function's name and its arguments."""
    found, reader = unpickled(pickle.dumps({"a": payload}, protocol))

    assert isinstance(found["a"], Inert)
    assert reader.unknown
    assert "" == capfd.readouterr().out
    assert not RAN and "antigravity" not in sys.modules


GLOBAL = b"cos\nsystem\n"
ATTACKS = {
    "instance": b"(S'echo a payload ran'\nios\nsystem\n.",
    "object": b"(" + GLOBAL + b"S'echo a payload ran'\no.",
    "new object": b"\x80\x02" + GLOBAL + b"U\x12echo a payload ran\x85\x81.",
    "new object with names": b"\x80\x04" + GLOBAL + b")}\x92.",
    "dotted name": b"\x80\x04\x8c\x02os\x8c\x0bpath.sys.mod\x93)R.",
    "state of a class": GLOBAL + b"}S'__new__'\nNsb.",
    "slots of a class": GLOBAL + b"(N}S'__new__'\nNstb.",
    "state of a map's class": b"ccollections\nOrderedDict\n}S'items'\nNsb.",
    "slots of a map's class": b"ccollections\nOrderedDict\n(N}S'items'\nNstb.",
    "state of a rebuilder": b"ctorch._utils\n_rebuild_tensor_v2\n}S'__new__'\nNsb.",
    "slots of a rebuilder": b"ctorch._utils\n_rebuild_tensor_v2\n(N}S'__new__'\nNstb.",
    "state of a tuple": b"ctorch\nSize\n)R}S'a'\nNsb.",
    "call of a stand-in": GLOBAL + b")R)R.",
    "call of a text": b"S'os.system'\n)R.",
    "registered extension": b"\x80\x02\x82\x01.",
    "reference outside": b"Pos.system\n.",
    "binary reference outside": b"\x80\x02K\x01Q.",
    "reference to a storage of another kind": b"(S'storage'\ncos\nsystem\nS'0'\nS'cpu'\nI4\ntQ.",
    "storage of negative size": b"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI-4\ntQ.",
    "tensor of nothing": b"ctorch._utils\n_rebuild_tensor_v2\n(NI0\n(t(tI0\nNtR.",
    "nothing": b"",
    "no end": b"\x80\x02}",
    "empty stack": b"\x80\x02.",
    "unknown version": b"\x80\xff.",
    "unknown code": b"\xff.",
    "text longer than the file": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"a.",
    "bytes longer than the file": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"a.",
    "array longer than the file": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"a.",
    "number longer than the file": b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"a.",
    "negative length": b"\x80\x02\x8b" + struct.pack("<i", -1) + b"a.",
    "frame longer than the file": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N.",
    "number of too many digits": b"I" + b"9" * 100_000 + b"\n.",
    "memo without an entry": b"\x80\x02h\x07.",
}


@pytest.mark.parametrize("what", ATTACKS)
def test_hostile_pickles_end_at_once(what, capfd):
    """In an error, or in stand-ins: none runs anything, or changes the stand-ins of others."""
    before = {each: dict(vars(each)) for each in (Inert, Map, Stored, *inert._KNOWN.values())}
    start = time.monotonic()
    try:
        unpickled(ATTACKS[what])
    except Exception as error:
        assert not isinstance(error, AssertionError)

    assert time.monotonic() - start < 5
    assert "" == capfd.readouterr().out
    assert before == {each: dict(vars(each)) for each in before}


def test_state_never_becomes_attributes():
    """A mapping whose state has ``items`` would hide its own."""
    found, _ = unpickled(
        b"ccollections\nOrderedDict\n)R(S'a'\nI1\nu}(S'items'\nI3\nS'__class__'\nI4\nub."
    )

    assert {"a": 1} == found == dict(found.items())
    assert {"items": 3, "__class__": 4} == found.state


def test_states_of_states_stay_data():
    """Each object is built of what another one is, many times over."""
    content = GLOBAL + b")R" + (GLOBAL + b")R") * 2000 + b"b" * 2000 + b"."
    found, _ = unpickled(content)

    assert "object" != kind(found) == "os.system"


def test_subclasses_of_containers_keep_their_items():
    """As of a configuration that is a dict of a class that is not installed."""

    class Config(dict):
        pass

    class Names(list):
        pass

    class Both(set):
        pass

    for each in (Config, Names, Both):
        each.__qualname__, each.__module__ = each.__name__, __name__
        globals()[each.__name__] = each
    content = pickle.dumps([Config(a=1), Names([1, 2]), Both([3])], protocol=4)
    for each in (Config, Names, Both):
        del globals()[each.__name__]
    found, _ = unpickled(content)

    assert [("a", 1)] == found[0].pairs
    assert [1, 2] == found[1].items
    assert "Config" in kind(found[0])


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((-1,), (1,), 0), ((1,), (-1,), 0), ((1,), (1,), -1), ((1, 2), (1,), 0), (("a",), (1,), 0),
     ((1 << 63,), (1,), 0), ((True,), (1,), 0), ((1.0,), (1,), 0)],
)  # fmt: skip
def test_impossible_tensors_are_refused(size, stride, offset):
    """Before anything is computed with their numbers."""
    with pytest.raises(pickle.UnpicklingError):
        Stored(Storage("0", "float32", 4), offset, size, stride)


def test_kind_of_an_endless_value_is_short():
    """Its text would take longer than the universe."""
    value = ()
    for _ in range(1000):
        value = (value, value)

    assert "tuple of 2" == kind(value)
