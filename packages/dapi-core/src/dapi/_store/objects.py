"""``s3:`` and ``gs:`` URLs: objects of a cloud store, read with obstore.

Credentials and endpoints come from the environment, as for the providers' own tools. Needs the
extra ``dapi-core[s3]`` or ``dapi-core[gs]``.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from dapi.exceptions import FetchError, MissingDependencyError

# Seconds; obstore's own limit counts for a whole body, and a stalled one would hang.
_PATIENCE = {"connect_timeout": "4s", "read_timeout": "8s", "timeout": "86400s"}

_BLOCK = 1 << 18


class Object(io.RawIOBase):
    """An object as a seekable stream; opened at the first read.

    Attributes:
        size: Its size in bytes.
        version: Its ETag, if it has one.
    """

    def __init__(self, store: Any, path: str) -> None:
        from obstore import head

        self._store, self._path, self._position = store, path, 0
        about = head(store, path)
        self.size: int = about["size"]
        self.version: str | None = about.get("e_tag")
        self._blocks: Iterator[Any] | None = None

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to ``offset``, counted from the start."""
        self._position, self._blocks = offset, None
        return offset

    def read(self, size: int = -1) -> bytes:
        """Read the next block, whatever its length; empty at the end."""
        from obstore import get

        if self._position >= self.size:
            return b""
        if self._blocks is None:
            options: Any = {"range": {"offset": self._position}}
            if self.version:
                options["if_match"] = self.version
            self._blocks = iter(get(self._store, self._path, options=options).stream(_BLOCK))
        block = bytes(next(self._blocks, b""))
        self._position += len(block)
        return block


def open_url(url: str) -> Object:
    """Open an object.

    Raises:
        FetchError: The object does not exist, or the user may not read it.
    """
    parts = urlsplit(url)
    try:
        from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError
        from obstore.store import from_url
    except ModuleNotFoundError as cause:
        wanted = f"dapi-core[{parts.scheme}]"
        raise MissingDependencyError(f"{url} needs obstore", requirement=wanted) from cause
    # Given options hide this variable from obstore.
    plain = {"allow_http": os.environ.get("AWS_ALLOW_HTTP", "false").lower() in ("1", "true")}
    options: Any = {"client_options": {**_PATIENCE, **plain}, "retry_config": {"max_retries": 0}}
    try:
        store = from_url(f"{parts.scheme}://{parts.netloc}", **options)
        return Object(store, unquote(parts.path).lstrip("/"))
    except (FileNotFoundError, NotFoundError, PermissionDeniedError, UnauthenticatedError) as cause:
        reason = str(cause).strip().splitlines()[0][:300]
        raise FetchError(url, failures={url: reason}) from cause
