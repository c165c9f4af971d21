"""The hash of a file on its way: the same, whoever computes it and in whatever order it comes."""

import hashlib
import random

import pytest

from dapi._store import hashing, partial
from dapi._store.settings import Settings

BODY = random.Random(5).randbytes(9_000_000)


@pytest.mark.parametrize("is_busy", [True, False], ids=["by the writer", "by a thread"])
@pytest.mark.parametrize("order", ["in order", "backwards", "shuffled"])
def test_hash_is_that_of_the_whole(own_cache, monkeypatch, is_busy, order):
    """Blocks in any order give the hash of the file."""
    monkeypatch.setattr(hashing, "_is_busy", lambda: is_busy)
    target = partial.create("key", Settings())
    offsets = list(range(0, len(BODY), 700_000))
    if order == "backwards":
        offsets.reverse()
    elif order == "shuffled":
        random.Random(6).shuffle(offsets)
    for offset in offsets:
        target.write(offset, BODY[offset : offset + 700_000])

    assert hashlib.sha256(BODY).hexdigest() == target.digest()
    target.discard()


@pytest.mark.parametrize("is_busy", [True, False], ids=["by the writer", "by a thread"])
def test_hash_of_a_restarted_file_is_anew(own_cache, monkeypatch, is_busy):
    """What was discarded does not count."""
    monkeypatch.setattr(hashing, "_is_busy", lambda: is_busy)
    target = partial.create("key", Settings())
    target.write(0, BODY[:5_000_000])
    target.restart()
    target.write(0, b"abc")

    assert hashlib.sha256(b"abc").hexdigest() == target.digest()
    target.discard()
