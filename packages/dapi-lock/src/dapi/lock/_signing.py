"""Signing: a lock is signed, and who signed it is verified.

A signature is about what a bundle of the lock holds: ``dapi.lock`` itself, byte for byte, and its
files as ``blobs/sha256/<hash>``. So ``model_signing verify`` accepts it for an unpacked bundle,
and names, licences and the policy are signed with the hashes.
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
    """A lock as it is in its file, which its signature is about, and what it says."""

    content: bytes
    lock: Lock
    signature: bytes | None = None

    @property
    def covered(self) -> dict[str, str]:
        """The sha256 of what a signature covers, by its path in an unpacked bundle."""
        files = [file.sha256 for _, file in self.lock.files() if not file.is_packaged]
        blobs = {f"blobs/sha256/{digest}": digest for digest in files}
        return {LOCK: sha256(self.content).hexdigest(), **blobs}


# Refuses a lock before its files are taken.
Admit = Callable[[Document], None]


def beside(path: Path) -> Path:
    """Return where the signature of a lock file is."""
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
    """Write the signature of a lock beside it; return what it covers."""
    content = read_bytes(path)
    covered = Document(content, parse(content, path)).covered
    _files.replace(beside(path), _envelope.sign(covered, LOCK, key))
    return covered


def verify(document: Document, path: Path, keys: Sequence[PublicKey]) -> PublicKey:
    """Return the key that signed a lock.

    A signature of the lock file alone counts too: the hashes of all other files are in it.

    Args:
        document: The lock and its signature.
        path: Where the lock is.
        keys: The keys that are trusted.

    Raises:
        SignatureError: None of the keys signed it, or what they signed is something else.
    """
    where = beside(path)
    if document.signature is None:
        raise SignatureError(where, "the signature file does not exist")
    key, signed = _envelope.verify(document.signature, where, keys)
    named = dict(signed)
    # model_signing calls a single file "." or, as the specification has it, by its name.
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
    """Refuse a lock that is not signed, where its policy or this machine requires a signature.

    The machine does by ``DAPI_SIGNED_BY``: whoever changes a lock can take the policy out of it.

    Raises:
        SignatureError: It is not signed, or by none of the keys that are trusted here.
    """
    keys = _keys.trusted()
    if document.lock.policy.require_signature and not keys:
        remedy = f"Name the public key of the signer of your locks: {VARIABLE}=FILE"
        raise SignatureError(beside(path), "it is required, but no key is trusted", remedy)
    if keys:
        verify(document, path, keys)


def admission(bundle: str, path: Path | None) -> Admit:
    """Return what refuses the lock of a bundle.

    It must be the lock at ``path``, where there is one. The signature of that, or else of the
    bundle's own, is required as by ``require``.
    """
    ours = read(path) if path else None

    def admit(found: Document) -> None:
        if ours is not None and ours.lock != found.lock:
            remedy = "Bundle the lock that you use."
            raise BundleError(bundle, "it belongs to another lock", remedy=remedy)
        require(ours or found, path or Path(LOCK))

    return admit


def report(document: Document, path: Path, keys: Sequence[PublicKey]) -> dict[str, Any]:
    """Return what is to be said of a lock's signature.

    ``state`` is ``valid``, ``not valid``, ``missing``, or ``not checked`` as no key is trusted.
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
