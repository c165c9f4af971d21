"""The binding: with a lock, LATEST, files and licenses are what was locked, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import dapi
from dapi.exceptions import FetchError, HashMismatchError, NotLockedError
from dapi.lock import read
from dapi.lock.exceptions import LockError, MissingLockError, PolicyError

pytestmark = pytest.mark.usefixtures("project")


def first(model):
    """One number of a model: which of the checkpoints it has."""
    return model.bias[0].item()


def test_latest_is_what_was_locked(zoo, run, monkeypatch):
    """In the library and the command, whatever a later release marks; DAPI_LOCK and use_lock."""
    zoo.release(v1_latest=True, v2_latest=False)
    run("lock", "net")
    run("sync")
    zoo.release("2.0")
    free = first(dapi.get_model("net"))

    with dapi.use_lock("dapi.lock"):
        bound = first(dapi.get_model("net"))
    monkeypatch.setenv("DAPI_LOCK", "dapi.lock")
    by_variable = first(dapi.get_model("net")), first(dapi.get_model("net", weights=dapi.LATEST))
    with dapi.use_lock(None):
        unbound = first(dapi.get_model("net"))
    _, fetched = run("fetch", "net", "--json")

    assert (2.0, 1.0, (1.0, 1.0), 2.0) == (free, bound, by_variable, unbound)
    assert "net-v1.safetensors" in fetched


def test_what_is_not_locked_is_refused_with_the_command_that_adds_it(zoo, run):
    """Members, models, entries of one's own and other files; random initialization is free."""
    run("lock", "net:Digits_RefV1")
    other = dapi.WeightEntry("https://example.org/x.safetensors", sha256="0" * 64)

    with dapi.use_lock("dapi.lock"):
        with pytest.raises(NotLockedError, match=r"To add it: dapi lock net:Digits_RefV2\."):
            dapi.get_model("net:Digits_RefV2")
        with pytest.raises(NotLockedError, match=r"dapi lock acme-zoo/talker\."):
            dapi.get_model("talker")
        with pytest.raises(NotLockedError, match="does not name the file https://example.org/x"):
            dapi.get_model("net", weights=other)
        with pytest.raises(NotLockedError, match="dapi lock talker:Speech_RefV1"):
            dapi.get_weights("talker:Speech_RefV1").fetch()
        assert dapi.get_model("talker", weights=None) is not None
    assert [] == [path for path in zoo.requests if "talker" in path or "v2" in path]


def test_weights_that_locked_ones_use_are_locked_with_them(zoo, run):
    """A vocoder is built as weights of its own; others of its model are not."""
    run("lock", "speaker")

    with dapi.use_lock("dapi.lock"):
        assert 1.0 == first(dapi.get_model("net:Digits_RefV1"))
        with pytest.raises(NotLockedError):
            dapi.get_model("net:Digits_RefV2")
    voice = next(file for file in read("dapi.lock").weights[0].files if file.asset)
    assert ("voice", "acme-zoo/net:Digits_RefV1", "BSD-3-Clause") == (
        voice.asset, voice.weights, voice.license,
    )  # fmt: skip


def test_another_lock_is_named_in_the_command(zoo, run):
    """What is told can be typed as it is."""
    run("lock", "packed", "--lock", "our models.lock")

    with dapi.use_lock("our models.lock"), pytest.raises(NotLockedError) as caught:
        dapi.get_model("net:Digits_RefV1")

    assert f"dapi lock net:Digits_RefV1 --lock '{Path('our models.lock').absolute()}'." in str(
        caught.value
    )


def test_nothing_is_trusted_on_first_use(zoo, run):
    """A file without a published hash has the locked one; other bytes are refused at once."""
    run("lock", "talker")
    for blob in dapi.cache.blobs():
        dapi.cache.remove(blob.sha256)
    talker = dapi.get_weights("talker:Speech_RefV1")
    zoo.server.serve("/talker.safetensors", zoo.bodies["net-v1.safetensors"])

    with dapi.use_lock("dapi.lock"), pytest.raises((FetchError, HashMismatchError)):
        dapi.get_model("talker")
    zoo.server.serve("/talker.safetensors", zoo.bodies["talker.safetensors"])
    with dapi.use_lock("dapi.lock"):
        assert 3.0 == first(dapi.get_model("talker"))
    assert talker.assets["tokenizer"].sha256 != read("dapi.lock").weights[0].files[1].sha256


