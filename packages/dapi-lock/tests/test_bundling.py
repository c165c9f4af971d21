"""Bundles: carried to a machine without a network, and hostile ones refused."""

import io
import os
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

import dapi
from dapi.lock import Lock, LockedFile, LockedWeights, _bundling, _signing, read
from dapi.lock.document import render
from dapi.lock.exceptions import BundleError

BODIES = [b"first" * 1000, b"second", b""]
FILES = tuple(
    LockedFile(f"{rank}.pth", sha256(body).hexdigest(), len(body), (f"https://e.org/{rank}",))
    for rank, body in enumerate(BODIES)
)
LOCK = Lock(
    ("net",),
    (LockedWeights("a/net:A_B", ("net",), "a/net", "1", "a", "1", "MIT", "active", FILES),),
)
BLOBS = sorted((f"blobs/sha256/{f.sha256}", body) for f, body in zip(FILES, BODIES, strict=True))


def tar(*members):
    """A tar of names and bytes, or of TarInfo objects and bytes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, body in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = info.size or len(body)
            archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpack(content):
    admit = _signing.admission("models.tar", None)
    return _bundling.unpack(io.BytesIO(content), "models.tar", admit=admit, progress=False)


FIRST = ("dapi.lock", render(LOCK).encode())


def snapshot(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def test_bundle_is_carried(zoo, project, run, own_cache, tmp_path, monkeypatch):
    """Every origin unreachable, all locked weights load from an empty cache after unbundle."""
    run("lock", "net", "talker", "packed")
    run("sync")
    status, printed = run("bundle", "-o", "models.tar")
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    zoo.server.asked.clear()

    added = run("unbundle", "models.tar", "--write-lock", "carried.lock")
    again = run("unbundle", "models.tar", "--lock", "carried.lock")

    assert 0 == status and "4 files" in printed and "part of: acme-zoo" in printed
    assert (0, "dapi: 4 files added; 0 were in the cache already.\n") == added
    assert (0, "dapi: 0 files added; 4 were in the cache already.\n") == again
    assert read("carried.lock") == read("dapi.lock")
    with dapi.use_lock("carried.lock"):
        found = [dapi.get_model(name).bias[0].item() for name in ("net", "talker", "packed")]
        tokenizer = dapi.get_weights("talker:Speech_RefV1").assets["tokenizer"]
        assert b"a\nb\n" == dapi.WeightEntry(tokenizer).fetch().read_bytes()
    assert [2.0, 3.0, 5.0] == found and [] == zoo.requests
    assert 0 == run("verify", "--lock", "carried.lock")[0]


def test_bundle_streams_through_a_pipe(zoo, project, run, own_cache, tmp_path, monkeypatch):
    """As over ssh: dapi bundle -o - | dapi unbundle -."""
    run("lock", "net", "talker")
    run("sync")
    dapi_ = [sys.executable, "-m", "dapi"]

    there = {**os.environ, "DAPI_CACHE": str(tmp_path / "there")}
    with subprocess.Popen([*dapi_, "bundle", "-o", "-"], stdout=subprocess.PIPE) as pipe:
        done = subprocess.run([*dapi_, "unbundle", "-"], stdin=pipe.stdout, env=there)

    assert (0, 0) == (pipe.returncode, done.returncode)
    assert 4 == len([*(tmp_path / "there" / "blobs").iterdir()])


def test_bundle_is_deterministic_and_a_plain_tar(zoo, project, run):
    """Equal locks give equal bytes, which tar reads."""
    run("lock", "net", "talker")
    run("sync")
    run("bundle", "-o", "a.tar")
    run("bundle", "-o", "b.tar")

    with tarfile.open("a.tar") as archive:
        names = archive.getnames()
        for name in names[1:]:
            body = archive.extractfile(name).read()
            assert sha256(body).hexdigest() == name.rpartition("/")[2]

    assert Path("a.tar").read_bytes() == Path("b.tar").read_bytes()
    assert "dapi.lock" == names[0] and sorted(names[1:]) == names[1:] and 5 == len(names)


def test_bundle_names_everything_that_is_not_there(zoo, project, run):
    """With the command that downloads it; nothing is written."""
    run("lock", "net:Digits_RefV1", "net:Digits_RefV2")

    status, printed = run("bundle", "-o", "x.tar")

    assert 1 == status and "2 files are missing" in printed and "dapi sync" in printed
    assert not Path("x.tar").exists() and not Path("x.tar.part").exists()


@pytest.mark.parametrize("cut", [0, 100, 512, 1500, 2600, -1030, -1])
def test_interrupted_bundle_is_resumed(zoo, project, run, cut):
    """Whatever is intact of it is kept, and the result has the same bytes."""
    run("lock", "net", "talker")
    run("sync")
    run("bundle", "-o", "whole.tar")
    whole = Path("whole.tar").read_bytes()
    Path("x.tar.part").write_bytes(whole[:cut] + b"damaged")

    run("bundle", "-o", "x.tar")

    assert whole == Path("x.tar").read_bytes() and not Path("x.tar.part").exists()


def test_good_bundle_is_unpacked():
    """What the hostile ones below are made of."""
    assert (3, 0) == unpack(tar(FIRST, *BLOBS))[1:]
    assert (0, 3) == unpack(tar(FIRST, *BLOBS))[1:]


BLOB = BLOBS[0][0]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([FIRST, ("../../evil", b"x")], "it has '../../evil' of"),
        ([FIRST, ("/etc/evil", b"x")], "it has '/etc/evil' of"),
        ([FIRST, (f"blobs/sha256/../{BLOB}", b"x")], "or its lock lacks it"),
        ([FIRST, (f"./{BLOB}", BLOBS[0][1])], "or its lock lacks it"),
        ([FIRST, (special(BLOB, tarfile.SYMTYPE, "/etc/passwd"), b"")], "is a link"),
        ([FIRST, (special(BLOB, tarfile.LNKTYPE, "dapi.lock"), b"")], "is a link"),
        ([FIRST, (special("dev", tarfile.CHRTYPE), b"")], "regular files only"),
        ([FIRST, (special("dev", tarfile.FIFOTYPE), b"")], "regular files only"),
        ([FIRST, (special("blobs", tarfile.DIRTYPE), b"")], "regular files only"),
        ([FIRST, (special(BLOB, tarfile.GNUTYPE_SPARSE), b"")], "regular files only"),
        ([FIRST, (special("x", tarfile.GNUTYPE_LONGNAME), b"")], "regular files only"),
        ([FIRST, (special("x", tarfile.XHDTYPE), b"")], "regular files only"),
        ([FIRST, *BLOBS, BLOBS[0]], "twice, or its lock lacks it"),
        ([FIRST, FIRST], "it has 'dapi.lock' of"),
        ([FIRST, (BLOB, BLOBS[0][1] + b"x")], "or its lock lacks it"),
        ([FIRST, BLOBS[0]], "2 files are missing from it: "),
        ([BLOBS[0], FIRST], "its first file is "),
        ([], "its first file is "),
        ([("dapi.lock", b"x = [")], "its lock is not valid"),
        ([("dapi.lock", b"")], "its lock is not valid"),
    ],
)
def test_hostile_bundle_is_refused(members, told, own_cache, tmp_path):
    """In words, and nothing is written outside of the cache."""
    before = [path for path in snapshot(tmp_path) if str(own_cache) not in path]

    with pytest.raises(BundleError) as caught:
        unpack(tar(*members))

    assert told in str(caught.value)
    assert before == [path for path in snapshot(tmp_path) if str(own_cache) not in path]
    names = {path.name for path in (own_cache / "blobs").glob("*")}
    assert names <= {file.sha256 for file in FILES}


def test_other_bytes_under_a_locked_name_are_refused(own_cache):
    """Each file is verified before it is in the cache."""
    other = (BLOB, bytes(len(BLOBS[0][1])))
    if not BLOBS[0][1]:
        other = (BLOBS[1][0], bytes(len(BLOBS[1][1])))

    with pytest.raises(BundleError, match="has sha256 .*, not "):
        unpack(tar(FIRST, other))
    assert [] == [path for path in (own_cache / "blobs").iterdir() if path.name in other[0]]


def test_bomb_is_refused_before_it_is_read():
    """A header that announces terabytes, for a lock, a file, or a name that is too long."""
    lock = special("dapi.lock", tarfile.REGTYPE)
    lock.size = 1 << 40
    blob = special(BLOB, tarfile.REGTYPE)
    blob.size = 1 << 50
    name = special("x", tarfile.GNUTYPE_LONGNAME)
    name.size = 1 << 40

    for content in (
        lock.tobuf(tarfile.GNU_FORMAT),
        tar(FIRST)[:-1024] + blob.tobuf(tarfile.GNU_FORMAT),
        tar(FIRST)[: 512 + 512 * -(-len(FIRST[1]) // 512)] + name.tobuf(tarfile.GNU_FORMAT),
    ):
        with pytest.raises(BundleError):
            unpack(content + bytes(1 << 16))


@pytest.mark.parametrize("length", [0, 1, 511, 512, 700, 2048, 5000, -1024 * 9])
def test_bundle_that_ends_early_is_refused(length):
    """What came until then stays in the cache, and the whole one adds the rest."""
    whole = tar(FIRST, *BLOBS)

    with pytest.raises(BundleError, match="ends early|begin with|not in it"):
        unpack(whole[:length])

    assert 3 == sum(unpack(whole)[1:])


@pytest.mark.parametrize("content", [b"\x1f\x8b" + bytes(600), b"PK\x03\x04" * 200, b"x" * 4096])
def test_what_is_no_tar_is_refused(content):
    """Compressed ones, too: hashes do not compress."""
    with pytest.raises(BundleError, match="not a tar"):
        unpack(content)


def test_bundle_of_another_lock_is_refused(zoo, project, run):
    """Whose lock is trusted may say so: then the bundle only carries bytes."""
    run("lock", "net:Digits_RefV1")
    run("sync")
    run("bundle", "-o", "x.tar")
    run("lock", "packed")

    status, printed = run("unbundle", "x.tar", "--lock", "dapi.lock")

    assert 1 == status and "it belongs to another lock" in printed
