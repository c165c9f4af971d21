"""Upstream changes after thirty sets were locked: refused, or served from the cache."""

import sys
from hashlib import sha256

import pytest

import dapi
from dapi import cache
from dapi.lock import locked, read

COUNT = 15  # of weights, and of repositories

MODULE = """
from dapi import WeightEntry, Weights, register_model

class ThirtyWeights(Weights):
{members}

@register_model(weights=ThirtyWeights)
def thirty(*, weights=None, progress=True):
    raise NotImplementedError
"""
MEMBER = (
    '    Set{number}_RefV1 = WeightEntry("{url}", sha256="{sha256}", size={size}, '
    'meta={{"license": "MIT"}})'
)
FAULTS = (
    "replaced", "truncated", "gone", "limited", "renamed", "redirected", "force-pushed",
)  # fmt: skip
SERVED = ("renamed",)  # the bytes are the locked ones, from another address
LATER = {"Retry-After": "3600"}  # longer than anybody waits


def body(kind, number):
    return f"{kind} {number} ".encode() * 200


@pytest.fixture
def thirty(zoo, hub, project, run):
    """Half of them weights of a distribution, half of them repositories; all locked and synced."""
    pytest.importorskip("huggingface_hub")
    lines = []
    for number in range(COUNT):
        content = body("weights", number)
        url = zoo.server.serve(f"/thirty-{number}.bin", content)
        facts = {"sha256": sha256(content).hexdigest(), "size": len(content)}
        lines.append(MEMBER.format(number=number, url=url, **facts))
        files = {"model.bin": body("repository", number), "config.json": b'{"n": %d}' % number}
        hub.repo(f"acme/repo-{number}", files, card={"license": "mit"})
    (zoo.site / "acme_thirty.py").write_text(MODULE.format(members="\n".join(lines)))
    metadata = zoo.site / "acme_thirty-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-thirty\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[dapi.models]\nthirty = acme_thirty:thirty\n"
        "[dapi.weights]\nthirty = acme_thirty:ThirtyWeights\n"
    )
    dapi.refresh()
    names = [f"thirty:Set{number}_RefV1" for number in range(COUNT)]
    sources = [f"hf:acme/repo-{number}@main" for number in range(COUNT)]
    assert 0 == run("lock", *names, *sources)[0] and 0 == run("sync")[0]
    yield [*names, *(source[3:].removesuffix("@main") for source in sources)]
    sys.modules.pop("acme_thirty", None)


def change_weights(server, number, fault):
    """Let upstream do wrong with the file of a member."""
    path, content = f"/thirty-{number}.bin", body("weights", number)
    other = {"body": b"x" * len(content)}
    host = f"https://other.localhost:{server.server_port}"
    moved = {"status": 301, "headers": {"Location": f"/moved{path}"}}
    faults = {
        "replaced": other,
        "truncated": {"length": len(content), "cut": 100},
        "gone": {"status": 404},
        "limited": {"status": 429, "headers": LATER},
        "renamed": moved,
        "redirected": {"status": 302, "headers": {"Location": f"{host}/elsewhere{path}"}},
        "force-pushed": {"body": b"an older file"},
    }
    server.serve(f"/moved{path}", content)
    server.serve(f"/elsewhere{path}", other["body"])
    server.serve(path, content, always=faults[fault])


def change_repository(hub, number, fault):
    """Let upstream do wrong with the model of a repository."""
    name, content = f"acme/repo-{number}", body("repository", number)
    repo, other = hub.repos[name], b"x" * len(content)
    if fault == "force-pushed":
        repo.commits.clear()
        repo.commit({"model.bin": other})
        return
    host = f"https://other.localhost:{hub.server_port}"
    hub.bodies["/moved/" + name], hub.bodies["/elsewhere/" + name] = content, other
    faults = {
        "replaced": {"body": other},
        "truncated": {"cut": 100},
        "gone": {"status": 404},
        "limited": {"status": 429, "headers": LATER},
        "renamed": {"location": f"{hub.url}/moved/{name}"},
        "redirected": {"location": f"{host}/elsewhere/{name}"},
    }
    hub.faults[f"{name}/model.bin"] = faults[fault]


def assert_right_bytes():
    """Every file of the cache is one that was locked, and has the bytes that it had."""
    hashes = {file.sha256 for _, file in read("dapi.lock").files()}
    for blob in cache.blobs():
        assert blob.sha256 in hashes
        assert blob.sha256 == sha256(blob.path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "turn", [0, *(pytest.param(turn, marks=pytest.mark.slow) for turn in range(1, len(FAULTS)))]
)
def test_thirty_of_thirty_are_refused_or_served_from_the_cache(
    zoo, hub, thirty, run, monkeypatch, tmp_path, turn
):
    """Seven faults take turns: no wrong byte, every refusal by name, and offline no request."""
    faults = {}
    for number in range(2 * COUNT):
        fault = FAULTS[(number + turn) % len(FAULTS)]
        faults[thirty[number]] = fault
        if number < COUNT:
            change_weights(zoo.server, number, fault)
        else:
            change_repository(hub, number - COUNT, fault)
    hub.asked.clear()
    zoo.server.asked.clear()

    # Who has the files already never notices, online or offline.
    assert 0 == run("sync")[0]
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    assert 0 == run("sync", "--offline")[0]
    with dapi.use_lock("dapi.lock"):
        for number in range(COUNT):
            weights = dapi.get_weights(thirty[number])
            assert body("weights", number) == weights.fetch(progress=False).read_bytes()
            model = locked(thirty[COUNT + number]).fetch(progress=False) / "model.bin"
            assert body("repository", number) == model.read_bytes()
    assert [] == zoo.requests and [] == hub.asked

    # Who has not gets the locked bytes or none.
    monkeypatch.delenv("DAPI_OFFLINE")
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "empty"))
    status, printed = run("sync")
    there = {blob.sha256 for blob in cache.blobs()}
    outcomes = {}
    for entry in read("dapi.lock").weights:
        name = entry.name.removeprefix("acme-thirty/")
        is_whole = all(file.sha256 in there for file in entry.files)
        outcomes[name] = "served" if is_whole else "refused"
        assert is_whole or f" of {entry.name}: " in printed
    assert 1 == status
    assert outcomes == {
        name: "served" if fault in SERVED else "refused" for name, fault in faults.items()
    }
    assert_right_bytes()
