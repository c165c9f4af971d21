"""Keys: which files are keys, and what is said of those that are not."""

import shutil
import subprocess

import pytest

pytest.importorskip("cryptography")

from dapi.lock import _keys
from dapi.lock.exceptions import KeyFileError


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_documented_commands_make_keys(tmp_path):
    """Those of the documentation and of the error messages."""
    for command in (_keys._MAKE, _keys._PUBLISH):
        words = command.partition(": ")[2].split()
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)

    key = _keys.private(tmp_path / "sign.pem")

    assert key.public.fingerprint == _keys.public(tmp_path / "sign.pub").fingerprint


def test_password_is_asked_for_on_the_terminal(make_key, monkeypatch):
    """And a wrong one is told."""
    path, _ = make_key(password=b"correct")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "correct")
    assert _keys.private(path).public.fingerprint

    monkeypatch.setattr("getpass.getpass", lambda prompt: "wrong")
    with pytest.raises(KeyFileError, match="password is wrong"):
        _keys.private(path)


@pytest.mark.parametrize("read", [_keys.private, _keys.public])
@pytest.mark.parametrize(
    "content", [b"", b"x", b"-----BEGIN PUBLIC KEY-----\nAA==\n", b"\xff" * 99]
)
def test_what_is_no_key_is_told_with_the_command_that_makes_one(tmp_path, read, content):
    """Neither text, nor bytes, nor half a key."""
    path = tmp_path / "x"
    path.write_bytes(content)

    with pytest.raises(KeyFileError, match="openssl"):
        read(path)


def test_missing_key_is_told(tmp_path):
    """By its path."""
    with pytest.raises(KeyFileError, match="No such file"):
        _keys.public(tmp_path / "absent")


def test_keys_are_not_mixed_up(make_key):
    """A public key signs nothing, and a private one is not handed out to verify with."""
    private, public = make_key()

    with pytest.raises(KeyFileError, match="not a private key"):
        _keys.private(public)
    with pytest.raises(KeyFileError, match="not a public key"):
        _keys.public(private)


@pytest.mark.parametrize("curve", ["SECP256K1", "SECP224R1"])
def test_other_curves_are_refused(make_key, curve):
    """The format has three."""
    private, public = make_key(curve=curve)

    for read, path in ((_keys.private, private), (_keys.public, public)):
        with pytest.raises(KeyFileError, match="P-256, P-384 or P-521"):
            read(path)


def test_keys_of_other_kinds_are_refused(tmp_path):
    """RSA and Ed25519 are not of the format."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    path = tmp_path / "x.pub"
    path.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes(*form))

    with pytest.raises(KeyFileError, match="P-256, P-384 or P-521"):
        _keys.public(path)


def test_variable_names_several_keys(make_key, monkeypatch):
    """As PATH does; keys that are given count instead."""
    (_, a), (_, b) = make_key("a"), make_key("b")
    monkeypatch.setenv("DAPI_SIGNED_BY", f"{a}:{b}:")

    assert [a, b] == [key.path for key in _keys.trusted()]
    assert [b] == [key.path for key in _keys.trusted([str(b)])]
    monkeypatch.delenv("DAPI_SIGNED_BY")
    assert [] == _keys.trusted()


def test_empty_names_are_not_the_absence_of_a_key(monkeypatch):
    """As from variables of a shell that are not set: no signature would be verified."""
    with pytest.raises(KeyFileError, match="names no key"):
        _keys.trusted([""])
    monkeypatch.setenv("DAPI_SIGNED_BY", ":")
    with pytest.raises(KeyFileError, match="names no key"):
        _keys.trusted()
