"""Read a layout: add the files of a lock's OCI image layout to the cache.

It is untrusted. Only files that the lock names are read, if they are regular files of the locked
size, and each is verified; links are not followed, and reading never blocks.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Generator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from dapi import cache
from dapi.catalog import counted
from dapi.exceptions import HashMismatchError
from dapi.lock import _envelope
from dapi.lock._bundling import LARGEST_LOCK, Unpacked, carried
from dapi.lock._layout import FILEPATH, IMAGE_MANIFEST, INDEX, MARKER, MODEL, VERSION
from dapi.lock._reading import parse
from dapi.lock._signing import LOCK, SUFFIX, Admit, Document
from dapi.lock._terminal import Progress
from dapi.lock.document import LockedFile
from dapi.lock.exceptions import BundleError, LockError

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_LARGEST_JSON = 16 << 20
_CHUNK = 1 << 20
_AGAIN = "Write it again: dapi bundle dapi.lock -o FOLDER --format oci"


def unpack(folder: Path, *, admit: Admit, progress: bool) -> Unpacked:
    """Add the files of a layout to the cache, after verifying each.

    Args:
        folder: The layout.
        admit: Raises an error if its lock is not acceptable, before any file is added.
        progress: Whether to show progress.

    Raises:
        BundleError: It is not a layout of a lock, lacks a file, or differs from its lock.
    """
    reader = _Reader(folder)
    document = reader.document()
    admit(document)
    waiting = carried(document.lock)
    missing = [f"{file.name} of {w.name}" for w, file in waiting if not reader.has(file)]
    if missing:
        count = counted(len(missing), "file is", "files are")
        raise reader.wrong(f"{count} missing from it: {', '.join(missing)}")
    total, added, done = sum(file.size for _, file in waiting), 0, 0
    with Progress("Unpacking", len(waiting), total, enabled=progress) as line:
        for rank, (weights, file) in enumerate(waiting):
            if cache.find(file.file) is None:
                reader.receive(file, weights.name)
                added += 1
            done += file.size
            line.show(rank + 1, done)
    return Unpacked(document, added, len(waiting) - added)


class _Reader:
    """Reads the blobs of a layout: regular files that match the hash in their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wrong(self, reason: str) -> BundleError:
        return BundleError(self._folder, reason, remedy=_AGAIN)

    def document(self) -> Document:
        """Read the lock, and its signature."""
        if self._json(self._folder / MARKER, MARKER).get("imageLayoutVersion") != VERSION:
            raise self.wrong(f"it is not an OCI image layout of version {VERSION}")
        index = self._json(self._folder / INDEX, INDEX)
        models = [each for each in self._tables(index, "manifests") if _is_model(each)]
        if len(models) != 1:
            raise self.wrong(f"it has {counted(len(models), 'model')} instead of one")
        manifest = self._load(self._blob(models[0], _LARGEST_JSON), "its manifest")
        layers = self._layers(manifest)
        if LOCK not in layers:
            raise self.wrong(f"it has no {LOCK}")
        content = self._blob(layers[LOCK], LARGEST_LOCK)
        try:
            lock = parse(content, f"{self._folder}: {LOCK}")
        except LockError as cause:
            raise self.wrong(f"its lock is not valid: {cause}") from cause
        signature = layers.get(f"{LOCK}{SUFFIX}")
        if signature is None:
            return Document(content, lock)
        return Document(content, lock, self._blob(signature, _envelope.LARGEST))

    def has(self, file: LockedFile) -> bool:
        """Return whether the layout has a file of the locked size."""
        try:
            found = self._path(file.sha256).lstat()
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == file.size

    def receive(self, file: LockedFile, wanted: str) -> None:
        """Add a file to the cache, verified."""
        # A file that grew in the meantime is read one byte too far, and refused.
        with closing(self._blocks(self._path(file.sha256), file.size + 1)) as blocks:
            try:
                cache.receive(blocks, file.file, source=str(self._folder), wanted=wanted)
            except HashMismatchError as cause:
                reason = f"{file.name} of {wanted} has sha256 {cause.found}, not {cause.expected}"
                raise self.wrong(reason) from cause

    def _layers(self, manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the layers by their paths."""
        layers: dict[str, dict[str, Any]] = {}
        for layer in self._tables(manifest, "layers"):
            annotations = layer.get("annotations")
            name = annotations.get(FILEPATH) if isinstance(annotations, dict) else None
            if isinstance(name, str) and layers.setdefault(name, layer) != layer:
                raise self.wrong(f"it has {name[:80]!r} twice")
        return layers

    def _path(self, digest: str) -> Path:
        return self._folder / "blobs" / "sha256" / digest

    def _blob(self, descriptor: dict[str, Any], largest: int) -> bytes:
        """Return the bytes of a small blob, verified by its digest."""
        match = _DIGEST.fullmatch(str(descriptor.get("digest")))
        if match is None:
            raise self.wrong(f"{str(descriptor.get('digest'))[:80]!r} is not a sha256")
        content = self._read(self._path(match[1]), largest, match[0])
        if sha256(content).hexdigest() != match[1]:
            raise self.wrong(f"{match[0]} does not match the hash in its name")
        return content

    def _json(self, path: Path, what: str) -> dict[str, Any]:
        return self._load(self._read(path, _LARGEST_JSON, what), what)

    def _load(self, content: bytes, what: str) -> dict[str, Any]:
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self.wrong(f"{what} is not JSON, or not an object")
        return value

    def _tables(self, value: dict[str, Any], key: str) -> list[dict[str, Any]]:
        found = value.get(key)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong(f"its {key} is missing or malformed")
        return found

    def _read(self, path: Path, largest: int, what: str) -> bytes:
        content = b"".join(self._blocks(path, largest + 1))
        if len(content) > largest:
            raise self.wrong(f"{what} is larger than {largest >> 20} MiB")
        return content

    def _blocks(self, path: Path, most: int) -> Generator[bytes, None, None]:
        """Yield the bytes of a regular file."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # opening a pipe would block
        try:
            stream = os.fdopen(os.open(path, flags), "rb", buffering=0)
        except OSError as cause:
            raise self.wrong(f"{path.name} cannot be read ({cause.strerror})") from cause
        with stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise self.wrong(f"{path.name} is not a regular file")
            while most and (block := stream.read(min(most, _CHUNK))):
                most -= len(block)
                yield block


def _is_model(descriptor: dict[str, Any]) -> bool:
    """Whether a manifest may be a model's: some tools drop its artifact type."""
    media = descriptor.get("mediaType", IMAGE_MANIFEST)
    return bool(media == IMAGE_MANIFEST and descriptor.get("artifactType", MODEL) == MODEL)
