"""Signing: sign locks, and verify their signatures.

A signature covers the members of the lock's bundle: ``dapi.lock`` itself, byte for byte, and its
files as ``blobs/sha256/<hash>``. So ``model_signing verify`` accepts it for an unpacked bundle, and
names, licenses and the policy are signed with the hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from dapi.lock import _envelope, _files, _keys
from dapi.lock._keys import VARIABLE, PrivateKey, PublicKey
from dapi.lock._reading import parse, read_bytes
from dapi.lock.document import Lock
from dapi.lock.exceptions import BundleError, SignatureError

LOCK = "dapi.lock"
SUFFIX = ".sig"


class Document(NamedTuple):
    """The bytes of a lock, as covered by its signature, and its content."""

    content: bytes
    lock: Lock
    signature: bytes | None = None

    @property
    def covered(self) -> dict[str, str]:
        """The sha256 of the covered files, by their paths in an unpacked bundle."""
        files = [file.sha256 for _, file in self.lock.files() if not file.is_packaged]
        blobs = {f"blobs/sha256/{digest}": digest for digest in files}
        return {LOCK: sha256(self.content).hexdigest(), **blobs}


# Refuses a lock before its files are added.
Admit = Callable[[Document], None]


def beside(path: Path) -> Path:
    """Return the path of a lock file's signature."""
    return path.with_name(f"{path.name}{SUFFIX}")


def read(path: Path) -> Document:
    """Read a lock, and its signature if there is one.

    Raises:
        LockError: It is not a lock.
        SignatureError: The signature cannot be read.
    """
    content, signature = read_bytes(path), None
    try:
        with beside(path).open("rb") as stream:
            signature = stream.read(_envelope.LARGEST + 1)
    except FileNotFoundError:
        pass
    except OSError as cause:
        raise SignatureError(beside(path), f"it cannot be read ({cause.strerror})") from cause
    return Document(content, parse(content, path), signature)


def sign(path: Path, key: PrivateKey) -> Mapping[str, str]:
    """Write the signature of a lock next to it; return the covered files."""
    content = read_bytes(path)
    covered = Document(content, parse(content, path)).covered
    _files.replace(beside(path), _envelope.sign(covered, LOCK, key))
    return covered


def verify(document: Document, path: Path, keys: Sequence[PublicKey]) -> PublicKey:
    """Return the key that signed a lock.

    A signature of the lock file alone counts too, since that contains the hashes of all other
    files.

    Args:
        document: The lock and its signature.
        path: The path of the lock.
        keys: The keys that are trusted.

    Raises:
        SignatureError: None of the keys signed it, or they signed something else.
    """
    where = beside(path)
    if document.signature is None:
        raise SignatureError(where, "the signature file does not exist")
    key, signed = _envelope.verify(document.signature, where, keys)
    named = dict(signed)
    # model_signing names a single file "." or, as in the specification, by its name.
    names = [name for name in (LOCK, path.name, ".") if name in named]
    if not names:
        raise SignatureError(where, "it does not cover the lock")
    covered = document.covered
    if named.pop(names[0]) != covered[LOCK]:
        raise SignatureError(where, "it belongs to another lock, or the lock was modified")
    for name, digest in named.items():
        if covered.get(name) != digest:
            raise SignatureError(where, f"it covers {name[:100]!r}, which is not in the lock")
    return key


def require(document: Document, path: Path) -> None:
    """Refuse an unsigned lock if its policy or this machine requires a signature.

    The machine requires one by ``DAPI_SIGNED_BY``, since an attacker could remove the policy from a
    lock.

    Raises:
        SignatureError: It is not signed, or not by a trusted key.
    """
    keys = _keys.trusted()
    if document.lock.policy.require_signature and not keys:
        remedy = f"Name the public key of the signer of your locks: {VARIABLE}=FILE"
        raise SignatureError(beside(path), "it is required, but no key is trusted", remedy)
    if keys:
        verify(document, path, keys)


def admission(bundle: str, path: Path | None) -> Admit:
    """Return the function that refuses unacceptable locks of bundles.

    The lock must equal the one at ``path``, if that exists. The signature of that lock, or else of
    the bundle's own, is required as in ``require``.
    """
    ours = read(path) if path else None

    def admit(found: Document) -> None:
        if ours is not None and ours.lock != found.lock:
            remedy = "Bundle the lock that you use."
            raise BundleError(bundle, "it belongs to another lock", remedy=remedy)
        require(ours or found, path or Path(LOCK))

    return admit


def report(document: Document, path: Path, keys: Sequence[PublicKey]) -> dict[str, Any]:
    """Return the state of a lock's signature, for reports.

    ``state`` is ``valid``, ``not valid``, ``missing``, or ``not checked`` if no key is trusted.
    """
    row: dict[str, Any] = {"state": "missing", "path": str(beside(path)), "key": "", "reason": ""}
    if document.signature is None:
        return row
    if not keys:
        return {**row, "state": "not checked", "reason": f"no key is trusted: set {VARIABLE}"}
    try:
        key = verify(document, path, keys)
    except SignatureError as error:
        return {**row, "state": "not valid", "reason": error.reason}
    return {**row, "state": "valid", "key": key.fingerprint}
