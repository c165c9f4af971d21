"""Downloads: which files are missing, and how large they are, also where nobody published that."""

from hashlib import sha256

import pytest

import dapi
from dapi import File, WeightEntry
from dapi._cli import downloads
from dapi._store import cache, partial
from dapi._store.settings import DEFAULT
from dapi.cache import fetch

GB = 10**9


def entry(*names, **meta):
    files = tuple(File(f"https://example.org/{name}") for name in names)
    return WeightEntry(files, meta=meta)


def test_size_that_is_not_published_follows_from_the_parameters():
    """Four bytes each, for all files together; it is said that this is an estimate."""
    found = downloads.of(entry("a.bin", "b.bin", num_params=3 * GB))

    assert "about 12.0 GB in 2 files" == str(found)
    assert [(6 * GB, True)] * 2 == [(part.size, part.is_estimated) for part in found.parts]


def test_members_that_share_files_are_estimated_by_the_largest():
    """The encoder alone has fewer parameters, but its files hold the decoder too."""

    class SharedWeights(dapi.Weights):
        Whole_RefV1 = entry("whole.bin", num_params=2 * GB)
        Whole_Encoder_RefV1 = entry("whole.bin", num_params=1 * GB)
        Other_RefV1 = entry("other.bin", num_params=5 * GB)

    assert 8 * GB == downloads.of(SharedWeights.Whole_Encoder_RefV1).size


def test_size_in_mib_says_more_than_the_parameters():
    """What a library publishes of its file counts before an estimate."""
    assert 100 * 2**20 == downloads.of(entry("a.pth", file_mib=100, num_params=GB)).size


def test_sizes_that_are_published_are_exact():
    """They are taken off the estimate of the others; assets and their entries count too."""
    words = File("https://example.org/words.txt", size=1_000)
    files = (File("https://example.org/a.bin", size=3 * GB), File("https://example.org/b.bin"))
    vocoder = WeightEntry("https://example.org/v.pth", size=2_000)
    whole = WeightEntry(files, assets={"words": words, "vocoder": vocoder}, meta={"num_params": GB})

    found = {part.file.name: part[1:] for part in downloads.of(whole).parts}
    assert (3 * GB, False) == found["a.bin"] and (GB, True) == found["b.bin"]
    assert (1_000, False) == found["words.txt"] and (2_000, False) == found["v.pth"]
    assert "about 4.0 GB in 4 files" == str(downloads.of(whole))
    assert "3.0 kB in 2 files" == str(downloads.of(WeightEntry(words), vocoder))


@pytest.mark.parametrize("count", [None, "many", float("inf"), float("nan"), -1, {"encoder": 3}])
def test_size_that_nobody_knows_is_said_to_be_unknown(count):
    """Whatever a stranger's metadata hold."""
    unknown = entry("a.bin", num_params=count)

    assert "1 file of unknown size" == str(downloads.of(unknown))
    sized = WeightEntry("https://example.org/b.bin", size=5_000)
    assert "more than 5.0 kB in 2 files" == str(downloads.of(unknown, sized))


def test_what_is_there_needs_no_download(server):
    """A file in the cache does not count, nor does what an interrupted download left."""
    file = File(server.serve("/a.bin", b"abc"), sha256=sha256(b"abc").hexdigest())
    other = File("https://example.org/b.bin", size=1_000)
    weights = WeightEntry((file, other))
    fetch(file)
    left = partial.create(cache.key(other), DEFAULT)
    left.expect(1_000, '"v1"')
    left.write(0, bytes(400))
    left.release(worth_keeping=1)

    assert [(other, 600)] == [part[:2] for part in downloads.of(weights).parts]
    assert 1 == len(downloads.of(weights, weights).parts)  # what two need is downloaded once


def test_the_largest_model_is_announced_with_its_size():
    """Five files without a published size, whose members each load a part."""
    pytest.importorskip("dapi.text")
    for weights in dapi.list_weights("flan_t5_xxl"):
        assert "about 44.5 GB in 6 files" == str(downloads.of(weights))
