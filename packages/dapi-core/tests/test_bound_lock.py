"""The binding: what core asks of a lock, and that it costs nothing where there is none."""

import sys

import pytest

import dapi
from dapi import File, WeightEntry
from dapi._cli import main
from dapi._plugins import bound_lock
from dapi.exceptions import MissingDependencyError, NotLockedError

DIGEST = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of abc


class Lock:
    """A lock that has one file, and no weights."""

    def latest(self, builder):
        raise NotLockedError(builder, lock="dapi.lock", reason="it has no weights of this model")

    def admit(self, weights):
        raise NotLockedError(str(weights), lock="dapi.lock", reason="it does not name them")

    def locked(self, file, wanted):
        if file.name != "abc":
            raise NotLockedError(wanted, lock="dapi.lock", reason="it does not name the file")
        return File(file.url, DIGEST, 3)


@pytest.fixture
def bound(monkeypatch):
    monkeypatch.setattr(bound_lock, "_chosen", (Lock(),))


@pytest.fixture
def without_dapi_lock(monkeypatch):
    """Core as it is installed alone."""
    own = [path for path in dapi.__path__ if "dapi-lock" not in str(path)]
    monkeypatch.setattr(dapi, "__path__", own)
    for name in [name for name in sys.modules if name.startswith("dapi.lock")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("without_dapi_lock")
def test_using_a_lock_says_what_to_install(monkeypatch, server, capsys):
    """A variable that asks for a lock is not ignored where nobody reads locks."""
    url = server.serve("/abc", b"abc")
    with pytest.raises(MissingDependencyError, match="pip install 'dapi-lock'"):
        dapi.use_lock("dapi.lock")
    monkeypatch.setenv("DAPI_LOCK", "dapi.lock")
    with pytest.raises(MissingDependencyError, match="pip install 'dapi-lock'"):
        WeightEntry(url, sha256=DIGEST).fetch()
    assert 1 == main(["verify", "--lock"])
    assert "pip install 'dapi-lock'" in capsys.readouterr().err


@pytest.mark.usefixtures("bound")
def test_every_file_that_is_fetched_is_asked_for(server):
    """What is not locked is refused without a request; what is has the locked hash."""
    right, wrong = server.serve("/abc", b"abc"), server.serve("/other", b"abc")

    assert b"abc" == WeightEntry(right, sha256=DIGEST).fetch().read_bytes()
    with pytest.raises(NotLockedError, match="dapi.use_lock"):
        WeightEntry(wrong, sha256=DIGEST).fetch()
    assert ["/abc"] == server.asked


@pytest.mark.usefixtures("bound")
def test_local_files_are_files_too(tmp_path):
    """A checkpoint of one's own is not in the lock."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"abc")

    with pytest.raises(NotLockedError):
        WeightEntry.from_file(path).fetch()


@pytest.mark.usefixtures("forget_registered", "bound")
def test_latest_and_members_are_asked_for(install):
    """By name, and by the latest of a name."""
    install("acme-one")

    with pytest.raises(NotLockedError, match="acme-one/fancynet"):
        dapi.catalog.resolve("fancynet")
    name, weights = dapi.catalog.resolve("fancynet:First_RefV1")
    assert "acme-one/fancynet" == name.qualified and "First_RefV1" == weights.name


@pytest.mark.usefixtures("bound")
def test_no_lock_undoes_the_choice_until_its_block_ends(server):
    """use_lock(None) is for tools; the lock holds again afterwards."""
    entry = WeightEntry(server.serve("/other", b"abc"), sha256=DIGEST)

    with dapi.use_lock(None):
        assert entry.fetch().is_file()
    with pytest.raises(NotLockedError):
        entry.fetch()


def test_without_a_lock_a_file_is_itself():
    """Nothing is read, and nothing changes."""
    file = File("https://example.org/x.pth")

    assert bound_lock.current() is None and file is bound_lock.locked(file)
