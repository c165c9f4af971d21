"""Receiving: bytes that come from elsewhere than a URL, such as a bundle, put into the cache."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dapi._store import cache, partial, settings, verification
from dapi._values.file import File


def receive(blocks: Iterable[bytes], file: File, *, source: str, wanted: str) -> Path:
    """Write the bytes of a file into the cache, and return its path once they are verified.

    Args:
        blocks: The bytes, in order. Whatever they raise leaves nothing in the cache.
        file: What they must be; pinned, and of a known size.
        source: Where they come from, in errors.
        wanted: What the file is for.

    Raises:
        HashMismatchError: They are not what was expected.
        CacheError: The cache cannot be written.
    """
    target = partial.create(cache.key(file), settings.DEFAULT)
    try:
        target.restart()
        target.expect(file.size, None)
        offset = 0
        for block in blocks:
            target.write(offset, block)
            offset += len(block)
        digest = target.digest()
        verification.check(source, file, digest)
        target.sync()
        return cache.publish(file, target, digest, wanted=wanted)
    finally:
        target.discard()
