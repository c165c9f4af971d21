"""The envelope: signatures in OpenSSF's format, ours and others'; hostile ones are refused."""

import json
import os
import shutil
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from dapi.lock import _envelope, _keys
from dapi.lock.exceptions import SignatureError

FILES = {"weights.bin": "a" * 64, "config.json": "b" * 64, "sub/a.bin": "c" * 64}

# A checkout of the public conformance suite: github.com/sampras343/model-signing-conformance.
SUITE = Path(os.environ.get("DAPI_MODEL_SIGNING_CONFORMANCE", "absent")) / "test"
CASES = [
    path.parent
    for path in sorted(SUITE.glob("test-cases/verify/*/*/config.json"))
    if json.loads(path.read_text())["method"] == "key"
]


@pytest.fixture(params=["SECP256R1", "SECP384R1", "SECP521R1"])
def key(request, make_key):
    """A private key of each curve that the format's registry lists."""
    return _keys.private(make_key(curve=request.param)[0])


def parts(text):
    """The bundle and the statement of a signature."""
    bundle = json.loads(text)
    return bundle, json.loads(b64decode(bundle["dsseEnvelope"]["payload"]))


def resigned(key, change):
    """A valid signature over a statement that was changed."""
    bundle, statement = parts(_envelope.sign(FILES, "model", key))
    change(statement)
    payload = json.dumps(statement).encode()
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
    bundle["dsseEnvelope"]["payload"] = b64encode(payload).decode()
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = b64encode(key.sign(signed)).decode()
    return json.dumps(bundle).encode()


def test_what_is_signed_is_verified(key):
    """On each curve; the files come back, and whose signature it is."""
    found = _envelope.verify(_envelope.sign(FILES, "model", key).encode(), "x.sig", [key.public])

    assert FILES == found.files and key.public == found.key


def test_signature_has_the_form_of_the_specification(key):
    """As its sections 4 to 6 say: types, order, digest of all, and no further fields."""
    bundle, statement = parts(_envelope.sign(FILES, "model", key))
    digests = [bytes.fromhex(FILES[name]) for name in sorted(FILES)]

    assert {"mediaType", "verificationMaterial", "dsseEnvelope"} == bundle.keys()
    assert "application/vnd.dev.sigstore.bundle.v0.3+json" == bundle["mediaType"]
    assert key.public.fingerprint == bundle["verificationMaterial"]["publicKey"]["hint"]
    assert "application/vnd.in-toto+json" == bundle["dsseEnvelope"]["payloadType"]
    assert 1 == len(bundle["dsseEnvelope"]["signatures"])
    assert "https://in-toto.io/Statement/v1" == statement["_type"]
    assert "https://model_signing/signature/v1.0" == statement["predicateType"]
    root = {"sha256": sha256(b"".join(digests)).hexdigest()}
    assert [{"name": "model", "digest": root}] == statement["subject"]
    assert {"resources", "serialization"} == statement["predicate"].keys()
    resources = statement["predicate"]["resources"]
    assert sorted(FILES) == [each["name"] for each in resources]
    assert all({"name", "digest", "algorithm"} == each.keys() for each in resources)
    serialization = statement["predicate"]["serialization"]
    assert {".git", ".gitattributes", ".github", ".gitignore"} == {*serialization["ignore_paths"]}
    how = ("files", "sha256", False)
    assert how == tuple(serialization[key] for key in ("method", "hash_type", "allow_symlinks"))


def _set(path, value):
    """A change: set what is at a path."""

    def change(table):
        *parents, last = path
        for each in parents:
            table = table[each]
        if value is None:
            del table[last]
        else:
            table[last] = value

    return change


RESOURCE = {"name": "a", "digest": "d" * 64, "algorithm": "sha256"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set(["_type"], "https://in-toto.io/Statement/v0.1"), "not of the type"),
        (_set(["predicateType"], "https://slsa.dev/provenance/v1"), "not of the type"),
        (_set(["predicate"], None), "its predicate is missing"),
        (_set(["predicate", "resources"], None), "its resources is missing"),
        (_set(["predicate", "resources"], []), "not the digest of its files"),
        (_set(["predicate", "resources"], [5]), "its name is missing"),
        (_set(["predicate", "resources", 0, "name"], ""), "''"),
        (_set(["predicate", "resources", 0, "digest"], "A" * 64), "no sha256"),
        (_set(["predicate", "resources", 0, "algorithm"], "blake2b"), "no sha256"),
        (_set(["predicate", "resources", 0, "digest"], "d" * 64), "not the digest of its files"),
        (_set(["predicate", "resources", 0], {**RESOURCE, "name": "weights.bin"}), "twice"),
        (_set(["predicate", "serialization", "method"], "shards"), "by shards with sha256"),
        (_set(["predicate", "serialization", "hash_type"], "blake3"), "by files with blake3"),
        (_set(["subject"], []), "not the digest of its files"),
        (_set(["subject"], [{"name": "x", "digest": {"sha256": "0" * 64}}]), "not the digest"),
        (_set(["subject"], [5]), "its digest is missing"),
    ],
)  # fmt: skip
def test_statement_of_another_form_is_refused(make_key, change, told):
    """Also when a trusted key signed it: it does not say what a signature must say."""
    key = _keys.private(make_key()[0])

    with pytest.raises(SignatureError) as caught:
        _envelope.verify(resigned(key, change), "x.sig", [key.public])
    assert told in str(caught.value)


