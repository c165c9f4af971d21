"""Layout: the lock and its files as an OCI image layout, for registries and their tools.

One manifest has the media types of CNCF ModelPack
(https://github.com/modelpack/model-spec/blob/main/docs/spec.md): a layer for each file, unarchived,
one for ``dapi.lock`` and one for its signature. The directory follows
https://github.com/opencontainers/image-spec/blob/main/image-layout.md.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from dapi.lock._bundling import cached, carried
from dapi.lock._hashing import hash_file
from dapi.lock._signing import LOCK, SUFFIX, Document
from dapi.lock._terminal import Progress
from dapi.lock.document import Lock
from dapi.lock.exceptions import BundleError

MARKER, INDEX, VERSION = "oci-layout", "index.json", "1.0.0"
IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MODEL = "application/vnd.cncf.model.manifest.v1+json"
FILEPATH = "org.cncf.model.filepath"
_IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.cncf.model.config.v1+json"
_WEIGHT = "application/vnd.cncf.model.weight.v1.raw"
_ASSET = "application/vnd.cncf.model.weight.config.v1.raw"
_DOC = "application/vnd.cncf.model.doc.v1.raw"
_TITLE = "org.opencontainers.image.title"  # the name under which oras writes a layer
_TAG = "org.opencontainers.image.ref.name"
_CHUNK = 1 << 20


class _Blob(NamedTuple):
    """A blob of the layout: a layer, the config or the manifest."""

    media: str
    sha256: str
    size: int
    name: str
    content: bytes | Path

    def descriptor(self, **further: Any) -> dict[str, Any]:
        names = {"annotations": {FILEPATH: self.name, _TITLE: self.name}} if self.name else {}
        digest = f"sha256:{self.sha256}"
        return {"mediaType": self.media, "digest": digest, "size": self.size, **names, **further}


def write(document: Document, folder: Path, *, tag: str, progress: bool) -> int:
    """Write a layout, and return the size of its layers in bytes.

    Intact parts of an interrupted layout are kept; ``index.json`` is written last.

    Raises:
        SyncError: Some files are not in the cache.
        BundleError: It cannot be written, a file of the cache changed, or the directory has other
            files.
    """
    layers = [_text(_DOC, LOCK, document.content)]
    if document.signature is not None:
        layers.append(_text(_DOC, f"{LOCK}{SUFFIX}", document.signature))
    layers += _files(document.lock)
    config = _json(_CONFIG, _config(document.lock, layers))
    manifest = _json(IMAGE_MANIFEST, _manifest(config, layers))
    index = {
        "schemaVersion": 2,
        "mediaType": _IMAGE_INDEX,
        "manifests": [manifest.descriptor(artifactType=MODEL, annotations={_TAG: tag})],
    }
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
            raise BundleError(
                folder, "it is not empty, and not such a layout", remedy="Name another --output."
            )
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        _replace(folder / MARKER, json.dumps({"imageLayoutVersion": VERSION}).encode())
        _write_all([*layers, config, manifest], blobs, progress=progress)
        _replace(folder / INDEX, json.dumps(index, indent=1).encode())
    except OSError as cause:
        remedy = "Free up disk space or choose another --output, then run it again: it resumes."
        reason = f"it cannot be written ({cause.strerror})"
        raise BundleError(folder, reason, remedy=remedy) from cause
    return sum(layer.size for layer in layers)


def _text(media: str, name: str, content: bytes) -> _Blob:
    return _Blob(media, sha256(content).hexdigest(), len(content), name, content)


def _json(media: str, value: Any) -> _Blob:
    return _text(media, "", json.dumps(value, indent=1).encode())


def _files(lock: Lock) -> Iterator[_Blob]:
    owners = {file.sha256: weights for weights, file in carried(lock)}
    for file, path in cached(lock):
        media = _ASSET if file.asset and not (file.weights or file.license) else _WEIGHT
        # The hash distinguishes two files of the same name.
        name = f"{_plain(owners[file.sha256].name)}/{file.sha256[:8]}-{_plain(file.name)}"
        yield _Blob(media, file.sha256, file.size, name, path)


def _plain(name: str) -> str:
    """Return a name that every file system accepts."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")[-100:] or "_"


def _config(lock: Lock, layers: list[_Blob]) -> dict[str, Any]:
    licenses = {each for w in lock.weights for each in w.facts.licenses.values()} - {"unknown", ""}
    return {
        "descriptor": {
            "name": LOCK,
            "description": "Pretrained weights: " + ", ".join(each.name for each in lock.weights),
            "licenses": sorted(licenses),
        },
        "config": {},
        "modelfs": {"type": "layers", "diffIds": [f"sha256:{layer.sha256}" for layer in layers]},
    }


def _manifest(config: _Blob, layers: list[_Blob]) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": MODEL,
        "config": config.descriptor(),
        "layers": [layer.descriptor() for layer in layers],
    }


def _write_all(blobs: list[_Blob], folder: Path, *, progress: bool) -> None:
    total, done = sum(blob.size for blob in blobs), 0
    with Progress("Bundling", len(blobs), total, enabled=progress) as line:
        for rank, blob in enumerate(blobs):
            target = folder / blob.sha256
            if not target.is_file() or hash_file(target) != blob.sha256:
                _write(blob, target)
            done += blob.size
            line.show(rank + 1, done)


def _write(blob: _Blob, target: Path) -> None:
    if isinstance(blob.content, bytes):
        _replace(target, blob.content)
        return
    part, digest = target.with_suffix(".part"), sha256()
    with blob.content.open("rb", buffering=0) as source, part.open("wb") as stream:
        while block := source.read(_CHUNK):
            digest.update(block)
            stream.write(block)
        stream.flush()
        os.fsync(stream.fileno())
    if digest.hexdigest() != blob.sha256:
        part.unlink()
        remedy = "To replace it: dapi verify --lock --repair, then dapi sync"
        reason = f"{blob.sha256} is damaged in the cache"
        raise BundleError("The layout was not written", reason, remedy=remedy)
    os.replace(part, target)


def _replace(target: Path, content: bytes) -> None:
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(content)
    os.replace(part, target)
