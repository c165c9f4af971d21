"""Names, URLs and files that somebody made to do harm."""

import dataclasses
import hashlib
import io
import json
import pickle
import struct
import zipfile

import pytest

from dapi import File, WeightEntry, Weights
from dapi._store import fetch_all
from dapi._store.settings import Settings
from dapi.cache import fetch
from dapi.exceptions import (
    CacheWarning,
    CheckpointError,
    DapiError,
    FetchError,
    WeightsDeclarationError,
)

QUICK = Settings(connect=1.0, reach=1.0, backoff=0.01)


def digest_of(body):
    return hashlib.sha256(body).hexdigest()


def publish(server, body, name="net.pth"):
    return WeightEntry(server.serve(f"/{name}", body), sha256=digest_of(body), size=len(body))


def outside(folder, cache):
    return {path for path in folder.rglob("*") if not path.is_relative_to(cache)}


@pytest.mark.parametrize(
    "path",
    ["/../../escape.pth", "/%2e%2e/%2e%2e/escape.pth", "/..", "/%2fetc%2fescape",
     "/..%5c..%5cescape.pth", "/C:%5cescape", "/a%00b.pth", "/" + "x" * 400, "/"],
)  # fmt: skip
def test_name_never_becomes_a_path(server, own_cache, tmp_path, path):
    """Whatever a URL looks like, its file lies among the blobs under its hash."""
    body = b"bytes of " + path.encode()
    before = outside(tmp_path, own_cache)

    found = fetch(File(server.serve(path, body), sha256=digest_of(body)), patience=QUICK)
    assert own_cache / "blobs" / digest_of(body) == found
    assert before == outside(tmp_path, own_cache)


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%5cb.bin", ""])
def test_name_that_cannot_stand_in_a_directory_is_refused(server, own_cache, name):
    """The files of a checkpoint in parts are shown by name; not by such a one."""
    parts = [
        File(server.serve(f"/{each}/{each or name}", each.encode()), digest_of(each.encode()))
        for each in ("a", "b")
    ]
    body = b"body"
    parts.append(File(server.serve(f"/c/{name}", body), digest_of(body)))

    with pytest.raises(WeightsDeclarationError, match="Use another URL"):
        fetch_all(parts)
    assert not (own_cache / "views").exists()


def test_two_parts_of_one_name_are_refused(server):
    """One would silently take the other's place."""
    parts = [
        File(server.serve(f"/{each}/net.bin", each.encode()), digest_of(each.encode()))
        for each in ("a", "b")
    ]

    with pytest.raises(WeightsDeclarationError, match="files of one name"):
        fetch_all(parts, wanted="net:A")


def test_published_entry_cannot_name_local_files():
    """Neither its files, nor its mirrors, nor its assets: a reader's disk is no source."""
    local = "file:///etc/hostname"
    for entry in (
        WeightEntry(local),
        WeightEntry("https://example.org/net.pth", mirrors=(local,)),
        WeightEntry("https://example.org/net.pth", assets={"words": File(local)}),
    ):
        with pytest.raises(WeightsDeclarationError, match="local file"):
            type(Weights)("NetWeights", (Weights,), _members(A=entry))


def _members(**members):
    body = type(Weights).__prepare__("NetWeights", (Weights,))
    body["__module__"] = __name__
    for name, value in members.items():
        body[name] = value
    return body


def test_mirror_to_a_local_file_is_not_read(tmp_path):
    """Not even when the right bytes lie there."""
    (tmp_path / "net.pth").write_bytes(b"body")
    mirror = (tmp_path / "net.pth").as_uri()
    file = File("http://127.0.0.1:9/net.pth", sha256=digest_of(b"body"), mirrors=(mirror,))

    with pytest.raises(FetchError, match="no distribution provides the scheme 'file'"):
        fetch(file, patience=QUICK)


def test_record_that_names_a_path_is_not_followed(own_cache, tmp_path):
    """A planted record of an unpinned file cannot lead out of the cache."""
    file = File("https://127.0.0.1:9/net.pth")
    (tmp_path / "secret").write_bytes(b"secret")
    record = own_cache / "refs" / hashlib.sha256(file.url.encode()).hexdigest()
    record.parent.mkdir(parents=True)
    for digest in ("../../secret", "a" * 63 + "/", 7, None):
        record.write_text(json.dumps({"url": file.url, "sha256": digest, "loaded": True}))
        with pytest.raises(FetchError):
            fetch(file, patience=QUICK)


class Payload:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return print, ("the payload ran",)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def payload(torch):
    stream = io.BytesIO()
    torch.save({"weight": Payload()}, stream)
    return stream.getvalue()


def test_pickle_is_not_run(server, payload, capsys):
    """A .pth may hold tensors only."""
    for body, name in ((payload, "zip.pth"), (pickle.dumps(Payload()), "plain.pth")):
        with pytest.raises(CheckpointError):
            publish(server, body, name).state_dict()
    assert "the payload ran" not in capsys.readouterr().out


def test_pickle_planted_in_the_cache_is_not_read(server, torch, payload, own_cache, capsys):
    """A file that somebody put in place of a blob is not even opened: its stamp is another's."""
    stream = io.BytesIO()
    torch.save({"weight": torch.zeros(2)}, stream)
    entry = publish(server, stream.getvalue())
    entry.fetch().chmod(0o644)
    entry.fetch().write_bytes(payload)

    with pytest.warns(CacheWarning, match="damaged"):
        assert [0.0, 0.0] == entry.state_dict()["weight"].tolist()
    assert "the payload ran" not in capsys.readouterr().out


def test_zip_bomb_is_refused(server, torch):
    """A small file cannot become a large tensor."""
    stream = io.BytesIO()
    torch.save({"weight": torch.zeros(1 << 20)}, stream)
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(stream) as source,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.infolist():
            target.writestr(member.filename, source.read(member))

    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(CheckpointError):
        publish(server, bomb.getvalue()).state_dict()


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
HOSTILE = {
    "a length past the end": safetensors({"a": ONE}, b"1234", length=1 << 20),
    "a huge length": safetensors({"a": ONE}, b"1234", length=(1 << 63) + 1),
    "a lying shape": safetensors({"a": {**ONE, "shape": [1 << 40]}}, b"1234"),
    "a shape that overflows": safetensors({"a": {**ONE, "shape": [1 << 62, 1 << 62]}}, b"1234"),
    "overlapping tensors": safetensors({"a": ONE, "b": ONE}, b"1234"),
    "a hole": safetensors({"a": {**ONE, "data_offsets": [4, 8]}}, b"12345678"),
    "data past the end": safetensors({"a": {**ONE, "data_offsets": [0, 400]}}, b"1234"),
    "trailing bytes": safetensors({"a": ONE}, b"1234extra"),
    "an unknown type": safetensors({"a": {**ONE, "dtype": "X99"}}, b"1234"),
    "no JSON": safetensors(b"<html></html>", b"1234"),
    "nothing": b"",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_lying_safetensors_are_refused(server, torch, body):
    """A header that lies about the bytes is no checkpoint, whatever its hash."""
    pytest.importorskip("safetensors")
    entry = publish(server, body, "net.safetensors")

    with pytest.raises(DapiError):
        dataclasses.replace(entry, size=None).state_dict()