ENVELOPE = ["dsseEnvelope"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set(["mediaType"], "application/json"), "not a Sigstore bundle"),
        (_set(["mediaType"], ["x"]), "its mediaType is missing"),
        (_set(["verificationMaterial"], None), "its verificationMaterial is missing"),
        (_set(["verificationMaterial"], {"certificate": {"rawBytes": "AA=="}}), "with a key"),
        (_set(["verificationMaterial"], {"x509CertificateChain": {}}), "model_signing verify"),
        (_set(ENVELOPE, None), "its dsseEnvelope is missing"),
        (_set([*ENVELOPE, "payloadType"], "text/plain"), "in-toto"),
        (_set([*ENVELOPE, "payload"], "%%%"), "not Base64"),
        (_set([*ENVELOPE, "payload"], ""), "or was modified"),
        (_set([*ENVELOPE, "signatures"], []), "0 signatures"),
        (_set([*ENVELOPE, "signatures"], [{"sig": "AA=="}] * 2), "2 signatures"),
        (_set([*ENVELOPE, "signatures", 0, "sig"], "AA=="), "or was modified"),
        (_set([*ENVELOPE, "signatures", 0, "sig"], 5), "its sig is missing"),
    ],
)
def test_hostile_bundle_is_refused(make_key, change, told):
    """In words, whatever is wrong with it."""
    key = _keys.private(make_key()[0])
    bundle = json.loads(_envelope.sign(FILES, "model", key))
    change(bundle)

    with pytest.raises(SignatureError) as caught:
        _envelope.verify(json.dumps(bundle).encode(), "x.sig", [key.public])
    assert told in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"5", b"\xff\xfe", b"[" * 100_000, b"null", b" " * (16 << 20) + b"{}"],
    ids=["empty", "cut", "list", "number", "bytes", "deep", "null", "large"],
)
def test_what_is_no_signature_is_refused(make_key, content):
    """Neither other JSON, nor other bytes, nor what is too large or too deep."""
    key = _keys.private(make_key()[0])

    with pytest.raises(SignatureError, match="not a signature|16 MiB"):
        _envelope.verify(content, "x.sig", [key.public])


def test_one_of_several_trusted_keys_is_enough(make_key):
    """For a change of keys; without the right one it is refused, and the key is named."""
    old = _keys.private(make_key("old")[0])
    new = _keys.private(make_key("new", curve="SECP384R1")[0])
    signature = _envelope.sign(FILES, "model", new).encode()

    assert new.public == _envelope.verify(signature, "x", [old.public, new.public]).key
    with pytest.raises(SignatureError, match=new.public.fingerprint):
        _envelope.verify(signature, "x", [old.public])


@pytest.mark.parametrize("field", [None, "", "absent"])
def test_older_and_other_writers_are_understood(make_key, field):
    """A key ID that is null, empty or absent; no log entries; the key itself instead of a hint."""
    key = _keys.private(make_key()[0])
    bundle = json.loads(_envelope.sign(FILES, "model", key))
    signature = bundle["dsseEnvelope"]["signatures"][0]
    signature["keyid"] = field
    if field == "absent":
        del signature["keyid"]
    bundle["verificationMaterial"] = {"publicKey": {"rawBytes": "AA=="}}

    found = _envelope.verify(json.dumps(bundle).encode(), "x.sig", [key.public])

    assert FILES == found.files


@pytest.mark.skipif(not CASES, reason="DAPI_MODEL_SIGNING_CONFORMANCE names no checkout")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_public_conformance_case(case, tmp_path):
    """Those that need a key and no network: each is accepted or refused, as it says."""
    config = json.loads((case / "config.json").read_text())
    model = _model(case, config, tmp_path)
    assets = SUITE / "assets"
    name = config["verify"].get("public_key", "")
    keys = [_keys.public(assets / name)] if (assets / name).is_file() else []

    try:
        signed = _envelope.verify((case / "bundle.sig").read_bytes(), case.name, keys).files
    except SignatureError:
        accepted = False
    else:
        ignored = {model / each for each in config["verify"].get("ignore_paths", ())}
        there = {} if model.is_file() else _hashes(model, ignored)
        if config["verify"].get("ignore_unsigned_files"):
            there = {path: digest for path, digest in there.items() if path in signed}
        single = {".": sha256(model.read_bytes()).hexdigest()} if model.is_file() else None
        accepted = signed == (single or there)

    assert accepted == (config.get("expect") != "fail")


def _model(case, config, tmp_path):
    """A copy of a case's model, changed as the case says."""
    root = case if config.get("model_relative_to") == "test_dir" else SUITE / "assets"
    source, copy = root / config["model"], tmp_path / Path(config["model"]).name
    (shutil.copy if source.is_file() else shutil.copytree)(source, copy)
    changes = config.get("model_modifications") or {}
    for name in changes.get("delete", ()):
        (copy / name).unlink()
    for name, text in {**changes.get("tamper", {}), **changes.get("inject", {})}.items():
        (copy / name).write_text(text)
    return copy


def _hashes(folder, ignored):
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path not in ignored and not path.name.startswith(".git")
    }
