"""The cache: what its commands show, add and remove, and what is trusted without a hash."""

import hashlib
import json
import os
import sys
import time

import pytest

import dapi
from dapi import File, cache
from dapi._cli import main
from dapi._store import adoption, confirm, folders, reject, trust, verification
from dapi._store.settings import Settings
from dapi.exceptions import CacheWarning, FetchError, HashMismatchError

BODY = b"weights" * 1000
DIGEST = hashlib.sha256(BODY).hexdigest()
OTHER = b"other" * 1000
QUICK = Settings(connect=1.0, reach=1.0, backoff=0.01)

FAMILY = """
from dapi import File, WeightEntry, Weights, register_model

class NetWeights(Weights):
    Digits_RefV1 = WeightEntry("{url}", sha256="{pinned}")
    Digits_RefV2 = WeightEntry("https://localhost:1/later-{prefix}.pth", sha256="{prefix}")
    Digits_RefV3 = WeightEntry("https://localhost:1/unknown.pth", latest=True)

@register_model(weights=NetWeights)
def acme_net(*, weights=None, progress=True, **config): ...
"""
POINTS = (
    "[dapi.models]\nacme_net = acme_cached:acme_net\n"
    "[dapi.weights]\nacme_net = acme_cached:NetWeights\n"
)


@pytest.fixture
def family(advertise, server, monkeypatch):
    """Weights with a full hash, with a prefix, and with nothing."""
    monkeypatch.setattr(dapi._catalog.builders, "_registered", {})
    facts = {
        "url": server.serve("/net.pth", BODY), "pinned": DIGEST,
        "prefix": hashlib.sha256(OTHER).hexdigest()[:8],
    }  # fmt: skip
    advertise("acme-cached", POINTS, acme_cached=FAMILY.format(**facts))
    yield
    sys.modules.pop("acme_cached", None)


def run(capsys, *words):
    status = main([*words, "--json"])
    printed = capsys.readouterr()
    return status, json.loads(printed.out or "[]"), printed.err


def put(url, body, **fields):
    """Bring bytes into the cache for a URL that nobody serves."""
    file = File(url, **fields)
    return file, cache.receive([body], file, source=url, wanted="test")


