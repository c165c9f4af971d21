"""Signing: who signed a lock is verified, wherever a lock is used; model_signing agrees."""

import importlib.util
import json
import subprocess
import sys
import tarfile
from base64 import b64decode
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

import dapi
from dapi.lock import _envelope, _keys, locked, read
from dapi.lock.exceptions import SignatureError

has_model_signing = pytest.mark.skipif(
    importlib.util.find_spec("model_signing") is None, reason="model-signing is not installed"
)
SIGNATURE = Path("dapi.lock.sig")


def model_signing(*words):
    """Run the tool of the format's authors: its exit status, and what it printed."""
    command = [sys.executable, "-m", "model_signing", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def signed(zoo, project, run, make_key):
    """A project whose lock is signed: the private and the public key."""
    project("[tool.dapi]\nweights = ['net', 'talker', 'packed']\n")
    private, public = make_key()
    for words in (["lock"], ["sync"], ["sign", "--key", str(private)]):
        status, printed = run(*words)
        assert 0 == status, printed
    return private, public


def unpacked(run, folder):
    """An unpacked bundle of the lock."""
    run("bundle", "-o", "models.tar")
    with tarfile.open("models.tar") as archive:
        for member in archive.getmembers():
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(member).read())
    return folder


def test_signature_covers_the_lock_and_its_files(signed):
    """All that a bundle holds; files of installed packages are covered by the lock."""
    bundle = json.loads(SIGNATURE.read_text())
    statement = json.loads(b64decode(bundle["dsseEnvelope"]["payload"]))
    covered = {each["name"] for each in statement["predicate"]["resources"]}

    files = {file.sha256 for _, file in read("dapi.lock").files() if not file.is_packaged}
    assert {"dapi.lock", *(f"blobs/sha256/{each}" for each in files)} == covered


def test_verify_says_who_signed(signed, run, make_key):
    """Exit 1 with another key, without a signature, and after any change of the lock."""
    _, public = signed
    _, other = make_key("other")

    good = run("verify", "--signed-by", str(public))
    several = run("verify", "--signed-by", str(other), "--signed-by", str(public))
    wrong = run("verify", "--signed-by", str(other))
    lock = Path("dapi.lock").read_text()
    Path("dapi.lock").write_text(lock.replace('license = "MIT"', 'license = "Apache-2.0"', 1))
    changed = run("verify", "--lock", "--signed-by", str(public))
    Path("dapi.lock").write_text(lock)
    SIGNATURE.unlink()
    absent = run("verify", "--signed-by", str(public))

    assert 0 == good[0] and "The signature of dapi.lock is valid" in good[1]
    assert 0 == several[0]
    assert 1 == wrong[0] and "not valid: it was not made with" in wrong[1]
    assert 1 == changed[0] and "it belongs to another lock, or the lock was modified" in changed[1]
    assert 1 == absent[0] and "missing" in absent[1]


def test_report_has_the_signature(signed, run):
    """Evidence that can be kept: the state, and the key's fingerprint."""
    _, public = signed

    status, printed = run("verify", "--json", "--signed-by", str(public))
    unchecked = json.loads(run("verify", "--lock", "--json")[1])
    SIGNATURE.unlink()
    failed = run("verify", "--json", "--signed-by", str(public))

    report = json.loads(printed)
    assert (0, "intact") == (status, report["result"])
    assert "valid" == report["signature"]["state"]
    assert _keys.public(public).fingerprint == report["signature"]["key"]
    assert ("intact", "not checked") == (unchecked["result"], unchecked["signature"]["state"])
    assert (1, "failed") == (failed[0], json.loads(failed[1])["result"])


def test_machine_uses_only_locks_that_its_keys_signed(signed, run, own_cache, monkeypatch):
    """DAPI_SIGNED_BY holds for sync, for building, and for unbundle; the lock need not ask."""
    run("bundle", "-o", "good.tar")
    monkeypatch.setenv("DAPI_SIGNED_BY", str(signed[1]))
    good = run("sync"), run("unbundle", "good.tar")
    with dapi.use_lock("dapi.lock"):
        built = dapi.get_model("net").bias[0].item()
    SIGNATURE.unlink()
    run("bundle", "-o", "unsigned.tar")
    before = {path.name for path in (own_cache / "blobs").iterdir()}
    for name in before:
        dapi.cache.remove(name)

    ours = "unbundle", "good.tar", "--lock", "dapi.lock"
    refused = run("sync"), run("unbundle", "unsigned.tar"), run(*ours)

    assert [0, 0] == [status for status, _ in good] and 2.0 == built
    for status, printed in refused:
        assert 1 == status and "the signature file does not exist" in printed, printed
    assert [] == [path for path in (own_cache / "blobs").iterdir() if path.name in before]
    with pytest.raises(SignatureError, match="dapi sign"):
        dapi.use_lock("dapi.lock")


