"""Mapping: only files that nobody writes to, and no process dies by what people do with others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dapi import File, WeightEntry, _store, cache
from dapi._loader import aligned, safetensors
from dapi._store import copies, mapping

torch = pytest.importorskip("torch")

STATE = {"weight": torch.rand(64, 64), "bias": torch.rand(64)}
MAPS = Path("/proc/self/maps")

FINETUNE = """
import sys
from pathlib import Path

import torch

import dapi

path = Path(sys.argv[1])
model = dapi.build_model(torch.nn.Linear, 64, 64, weights=dapi.WeightEntry.from_file(path))
before = {key: value.clone() for key, value in model.state_dict().items()}
with path.open("wb"):
    pass  # which is how saving begins
assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
torch.save(model.state_dict(), path)
again = dapi.WeightEntry.from_file(path).state_dict()
assert all(torch.equal(before[key], value) for key, value in again.items())
print("saved")
"""

WRITE_THROUGH = """
import sys
from pathlib import Path

import torch

import dapi
from dapi import WeightEntry, _store

local = Path(sys.argv[1])
if "site-packages" in local.parts:
    sys.path.insert(0, str(local.parent.parent))
    entry = WeightEntry("package:acme_data/net.pth")
else:
    entry = WeightEntry("https://localhost:1/net.pth", sha256=WeightEntry.from_file(local).sha256)
    _store.add(local, entry.files[0], wanted="net.pth")
view = entry.fetch(directory=True)
model = dapi.build_model(torch.nn.Linear, 64, 64, weights=entry)
before = {key: value.clone() for key, value in model.state_dict().items()}
try:
    torch.save(model.state_dict(), view / "net.pth")
except RuntimeError as error:
    assert "Permission denied" in str(error)  # but for root
assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
print("saved")
"""


def save(path, state=STATE):
    if path.suffix == ".safetensors":
        safetensors.write(path, state, {})
    else:
        torch.save(state, path)
    return path


def publish(path):
    """Put a file into the cache as if it had been fetched."""
    entry = WeightEntry(
        f"https://localhost:1/{path.name}", sha256=WeightEntry.from_file(path).sha256
    )
    _store.add(path, entry.files[0], wanted=path.name)
    return entry


def package(tmp_path, monkeypatch, folder):
    """Put a file into a package in a folder that Python imports from."""
    site = tmp_path / folder
    (site / "acme_data").mkdir(parents=True)
    (site / "acme_data" / "__init__.py").touch()
    save(site / "acme_data" / "net.pth")
    monkeypatch.syspath_prepend(str(site))
    return WeightEntry("package:acme_data/net.pth")


@pytest.fixture
def is_mapped():
    """Tell whether this process maps a file while its state dict is in use."""
    if not MAPS.exists():
        pytest.skip("this system does not say what is mapped")

    def tell(entry):
        found = entry.state_dict()
        assert all(torch.equal(STATE[key], found[key]) for key in STATE)
        return f"{entry.fetch().resolve()}\n" in MAPS.read_text()

    return tell


@pytest.mark.parametrize("name", ["last.pth", "last.safetensors"])
def test_a_checkpoint_is_saved_over_the_one_that_was_loaded(tmp_path, name):
    """As in every fine-tuning; the process lives, and nothing is lost."""
    path = save(tmp_path / name)
    command = [sys.executable, "-c", FINETUNE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, "saved\n") == (done.returncode, done.stdout), done.stderr


@pytest.mark.parametrize("place", ["", "site-packages/acme_data"])
def test_no_process_dies_by_what_it_saves_into_a_view(tmp_path, own_cache, place):
    """Names in it lead to files of the cache, read-only but for root, and of packages."""
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "__init__.py").touch()
    path = save(tmp_path / place / "net.pth")
    command = [sys.executable, "-W", "error", "-c", WRITE_THROUGH, path]
    done = subprocess.run(command, capture_output=True, text=True)

    assert (0, "saved\n") == (done.returncode, done.stdout), done.stderr


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_files_of_the_cache_are_mapped_and_local_ones_are_read(tmp_path, is_mapped, name):
    """A blob is never written to again; somebody's own file may be, at any time."""
    local = save(tmp_path / name)

    assert not is_mapped(WeightEntry.from_file(local))
    assert is_mapped(publish(local))


def test_files_of_installed_packages_are_mapped(tmp_path, is_mapped, monkeypatch):
    """Installers replace them; in a checkout, a developer writes to them."""
    assert is_mapped(package(tmp_path, monkeypatch, "lib/site-packages"))
    sys.modules.pop("acme_data", None)
    assert not is_mapped(package(tmp_path, monkeypatch, "checkout/src"))


@pytest.mark.parametrize("mode", [0o664, 0o644])
def test_blob_that_may_be_written_is_read(tmp_path, is_mapped, mode):
    """By others, or through a view: the weights stay those that were verified."""
    entry = publish(save(tmp_path / "net.pth"))
    cache.find(entry.files[0]).chmod(mode)

    assert not is_mapped(entry)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="only root gives files away")
def test_blob_of_another_user_is_read(tmp_path, is_mapped):
    """Its owner can make it writable, and truncate it, whatever its mode is now."""
    entry = publish(save(tmp_path / "net.pth"))
    os.chown(cache.find(entry.files[0]), 12345, -1)

    assert not is_mapped(entry)


def test_mapping_can_be_forbidden(tmp_path, is_mapped, monkeypatch):
    """DAPI_MMAP=0 reads everything, and makes no copies to be mapped."""
    monkeypatch.setenv("DAPI_MMAP", "0")
    monkeypatch.setattr(aligned, "WORTHWHILE", 1)
    entry = publish(save(tmp_path / "net.pth"))

    assert [False] * 3 == [is_mapped(entry) for _ in range(3)]
    assert not copies.size(entry.sha256)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_file_system_that_cannot_map_is_read(tmp_path, is_mapped, monkeypatch, name):
    """As some network and user file systems: here a file of the kernel answers in their place."""
    refuses = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not refuses.exists():
        pytest.skip("this kernel has no such file")
    entry, map_file = publish(save(tmp_path / name)), torch.UntypedStorage.from_file
    monkeypatch.setattr(
        torch.UntypedStorage,
        "from_file",
        lambda path, *args, **options: map_file(str(refuses), False, 64),
    )
    with pytest.raises(RuntimeError) as caught:
        torch.UntypedStorage.from_file("any")

    assert mapping.is_impossible(caught.value)
    assert not is_mapped(entry)


def test_local_weights_need_no_cache(tmp_path, monkeypatch):
    """Neither is a copy of them looked for, nor where the cache is."""
    local = save(tmp_path / "net.pth")
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "file" / "no-folder"))
    monkeypatch.setattr(copies, "find", lambda blob: pytest.fail("a copy was looked for"))

    assert set(STATE) == set(WeightEntry.from_file(local).state_dict())
    assert set(STATE) == set(WeightEntry((File(local.as_uri()),)).state_dict())
