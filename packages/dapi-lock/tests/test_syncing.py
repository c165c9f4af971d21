"""Sync: the cache holds what the lock says, and everything that is missing is named at once."""

import shutil

import pytest

import dapi
from dapi.lock import read

EVERYTHING = ("net", "talker", "packed")


@pytest.mark.usefixtures("project")
def test_sync_downloads_what_is_missing(zoo, run):
    """Once; a second run asks nobody."""
    run("lock", *EVERYTHING)
    zoo.server.asked.clear()

    dry = run("sync", "--dry-run")
    planned = [*zoo.requests]
    synced = run("sync")
    asked = sorted(zoo.requests)
    again = run("sync")

    assert 0 == dry[0] and "net-v2.safetensors" in dry[1] and [] == planned
    assert 0 == synced[0] and "5 files of dapi.lock are in the cache" in synced[1]
    assert ["/net-v2.safetensors?download=1", "/vocoder.safetensors"] == asked
    assert 0 == again[0] and len(asked) == len(zoo.requests)


def test_sync_names_everything_that_is_missing_at_once(zoo, project, run):
    """Offline and online, and the files that can be had are in the cache."""
    run("lock", *EVERYTHING)
    offline = run("sync", "--offline")
    for name in ("net-v2.safetensors?download=1", "vocoder.safetensors"):
        zoo.server.serve(f"/{name}", b"", always={"status": 404})
    online = run("sync")

    for status, printed in (offline, online):
        assert 1 == status and "2 files are missing" in printed
        assert "net-v2.safetensors of acme-zoo/net:Digits_RefV2" in printed
        assert "vocoder.safetensors of acme-zoo/talker:Speech_RefV1" in printed


@pytest.mark.usefixtures("zoo")
def test_sync_refuses_a_lock_of_another_project(project, run):
    """Unless it is --frozen."""
    project("[tool.dapi]\nweights = ['packed']\n")
    run("lock")
    project("[tool.dapi]\nweights = ['net']\n")

    status, printed = run("sync")
    frozen, _ = run("sync", "--frozen")

    assert 1 == status and "net is not locked; packed is not required" in printed
    assert 0 == frozen


@pytest.mark.usefixtures("zoo")
def test_frozen_sync_does_not_read_the_project(project, run):
    """Whatever pyproject.toml says, and even if it is broken."""
    project("[tool.dapi]\nweights = ['packed']\n")
    run("lock")
    project("<<<<<<< HEAD\n")

    stale, frozen = run("sync"), run("sync", "--frozen")

    assert 1 == stale[0] and "pyproject.toml: it has the conflict markers" in stale[1]
    assert "dapi lock" not in stale[1]
    assert 0 == frozen[0], frozen[1]


@pytest.mark.usefixtures("project", "zoo")
def test_prune_leaves_only_what_is_locked(run):
    """It says what it removes, and a dry run only says it."""
    run("lock", "net:Digits_RefV1")
    run("sync")
    run("fetch", "net")

    dry = run("sync", "--prune", "--dry-run")
    before = len(dapi.cache.blobs())
    pruned = run("sync", "--prune")

    assert 2 == before and "net-v2.safetensors" in dry[1] and "net-v2.safetensors" in pruned[1]
    locked = {file.sha256 for _, file in read("dapi.lock").files()}
    assert locked == {blob.sha256 for blob in dapi.cache.blobs()}


def test_sync_needs_no_distribution_where_the_lock_has_the_urls(zoo, project, run, own_cache):
    """An init container has dapi-core and dapi-lock alone."""
    run("lock", "net:Digits_RefV1")
    shutil.rmtree(next(zoo.site.glob("acme_zoo-*")))
    dapi.refresh()

    status, printed = run("sync")

    assert 0 == status, printed
    assert 1 == len(dapi.cache.blobs())


def test_other_bytes_are_refused_by_sync(zoo, project, run):
    """A file whose hash nobody publishes has the locked one, and no other."""
    run("lock", "talker")
    for blob in dapi.cache.blobs():
        dapi.cache.remove(blob.sha256)
    zoo.server.serve("/talker.safetensors", b"x" * len(zoo.bodies["talker.safetensors"]))

    status, printed = run("sync")

    assert 1 == status and "talker.safetensors of acme-zoo/talker:Speech_RefV1" in printed


FAULTS = {
    "replaced": {"body": b"other bytes"},
    "replaced, of the same size": {"body": bytes(10_000)},
    "truncated": {"cut": 100},
    "truncated, and said so": {"length": 100, "cut": 100},
    "gone": {"status": 404},
    "forbidden": {"status": 403},
    "an error page": {"body": b"<html>Sorry</html>", "headers": {"Content-Type": "text/html"}},
    "reset": {"reset": 100},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_upstream_that_changed_is_refused_or_served_from_the_cache(
    zoo, project, run, fault, monkeypatch, tmp_path
):
    """Whether or not a hash was published: no wrong bytes, and with a cache no request."""
    for name in zoo.bodies:
        zoo.bodies[name] = name.encode() * (10_000 // len(name)) + bytes(10_000 % len(name))
        zoo.server.serve(f"/{name}", zoo.bodies[name])
    zoo.release(size=10_000)
    run("lock", "net:Digits_RefV1", "talker")
    run("sync")
    names = [file.name for _, file in read("dapi.lock").files()]
    for name in names:
        zoo.server.serve(f"/{name}", zoo.bodies[name], always=fault)

    cached = run("sync")
    requests = [*zoo.requests]
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "empty"))
    status, printed = run("sync")

    assert 0 == cached[0] and [] == requests
    assert 1 == status and all(name in printed for name in names)
    assert [] == dapi.cache.blobs()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("status", [429, 503])
def test_server_that_asks_to_wait_is_waited_for(zoo, run, status):
    """Hubs limit how often production may ask."""
    run("lock", "net:Digits_RefV1")
    wait = {"status": status, "headers": {"Retry-After": "0"}}
    zoo.server.serve("/net-v1.safetensors", zoo.bodies["net-v1.safetensors"], wait, wait)

    assert 0 == run("sync")[0] and 3 == len(zoo.requests)
