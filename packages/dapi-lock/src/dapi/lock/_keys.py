"""Keys: those that sign a lock, and those that a machine trusts.

Elliptic curves P-256, P-384 and P-521, as in OpenSSF's registry of algorithms for model signing:
https://github.com/ossf/model-signing-spec/blob/main/algorithm-registry.md
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi.exceptions import MissingDependencyError
from dapi.lock.exceptions import KeyFileError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey as Private,
    )
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey as Public

VARIABLE = "DAPI_SIGNED_BY"

# A key of P-521 has 800 bytes as PEM.
_LARGEST = 1 << 16
_NO_PRIVATE = "it is not a private key of the curves P-256, P-384 or P-521, in PEM"
_NO_PUBLIC = "it is not a public key of the curves P-256, P-384 or P-521, in PEM"
_MAKE = "To make a key: openssl ecparam -name prime256v1 -genkey -noout -out sign.pem"
_PUBLISH = "To write the public key of sign.pem: openssl ec -in sign.pem -pubout -out sign.pub"


class PublicKey(NamedTuple):
    """A public key, and its file."""

    path: Path
    key: Public

    @property
    def fingerprint(self) -> str:
        """The identifier of the key in signatures: the sha256 of the key as PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        form = self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return sha256(form).hexdigest()

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """Return whether this key made a signature over some bytes."""
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(signature, signed, _algorithm(self.key))
        except InvalidSignature:
            return False
        return True


class PrivateKey(NamedTuple):
    """A private key, and its file."""

    path: Path
    key: Private

    @property
    def public(self) -> PublicKey:
        """Its public key."""
        return PublicKey(self.path, self.key.public_key())

    def sign(self, content: bytes) -> bytes:
        """Return a signature over some bytes."""
        return self.key.sign(content, _algorithm(self.key))


def private(path: Path) -> PrivateKey:
    """Read a private key; its password is asked for on the terminal if it has one.

    Raises:
        KeyFileError: The file is not a private key of a supported curve, or the password is wrong.
        MissingDependencyError: cryptography is not installed.
    """
    content, load = _read(path, _MAKE), _cryptography().load_pem_private_key
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = load(content, None)
    except TypeError:  # it has a password
        key = _unlocked(content, path)
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise KeyFileError(path, _NO_PRIVATE, _MAKE) from cause
    if not _is_supported(key, "EllipticCurvePrivateKey"):
        raise KeyFileError(path, _NO_PRIVATE, _MAKE)
    return PrivateKey(path, key)


def _unlocked(content: bytes, path: Path) -> Any:
    from getpass import getpass

    try:
        password = getpass(f"Password of {path}: ").encode()
        return _cryptography().load_pem_private_key(content, password)
    except (ValueError, EOFError) as cause:
        reason = "its password is wrong, or there is no terminal to ask for it"
        remedy = "For unattended use, use a key without a password."
        raise KeyFileError(path, reason, remedy) from cause


def public(path: Path) -> PublicKey:
    """Read a public key.

    Raises:
        KeyFileError: The file is not a public key of a supported curve.
        MissingDependencyError: cryptography is not installed.
    """
    content, load = _read(path, _PUBLISH), _cryptography().load_pem_public_key
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = load(content)
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise KeyFileError(path, _NO_PUBLIC, _PUBLISH) from cause
    if not _is_supported(key, "EllipticCurvePublicKey"):
        raise KeyFileError(path, _NO_PUBLIC, _PUBLISH)
    return PublicKey(path, key)


def trusted(paths: Iterable[str] = ()) -> list[PublicKey]:
    """Return the given public keys, or by default those of ``DAPI_SIGNED_BY``.

    Raises:
        KeyFileError: One is not a public key, or only empty names are given.
        MissingDependencyError: cryptography is not installed.
    """
    text = os.environ.get(VARIABLE, "")
    given = list(paths) or (text.split(os.pathsep) if text else [])
    named = [path for path in given if path]
    if given and not named:  # such as "$A:$B" of a shell, where neither is set
        remedy = f"Name a file: --signed-by FILE, or {VARIABLE}=FILE"
        raise KeyFileError(f"--signed-by, or {VARIABLE}", "it names no key", remedy)
    return [public(Path(path)) for path in named]


def _read(path: Path, remedy: str) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_LARGEST)
    except OSError as cause:
        raise KeyFileError(path, f"it cannot be read ({cause.strerror})", remedy) from cause


def _is_supported(key: Any, kind: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec

    curves = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
    return isinstance(key, getattr(ec, kind)) and isinstance(key.curve, curves)


def _algorithm(key: Private | Public) -> ECDSA:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    chosen = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    return ECDSA(chosen[key.curve.key_size])


def _cryptography() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError:
        raise MissingDependencyError(
            "Signatures need cryptography, which is not installed", requirement="dapi-lock[sign]"
        ) from None
    return serialization
