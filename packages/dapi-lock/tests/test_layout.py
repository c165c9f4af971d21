"""OCI image layouts: as the specifications have them, read by skopeo, and by dapi unbundle."""

import json
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

import dapi
from dapi.lock import Lock, LockedFile, LockedWeights, _layout_reading, _signing, read
from dapi.lock.document import render
from dapi.lock.exceptions import BundleError

MODEL = "application/vnd.cncf.model."
has_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="there is no skopeo")


@pytest.fixture
def layout(zoo, project, run):
    """A layout of three sets of weights, one of which comes with its distribution."""
    run("lock", "net", "talker", "packed")
    run("sync")
    status, printed = run("bundle", "-o", "models", "--format", "oci", "--tag", "v1")
    assert 0 == status, printed
    return Path("models")


def blob(layout, descriptor):
    """The bytes of a descriptor, which are those that it says."""
    content = (layout / "blobs" / Path(descriptor["digest"].replace(":", "/"))).read_bytes()
    assert f"sha256:{sha256(content).hexdigest()}" == descriptor["digest"]
    assert len(content) == descriptor["size"]
    return content


def manifest_of(layout):
    index = json.loads((layout / "index.json").read_text())
    return json.loads(blob(layout, index["manifests"][0]))


def test_layout_has_the_form_of_the_specifications(layout):
    """What the OCI image format and ModelPack require, and every blob is what its digest says."""
    index = json.loads((layout / "index.json").read_text())
    manifest = manifest_of(layout)
    config = json.loads(blob(layout, manifest["config"]))

    assert {"imageLayoutVersion": "1.0.0"} == json.loads((layout / "oci-layout").read_text())
    assert 2 == index["schemaVersion"] == manifest["schemaVersion"]
    assert "application/vnd.oci.image.index.v1+json" == index["mediaType"]
    assert "application/vnd.oci.image.manifest.v1+json" == manifest["mediaType"]
    assert "application/vnd.oci.image.manifest.v1+json" == index["manifests"][0]["mediaType"]
    assert {"org.opencontainers.image.ref.name": "v1"} == index["manifests"][0]["annotations"]
    assert f"{MODEL}manifest.v1+json" == manifest["artifactType"]
    assert f"{MODEL}config.v1+json" == manifest["config"]["mediaType"]
    assert {"descriptor", "config", "modelfs"} == config.keys()
    assert ["Apache-2.0", "CC-BY-NC-4.0", "MIT"] == config["descriptor"]["licenses"]
    digests = [layer["digest"] for layer in manifest["layers"]]
    assert {"type": "layers", "diffIds": digests} == config["modelfs"]
    files = {digest.partition(":")[2] for digest in digests}
    assert files == {path.name for path in (layout / "blobs" / "sha256").iterdir()} - {
        manifest["config"]["digest"].partition(":")[2],
        index["manifests"][0]["digest"].partition(":")[2],
    }


def test_layers_say_what_they_are(layout):
    """Weights, what is read beside them, and documents; each has a path of its own."""
    layers = manifest_of(layout)["layers"]
    kinds = {
        layer["annotations"]["org.cncf.model.filepath"]: layer["mediaType"] for layer in layers
    }

    assert len(layers) == len(kinds)
    assert f"{MODEL}doc.v1.raw" == kinds.pop("dapi.lock")
    by_file = {path.rpartition("-")[2]: kind for path, kind in kinds.items()}
    assert f"{MODEL}weight.config.v1.raw" == by_file.pop("vocab.txt")
    assert {f"{MODEL}weight.v1.raw"} == {*by_file.values()} and 3 == len(by_file)
    for path in kinds:
        assert ".." not in path.split("/") and not path.startswith("/") and path.isascii()


def test_layout_is_carried(zoo, layout, run, own_cache, tmp_path, monkeypatch):
    """Every origin unreachable, all locked weights load from an empty cache after unbundle."""
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "elsewhere"))
    zoo.server.files.clear()
    zoo.server.asked.clear()

    added = run("unbundle", "models", "--write-lock", "carried.lock")
    again = run("unbundle", "models", "--lock", "carried.lock")

    assert (0, "dapi: 4 files added; 0 were in the cache already.\n") == added
    assert (0, "dapi: 0 files added; 4 were in the cache already.\n") == again
    assert Path("carried.lock").read_bytes() == Path("dapi.lock").read_bytes()
    with dapi.use_lock("carried.lock"):
        found = [dapi.get_model(name).bias[0].item() for name in ("net", "talker", "packed")]
    assert [2.0, 3.0, 5.0] == found and [] == zoo.requests
    assert 0 == run("verify", "--lock", "carried.lock")[0]


