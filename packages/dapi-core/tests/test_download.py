"""Downloads through every fault that a server or a line can have; see FaultyServer."""

import hashlib
import random
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from dapi import File
from dapi._store import download, partial
from dapi._store.progress import Progress
from dapi._store.settings import Settings
from dapi.cache import fetch
from dapi.exceptions import FetchError, HashMismatchError

# A real file is hundreds of times larger, and the real settings are as much more patient.
QUICK = Settings(
    connect=1.0,
    reach=2.0,
    stall=5.0,
    backoff=0.01,
    longest_wait=1.0,
    probe=0.05,
    worthwhile=0.1,
    piece=1 << 17,
    worth_keeping=1 << 17,
)
BODY = random.Random(0).randbytes(3_000_000)
OTHER = BODY[:-1] + bytes([BODY[-1] ^ 1])
HALF = len(BODY) // 2
PAGE = b"<!DOCTYPE html><html>Please sign in</html>"


def file_of(url, body=BODY, **fields):
    return File(url, sha256=hashlib.sha256(body).hexdigest(), size=len(body), **fields)


def leftovers(cache):
    return [path.name for path in cache.rglob("*") if "partial-" in path.name]


RECOVERABLE = {
    "cut once": [{"cut": HALF}],
    "cut again and again": [{"cut": HALF // 4}] * 8,
    "no length, cut": [{"cut": HALF, "length": None}],
    "one byte flipped once": [{"body": OTHER}],
    "503 twice": [{"status": 503}] * 2,
    "408": [{"status": 408}],
    "429 with seconds": [{"status": 429, "headers": {"Retry-After": "0"}}],
    "429 with a date": [
        {"status": 429, "headers": {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}}
    ],
    "429 with a superscript": [{"status": 429, "headers": {"Retry-After": "\xb2"}}],
    "429 with a date of no calendar": [
        {"status": 429, "headers": {"Retry-After": f"Thu, 01 Jan {'9' * 20} 00:00:00 GMT"}}
    ],
    "a length of a superscript": [{"length": "\xb2"}],
    "a length of 5,000 digits": [{"length": "9" * 5_000}],
    "a part of 5,000 digits": [
        {"cut": HALF},
        {"headers": {"Content-Range": f"bytes 0-1/{'9' * 5_000}"}},
    ],
    "reset once": [{"reset": HALF}],
    "reset at once": [{"reset": 0}],
    "no ranges": [{"no_ranges": True}],
    "no ranges, cut": [{"no_ranges": True, "cut": HALF}, {"no_ranges": True}],
    "no etag, cut": [{"etag": "", "cut": HALF}, {"etag": ""}],
    "changed after the cut": [{"body": OTHER, "etag": '"v0"', "cut": HALF}],
    "changed, If-Range ignored": [
        {"body": OTHER, "etag": '"v0"', "cut": HALF},
        {"ignore_if_range": True},
    ],
    "changed under one etag": [{"body": bytes(len(BODY)), "cut": HALF}],
    "wrong bytes in a part": [{"cut": HALF}, {"shift": 7}],
    "another part than asked": [{"cut": HALF}, {"lie": 7}],
    "part not satisfiable": [{"cut": HALF}, {"status": 416}],
    "gzip": [{"gzip": True}],
    "gzip, cut": [{"gzip": True, "cut": HALF}],
    "endless, but of the right bytes": [{"endless": True}],
}


@pytest.mark.parametrize("faults", RECOVERABLE.values(), ids=RECOVERABLE)
def test_first_call_survives(faulty, own_cache, faults):
    """What can be recovered from is, inside one call, and nothing is left over."""
    url = faulty.serve("/net.pth", BODY, *faults)

    assert BODY == fetch(file_of(url), patience=QUICK).read_bytes()
    assert [] == leftovers(own_cache)


FATAL = {
    "cut always at the start": {"cut": 0},
    "no ranges, cut always": {"no_ranges": True, "cut": HALF},
    "length halved always": {"length": HALF},
    "no length, half a body always": {"length": None, "cut": HALF, "no_ranges": True},
    "one byte flipped always": {"body": OTHER},
    "a web page": {"body": PAGE, "headers": {"Content-Type": "text/html"}},
    "a web page without a length": {"body": PAGE, "length": None},
    "endless, of other bytes": {"body": OTHER, "endless": True},
    "wrong length": {"body": BODY + b"x"},
    "length halved once": {"length": HALF, "cut": HALF},
    "503 always": {"status": 503},
    "404": {"status": 404},
    "429 for an hour": {"status": 429, "headers": {"Retry-After": "3600"}},
    "an encoding of its own": {"headers": {"Content-Encoding": "br"}},
    "what calls itself gzip": {"headers": {"Content-Encoding": "gzip"}},
}


@pytest.mark.parametrize("fault", FATAL.values(), ids=FATAL)
def test_what_cannot_be_recovered_is_an_error_once(faulty, fault):
    """Never wrong bytes; and when the server is well again, the next call is served."""
    url = faulty.serve("/net.pth", BODY, always=fault)

    with pytest.raises((FetchError, HashMismatchError), match="net.pth"):
        fetch(file_of(url), patience=QUICK)
    faulty.serve("/net.pth", BODY)
    assert BODY == fetch(file_of(url), patience=QUICK).read_bytes()


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_break_costs_little(faulty, kind):
    """What came before a break is not asked for again."""
    faulty.rate = 40e6
    url = faulty.serve("/net.pth", BODY, {kind: HALF})

    fetch(file_of(url), patience=replace(QUICK, worthwhile=60.0))
    assert faulty.sent <= 1.05 * len(BODY)


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_break_of_64_megabytes_costs_little(faulty, kind):
    """The same at a size that weights have, and with the patience that everybody has.

    Over one connection: where others compute, this one may seem slow, and further ones be opened.
    """
    body = BODY * 22
    url = faulty.serve("/net.pth", body, {kind: len(body) // 2})

    patience = replace(Settings(), worthwhile=60.0)
    assert len(body) == fetch(file_of(url, body), patience=patience).stat().st_size
    assert faulty.sent <= 1.05 * len(body)


def test_resume_is_conditional(faulty):
    """A part is asked for only of the same version."""
    url = faulty.serve("/net.pth", BODY, {"cut": HALF})
    fetch(file_of(url), patience=replace(QUICK, connections=1))

    _, headers = faulty.asked[1]
    assert (f"bytes={HALF}-{len(BODY) - 1}", '"v1"') == (headers["Range"], headers["If-Range"])


def test_other_part_than_asked_is_refused_by_its_head(faulty):
    """Its bytes are not put where they do not belong, to be found by the hash at the end."""
    url = faulty.serve("/net.pth", BODY, {"cut": HALF}, {"lie": 7})
    fetch(file_of(url), patience=replace(QUICK, connections=1))

    ranges = [headers.get("Range") for _, headers in faulty.asked]
    assert [None, f"bytes={HALF}-{len(BODY) - 1}", None] == ranges


def test_stalled_connection_is_dropped_in_time(faulty, own_cache):
    """By the real settings in less than ten seconds; measured here with scaled ones."""
    url = faulty.serve("/net.pth", BODY, {"stall": 30.0})
    began = time.monotonic()

    assert BODY == fetch(file_of(url), patience=replace(QUICK, stall=0.4)).read_bytes()
    assert time.monotonic() - began < 15.0
    assert [] == leftovers(own_cache)
    assert Settings().stall + Settings().backoff < 10.0


@pytest.mark.parametrize("size", [len(BODY), None], ids=["size published", "size unknown"])
def test_endless_body_is_not_read_to_its_end(faulty, size):
    """At most what was published, or what the settings allow, is read."""
    faulty.rate = 40e6  # sockets hold megabytes of what is sent faster
    url = faulty.serve("/net.pth", OTHER, always={"endless": True})
    file = File(url, sha256=hashlib.sha256(BODY).hexdigest(), size=size)

    with pytest.raises((FetchError, HashMismatchError)):
        fetch(file, patience=replace(QUICK, largest=len(BODY), worthwhile=60.0))
    assert faulty.sent < 6 * len(BODY)  # of 40, with what sockets hold, in two attempts


def test_endless_body_is_bounded_by_an_earlier_announcement(faulty):
    """What a server said of the same version holds when it no longer says it."""
    faulty.rate = 40e6
    endless = {"endless": True, "no_ranges": True}
    url = faulty.serve("/net.pth", BODY, {"cut": HALF, "no_ranges": True}, always=endless)
    file = File(url, sha256=hashlib.sha256(BODY).hexdigest())

    assert BODY == fetch(file, patience=replace(QUICK, worthwhile=60.0)).read_bytes()
    assert faulty.sent < 6 * len(BODY)  # of 20: half, the whole, and what sockets hold


def test_encoded_body_ends_where_it_says(faulty):
    """What a server sends behind the end of its gzip is not read."""
    faulty.rate = 40e6
    url = faulty.serve("/net.pth", BODY, always={"gzip": True, "endless": True})
    file = File(url, sha256=hashlib.sha256(BODY).hexdigest())

    assert BODY == fetch(file, patience=QUICK).read_bytes()
    assert faulty.sent < 6 * len(BODY)  # of 20, with what sockets hold


def test_body_that_was_too_long_is_not_kept(faulty, own_cache):
    """No partial file of so many bytes stays on the disk."""
    url = faulty.serve("/net.pth", OTHER, always={"endless": True})
    file = File(url, sha256=hashlib.sha256(BODY).hexdigest())

    with pytest.raises(FetchError, match="more than 3,000,000 bytes without announcing"):
        fetch(file, patience=replace(QUICK, largest=len(BODY), worthwhile=60.0))
    assert [] == leftovers(own_cache)
    assert 1 == len(faulty.asked)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (BODY[:-9], r"replaced on the server: 2,999,991 bytes are offered, 3,000,000 .* Upgrade"),
        (PAGE, "a web page instead of the file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer instead"),
    ],
    ids=["another file", "a page", "a pointer"],
)
@pytest.mark.parametrize("before", [[], [{"cut": HALF}]], ids=["at once", "while it is resumed"])
def test_replaced_file_is_asked_for_once(faulty, before, other, message):
    """Of another length than was published: no retry helps, and the network is not at fault."""
    url = faulty.serve("/net.pth", BODY, *before, always={"body": other, "etag": '"v2"'})

    with pytest.raises(FetchError, match=message) as caught:
        fetch(file_of(url), patience=replace(QUICK, connections=1))
    assert len(before) + 1 == len(faulty.asked)
    assert ("proxy" in str(caught.value)) == (other == PAGE)


def test_mirror_serves_a_file_that_its_host_replaced(faulty):
    """The next address is asked, and what was there already is used."""
    first = faulty.serve("/a/net.pth", BODY, always={"body": OTHER[:-1], "etag": '"v2"'})
    second = faulty.serve("/b/net.pth", BODY)

    path = fetch(file_of(first, mirrors=(second,)), patience=QUICK)
    assert BODY == path.read_bytes()


def test_retries_leave_the_random_generator_alone(faulty):
    """Who seeded Python's generator gets the same numbers, whatever the network did."""
    random.seed(7)
    before = random.getstate()
    url = faulty.serve("/net.pth", BODY, *[{"status": 503}] * 2)

    fetch(file_of(url), patience=QUICK)
    assert before == random.getstate()


def test_page_is_recognized(faulty):
    """Who must sign in first is told that a page came."""
    url = faulty.serve("/net.pth", BODY, always={"body": PAGE, "length": None})

    with pytest.raises(FetchError, match="a web page instead of the file"):
        fetch(file_of(url), patience=QUICK)


def test_slow_connection_is_joined_by_others(faulty):
    """A server that limits each connection is asked for several parts at once."""
    faulty.rate = 1e6
    url = faulty.serve("/net.pth", BODY)

    assert BODY == fetch(file_of(url), patience=QUICK).read_bytes()
    assert faulty.most > 2
    assert faulty.sent <= 1.5 * len(BODY)  # with what sockets hold of parts that were taken over
    assert len(faulty.asked) <= 40


@pytest.mark.parametrize(
    "enough", [{"fast": 1e5}, {"worthwhile": 60.0}, {"probe": 60.0}], ids=["fast", "short", "early"]
)
def test_one_connection_that_is_enough_stays_alone(faulty, enough):
    """It is fast, or would need little longer than several, or was not measured for long."""
    faulty.rate = 1e7
    url = faulty.serve("/net.pth", BODY)
    fetch(file_of(url), patience=replace(QUICK, **enough))

    assert 1 == len(faulty.asked)


def test_connection_that_waits_for_this_machine_stays_alone(faulty, monkeypatch):
    """Where a disk, or a busy processor, is what is slow, more connections only cost more."""
    url = faulty.serve("/net.pth", BODY)
    write = partial.Partial.write

    def slow(self, offset, block):
        time.sleep(0.03)
        write(self, offset, block)

    monkeypatch.setattr(partial.Partial, "write", slow)
    fetch(file_of(url), patience=QUICK)

    assert 1 == len(faulty.asked)


PARTS = {
    "others are refused": [{}, *[{"status": 429}] * 7],
    "others are cut": [{}, *[{"cut": 1000}] * 3],
    "others get the whole": [{}, *[{"no_ranges": True}] * 7],
    "others get wrong bytes": [{}, {"shift": 3}],
    "the first is cut": [{"cut": HALF // 3}],
    "it changes meanwhile": [{"body": OTHER, "etag": '"v0"'}],
}


@pytest.mark.parametrize("faults", PARTS.values(), ids=PARTS)
def test_parts_survive(faulty, own_cache, faults):
    """What goes wrong with one of several connections, the others make good."""
    faulty.rate = 4e6
    url = faulty.serve("/net.pth", BODY, *faults)

    assert BODY == fetch(file_of(url), patience=QUICK).read_bytes()
    assert [] == leftovers(own_cache)


def test_failed_download_is_gone_on_with_by_the_next_call(faulty):
    """What a failed call got is not lost; another process could take it over as well."""
    url = faulty.serve("/net.pth", BODY, {"cut": 2 * HALF * 6 // 10}, always={"status": 503})
    patience = replace(QUICK, worthwhile=60.0)
    with pytest.raises(FetchError):
        fetch(file_of(url), patience=patience)

    faulty.serve("/net.pth", BODY)
    assert BODY == fetch(file_of(url), patience=patience).read_bytes()
    assert faulty.sent <= 0.45 * len(BODY)


def test_mirror_goes_on_after_a_broken_host(faulty):
    """Mirrors are tried in order; what the first sent is used if it is the same version."""
    first = faulty.serve("/a/net.pth", BODY, {"cut": HALF}, always={"status": 503})
    second = faulty.serve("/b/net.pth", BODY)

    path = fetch(file_of(first, mirrors=(second,)), patience=QUICK)
    assert BODY == path.read_bytes()


@pytest.mark.parametrize(
    ("version", "sha256", "is_same"),
    [('"v1"', None, True), ("Thu, 01 Jan 1970 00:00:00 GMT", None, False), (None, None, False),
     ("Thu, 01 Jan 1970 00:00:00 GMT", "00", True), (None, "00", True)],
    ids=["etag", "date", "nothing", "date and digits", "nothing and digits"],
)  # fmt: skip
def test_parts_are_joined_only_if_something_says_so(own_cache, version, sha256, is_same):
    """Without a hash that would tell, only a strong ETag joins what two answers sent."""
    target = partial.create("key", QUICK)
    target.version = version
    file = File("https://example.org/net.pth", sha256=sha256)
    bar = Progress("", enabled=False)
    attempt = download._Attempt(None, file, target, bar, QUICK, True)

    assert is_same == attempt._is_same(SimpleNamespace(version=version))
    assert not attempt._is_same(SimpleNamespace(version='"other"'))
    target.discard()
