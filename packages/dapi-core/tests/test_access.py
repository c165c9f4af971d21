"""A cache that others can write to: nothing of theirs is believed, and nothing is written for them.

The other user is played by files that root gives to him, or by folders that are open to all.
"""

import hashlib
import json
import os
import tempfile
import warnings
from pathlib import Path

import pytest

import dapi
from dapi import File, _store
from dapi._cli import main
from dapi._store import cache, copies, folders, partial, trust, verification
from dapi._store.settings import Settings
from dapi.exceptions import CacheError, CacheWarning, FetchError, OfflineError

BODY = b"weights" * 1000
DIGEST = hashlib.sha256(BODY).hexdigest()
EVIL = b"EVIL!!!" * 1000
QUICK = Settings(connect=1.0, reach=1.0, backoff=0.01)
STRANGER = 54321

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two users")


@pytest.fixture(autouse=True)
def own_scratch(tmp_path, monkeypatch):
    """Notes of this user are this test's."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    verification._digests.clear()


@pytest.fixture
def file(server):
    return File(server.serve("/net.pth", BODY), sha256=DIGEST, size=len(BODY))


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that are hashed as a whole."""
    names, hash_stream = [], verification.hash_stream

    def noting(stream):
        names.append(str(stream.name))
        return hash_stream(stream)

    monkeypatch.setattr(verification, "hash_stream", noting)
    return names


def open_to_all(path):
    path.chmod(0o1777)


def give_away(path):
    os.chown(path, STRANGER, STRANGER)


def forge(root, body=EVIL, digest=DIGEST):
    """Do what whoever can write to a cache can: other bytes, and a stamp that is right of them."""
    blob, stamp = root / "blobs" / digest, root / "stamps" / digest
    for path in (blob, stamp):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    blob.write_bytes(body)
    stamp.write_text(json.dumps({"stat": verification.line(blob.stat())}))
    return blob, stamp


HARMS = {
    "the cache is open": lambda root: open_to_all(root),
    "the folder of blobs is open": lambda root: open_to_all(root / "blobs"),
    "the folder of stamps is open": lambda root: open_to_all(root / "stamps"),
    "all can write to the blob": lambda root: (root / "blobs" / DIGEST).chmod(0o666),
    "all can write to the stamp": lambda root: (root / "stamps" / DIGEST).chmod(0o666),
    "a group can write": lambda root: (root / "blobs").chmod(0o775),
}
OWNERS = {
    "the cache is another's": lambda root: give_away(root),
    "the blobs are another's": lambda root: give_away(root / "blobs"),
    "the blob is another's": lambda root: give_away(root / "blobs" / DIGEST),
    "the stamp is another's": lambda root: give_away(root / "stamps" / DIGEST),
}
WAYS = [pytest.param(harm, id=name) for name, harm in HARMS.items()]
WAYS += [pytest.param(harm, id=name, marks=needs_root) for name, harm in OWNERS.items()]


@pytest.mark.parametrize("harm", WAYS)
def test_stamp_that_others_could_write_is_not_believed(file, own_cache, harm):
    """A pinned file has its bytes, whoever planted others and a stamp that fits them."""
    blob, stamp = forge(own_cache)
    harm(own_cache)
    stamp.write_text(json.dumps({"stat": verification.line(blob.stat())}))  # modes are part of it

    with pytest.warns(CacheWarning, match="damaged"):
        assert BODY == dapi.cache.fetch(file, patience=QUICK).read_bytes()


@pytest.mark.parametrize("harm", WAYS)
def test_forged_stamp_of_a_readonly_cache_is_not_believed(
    file, own_cache, harm, monkeypatch, tmp_path
):
    """What an operator shares is checked in the same way."""
    shared = tmp_path / "shared"
    blob, stamp = forge(shared)
    harm(shared)
    stamp.write_text(json.dumps({"stat": verification.line(blob.stat())}))
    monkeypatch.setenv("DAPI_CACHE_READONLY", str(shared))

    with pytest.warns(CacheWarning, match="damaged"):
        assert own_cache / "blobs" / DIGEST == dapi.cache.fetch(file, patience=QUICK)
    assert EVIL == blob.read_bytes()


def test_open_cache_is_hashed_once(file, own_cache, hashed, tmp_path):
    """That is noted in this user's own folder, and the next process believes it."""
    path = dapi.cache.fetch(file)
    open_to_all(own_cache)
    for _ in range(3):
        verification._digests.clear()  # as in another process
        assert path == dapi.cache.fetch(file)

    assert [str(path)] == hashed
    own = tmp_path / "scratch" / f"dapi-{os.geteuid()}"
    assert 0o700 == own.stat().st_mode & 0o777


