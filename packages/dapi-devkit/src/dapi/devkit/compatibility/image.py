"""Image: a distribution as plain data, which is compared without importing it.

A file of canonical JSON, compressed where its name ends in ``.gz``: the same facts give the same
bytes. Images are untrusted: the form is checked once, as a whole, so that the comparison need not.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from dapi.devkit.exceptions import ImageError

FORMAT = 1

_MOST_BYTES = 200_000_000  # of the JSON; that of dapi-vision has 3 million

ANY = object()
_TEXTS: Any = {str: str}
_FILE = [{"url": str, "sha256": (str, None), "size": (int, None), "mirrors": [str]}]
_MEMBER = {
    "where": str,
    "files": _FILE,
    "assets": {str: _FILE},
    "transforms": ANY,
    "postprocess": ANY,
    "build": {str: ANY},
    "meta": {str: ANY},
    "latest": bool,
    "status": {"state": str, "replacement": (str, None), "reason": str},
}
_PARAMETER = {"name": str, "kind": str, "required": bool, "default": ANY}
_BUILDER = {
    "where": str,
    "target": str,
    "parameters": [_PARAMETER],
    "returns": str,
    "enums": [str],
    "head": [str],
    "legacy": {str: {str: (str, None)}},
    "replaces": (str, None),
}
_ENUM = {"where": str, "builders": [str], "members": {str: _MEMBER}}
_MODEL = {
    "schema": ANY,
    "transient": ANY,
    "modules": ANY,
    "tied": [[str]],
    "migrating": [str],
    "start": {str: [float]},
}
_ANSWER = {
    "member": str,
    "config": {str: ANY},
    "dtype": str,
    "tolerance": float,
    "input": str,
    "leaves": [{str: ANY}],
    "omitted": _TEXTS,
    "recorded": _TEXTS,
    "live": bool,
}
_SHAPE: dict[str, Any] = {
    "format": int,
    "distribution": str,
    "version": str,
    "recorded": _TEXTS,
    "requires": {"python": str, "packages": [str]},
    "entry_points": {str: _TEXTS},
    "tombstones": {str: _TEXTS},
    "builders": {str: _BUILDER},
    "enums": {str: _ENUM},
    "models": {str: _MODEL},
    "modules": {str: {"class": str, "attributes": {str: ANY}}},
    "texts": {str: [str]},
    "built": _TEXTS,
    "tensors": _TEXTS,
    "answers": {"code": _TEXTS, "weights": _TEXTS},
    "said": {str: _ANSWER},
    "stale": _TEXTS,
    "missing": _TEXTS,
}


class Image:
    """The recorded facts of one release of a distribution.

    Attributes:
        content: The facts, of the form that this module describes.
        source: The file that it was read from, for messages.
    """

    def __init__(self, content: Mapping[str, Any], source: str = "the image") -> None:
        self.content, self.source = content, source
        _check(content, _SHAPE, "", source)

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    @property
    def version(self) -> str:
        """The version of the distribution."""
        return str(self.content["version"])

    @property
    def name(self) -> str:
        """The name of the distribution."""
        return str(self.content["distribution"])

    @classmethod
    def read(cls, path: Path) -> Image:
        """Read an image from a file.

        Raises:
            ImageError: There is none, it is damaged, no image at all, or of a newer dapi-devkit.
        """
        try:
            data = path.read_bytes()
        except OSError as cause:
            reason = f"cannot be read ({cause.strerror})"
            raise ImageError(path, reason, "To make one: dapi snapshot DISTRIBUTION") from cause
        return cls.parse(data, str(path))

    @classmethod
    def parse(cls, data: bytes, source: str = "the image") -> Image:
        """Read an image from bytes, compressed or not.

        Raises:
            ImageError: As ``read``.
        """
        again = "Make it again: dapi snapshot DISTRIBUTION --output FILE"
        try:
            content = json.loads(_decompressed(data))
        except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
            raise ImageError(source, f"is damaged or truncated ({cause})", again) from cause
        except (ValueError, RecursionError) as cause:
            raise ImageError(source, "is not JSON", again) from cause
        found = content.get("format") if isinstance(content, dict) else None
        if not isinstance(found, int) or "distribution" not in content:
            raise ImageError(source, "is not an image of a distribution", again)
        if found > FORMAT:
            reason = f"has the format {found}, but this dapi-devkit reads up to {FORMAT}"
            raise ImageError(source, reason, "Upgrade: pip install --upgrade dapi-devkit")
        return cls(content, source)

    def write(self, path: Path) -> None:
        """Replace a file as a whole, so that an interruption leaves the old one or the new.

        Raises:
            ImageError: It cannot be written.
        """
        data = self.text().encode()
        if path.suffix == ".gz":
            data = gzip.compress(data, mtime=0)
        unfinished = path.with_name(f".{os.getpid()}-{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(data)
            unfinished.replace(path)
        except OSError as cause:
            reason = f"cannot be written ({cause.strerror})"
            raise ImageError(path, reason, "Name another file: --output FILE") from cause
        finally:
            unfinished.unlink(missing_ok=True)

    def text(self) -> str:
        """Return the JSON: a line for each fact of the second level, so that diffs are readable."""
        lines = []
        for key, part in sorted(self.content.items()):
            if isinstance(part, Mapping) and part:
                inner = ",\n".join(f" {_json(k)}:{_json(v)}" for k, v in sorted(part.items()))
                lines.append(f"{_json(key)}:{{\n{inner}\n}}")
            else:
                lines.append(f"{_json(key)}:{_json(part)}")
        return "{\n" + ",\n".join(lines) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(
        value, separators=(",", ":"), sort_keys=True, allow_nan=False, ensure_ascii=False
    )


def _decompressed(data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    with gzip.GzipFile(fileobj=BytesIO(data)) as stream:
        found = stream.read(_MOST_BYTES + 1)
    if len(found) > _MOST_BYTES:
        raise zlib.error(f"more than {_MOST_BYTES:,} bytes")
    return found


def _check(value: Any, shape: Any, where: str, source: str) -> None:
    """Compare the form of a value with the one that is described.

    Raises:
        ImageError: It is of another form.
    """
    if not _fits(value, shape):
        reason = f"has no valid value at {where or 'its top'}"
        raise ImageError(source, reason, "Make it again: dapi snapshot DISTRIBUTION --output FILE")
    if isinstance(shape, list):
        for number, item in enumerate(value):
            _check(item, shape[0], f"{where}[{number}]", source)
    elif isinstance(shape, dict):
        for key, inner in _inner(value, shape):
            _check(value.get(key), inner, f"{where}.{key}".lstrip("."), source)


def _fits(value: Any, shape: Any) -> bool:
    if shape is ANY:
        return True
    if isinstance(shape, tuple):
        return value is None or isinstance(value, shape[0])
    return _is_of(value, type(shape) if isinstance(shape, list | dict) else shape)


def _inner(value: Mapping[str, Any], shape: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """List the keys of a mapping with the expected forms."""
    if str in shape:
        return [(key, shape[str]) for key in value]
    return list(shape.items())


def _is_of(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
