"""kill -9 at any moment: no lock is half written, and the next run goes on."""

import os
import random
import shutil
import time
from pathlib import Path

import pytest

import dapi
from dapi.lock import read

# How often each command is killed, and how often by the slow tests.
FEW, MANY = 4, 20


@pytest.fixture
def large(zoo, project, run):
    """A project of files that take a moment to download, and its lock."""
    for name in ("talker.safetensors", "vocoder.safetensors", "net-v1.safetensors"):
        zoo.bodies[name] = random.Random(name).randbytes(3_000_000)
        zoo.server.serve(f"/{name}", zoo.bodies[name])
    zoo.server.rate = 20_000_000
    sizes = {"size": 3_000_000}
    zoo.packed = zoo.bodies["net-v2.safetensors?download=1"] = bytes(3_000_000)
    zoo.release(**sizes)
    project("[tool.dapi]\nweights = ['net:Digits_RefV1', 'talker', 'packed']\n")
    assert 0 == run("lock", "--quiet")[0]
    return zoo


def kill(start, words, after, **variables):
    """Run a command, and kill it after some seconds if it still runs; its exit status."""
    process = start(*words, **variables)
    try:
        time.sleep(after)
        process.kill()
    finally:
        process.communicate()
    return process.returncode


def duration(start, words, **variables):
    """Run a command to its end, and return the seconds that took."""
    began = time.monotonic()
    process = start(*words, **variables)
    _, errors = process.communicate()
    assert 0 == process.returncode, errors
    return time.monotonic() - began


def moments(count, longest, seed):
    generator = random.Random(seed)
    return [generator.uniform(0.05, longest) for _ in range(count)]


COUNTS = [FEW, pytest.param(MANY, marks=pytest.mark.slow)]


@pytest.mark.parametrize("count", COUNTS)
def test_killed_lock_leaves_the_old_lock_or_the_new(large, start, tmp_path, count):
    """Whole, in both cases; and the next run writes the new one."""
    old = Path("dapi.lock").read_text()
    words = ("lock", "--upgrade", "talker", "net:Digits_RefV2", "--quiet")
    project = Path("pyproject.toml").read_text()
    longest = duration(start, words, DAPI_CACHE=str(tmp_path / "first"))
    new = Path("dapi.lock").read_text()

    for rank, after in enumerate(moments(count, longest, "lock")):
        Path("dapi.lock").write_text(old)
        Path("pyproject.toml").write_text(project)
        cache = {"DAPI_CACHE": str(tmp_path / f"cache-{rank}")}
        kill(start, words, after, **cache)
        found = Path("dapi.lock").read_text()
        assert found in (old, new)
        duration(start, words, **cache)
        assert new == Path("dapi.lock").read_text()


@pytest.mark.parametrize("count", COUNTS)
def test_killed_sync_goes_on(large, start, tmp_path, run, monkeypatch, count):
    """The lock is as it was, and the next run leaves every file in place."""
    before = Path("dapi.lock").read_text()
    longest = duration(start, ["sync"], DAPI_CACHE=str(tmp_path / "first"))

    for rank, after in enumerate(moments(count, longest, "sync")):
        cache = str(tmp_path / f"cache-{rank}")
        kill(start, ["sync"], after, DAPI_CACHE=cache)
        duration(start, ["sync"], DAPI_CACHE=cache)
        monkeypatch.setenv("DAPI_CACHE", cache)
        status, printed = run("verify", "--lock")
        assert 0 == status, printed
        assert before == Path("dapi.lock").read_text()


@pytest.mark.parametrize("count", COUNTS)
def test_killed_bundle_goes_on(large, start, run, count):
    """There is no bundle until it is whole, and then it has the same bytes."""
    run("sync", "--quiet")
    longest = duration(start, ["bundle", "-o", "whole.tar"])
    whole = Path("whole.tar").read_bytes()

    for after in moments(count, longest, "bundle"):
        status = kill(start, ["bundle", "-o", "x.tar"], after)
        assert not Path("x.tar").exists() or 0 == status or whole == Path("x.tar").read_bytes()
        duration(start, ["bundle", "-o", "x.tar"])
        assert whole == Path("x.tar").read_bytes()
        Path("x.tar").unlink()


@pytest.mark.parametrize("count", COUNTS)
def test_killed_layout_goes_on(large, start, run, tmp_path, monkeypatch, count):
    """There is no index until every blob is there, and what is unpacked of it is whole."""
    run("sync", "--quiet")
    words = ["bundle", "--format", "oci", "-o"]
    longest = duration(start, [*words, "whole"])
    whole = {path.name: path.read_bytes() for path in Path("whole").rglob("*") if path.is_file()}

    for rank, after in enumerate(moments(count, longest, "layout")):
        folder = Path(f"killed-{rank}")
        kill(start, [*words, folder], after)
        index = folder / "index.json"
        assert not index.exists() or whole["index.json"] == index.read_bytes()
        duration(start, [*words, folder])
        found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".part"]
        assert whole == {path.name: path.read_bytes() for path in found}
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "elsewhere"))
    assert 0 == run("unbundle", str(folder), "--lock", "dapi.lock")[0]


@pytest.mark.parametrize("count", COUNTS)
def test_killed_unbundle_goes_on(large, start, run, tmp_path, monkeypatch, count):
    """What is in the cache is whole, the lock is written last, and the next run adds the rest."""
    run("sync", "--quiet")
    run("bundle", "-o", "x.tar")
    words = ["unbundle", "x.tar", "--write-lock", "new.lock"]
    longest = duration(start, words, DAPI_CACHE=str(tmp_path / "first"))
    expected = Path("new.lock").read_text()

    for rank, after in enumerate(moments(count, longest, "unbundle")):
        Path("new.lock").unlink(missing_ok=True)
        cache = str(tmp_path / f"cache-{rank}")
        kill(start, words, after, DAPI_CACHE=cache)
        assert not Path("new.lock").exists() or expected == Path("new.lock").read_text()
        monkeypatch.setenv("DAPI_CACHE", cache)
        files = [file.file for _, file in read("dapi.lock").files()]
        assert "damaged" not in {dapi.cache.examine(file)[0] for file in files}
        duration(start, words, DAPI_CACHE=cache)
        assert 0 == run("verify", "--lock", "new.lock")[0]
        shutil.rmtree(cache)
    assert os.path.getsize("x.tar") > 9_000_000 and read("new.lock") == read("dapi.lock")