class TestCommands:
    def test_list_tells_whose_a_file_is(self, family, capsys, own_cache):
        """The weights that need it, its size and its place."""
        main(["fetch", "acme_net:Digits_RefV1"])
        capsys.readouterr()
        status, rows, _ = run(capsys, "cache")

        assert (0, "acme_net:Digits_RefV1", len(BODY)) == (
            status, rows[0]["used_by"][0], rows[0]["bytes"],
        )  # fmt: skip
        assert str(own_cache / "blobs" / DIGEST) == rows[0]["path"]
        assert rows == run(capsys, "cache", "list")[1]

    def test_fetch_may_require_hashes(self, family, capsys, server):
        """What has no full published hash is refused, by file, before anything is fetched."""
        status, rows, errors = run(
            capsys, "fetch", "--require-hash", "acme_net:Digits_RefV2", "acme_net:Digits_RefV1"
        )

        assert 1 == status
        assert "acme_net:Digits_RefV2 was not fetched: no full sha256 is published for" in errors
        assert "https://localhost:1/later-" in errors
        fetched, refused = rows
        assert ("acme_net:Digits_RefV1", "acme_net:Digits_RefV2") == (
            fetched["weights"], refused["weights"],
        )  # fmt: skip
        assert "missing-hash" == refused["error"]["code"]
        assert ["/net.pth"] == server.asked

    def test_trust_is_forgotten_by_the_url_that_is_shown(self, capsys):
        """No command prints a password or a signature, and none is needed."""
        file, path = put("https://me:s3cret@localhost:1/old.pth?sig=s3cret", OTHER)
        confirm(file)

        shown = run(capsys, "trust")[1][0]["url"]
        assert "https://localhost:1/old.pth?***" == shown
        path.write_bytes(BODY)
        assert "s3cret" not in str(run(capsys, "verify"))
        assert 0 == run(capsys, "trust", "--forget", shown)[0]
        assert [] == run(capsys, "trust")[1]

    def test_list_remembers_whose_a_file_was(self, capsys):
        """What no installed weights need is shown with what it was fetched for."""
        put("https://localhost:1/old.pth", OTHER)

        (row,) = run(capsys, "cache")[1]
        assert ([], "test", "cached") == (row["used_by"], row["wanted"], row["state"])

    def test_add_serves_an_offline_machine(self, family, capsys, tmp_path, monkeypatch):
        """A file that was carried by hand is found by its hash, under whatever name."""
        monkeypatch.setenv("DAPI_OFFLINE", "1")
        (tmp_path / "carried").write_bytes(BODY)
        status, rows, _ = run(capsys, "cache", "add", str(tmp_path / "carried"))

        assert (0, "acme_net:Digits_RefV1") == (status, rows[0]["weights"])
        path = dapi.get_weights("acme_net:Digits_RefV1").fetch()
        assert BODY == path.read_bytes()
        assert 1 == path.stat().st_nlink

    def test_add_knows_a_published_prefix(self, family, capsys, tmp_path):
        """Eight digits tell whose a file is; it is trusted only when it was loaded."""
        (tmp_path / "carried").write_bytes(OTHER)

        assert (
            "acme_net:Digits_RefV2"
            == run(capsys, "cache", "add", str(tmp_path / "carried"))[1][0]["weights"]
        )
        assert "not yet loaded" == run(capsys, "trust")[1][0]["state"]

    def test_add_of_a_strangers_file_says_how(self, family, capsys, tmp_path):
        """What no hash tells is added by naming the weights."""
        path = tmp_path / "unknown.pth"
        path.write_bytes(b"unknown")
        status, _, errors = run(capsys, "cache", "add", str(path))
        assert 1 == status
        assert "--for NAME" in errors

        status, rows, _ = run(capsys, "cache", "add", str(path), "--for", "acme_net")
        assert (0, "acme_net:Digits_RefV3") == (status, rows[0]["weights"])
        status, _, errors = run(capsys, "cache", "add", str(path), "--for", "acme_net:Digits_RefV1")
        assert 5 == status
        assert DIGEST in errors
        assert 1 == run(capsys, "cache", "add", str(tmp_path / "absent"))[0]

    @pytest.mark.parametrize("words", [(), ("--for", "acme_net:Digits_RefV1")])
    def test_add_of_a_git_lfs_pointer_says_what_it_is(self, family, capsys, tmp_path, words):
        """A clone without Git LFS has 130 bytes in the place of the weights."""
        path = tmp_path / "net.pth"
        path.write_text(
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 7\n"
        )

        status, _, errors = run(capsys, "cache", "add", str(path), *words)
        assert 5 == status
        assert "is a Git LFS pointer" in errors and "git lfs pull" in errors

    def test_remove_by_name_or_digits(self, family, capsys):
        """A model's name means all of its weights; digits mean a hash."""
        for name in ("acme_net", "acme_net:Digits_RefV1", DIGEST[:8]):
            dapi.get_weights("acme_net:Digits_RefV1").fetch()
            _, rows, _ = run(capsys, "cache", "remove", name)
            assert [len(BODY)] == [row["bytes"] for row in rows]
        assert [] == cache.blobs()

    def test_remove_unused_keeps_what_is_installed(self, family, capsys):
        """Only what no installed weights name goes."""
        dapi.get_weights("acme_net:Digits_RefV1").fetch()
        _, path = put("https://localhost:1/old.pth", OTHER + b"x")
        _, rows, _ = run(capsys, "cache", "remove", "--unused")

        assert [str(path)] == [row["path"] for row in rows]
        assert [DIGEST] == [blob.sha256 for blob in cache.blobs()]

    def test_remove_unused_refuses_to_guess(self, family, advertise, capsys):
        """While a distribution is broken, nobody knows what it uses."""
        points = "[dapi.models]\nx = acme_gone:x\n[dapi.weights]\nx = acme_gone:X\n"
        advertise("acme-gone", points, folder="gone", acme_gone="1/0")
        put("https://localhost:1/old.pth", OTHER)
        status, _, errors = run(capsys, "cache", "remove", "--unused")

        assert (1, 1) == (status, len(cache.blobs()))
        assert "dapi doctor" in errors

    def test_remove_what_was_not_used_for_long(self, family, capsys, own_cache):
        """A hit counts as a use, noted once a day."""
        dapi.get_weights("acme_net:Digits_RefV1").fetch()
        old = time.time() - 40 * 86400
        os.utime(own_cache / "stamps" / DIGEST, (old, old))
        dapi.get_weights("acme_net:Digits_RefV1").fetch()
        assert [] == run(capsys, "cache", "remove", "--older-than", "30")[1]

        _, path = put("https://localhost:1/old.pth", OTHER)
        os.utime(path, (old, old))
        os.utime(own_cache / "stamps" / path.name, (old, old))
        rows = run(capsys, "cache", "remove", "--older-than", "30")[1]
        assert [str(path)] == [row["path"] for row in rows]

    def test_remove_sweeps_what_was_interrupted(self, own_cache, capsys):
        """Leftovers of dead processes go; those of living ones stay."""
        (own_cache / "blobs").mkdir(parents=True)
        dead = own_cache / "blobs" / "partial-key-free-12345678"
        dead.write_bytes(b"abc")

        assert str(dead) == run(capsys, "cache", "remove", "--older-than", "30")[1][0]["path"]
        assert not dead.exists()

    def damage(self, path):
        """Lose a bit as a disk does: the times are as they were."""
        path.chmod(0o644)
        path.write_bytes(OTHER)
        path.chmod(0o444)
        verification.stamp(path, path.name, verification.line(path.stat()))

    def test_verify_finds_what_stamps_do_not_show(self, family, capsys):
        """Only reading all bytes tells; what is found is reported as often as it is asked for."""
        path = dapi.get_weights("acme_net:Digits_RefV1").fetch()
        assert (0, []) == run(capsys, "verify")[:2]
        self.damage(path)
        assert path == dapi.get_weights("acme_net:Digits_RefV1").fetch()

        for _ in range(2):
            status, rows, _ = run(capsys, "verify")
            assert (1, "damaged", str(path)) == (status, rows[0]["state"], rows[0]["path"])
            assert dapi.get_weights("acme_net:Digits_RefV1").url == rows[0]["url"]
        assert OTHER == path.read_bytes()
        with pytest.warns(CacheWarning, match="damaged"):  # nobody gets what is known to be wrong
            assert BODY == dapi.get_weights("acme_net:Digits_RefV1").fetch().read_bytes()

    def test_nothing_is_written_to_a_cache_that_is_only_read(
        self, family, own_cache, tmp_path, monkeypatch, capsys
    ):
        """Though it could be: neither that a file was hashed there, nor that it is damaged."""
        weights = dapi.get_weights("acme_net:Digits_RefV1")
        path = weights.fetch()
        os.utime(path, (0, 0))  # as in a copy: it is hashed again
        for stamp in (own_cache / "stamps").iterdir():
            os.utime(stamp, (0, 0))  # and was not used for long

        def snapshot():
            times = {each: each.stat().st_mtime_ns for each in own_cache.rglob("*")}
            return times, [each.read_bytes() for each in times if each.is_file()]

        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "other"))
        monkeypatch.setenv("DAPI_CACHE_READONLY", str(own_cache))
        before = snapshot()
        assert path == weights.fetch() == weights.fetch()
        assert (0, []) == run(capsys, "verify")[:2]
        assert before == snapshot()

        self.damage(path)
        before = snapshot()
        assert 1 == run(capsys, "verify")[0]
        with pytest.warns(CacheWarning, match="is damaged"):
            assert path != weights.fetch()
        assert BODY == weights.fetch().read_bytes()
        assert before == snapshot()

    def test_verify_repairs_on_request(self, family, capsys):
        """What is damaged is removed, and fetched again when it is needed."""
        path = dapi.get_weights("acme_net:Digits_RefV1").fetch()
        self.damage(path)

        status, rows, _ = run(capsys, "verify", "--repair")
        assert (0, str(path)) == (status, rows[0]["path"])
        assert not path.exists()
        assert (0, []) == run(capsys, "verify")[:2]
        assert BODY == dapi.get_weights("acme_net:Digits_RefV1").fetch().read_bytes()

    def test_verify_of_weights_misses_their_files(self, family, capsys):
        """A file that is not there is a failure, and so is one that is damaged."""
        name = "acme_net:Digits_RefV1"
        status, rows, _ = run(capsys, "verify", name)
        assert (1, "missing", f"To fetch it: dapi fetch {name}") == (
            status, rows[0]["state"], rows[0]["remedy"],
        )  # fmt: skip
        path = dapi.get_weights(name).fetch()
        assert (0, []) == run(capsys, "verify", name)[:2]
        self.damage(path)
        status, rows, _ = run(capsys, "verify", name)
        assert (1, "damaged", str(path)) == (status, rows[0]["state"], rows[0]["path"])
        assert 1 == run(capsys, "verify", "acme_net")[0]  # its latest, of which nothing is there

    def test_verify_names_pointers_and_packages_that_are_absent(self, advertise, capsys, tmp_path):
        """Nobody is sent to install a pointer again, and what follows is looked at, too."""
        source = """
from dapi import WeightEntry, Weights, register_model

class NetWeights(Weights):
    A_RefV1 = WeightEntry("package:absent_data/net.pth#acme-data", sha256="1" * 64)
    A_RefV2 = WeightEntry("package:pointed_data/net.pth", sha256="1" * 64, latest=True)

@register_model(weights=NetWeights)
def acme_local(*, weights=None, progress=True, **config):
    pass
"""
        points = "[dapi.models]\nacme_local = acme_local:acme_local\n"
        points += "[dapi.weights]\nacme_local = acme_local:NetWeights\n"
        site = advertise("acme-local", points, acme_local=source).parent
        (site / "pointed_data").mkdir()
        (site / "pointed_data" / "__init__.py").touch()
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 3\n"
        (site / "pointed_data" / "net.pth").write_text(pointer)

        names = "acme_local:A_RefV1", "acme_local:A_RefV2"
        status, rows, _ = run(capsys, "verify", *names)
        assert 1 == status
        assert ["missing", "damaged"] == [row["state"] for row in rows]
        assert "pip install 'acme-data'" in rows[0]["remedy"]
        assert "git lfs pull" in rows[1]["remedy"]
        for module in ("acme_local", "pointed_data"):
            sys.modules.pop(module, None)

    def test_verify_leaves_the_caches_of_others_alone(
        self, family, capsys, own_cache, tmp_path, monkeypatch
    ):
        """What is damaged in a cache that is only read is reported, and stays a failure."""
        path = dapi.get_weights("acme_net:Digits_RefV1").fetch()
        self.damage(path)
        own_cache.rename(tmp_path / "shared")
        monkeypatch.setenv("DAPI_CACHE_READONLY", str(tmp_path / "shared"))

        status, rows, _ = run(capsys, "verify", "--repair")
        assert (1, 1) == (status, len(rows))
        assert (tmp_path / "shared" / "blobs" / DIGEST).exists()

    def test_interrupted_download_is_listed(self, family, capsys, own_cache):
        """The cache is not empty while half a file is in it."""
        entry = dapi.get_weights("acme_net:Digits_RefV3")
        for key in (DIGEST, f"url{hashlib.sha256(entry.files[0].url.encode()).hexdigest()}"):
            path = own_cache / "blobs" / f"partial-{key}-free-12345678"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(b"abc")

        _, rows, _ = run(capsys, "cache")
        assert {
            ("interrupted", "acme_net:Digits_RefV1"), ("interrupted", "acme_net:Digits_RefV3"),
        } == {(row["state"], *row["used_by"]) for row in rows}  # fmt: skip
        assert [3, 3] == [row["bytes"] for row in rows]

    def test_trust_lists_and_forgets(self, family, capsys):
        """What is trusted without a published hash is shown, and can be withdrawn."""
        entry = dapi.get_weights("acme_net:Digits_RefV3")
        file, path = put(entry.url, OTHER)
        confirm(file)
        _, rows, _ = run(capsys, "trust")
        assert [(["acme_net:Digits_RefV3"], "trusted")] == [
            (r["used_by"], r["state"]) for r in rows
        ]

        assert 0 == run(capsys, "trust", "--forget", "acme_net:Digits_RefV3")[0]
        assert [] == run(capsys, "trust")[1]
        assert not path.exists()
        assert 1 == run(capsys, "trust", "--forget", entry.url)[0]


