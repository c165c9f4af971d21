"""Receiving: write bytes that do not come from a URL, such as those of a bundle, to the cache."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dapi._store import cache, partial, settings, verification
from dapi._values.file import File


def receive(blocks: Iterable[bytes], file: File, *, source: str, wanted: str) -> Path:
    """Write a file to the cache, and return its path once its bytes are verified.

    Args:
        blocks: The bytes, in order. If the iterator raises, nothing stays in the cache.
        file: The expected hash and size; both must be known in full.
        source: The origin of the bytes, for errors.
        wanted: What the file is for.

    Raises:
        HashMismatchError: The bytes do not match the hash.
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
