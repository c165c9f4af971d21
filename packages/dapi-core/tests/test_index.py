"""Indexes: a zip of many tensors is mapped without its pickle, once it was read twice."""

import json
import sys
import zipfile
from collections import OrderedDict

import pytest

import dapi
from dapi import WeightEntry, _store
from dapi._loader import index, safetensors
from dapi._store import cache, copies

torch = pytest.importorskip("torch")
COUNT = index.FEWEST


def states():
    """Return state dicts of as many tensors as an index takes, by what is special about them."""
    torch.manual_seed(0)
    plain = OrderedDict((f"{n}.weight", torch.randn(n + 1, 3)) for n in range(COUNT))
    plain["steps"] = torch.tensor(7)
    tied = OrderedDict(plain, tied=plain["3.weight"])
    versions = OrderedDict(plain)
    versions._metadata = OrderedDict({"": {"version": 2}, "1": {"version": 1}})
    types = OrderedDict(plain, half=torch.rand(5).half(), flags=torch.tensor([True, False]))
    types |= {"brain": torch.rand(3).bfloat16(), "complex": torch.rand(2, dtype=torch.complex64)}
    return {"plain": plain, "tied": tied, "versions": versions, "types": types}


def without_index():
    """Return state dicts that torch reads, by the reason."""
    plain = states()["plain"]
    whole = torch.rand(8, 4)
    return {
        "overlap": {**plain, "one": whole[:5], "other": whole[2:]},
        "part": {**plain, "one": whole[2:5]},
        "strides": {**plain, "turned": torch.rand(2, 3).t()},
        "empty": {**plain, "none": torch.empty(0, 3)},
        "reshaped": {**plain, "one": whole, "flat": whole.flatten()},
        "odd strides": {**plain, "one": torch.rand(1, 5, 1).permute(2, 1, 0)},
        "few": {"one": whole},
    }


@pytest.fixture(autouse=True)
def empty_disk(monkeypatch):
    """Make indexes however full this disk is."""
    usage = copies.shutil.disk_usage(".")
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda path: usage._replace(free=usage.total))


@pytest.fixture
def publish(tmp_path):
    """Put a file into the cache as if it had been downloaded."""

    def publish(state, change=None, **fields):
        path = tmp_path / "net.pth"
        torch.save(state, path)
        if change is not None:
            change(path)
        local = WeightEntry.from_file(path)
        entry = WeightEntry("https://localhost:1/net.pth", sha256=local.sha256, **fields)
        _store.add(path, entry.files[0], wanted="net")
        return entry

    return publish


def places(entry):
    """Return what the index of a file says, or None if there is no index."""
    path = copies.find(cache.find(entry.files[0]))
    return path and json.loads(safetensors.read_header(path).metadata["state_dict"])["places"]


def assert_same(expected, found):
    assert list(expected) == list(found)
    for key, tensor in expected.items():
        assert tensor.dtype == found[key].dtype and tensor.stride() == found[key].stride()
        assert torch.equal(tensor, found[key]), key
    assert getattr(expected, "_metadata", {}) == getattr(found, "_metadata", {})


@pytest.mark.parametrize("kind", states())
def test_indexed_zip_gives_what_torch_reads(publish, kind):
    """The second read makes the index; from then on tensors, ties and versions are the same."""
    state = states()[kind]
    entry = publish(state)
    assert_same(state, entry.state_dict())
    assert places(entry) is None
    assert_same(state, entry.state_dict())
    assert places(entry)

    found = entry.state_dict()

    assert_same(state, found)
    pairs = [(found[key], found["3.weight"]) for key in found if key == "tied"]
    assert all(one is other for one, other in pairs)


@pytest.mark.parametrize("kind", without_index())
def test_what_no_index_can_say_is_left_to_torch(publish, kind):
    """Tensors that share memory, have gaps or none, and files of few of them."""
    state = without_index()[kind]
    entry = publish(state)
    for _ in range(3):
        assert_same(state, entry.state_dict())

    assert not places(entry)