def test_layout_carries_the_signature(layout, run, make_key, tmp_path, monkeypatch):
    """And is refused without one, where the machine requires it."""
    private, public = make_key()
    monkeypatch.setenv("DAPI_SIGNED_BY", str(public))
    unsigned = run("unbundle", "models")
    run("sign", "--key", str(private))
    run("bundle", "-o", "models", "--format", "oci")
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "elsewhere"))

    signed = run("unbundle", "models", "--write-lock", "there.lock")

    assert 1 == unsigned[0] and "the signature file does not exist" in unsigned[1]
    assert 0 == signed[0] and Path("there.lock.sig").exists()
    assert 0 == run("verify", "--lock", "there.lock")[0]


@has_skopeo
def test_skopeo_copies_what_we_read_back(layout, run, tmp_path, monkeypatch):
    """Through the tool that moves images between registries: the same blobs come out."""
    copy = ["skopeo", "--insecure-policy", "copy", "--quiet", "oci:models:v1", "oci:copied:v2"]
    subprocess.run(copy, check=True, capture_output=True)
    shown = subprocess.run(["skopeo", "inspect", "--raw", "oci:copied:v2"], capture_output=True)
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "elsewhere"))

    status, printed = run("unbundle", "copied", "--lock", "dapi.lock")

    assert manifest_of(layout) == json.loads(shown.stdout)
    assert 0 == status and "4 files added" in printed, printed


def test_interrupted_layout_is_finished(layout, run):
    """Damaged and partial blobs are written again; the index comes last."""
    whole = {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()}
    blobs = sorted((layout / "blobs" / "sha256").iterdir())
    blobs[0].write_bytes(b"damaged")
    blobs[1].rename(blobs[1].with_suffix(".part"))
    (layout / "index.json").unlink()

    assert 0 == run("bundle", "-o", "models", "--format", "oci", "--tag", "v1")[0]

    blobs[1].with_suffix(".part").unlink(missing_ok=True)
    assert whole == {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()}


def test_folder_that_holds_something_else_is_left_alone(layout, run):
    """Nor is a stream a folder."""
    Path("mine").mkdir()
    Path("mine/file").write_text("x")

    refused = run("bundle", "-o", "mine", "--format", "oci")
    stream = run("bundle", "-o", "-", "--format", "oci")

    assert 1 == refused[0] and "it is not empty, and not such a layout" in refused[1]
    assert [Path("mine/file")] == [*Path("mine").iterdir()]
    assert 2 == stream[0] and "writes a directory" in stream[1]


def test_damaged_cache_is_not_exported(zoo, project, run, own_cache):
    """What changed in the cache is missing from it; there is no index of half a layout."""
    run("lock", "net")
    run("sync")
    digest = next(read("dapi.lock").files())[1].sha256
    path = own_cache / "blobs" / digest
    path.chmod(0o644)
    path.write_bytes(bytes(path.stat().st_size))

    status, printed = run("bundle", "-o", "models", "--format", "oci")

    assert 1 == status and "To download them: dapi sync" in printed
    assert not Path("models/index.json").exists()


# Hostile layouts

BODY = b"weights" * 100
FILE = LockedFile("a.pth", sha256(BODY).hexdigest(), len(BODY), ("https://e.org/a",))
LOCK = Lock(
    ("net",),
    (LockedWeights("a/net:A_B", ("net",), "a/net", "1", "a", "1", "MIT", "active", (FILE,)),),
)


class Forged:
    """A layout of one file, made by hand."""

    def __init__(self, folder):
        self.folder, self.blobs = folder, folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.body = self.put(BODY)
        layers = [self.layer(render(LOCK).encode(), "dapi.lock"), self.layer(BODY, "a.pth")]
        self.manifest({"schemaVersion": 2, "layers": layers})

    def put(self, content):
        digest = sha256(content).hexdigest()
        (self.blobs / digest).write_bytes(content)
        return self.blobs / digest

    def layer(self, content, name):
        digest = self.put(content).name
        named = {"org.cncf.model.filepath": name}
        return {"digest": f"sha256:{digest}", "size": len(content), "annotations": named}

    def manifest(self, value, **further):
        content = json.dumps(value).encode()
        digest = self.put(content).name
        self.index({"digest": f"sha256:{digest}", "size": len(content), **further})

    def index(self, *manifests):
        (self.folder / "index.json").write_text(json.dumps({"manifests": manifests}))


@pytest.fixture
def forged(tmp_path):
    return Forged(tmp_path / "layout")


def unpack(folder):
    return _layout_reading.unpack(folder, admit=_signing.admission("x", None), progress=False)


