"""The hash of a file on its way: the same, whoever computes it and in whatever order it comes."""

import hashlib
import os
import random
import threading

import pytest

from dapi._store import hashing, partial
from dapi._store.settings import Settings

BODY = random.Random(5).randbytes(9_000_000)


@pytest.fixture(params=[2.0, -1.0], ids=["by the writer", "by a thread"])
def hasher(request, monkeypatch):
    """Decide who hashes, whatever else this machine does."""
    monkeypatch.setattr(hashing, "_WINDOW", 1 << 20)
    monkeypatch.setattr(hashing, "_ALONE", request.param)


@pytest.mark.usefixtures("hasher")
@pytest.mark.parametrize("order", ["in order", "backwards", "shuffled"])
def test_hash_is_that_of_the_whole(own_cache, order):
    """Blocks in any order give the hash of the file."""
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


@pytest.mark.usefixtures("hasher")
def test_hash_of_a_restarted_file_is_anew(own_cache):
    """What was discarded does not count."""
    target = partial.create("key", Settings())
    target.write(0, BODY[:5_000_000])
    target.restart()
    target.write(0, b"abc")

    assert hashlib.sha256(b"abc").hexdigest() == target.digest()
    target.discard()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be bound to cores")
def test_one_core_needs_no_thread(own_cache, monkeypatch):
    """A process that may use one core hashes in the thread that writes, which costs less."""
    monkeypatch.setattr(hashing, "_WINDOW", 1 << 20)
    monkeypatch.setattr(hashing, "_ALONE", -1.0)
    cores, target = os.sched_getaffinity(0), partial.create("key", Settings())
    os.sched_setaffinity(0, [min(cores)])
    try:
        for offset in range(0, len(BODY), 700_000):
            target.write(offset, BODY[offset : offset + 700_000])
        threads = [each.name for each in threading.enumerate()]
    finally:
        os.sched_setaffinity(0, cores)
        target.discard()

    assert "dapi-hash" not in threads


@pytest.mark.skipif(hashing._cores() < 2, reason="a thread needs a core of its own")
def test_times_of_two_connections_are_not_compared(own_cache, monkeypatch):
    """What one of them computed long ago does not make the other the limit of a download."""
    monkeypatch.setattr(hashing, "_WINDOW", 1 << 19)
    target = partial.create("key", Settings())
    try:
        for number, offset in enumerate(range(0, len(BODY), 700_000)):
            write = threading.Thread(target=target.write, args=(offset, BODY[offset:][:700_000]))
            if number % 2:
                write.run()
            else:
                write.start()
                write.join()
        assert "dapi-hash" not in [each.name for each in threading.enumerate()]
    finally:
        target.discard()
