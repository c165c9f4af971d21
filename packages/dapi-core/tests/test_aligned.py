"""Aligned copies: what cannot be mapped is read twice, and mapped from then on."""

import os
from collections import OrderedDict

import pytest

from dapi import WeightEntry, _store
from dapi._cli import main
from dapi._loader import aligned, safetensors
from dapi._store import cache, copies, locking

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

TIED = torch.randn(64, 3)
STATE = OrderedDict(
    [
        ("z.weight", TIED),
        ("a.bias", torch.arange(7.0)),
        ("a.tied", TIED),
        ("scale", torch.tensor(2.5, dtype=torch.float64)),
        ("mask", torch.tensor([True, False])),
        ("none", torch.empty(0, 3)),
    ]
)


@pytest.fixture(autouse=True)
def every_size(monkeypatch):
    """Make copies of small files too, however full this disk is."""
    monkeypatch.setattr(aligned, "WORTHWHILE", 1)
    usage = copies.shutil.disk_usage(os.curdir)
    monkeypatch.setattr(copies.shutil, "disk_usage", lambda path: usage._replace(free=usage.total))


@pytest.fixture
def publish(tmp_path):
    """Put a state dict into the cache, as if it had been fetched."""

    def publish(layout="legacy", state=STATE):
        suffix = "safetensors" if layout == "safetensors" else "pth"
        path = tmp_path / f"net.{suffix}"
        if layout == "safetensors":
            safetensors_torch.save_file({k: v.clone() for k, v in state.items()}, path)
        else:
            torch.save(state, path, _use_new_zipfile_serialization=layout == "zip")
        local = WeightEntry.from_file(path)
        entry = WeightEntry(f"https://localhost:1/net.{suffix}", sha256=local.sha256)
        _store.add(path, entry.files[0], wanted="net")
        return entry

    return publish


def blob(entry):
    return cache.find(entry.files[0])


def read(entry, times):
    for _ in range(times):
        found = entry.state_dict()
    return found


def assert_same(expected, found):
    assert list(expected) == list(found)
    for key, tensor in expected.items():
        assert tensor.dtype == found[key].dtype and torch.equal(tensor, found[key])
        assert type(found[key]) is torch.Tensor


@pytest.mark.parametrize("layout", ["legacy", "safetensors"])
def test_second_read_makes_a_copy_that_holds_the_same(publish, layout):
    """The first read leaves nothing; from the third on the copy is read, equal to the bit."""
    entry = publish(layout)
    first = read(entry, 1)
    assert copies.find(blob(entry)) is None
    read(entry, 1)
    assert copies.find(blob(entry)) is not None

    blob(entry).rename(blob(entry).with_suffix(".away"))  # so that only the copy can be read
    (blob_path := cache.expected_path(entry.files[0])).touch()
    assert_same(first, aligned.read(blob_path))


def test_copy_is_mapped(publish):
    """All tensors of a copy but those of an odd length begin where kernels expect them."""
    entry = publish()
    found = read(entry, 3)

    assert found["z.weight"].data_ptr() % 64 == 0
    assert safetensors.read(copies.find(blob(entry)), may_map=True).unmapped < 64


def test_tied_tensors_stay_one(publish):
    """Two keys of one tensor take the room of one, and are one again."""
    found = read(publish(), 3)

    assert found["z.weight"].data_ptr() == found["a.tied"].data_ptr()


def test_versions_survive(publish):
    """What modules dispatch on is not lost, though safetensors has no place for it."""
    state = OrderedDict(STATE)
    state._metadata = OrderedDict({"": {"version": 1}, "a": {"version": 2}})
    entry = publish(state=state)

    assert state._metadata == read(entry, 1)._metadata == read(entry, 2)._metadata


def test_parameters_are_tensors_either_way(publish):
    """A file that holds Parameters gives tensors, with a copy and without."""
    state = {"w": torch.nn.Parameter(torch.ones(8))}
    entry = publish(state=state)

    assert_same({"w": torch.ones(8)}, read(entry, 1))
    assert_same({"w": torch.ones(8)}, read(entry, 2))
    assert copies.find(blob(entry)) is not None


def test_variables_are_values_either_way(publish):
    """A tensor that was saved with a gradient to come is a value, with a copy and without."""
    entry = publish(state={"w": torch.ones(8, requires_grad=True)})

    assert [False] * 3 == [read(entry, 1)["w"].requires_grad for _ in range(3)]
    assert copies.find(blob(entry)) is not None


@pytest.mark.parametrize(
    "value",
    [torch.ones(2, 3).t(), torch.ones(2, dtype=torch.complex128)],
    ids=["strides", "type"],
)
def test_what_the_format_cannot_say_is_read_as_ever(publish, value):
    """No copy is made of what would not come back as it was."""
    entry = publish(state={"w": value, "v": torch.ones(3)})
    read(entry, 3)

    assert copies.find(blob(entry)) is None


def test_mapped_file_needs_no_copy(publish):
    """A zip is mapped as it is."""
    entry = publish("zip")
    read(entry, 3)

    assert copies.find(blob(entry)) is None


@pytest.mark.parametrize("harm", [b"", b"garbage"])
def test_harmed_copy_is_made_again(publish, harm):
    """A copy that changed is not believed; the published file is, and a new copy is made."""
    entry = publish()
    read(entry, 2)
    path = copies.find(blob(entry))
    path.chmod(0o644)
    path.write_bytes(harm)

    assert copies.find(blob(entry)) is None
    assert_same(STATE, read(entry, 1))
    assert copies.find(blob(entry)) == path


