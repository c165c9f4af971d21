"""Envelope: names and hashes of files, signed in OpenSSF's format for model signing.

A Sigstore bundle contains a DSSE envelope, which contains an in-toto statement, which contains the
files: https://github.com/ossf/model-signing-spec/blob/main/spec/v1.0.md. "The specification" below
refers to it. A bundle is untrusted until its signature is verified.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from dapi.lock._keys import PrivateKey, PublicKey
from dapi.lock.exceptions import SignatureError

T = TypeVar("T")

PREDICATE = "https://model_signing/signature/v1.0"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PAYLOAD = "application/vnd.in-toto+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_BUNDLES = re.compile(
    r"application/vnd\.dev\.sigstore\.bundle(\.v0\.\d+\+json|\+json;version=0\.\d+)"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
# A file takes about 150 bytes.
LARGEST = 16 << 20
# The specification excludes these from every signature; the statement tells verifiers.
_IGNORED = [".git", ".gitattributes", ".github", ".gitignore"]


class Verified(NamedTuple):
    """The content of a valid signature: its key, and the sha256 of each file by its name."""

    key: PublicKey
    files: Mapping[str, str]


def sign(files: Mapping[str, str], name: str, key: PrivateKey) -> str:
    """Return the signature of files as JSON.

    Args:
        files: The sha256 of each file, by its path within the model's folder.
        name: The name of the set of files.
        key: The key to sign with.
    """
    payload = json.dumps(_statement(files, name), indent=1).encode()
    signature = b64encode(key.sign(_signed(payload))).decode()
    bundle = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {
            "publicKey": {"hint": key.public.fingerprint},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": b64encode(payload).decode(),
            "payloadType": _PAYLOAD,
            "signatures": [{"sig": signature, "keyid": ""}],
        },
    }
    return json.dumps(bundle, indent=1) + "\n"


def verify(content: bytes, path: object, keys: Sequence[PublicKey]) -> Verified:
    """Return the content of a signature, after verifying that a trusted key made it.

    Args:
        content: The bytes of the signature file.
        path: Its name in errors.
        keys: The keys that are trusted.

    Raises:
        SignatureError: None of them made it, or it is malformed.
    """
    reader = _Reader(path)
    bundle = reader.json(content, "a signature in OpenSSF's format")
    if not _BUNDLES.fullmatch(reader.get(bundle, "mediaType", str)):
        raise reader.wrong("it is not a Sigstore bundle of a known version")
    material = reader.get(bundle, "verificationMaterial", dict)
    if "publicKey" not in material:
        remedy = "Certificates and identities are verified by: model_signing verify"
        raise SignatureError(path, "it was not made with a key", remedy)
    envelope = reader.get(bundle, "dsseEnvelope", dict)
    if reader.get(envelope, "payloadType", str) != _PAYLOAD:
        raise reader.wrong("it does not contain an in-toto statement")
    payload = reader.bytes(envelope, "payload")
    signatures = reader.get(envelope, "signatures", list)
    if len(signatures) != 1:
        raise reader.wrong(f"it has {len(signatures)} signatures instead of one")
    signature = reader.bytes(signatures[0], "sig")
    for key in keys:
        if key.verifies(signature, _signed(payload)):
            return Verified(key, _files(reader, payload))
    names = ", ".join(str(key.path) for key in keys)
    made = reader.get(material, "publicKey", dict).get("hint")
    by = f"; it states that it was made with the key {made[:64]}" if isinstance(made, str) else ""
    raise reader.wrong(f"it was not made with {names}, or was modified{by}")


def _statement(files: Mapping[str, str], name: str) -> dict[str, Any]:
    resources = [
        {"name": path, "digest": files[path], "algorithm": "sha256"} for path in sorted(files)
    ]
    return {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _root(files)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": _IGNORED,
            },
            "resources": resources,
        },
    }


def _root(files: Mapping[str, str]) -> str:
    """Return the digest of all digests, in the order of the names."""
    return sha256(b"".join(bytes.fromhex(files[path]) for path in sorted(files))).hexdigest()


def _signed(payload: bytes) -> bytes:
    """Return the bytes that DSSE signs for a payload, which include its type."""
    return f"DSSEv1 {len(_PAYLOAD)} {_PAYLOAD} {len(payload)} ".encode() + payload


def _files(reader: _Reader, payload: bytes) -> dict[str, str]:
    """Read the statement of a verified signature, as the specification requires."""
    statement = reader.json(payload, "a statement")
    if statement.get("_type") != _STATEMENT or statement.get("predicateType") != PREDICATE:
        raise reader.wrong(f"its statement is not of the type {PREDICATE}")
    predicate = reader.get(statement, "predicate", dict)
    how = reader.get(predicate, "serialization", dict)
    if how.get("method") != "files" or how.get("hash_type") != "sha256":
        method, kind = str(how.get("method"))[:20], str(how.get("hash_type"))[:20]
        raise reader.wrong(
            f"its files are hashed by {method} with {kind}, not as a whole with sha256"
        )
    files: dict[str, str] = {}
    for resource in reader.get(predicate, "resources", list):
        name, digest = reader.get(resource, "name", str), reader.get(resource, "digest", str)
        if not _SHA256.fullmatch(digest) or resource.get("algorithm") != "sha256":
            raise reader.wrong(f"it has no sha256 for {name!r}")
        if files.setdefault(name, digest) != digest or not name:
            raise reader.wrong(f"it names {name!r} twice")
    subjects = reader.get(statement, "subject", list)
    digests = reader.get(subjects[0], "digest", dict) if len(subjects) == 1 else {}
    if not files or digests.get("sha256") != _root(files):
        raise reader.wrong("its subject is not the digest of its files")
    return files


class _Reader:
    """Reads untrusted JSON, with clear errors."""

    def __init__(self, path: object) -> None:
        self._path = path

    def wrong(self, reason: str) -> SignatureError:
        return SignatureError(self._path, reason)

    def json(self, content: bytes, what: str) -> dict[str, Any]:
        if len(content) > LARGEST:
            raise self.wrong("it is larger than 16 MiB")
        try:
            value = json.loads(content.decode())
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self.wrong(f"it is not {what}")
        return value

    def get(self, table: Any, key: str, kind: type[T]) -> T:
        value = table.get(key) if isinstance(table, dict) else None
        if not isinstance(value, kind):
            raise self.wrong(f"its {key} is missing or malformed")
        return value

    def bytes(self, table: Any, key: str) -> bytes:
        text = self.get(table, key, str)
        try:
            return b64decode(text, validate=True)
        except ValueError:
            raise self.wrong(f"its {key} is not Base64") from None