class TestTrust:
    URL = "https://localhost:1/net.pth"

    def test_hash_is_held_after_a_load(self):
        """Other bytes under the URL are refused once the first were loaded, also when lost."""
        file, path = put(self.URL, BODY)
        confirm(file)
        path.unlink()

        with pytest.raises(HashMismatchError, match=f"dapi trust --forget {self.URL}"):
            put(self.URL, OTHER)
        assert path == put(self.URL, BODY)[1]
        assert trust.find(file).is_loaded

    def test_hash_is_not_held_before(self):
        """What was never loaded may be replaced; what does not load is forgotten."""
        file, _ = put(self.URL, OTHER)
        reject(file)
        assert trust.find(file) is None
        assert put(self.URL, BODY)[1].exists()

    def test_held_hash_must_fit_a_prefix_that_is_published_later(self):
        """A record that a newer entry contradicts does not count."""
        file, _ = put(self.URL, BODY)
        confirm(file)

        assert trust.held(File(self.URL, sha256=DIGEST[:8])) == DIGEST
        assert trust.held(File(self.URL, sha256="00000000")) is None


class TestTorchHub:
    @pytest.fixture(autouse=True)
    def hub(self, tmp_path, monkeypatch):
        """torch.hub's folder, as it is before torch was imported."""
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        self.folder = tmp_path / "torch" / "hub" / "checkpoints"
        self.folder.mkdir(parents=True)

    @pytest.mark.parametrize("digits", [64, 8], ids=["full hash", "prefix"])
    def test_its_files_are_copied(self, digits):
        """No request is made, and nobody who writes to the old file changes the new one."""
        (self.folder / "net.pth").write_bytes(BODY)
        file = File("https://localhost:1/net.pth", sha256=DIGEST[:digits], size=len(BODY))

        path = dapi.cache.fetch(file, patience=QUICK)
        (self.folder / "net.pth").write_bytes(OTHER)
        assert BODY == path.read_bytes()
        assert 1 == path.stat().st_nlink

    @pytest.mark.parametrize("sha256", [DIGEST, DIGEST[:4], None])
    def test_other_bytes_and_short_hashes_are_passed_over(self, sha256):
        """What is not surely the file is left alone, without a word."""
        (self.folder / "net.pth").write_bytes(OTHER if sha256 == DIGEST else BODY)

        with pytest.raises(FetchError, match="Tried https://localhost:1/net.pth"):
            dapi.cache.fetch(File("https://localhost:1/net.pth", sha256=sha256), patience=QUICK)

    @pytest.mark.parametrize("place", [".", "net.pth"])
    def test_what_others_could_have_put_there_needs_a_full_hash(self, place):
        """Eight digits can be forged; in a shared folder anybody could do that."""
        (self.folder / "net.pth").write_bytes(BODY)
        (self.folder / place).chmod(0o777)

        with pytest.raises(FetchError, match="Tried https://localhost:1/net.pth"):
            dapi.cache.fetch(File("https://localhost:1/net.pth", sha256=DIGEST[:8]), patience=QUICK)
        file = File("https://localhost:1/net.pth", sha256=DIGEST)
        assert BODY == dapi.cache.fetch(file, patience=QUICK).read_bytes()

    def test_loaded_torch_is_asked(self, monkeypatch, tmp_path):
        """A program may have moved the folder."""
        from types import SimpleNamespace

        hub = SimpleNamespace(get_dir=lambda: str(tmp_path / "moved"))
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(hub=hub))

        assert tmp_path / "moved" / "checkpoints" == adoption._torch_hub()

    def test_blocks_are_shared_where_they_can(self, monkeypatch):
        """A file system that clones files is asked to; the bytes are hashed all the same."""

        def clone(source, target):
            target.write(source.read())
            return True

        monkeypatch.setattr(adoption, "_share", clone)
        (self.folder / "net.pth").write_bytes(BODY)
        file = File("https://localhost:1/net.pth", sha256=DIGEST)
        assert BODY == dapi.cache.fetch(file, patience=QUICK).read_bytes()