def test_good_layout_is_unpacked(forged):
    """What the hostile ones below are made of."""
    assert (1, 0) == unpack(forged.folder)[1:]


def link_body(forged, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(BODY)
    forged.body.unlink()
    forged.body.symlink_to(secret)


def link_marker(forged, tmp_path):
    marker = tmp_path / "marker"
    (forged.folder / "oci-layout").rename(marker)
    (forged.folder / "oci-layout").symlink_to(marker)


def pipe_body(forged, _):
    forged.body.unlink()
    os.mkfifo(forged.body)


def pipe_index(forged, _):
    (forged.folder / "index.json").unlink()
    os.mkfifo(forged.folder / "index.json")


def other_bytes(forged, _):
    forged.body.write_bytes(bytes(len(BODY)))


def bomb(forged, _):
    os.truncate(forged.body, 1 << 40)


def json_bomb(forged, _):
    os.truncate(forged.folder / "index.json", 1 << 30)


def lock_bomb(forged, _):
    path = forged.blobs / ("a" * 64)
    path.write_bytes(b"")
    os.truncate(path, 1 << 40)
    layer = {
        "digest": f"sha256:{path.name}",
        "annotations": {"org.cncf.model.filepath": "dapi.lock"},
    }
    forged.manifest({"layers": [layer]})


def forged_lock(forged, _):
    path = forged.blobs / ("a" * 64)
    path.write_bytes(render(LOCK).encode())
    layer = {
        "digest": f"sha256:{path.name}",
        "annotations": {"org.cncf.model.filepath": "dapi.lock"},
    }
    forged.manifest({"layers": [layer]})


def outside(forged, tmp_path):
    (tmp_path / "manifest").write_text("{}")
    forged.index({"digest": "sha256:../../../manifest"})


def two_models(forged, _):
    forged.index(*[{"digest": "sha256:" + "a" * 64}] * 2)


def two_locks(forged, _):
    layers = [forged.layer(render(LOCK).encode(), "dapi.lock"), forged.layer(b"x", "dapi.lock")]
    forged.manifest({"layers": layers})


def bad_lock(forged, _):
    forged.manifest({"layers": [forged.layer(b"x = [", "dapi.lock")]})


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (link_body, "1 file is missing from it"),
        (link_marker, "oci-layout cannot be read"),
        (pipe_body, "1 file is missing from it"),
        (pipe_index, "is not a regular file"),
        (other_bytes, "has sha256"),
        (bomb, "1 file is missing from it"),
        (json_bomb, "larger than 16 MiB"),
        (lock_bomb, "larger than 64 MiB"),
        (forged_lock, "does not match the hash in its name"),
        (outside, "is not a sha256"),
        (two_models, "2 models instead of one"),
        (two_locks, "it has 'dapi.lock' twice"),
        (bad_lock, "its lock is not valid"),
        (lambda f, _: f.body.unlink(), "1 file is missing from it"),
        (lambda f, _: (f.folder / "oci-layout").write_text("{}"), "not an OCI image layout"),
        (lambda f, _: (f.folder / "oci-layout").unlink(), "cannot be read"),
        (lambda f, _: (f.folder / "index.json").write_text("[" * 100_000), "not JSON"),
        (lambda f, _: (f.folder / "index.json").write_text("[]"), "not an object"),
        (
            lambda f, _: (f.folder / "index.json").write_text('{"manifests": 5}'),
            "its manifests is missing",
        ),
        (lambda f, _: f.index(), "0 models"),
        (lambda f, _: f.index(5), "its manifests is missing"),
        (lambda f, _: f.index({"digest": "sha256:" + "a" * 64}), "cannot be read"),
        (lambda f, _: f.manifest({"layers": []}, artifactType="other"), "0 models"),
        (lambda f, _: f.manifest({"layers": []}), "it has no dapi.lock"),
        (lambda f, _: f.manifest({"layers": [{"annotations": 5}]}), "it has no dapi.lock"),
        (lambda f, _: f.manifest([]), "not an object"),
    ],
)
def test_hostile_layout_is_refused(forged, own_cache, tmp_path, harm, told):
    """In words; nothing of it is in the cache, and nothing is written elsewhere."""
    harm(forged, tmp_path)
    before = {path for path in tmp_path.rglob("*") if own_cache not in path.parents}

    with pytest.raises(BundleError) as caught:
        unpack(forged.folder)

    assert told in str(caught.value) and len(str(caught.value)) < 600
    assert [] == dapi.cache.blobs()
    after = {path for path in tmp_path.rglob("*") if own_cache not in path.parents}
    assert after - {own_cache} == before - {own_cache}