POLICY = "[tool.dapi]\nweights = ['net']\n[tool.dapi.policy]\nrequire-signature = true\n"


def test_policy_requires_a_signature(zoo, project, run, make_key, monkeypatch):
    """At sync, at build and in an audit; which key is trusted, the machine says."""
    project(POLICY)
    private, public = make_key()
    assert 0 == run("lock")[0] and read("dapi.lock").policy.require_signature

    unsigned = run("sync"), run("audit")
    run("sign", "--key", str(private))
    untrusted = run("sync"), run("audit"), run("verify", "--lock")
    monkeypatch.setenv("DAPI_SIGNED_BY", str(public))
    trusted = run("sync"), run("audit"), run("verify", "--lock")

    assert [1, 1] == [status for status, _ in unsigned]
    assert "no key is trusted. Name the public key" in unsigned[0][1]
    assert "acme-zoo/net:Digits_RefV2 is in a lock whose signature is missing" in unsigned[1][1]
    assert [1, 1, 1] == [status for status, _ in untrusted]
    assert "DAPI_SIGNED_BY=FILE" in untrusted[0][1] and "not checked" in untrusted[1][1]
    assert [0, 0, 0] == [status for status, _ in trusted], trusted
    assert "valid" in trusted[1][1]
    monkeypatch.delenv("DAPI_SIGNED_BY")
    with pytest.raises(SignatureError, match="no key is trusted"):
        dapi.use_lock("dapi.lock")


def test_audit_requires_the_signature_that_the_machine_requires(signed, run, monkeypatch):
    """Also where the lock's policy does not, as whoever changes a lock could remove that."""
    monkeypatch.setenv("DAPI_SIGNED_BY", str(signed[1]))
    good = run("audit")
    SIGNATURE.unlink()

    status, printed = run("audit")

    assert 0 == good[0], good[1]
    assert 1 == status and "in a lock whose signature is missing" in printed


def test_locked_files_are_of_a_signed_lock(signed, monkeypatch):
    """A program that is not bound to the lock uses no other lock, either."""
    monkeypatch.setenv("DAPI_SIGNED_BY", str(signed[1]))
    assert locked("talker").fetch(progress=False).is_dir()
    SIGNATURE.unlink()

    with pytest.raises(SignatureError, match=r"dapi\.lock\.sig"):
        locked("talker")


def test_lock_says_that_its_signature_is_outdated(signed, run):
    """The signature of another lock is worth nothing; without a change it is untouched."""
    same = run("lock")
    changed = run("lock", "--remove", "packed")

    assert "signature" not in same[1]
    assert (
        "Its signature no longer matches. To sign it: dapi sign dapi.lock --key KEY" in changed[1]
    )


def test_bundle_carries_the_signature(signed, run, tmp_path, monkeypatch):
    """With the lock byte for byte, comments of a later hand included."""
    with Path("dapi.lock").open("a") as stream:
        stream.write("# checked by us\r\n")
    run("sign", "--key", str(signed[0]))
    run("bundle", "-o", "models.tar")
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "there"))
    monkeypatch.setenv("DAPI_SIGNED_BY", str(signed[1]))

    status, printed = run("unbundle", "models.tar", "--write-lock", "there.lock")

    assert 0 == status, printed
    assert Path("dapi.lock").read_bytes() == Path("there.lock").read_bytes()
    assert SIGNATURE.read_bytes() == Path("there.lock.sig").read_bytes()
    assert 0 == run("verify", "--lock", "there.lock")[0]