def test_tensors_that_are_not_aligned_are_read(publish):
    """A zip that was packed again lacks the padding, and kernels round differently without it."""

    def pack(path):
        with zipfile.ZipFile(path) as source:
            members = {name: source.read(name) for name in source.namelist()}
        with zipfile.ZipFile(path, "w") as target:
            for name, content in members.items():
                target.writestr(name, content)

    state = states()["plain"]
    entry = publish(state, pack)
    found = [entry.state_dict() for _ in range(3)][-1]

    assert places(entry)
    assert_same(state, found)
    assert all(each.data_ptr() % 64 == 0 for each in found.values())


def test_facts_that_an_index_would_change_are_left_to_torch(publish):
    """JSON turns a tuple into a list."""
    state = states()["versions"]
    state._metadata["1"]["sizes"] = (2, 3)
    entry = publish(state)
    for _ in range(3):
        assert_same(state, entry.state_dict())

    assert not places(entry)


@pytest.mark.parametrize("order", ["little", "big"])
def test_file_of_the_other_byte_order_has_no_index(publish, order):
    """torch swaps its bytes in the mapped memory, so the file has others at their places."""

    def pack(path):
        with zipfile.ZipFile(path) as source:
            members = {name: source.read(name) for name in source.namelist()}
        with zipfile.ZipFile(path, "w") as target:
            for name, content in members.items():
                target.writestr(name, order if name.endswith("byteorder") else content)

    # Whose swapped bytes are a number, too: NaN equals nothing.
    ones = {key: torch.ones_like(value) for key, value in states()["plain"].items()}
    entry = publish(ones, pack)
    first, _, third = (entry.state_dict() for _ in range(3))

    assert_same(first, third)
    assert (order == sys.byteorder) == bool(places(entry))


def test_nested_state_dict_has_an_index_of_its_own(publish):
    """Other tensors of the file, of the same sizes, are not mistaken for those of the model."""
    state = states()["plain"]
    other = {key: value + 1 for key, value in state.items()}
    build = dapi.Build(adapt=(dapi.adapt.Take("model"),))
    entry = publish({"optimizer": other, "model": state}, build=build)
    for _ in range(3):
        assert_same(dict(state), dict(entry.state_dict()))

    assert places(entry)


@pytest.mark.parametrize("end", [-56, 1 << 40])
def test_index_that_leaves_the_file_is_not_used(publish, end):
    """torch reads the file instead."""
    state = states()["plain"]
    entry = publish(state)
    entry.state_dict(), entry.state_dict()
    path = copies.find(cache.find(entry.files[0]))
    wrong = {**places(entry), "steps": ["I64", [], [end - 8, end]]}
    facts = {"keys": {key: key for key in state}, "versions": None, "take": None, "places": wrong}
    copies.remove(path.stem)
    copies.make(
        cache.find(entry.files[0]),
        lambda path: safetensors.write(path, {}, {"state_dict": json.dumps(facts)}),
    )
    assert end == places(entry)["steps"][2][1]

    assert_same(state, entry.state_dict())


def test_file_that_may_not_be_mapped_is_read_in_spite_of_its_index(publish):
    """Whoever may write to it could change the weights that were loaded."""
    state = states()["plain"]
    entry = publish(state)
    entry.state_dict(), entry.state_dict()
    assert places(entry)
    blob = cache.find(entry.files[0])
    blob.chmod(0o644)
    found = entry.state_dict()
    with blob.open("r+b") as stream:
        stream.write(bytes(blob.stat().st_size))

    assert_same(state, found)


def test_models_of_an_indexed_zip_share_no_memory(publish):
    """Writing to one changes neither another nor the file."""

    def construct():
        return torch.nn.Sequential(*(torch.nn.Linear(3, 3) for _ in range(COUNT)))

    state = construct().state_dict()
    entry = publish(state)
    entry.state_dict(), entry.state_dict()
    assert places(entry)
    first, second = (dapi.build_model(construct, weights=entry) for _ in range(2))
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.zero_()

    assert_same(state, second.state_dict())
    assert_same(state, entry.state_dict())