def test_bytes_that_were_trusted_before_do_not_count(zoo, run):
    """A cache in which another file was trusted for the URL gives the locked one."""
    run("lock", "talker")
    lock = Path("dapi.lock").read_text()
    for blob in dapi.cache.blobs():
        dapi.cache.remove(blob.sha256)
    zoo.server.serve("/talker.safetensors", zoo.bodies["net-v1.safetensors"])
    unbound = first(dapi.get_model("talker"))
    zoo.server.serve("/talker.safetensors", zoo.bodies["talker.safetensors"])

    with dapi.use_lock("dapi.lock"):
        bound = first(dapi.get_model("talker"))

    assert (1.0, 3.0) == (unbound, bound) and lock == Path("dapi.lock").read_text()
    assert 1.0 == first(dapi.get_model("talker"))  # and unbound, all is as before


def test_hash_that_a_release_changed_is_refused(zoo, run):
    """The publisher declares other bytes under the same name: the lock decides."""
    run("lock", "net:Digits_RefV1")
    zoo.release("2.0", v1="0" * 64)

    with dapi.use_lock("dapi.lock"), pytest.raises(NotLockedError, match="dapi lock --upgrade"):
        dapi.get_model("net:Digits_RefV1")


def test_policy_is_enforced_when_a_model_is_built(zoo, project, run):
    """By what is declared today: a release that changes the license, or deprecates."""
    text = (
        "[tool.dapi]\nweights=['net:Digits_RefV1']\n[tool.dapi.policy]\nlicenses=['BSD-3-Clause']\n"
    )
    project(f"{text}allow-deprecated = false\n")
    run("lock")
    run("sync")
    with dapi.use_lock("dapi.lock"):
        assert 1.0 == first(dapi.get_model("net:Digits_RefV1"))
    zoo.release("2.0", license="CC-BY-NC-4.0")
    with dapi.use_lock("dapi.lock"), pytest.raises(PolicyError, match="CC-BY-NC-4.0"):
        dapi.get_model("net:Digits_RefV1")
    zoo.release("3.0", status="deprecated")
    with dapi.use_lock("dapi.lock"), pytest.raises(PolicyError, match="is deprecated"):
        dapi.get_model("net:Digits_RefV1")


def test_several_locked_weights_of_a_model_are_not_chosen_between(zoo, run):
    """Unless one was locked as the latest."""
    run("lock", "net:Digits_RefV1", "net:Digits_RefV2")
    with dapi.use_lock("dapi.lock"), pytest.raises(NotLockedError, match="several"):
        dapi.get_model("net")
    run("lock", "net")
    with dapi.use_lock("dapi.lock"):
        assert 2.0 == first(dapi.get_model("net"))


def test_locked_weights_are_not_said_to_be_outdated(zoo, run, recwarn):
    """The lock decides which weights are used, and so does no warning."""
    run("lock", "net:Digits_RefV1")

    with dapi.use_lock("dapi.lock"):
        dapi.get_model("net")

    assert [] == [each for each in recwarn if "latest" in str(each.message)]


@pytest.mark.usefixtures("zoo")
def test_lock_that_cannot_be_read_fails_closed(monkeypatch, project):
    """A damaged or missing lock is an error at each use, not a process without a lock."""
    Path("dapi.lock").write_text("lock-version = '2.0'\n")
    monkeypatch.setenv("DAPI_LOCK", "dapi.lock")
    for _ in range(2):
        with pytest.raises(LockError, match="pip install --upgrade dapi-lock"):
            dapi.get_model("net")
    with pytest.raises(MissingLockError):
        dapi.use_lock("absent.lock")


def test_commands_of_the_lock_are_not_bound_by_it(zoo, run, monkeypatch):
    """With DAPI_LOCK set, the lock can still be changed."""
    run("lock", "packed")
    monkeypatch.setenv("DAPI_LOCK", "dapi.lock")

    status, printed = run("lock", "net", "talker")
    synced, _ = run("sync")

    assert (0, 0) == (status, synced), printed


def test_predict_lists_only_locked_weights_as_being_here(zoo, run, monkeypatch):
    """Commands of core ask about weights that are not locked without failing."""
    run("lock", "net")
    monkeypatch.setenv("DAPI_LOCK", "dapi.lock")

    status, printed = run("fetch", "net", "--dry-run", "--require-hash")

    assert 0 == status and "net-v2.safetensors" in printed


def test_two_files_that_differ_only_in_their_query_are_two_files(zoo, run):
    """The lock does not show a query, and still does not take one file for another."""
    run("lock", "net:Digits_RefV2")
    url = f"https://localhost:{zoo.server.server_port}/net-v2.safetensors?download=2"

    with dapi.use_lock("dapi.lock"), pytest.raises(NotLockedError):
        dapi.WeightEntry(url).fetch()


def test_without_a_lock_nothing_of_it_is_imported(project):
    """No file is looked for, though there is one, and dapi.lock is not imported."""
    Path("dapi.lock").write_text("not a lock")
    code = (
        "import sys, json, dapi\n"
        "dapi.list_models(); dapi.catalog.resolve('resnet20_v2')\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('dapi.lock')]))"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert [] == json.loads(printed)