@pytest.mark.parametrize("state", ["removed", "of another lock"])
def test_bundle_with_a_wrong_signature_is_refused(signed, run, own_cache, monkeypatch, state):
    """Before a file is taken."""
    if state == "removed":
        SIGNATURE.unlink()
    else:
        Path("dapi.lock").write_text(Path("dapi.lock").read_text() + "# changed\n")
    run("bundle", "-o", "x.tar")
    for blob in dapi.cache.blobs():
        dapi.cache.remove(blob.sha256)
    monkeypatch.setenv("DAPI_SIGNED_BY", str(signed[1]))

    status, printed = run("unbundle", "x.tar", "--write-lock", "x.lock")

    assert 1 == status and "dapi.lock.sig" in printed
    assert [] == dapi.cache.blobs() and not Path("x.lock").exists()


def test_signed_files_that_the_lock_does_not_have_are_refused(signed, run):
    """A signature over more than the lock is not one of the lock."""
    key = _keys.private(signed[0])
    covered = {"dapi.lock": "0" * 64, "README.md": "1" * 64}
    covered["dapi.lock"] = _sha256(Path("dapi.lock"))
    SIGNATURE.write_text(_envelope.sign(covered, "x", key))
    other = run("verify", "--signed-by", str(signed[1]))
    SIGNATURE.write_text(_envelope.sign({"README.md": "1" * 64}, "x", key))
    without = run("verify", "--signed-by", str(signed[1]))

    assert 1 == other[0] and "it covers 'README.md', which is not in the lock" in other[1]
    assert 1 == without[0] and "it does not cover the lock" in without[1]


def _sha256(path):
    from hashlib import sha256

    return sha256(path.read_bytes()).hexdigest()


@has_model_signing
def test_model_signing_accepts_ours(signed, run, tmp_path):
    """For an unpacked bundle; and refuses it once a byte differs."""
    folder = unpacked(run, tmp_path / "unpacked")
    words = "--signature", folder / SIGNATURE, "--public_key", signed[1]

    status, printed = model_signing("verify", "key", folder, *words)
    blob = next((folder / "blobs" / "sha256").iterdir())
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    changed = model_signing("verify", "key", folder, *words)

    assert 0 == status, printed
    assert 0 != changed[0] and "mismatch" in changed[1].lower(), changed[1]


@has_model_signing
@pytest.mark.parametrize("what", ["unpacked bundle", "lock"])
def test_we_accept_what_model_signing_signed(signed, run, tmp_path, what):
    """Of the whole, or of the lock file alone, which has all other hashes in it."""
    private, public = signed
    folder = unpacked(run, tmp_path / "unpacked")
    (folder / SIGNATURE).unlink()
    target = folder if what == "unpacked bundle" else folder / "dapi.lock"

    words = "--private_key", private, "--signature", tmp_path / "theirs.sig"
    status, printed = model_signing("sign", "key", target, *words)
    assert 0 == status, printed
    SIGNATURE.write_bytes((tmp_path / "theirs.sig").read_bytes())
    verified = run("verify", "--signed-by", str(public))
    Path("dapi.lock").write_text(Path("dapi.lock").read_text() + "\n")
    changed = run("verify", "--signed-by", str(public))

    assert 0 == verified[0], verified[1]
    assert 1 == changed[0] and "belongs to another lock" in changed[1]


@pytest.mark.usefixtures("zoo", "project")
def test_sign_needs_a_lock_and_a_key(run, make_key):
    """Both are told in words, and nothing is written."""
    private, public = make_key()
    without = run("sign", "--key", str(private))
    run("lock", "net")
    wrong = run("sign", "--key", str(public))
    absent = run("sign", "--key", "absent.pem")

    assert 1 == without[0] and "there is no such lock file" in without[1]
    assert 1 == wrong[0] and "not a private key" in wrong[1]
    assert 1 == absent[0] and "To make a key: openssl ecparam" in absent[1]
    assert not SIGNATURE.exists()


def test_missing_cryptography_is_told(tmp_path):
    """With what to install; nothing else of dapi-lock needs it."""
    code = """
import sys
sys.modules["cryptography"] = sys.modules["cryptography.hazmat.primitives"] = None
from _dapi_command import main
sys.exit(main(["sign", "--key", sys.argv[1]]))
"""
    (tmp_path / "key").write_text("x")
    command = [sys.executable, "-c", code, str(tmp_path / "key")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert 1 == done.returncode and "pip install 'dapi-lock[sign]'" in done.stderr, done.stderr