def test_published_blob_is_replaced_not_rewritten(server, own_cache):
    """Who has mapped a file keeps the bytes that it had."""
    file = File(server.serve("/net.pth", BODY), sha256=DIGEST)
    path = dapi.cache.fetch(file)
    with path.open("rb") as before:
        path.rename(path.with_name("aside"))
        path.write_bytes(OTHER)
        with pytest.warns(CacheWarning):
            dapi.cache.fetch(file)
        assert BODY == before.read()
    assert path.stat().st_ino != path.with_name("aside").stat().st_ino


def test_change_that_hides_behind_the_time_is_seen(server):
    """Setting a file's time back does not hide that it was written to."""
    file = File(server.serve("/net.pth", BODY), sha256=DIGEST)
    path = dapi.cache.fetch(file)
    status = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.write(b"X")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    with pytest.warns(CacheWarning, match="damaged"):
        assert BODY == dapi.cache.fetch(file).read_bytes()


def test_scratch_folder_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    """Notes about read-only caches are kept only where nobody else can write them."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = folders.scratch()
    assert 0o700 == ours.stat().st_mode & 0o777

    ours.chmod(0o777)
    assert folders.scratch() is None
    ours.rmdir()
    ours.symlink_to(tmp_path)
    assert folders.scratch() is None