def test_closed_cache_is_not_hashed(file, hashed, tmp_path):
    """Nor is a folder for notes made."""
    dapi.cache.fetch(file)
    verification._digests.clear()
    dapi.cache.fetch(file)

    assert [] == hashed
    assert [] == list((tmp_path / "scratch").iterdir())


def test_cache_is_closed_whatever_the_umask_is(file, hashed, own_cache):
    """Many systems let groups write by default, as each user has one of his own."""
    before = os.umask(0o002)
    try:
        path = dapi.cache.fetch(file)
        view = _store.views.directory({"net.pth": path}, of="net")
    finally:
        os.umask(before)
    verification._digests.clear()

    assert path == dapi.cache.fetch(file)
    assert own_cache == view.parent.parent
    assert [] == hashed
    assert {0o755, 0o644, 0o444} == {
        path.stat().st_mode & 0o777 for path in own_cache.rglob("*") if not path.is_symlink()
    }


def test_folders_of_a_shared_cache_are_shared(file, own_cache):
    """Where a group can write to the cache, and the umask lets it, it can write to all of it."""
    own_cache.mkdir()
    own_cache.chmod(0o2775)
    before = os.umask(0o002)
    try:
        dapi.cache.fetch(file)
    finally:
        os.umask(before)

    assert 0o775 == (own_cache / "blobs").stat().st_mode & 0o777


class TestFirstTrust:
    URL = "https://127.0.0.1:9/net.pth"

    def plant(self, root):
        forge(root, digest=hashlib.sha256(EVIL).hexdigest())
        record = root / "refs" / hashlib.sha256(self.URL.encode()).hexdigest()
        record.parent.mkdir()
        digest = hashlib.sha256(EVIL).hexdigest()
        record.write_text(json.dumps({"url": self.URL, "sha256": digest, "loaded": True}))
        return record

    def test_planted_record_is_not_believed(self, own_cache):
        """A record in a folder that is open to others says nothing, and that is told."""
        record = self.plant(own_cache)
        open_to_all(record.parent)

        told = pytest.warns(
            CacheWarning, match=f"{record} is not used, since others can write to it"
        )
        with told, pytest.raises(FetchError):
            dapi.cache.fetch(File(self.URL), patience=QUICK)

    @needs_root
    def test_record_of_another_user_is_not_believed(self, own_cache):
        """Also where he cannot write any more."""
        record = self.plant(own_cache)
        give_away(record)

        with pytest.warns(CacheWarning, match="is not used"), pytest.raises(FetchError):
            dapi.cache.fetch(File(self.URL), patience=QUICK)

    def test_own_record_is_kept_elsewhere(self, own_cache, tmp_path, capsys):
        """In an open cache, trust is this user's, and is listed, held and forgotten as ever."""
        own_cache.mkdir()
        open_to_all(own_cache)
        (tmp_path / "net.pth").write_bytes(BODY)
        file = File(self.URL)
        path = _store.add(tmp_path / "net.pth", file, wanted="net")
        _store.confirm(file)

        assert path == dapi.cache.fetch(file)
        assert DIGEST == trust.held(file)
        assert not (own_cache / "refs").exists()
        assert [self.URL] == [known.url for known in trust.every()]
        assert 0 == main(["trust", "--forget", self.URL])
        assert trust.held(file) is None