def test_remains_of_a_killed_process_are_removed(publish):
    """Half a copy is nobody's; the next one that makes a copy removes it."""
    entry = publish()
    read(entry, 1)
    half = copies._path(entry.sha256).with_name(f".{entry.sha256}.safetensors-abc")
    half.write_bytes(b"half")
    read(entry, 1)

    assert not half.exists()


def test_one_process_at_a_time(publish):
    """While somebody makes a copy, others read on."""
    entry = publish()
    read(entry, 1)
    with locking.attempt(f"copy-{entry.sha256}") as is_mine:
        assert is_mine
        assert_same(STATE, read(entry, 1))
        assert copies.find(blob(entry)) is None


def test_copies_can_be_forbidden(publish, monkeypatch):
    """DAPI_COPIES=0 keeps the cache as small as what was published."""
    monkeypatch.setenv("DAPI_COPIES", "0")
    entry = publish()
    read(entry, 3)

    assert 0 == copies.size(entry.sha256)


def test_copies_that_are_forbidden_are_not_read(publish, monkeypatch):
    """Who doubts a copy gets what was published, without removing anything."""
    entry = publish()
    read(entry, 2)
    monkeypatch.setenv("DAPI_COPIES", "0")

    assert copies.find(blob(entry)) is None and copies.size(entry.sha256) > 0
    assert_same(STATE, read(entry, 1))


def test_copy_of_what_others_keep_can_be_removed(publish, tmp_path, monkeypatch, capsys):
    """The file in a shared cache stays; its copy is in the user's own."""
    entry = publish()
    monkeypatch.setenv("DAPI_CACHE_READONLY", str(cache.folders.root()))
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "own"))
    read(entry, 2)
    copy = copies.find(blob(entry))

    assert main(["cache", "remove", entry.sha256]) == 0
    assert str(copy) in capsys.readouterr().out and not copy.exists()
    assert blob(entry).exists()


def test_full_disk_gets_no_copy(publish, monkeypatch):
    """A tenth of the disk is left to others."""
    entry = publish()
    usage = copies.shutil.disk_usage(os.curdir)
    monkeypatch.setattr(
        copies.shutil, "disk_usage", lambda path: usage._replace(free=usage.total // 10)
    )
    read(entry, 3)

    assert copies.find(blob(entry)) is None


def test_cache_that_cannot_be_written_is_read(publish, monkeypatch):
    """A read-only cache is no error: the file is read as before."""
    entry = publish()
    (cache.folders.root() / "copies").write_text("in the way of the folder")

    assert_same(STATE, read(entry, 3))


def test_local_files_get_no_copy(tmp_path):
    """What is not in the cache is its owner's, and left alone."""
    torch.save(STATE, tmp_path / "net.pth", _use_new_zipfile_serialization=False)
    read(WeightEntry.from_file(tmp_path / "net.pth"), 3)

    assert [tmp_path / "net.pth"] == list(tmp_path.glob("*.pth*"))
    assert not (cache.folders.root() / "copies").exists()


def test_local_file_named_like_a_blob_is_read(publish, tmp_path):
    """The name of a file that is in no cache says nothing of what it holds."""
    entry = publish()
    read(entry, 2)
    (tmp_path / entry.sha256).write_bytes(b"another")

    assert copies.find(tmp_path / entry.sha256) is None


def test_copy_that_goes_meanwhile_is_missed_by_nobody(publish, monkeypatch):
    """Another process may remove a copy that was just found."""
    entry = publish()
    read(entry, 2)
    map_file = torch.UntypedStorage.from_file

    def lose_and_map(path, **options):
        copies.remove(entry.sha256)
        return map_file(path, **options)

    monkeypatch.setattr(torch.UntypedStorage, "from_file", lose_and_map)
    assert_same(STATE, read(entry, 1))


def test_copies_of_nothing_are_swept(publish, capsys):
    """Who deleted files by hand gets the room of their copies back too."""
    kept, gone = publish(), publish(state={"w": torch.ones(8)})
    for entry in (kept, gone):
        read(entry, 2)
    copy = copies.find(blob(gone))
    blob(gone).unlink()

    assert main(["cache", "remove"]) == 0
    assert str(copy) in capsys.readouterr().out and not copy.exists()
    assert copies.find(blob(kept)) is not None


def test_removing_removes_the_copy(publish, capsys):
    """``dapi cache`` tells how large a copy is; ``verify`` checks it, ``remove`` takes it away."""
    entry = publish()
    read(entry, 2)
    size = copies.size(entry.sha256)
    main(["cache", "--json"])
    assert f'"copy_bytes": {size}' in capsys.readouterr().out and size > 0

    assert main(["verify"]) == 0
    assert size == copies.size(entry.sha256)
    copies._path(entry.sha256).chmod(0o644)
    copies._path(entry.sha256).write_bytes(b"another")
    assert main(["verify"]) == 1
    assert main(["verify", "--repair"]) == 0
    assert 0 == copies.size(entry.sha256)
    read(entry, 2)
    assert main(["cache", "remove", entry.sha256]) == 0
    assert [] == list((cache.folders.root() / "copies").iterdir())