class TestLinks:
    """Nothing in a cache is followed through a link, and no odd file is opened."""

    @pytest.fixture
    def victim(self, tmp_path):
        path = tmp_path / "thesis.txt"
        path.write_bytes(b"years of work")
        yield path
        assert b"years of work" == path.read_bytes()
        assert 0o644 == path.stat().st_mode & 0o777

    def odd(self, path, kind, victim):
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            path.symlink_to(victim)
        elif kind == "hard link":
            os.link(victim, path)
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()

    @pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder"])
    def test_planted_partial_is_not_written_to(self, file, own_cache, victim, kind):
        """A leftover is resumed only if it is this user's own file, and of one name."""
        victim.chmod(0o644)
        path = own_cache / "blobs" / f"partial-{DIGEST}-free-12345678"
        self.odd(path, kind, victim)
        notes = {"done": [[0, 5]], "version": None, "total": len(BODY)}
        path.with_name(f"{path.name}.json").write_text(json.dumps(notes))

        assert BODY == dapi.cache.fetch(file, patience=QUICK).read_bytes()

    def test_partial_that_is_replaced_by_a_hard_link_is_not_opened(self, own_cache, victim):
        """Somebody may put it there after the leftovers were examined."""
        victim.chmod(0o644)
        path = own_cache / "blobs" / f"partial-{DIGEST}-here-1-2-3"
        self.odd(path, "hard link", victim)

        with pytest.raises(OSError, match="another name"):
            partial.Partial(path, DIGEST)

    @needs_root
    def test_partial_of_another_user_is_not_resumed(self, file, own_cache):
        """He may have it open, and write to it after it was verified."""
        path = own_cache / "blobs" / f"partial-{DIGEST}-free-12345678"
        path.parent.mkdir(parents=True)
        path.write_bytes(BODY)
        give_away(path)

        found = dapi.cache.fetch(file, patience=QUICK)
        assert path.exists() and 0 == found.stat().st_uid

    @pytest.mark.parametrize("kind", ["link", "pipe"])
    @pytest.mark.parametrize("folder", ["blobs", "stamps"])
    def test_planted_blob_or_stamp_is_replaced(self, file, own_cache, victim, folder, kind):
        """Neither blocks, nor is written through; the link is replaced, not what it leads to."""
        victim.chmod(0o644)
        self.odd(own_cache / folder / DIGEST, kind, victim)

        with pytest.warns(CacheWarning, match="damaged") if folder == "blobs" else nothing():
            path = dapi.cache.fetch(file, patience=QUICK)
        assert BODY == path.read_bytes() and not path.is_symlink()

    @pytest.mark.parametrize("kind", ["link", "pipe"])
    def test_planted_lock_is_refused_in_words(self, file, own_cache, victim, kind):
        """A lock that is a link to a file of this user is not opened."""
        victim.chmod(0o644)
        self.odd(own_cache / "locks" / DIGEST, kind, victim)

        with pytest.raises(CacheError) as caught:
            dapi.cache.fetch(file, patience=QUICK)
        assert kind == "pipe" or f"{own_cache / 'locks' / DIGEST} is a link" in str(caught.value)

    @pytest.mark.parametrize("kind", ["link", "pipe"])
    def test_planted_record_of_trust_is_not_read(self, own_cache, victim, kind):
        """Not even to say that it is damaged."""
        victim.chmod(0o644)
        file = File("https://127.0.0.1:9/net.pth")
        self.odd(own_cache / "refs" / hashlib.sha256(file.url.encode()).hexdigest(), kind, victim)

        with pytest.raises(FetchError), nothing() if kind == "pipe" else pytest.warns(CacheWarning):
            dapi.cache.fetch(file, patience=QUICK)

    @pytest.mark.parametrize("folder", ["blobs", "stamps", "locks", "copies", "views"])
    def test_folder_that_is_a_link_is_left_alone(self, file, own_cache, tmp_path, folder, capsys):
        """What lies where it leads is neither added to nor removed."""
        documents = tmp_path / "documents"
        (documents / "letters").mkdir(parents=True)
        (documents / "letters" / "broken").symlink_to("nowhere")
        (documents / "diary.txt").write_text("dear diary")
        before = sorted(documents.rglob("*"))
        own_cache.mkdir()
        (own_cache / folder).symlink_to(documents)

        try:
            path = dapi.cache.fetch(file, patience=QUICK)
            _store.views.directory({"net.pth": path}, of="net")
        except CacheError as error:
            assert "is a link" in str(error)
        main(["cache", "remove", "--older-than", "0"])
        main(["verify", "--repair"])
        assert before == sorted(documents.rglob("*"))

    def test_file_that_was_swapped_is_not_published_as_right(self, file, own_cache, tmp_path):
        """Who can write to the folder may put another file in its place once it was hashed."""
        target = partial.create(DIGEST, QUICK)
        target.write(0, BODY)
        digest = target.digest()
        (tmp_path / "evil").write_bytes(EVIL)
        os.replace(tmp_path / "evil", target.path)

        with pytest.raises(CacheError, match="replaced"):
            cache.publish(file, target, digest, wanted="net")
        target.discard()
        with pytest.warns(CacheWarning, match="damaged"):
            assert BODY == dapi.cache.fetch(file, patience=QUICK).read_bytes()

    def test_folder_for_notes_is_not_a_link(self, file, own_cache, tmp_path, hashed):
        """Somebody may make a link of its name; notes are then kept for this process only."""
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (tmp_path / "scratch" / f"dapi-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
        dapi.cache.fetch(file)
        open_to_all(own_cache)
        for _ in range(3):
            dapi.cache.fetch(file)

        assert 1 == len(hashed)
        assert [] == list((tmp_path / "elsewhere").iterdir())


def nothing():
    from contextlib import nullcontext

    return nullcontext()


def test_copy_in_an_open_cache_is_not_used(own_cache, tmp_path):
    """There is none, and a planted one is not returned."""
    (tmp_path / "net.pth").write_bytes(BODY)
    file = File("https://127.0.0.1:9/net.pth", sha256=DIGEST)
    blob = _store.add(tmp_path / "net.pth", file, wanted="net")
    copies.make(blob, lambda path: path.write_bytes(b"copy"))
    assert copies.find(blob) is not None

    open_to_all(own_cache / "copies")
    assert copies.find(blob) is None
    assert not copies.is_worthwhile(blob)


def test_copy_has_a_hash_of_its_own(own_cache, tmp_path):
    """A cache that was moved keeps its copies; one that changed is not believed, and reported."""
    (tmp_path / "net.pth").write_bytes(BODY)
    file = File("https://127.0.0.1:9/net.pth", sha256=DIGEST)
    blob = _store.add(tmp_path / "net.pth", file, wanted="net")
    copies.make(blob, lambda path: path.write_bytes(b"copy"))
    copy = copies.find(blob)
    assert 0o444 == copy.stat().st_mode & 0o777
    os.utime(copy, (1, 1))
    assert copy == copies.find(blob)
    assert [] == list(copies.damaged())

    copy.chmod(0o644)
    copy.write_bytes(b"EVIL")
    record = json.loads(copy.with_suffix(".json").read_text())
    record["stat"] = verification.line(copy.stat())  # as if the disk had lost a bit
    copy.with_suffix(".json").write_text(json.dumps(record))
    for _ in range(2):
        assert [copy] == list(copies.damaged())
    assert copies.find(blob) is None


def test_doctor_sees_an_open_cache(file, own_cache, capsys):
    """It names the folder, and what to do."""
    dapi.cache.fetch(file)
    open_to_all(own_cache / "stamps")
    main(["doctor", "--json"])
    problems = json.loads(capsys.readouterr().out)["problems"]

    found = [each for each in problems if each["distribution"] == "cache"]
    assert [str(own_cache / "stamps")] == [each["what"].split()[4].rstrip(":") for each in found]
    assert f"chmod go-w {own_cache / 'stamps'}" in found[0]["remedy"]


def as_another_user(action, user, group):
    """Call a function in a process of another user, and return what it returns as a text."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside a server's thread
        child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            os.umask(0o002)
            text = str(action())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text


@needs_root
@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o2775], ids=["sticky", "all", "group"])
def test_two_users_share_a_cache(file, mode, monkeypatch):
    """Another user finds what the first one planted, and gets what was published."""
    dapi.cache.fetch(file)  # what fetching imports is where only root can read

    def fetch():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheWarning)
            path = dapi.cache.fetch(file, patience=QUICK)
        return path.stat().st_uid, path.read_bytes() == BODY

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        (notes := Path(name, "notes")).mkdir()
        open_to_all(notes)
        shared = Path(name, "cache")
        monkeypatch.setenv("DAPI_CACHE", str(shared))
        monkeypatch.setattr("tempfile.tempdir", str(notes))
        blob, stamp = forge(shared)
        for path in (shared, blob.parent, stamp.parent, blob, stamp):
            os.chown(path, STRANGER, 777)
        for path in (shared, blob.parent, stamp.parent):
            path.chmod(mode)
        stamp.write_text(json.dumps({"stat": verification.line(blob.stat())}))
        answer = as_another_user(fetch, 12345, 777)

    if mode == 0o1777:  # what another user planted there, only he can remove
        assert answer.startswith("CacheError") and "not permitted" in answer
    else:
        assert "(12345, True)" == answer


def test_offline_a_planted_file_is_not_used(file, own_cache, monkeypatch):
    """Nothing vouches for it, and nothing can be fetched."""
    forge(own_cache)
    open_to_all(own_cache)
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    with pytest.raises(OfflineError) as caught:
        dapi.cache.fetch(file)
    assert caught.value.is_damaged
    assert "in the cache, but damaged" in str(caught.value)
    assert folders.blobs() / DIGEST == caught.value.path
