"""Many processes and threads, killed and stopped ones: one download, and right bytes."""

import hashlib
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from dapi import File
from dapi._store import cache, locking, partial
from dapi._store.settings import Settings
from dapi.cache import fetch
from dapi.exceptions import CacheWarning

BODY = random.Random(1).randbytes(3_000_000)
DIGEST = hashlib.sha256(BODY).hexdigest()
QUICK = Settings(backoff=0.01, poll=0.01, patience=0.5, worthwhile=3600.0)

FETCH = """
import hashlib, sys
from dapi import File
from dapi._store import locking
from dapi._store.settings import Settings
from dapi.cache import fetch
{extra}
url, digest, size, worthwhile = sys.argv[1:]
path = fetch(
    File(url, sha256=digest, size=int(size)),
    patience=Settings(poll=0.01, probe=0.05, piece=1 << 17, worthwhile=float(worthwhile)),
)
assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
"""


@pytest.fixture
def start(faulty):
    """Start processes that fetch one file; ends those that are left."""
    started = []

    def run(extra="", worthwhile=3600.0):
        code = FETCH.format(extra=extra)
        body, _ = faulty.files["/net.pth"]
        digest = hashlib.sha256(body).hexdigest()
        words = [sys.executable, "-c", code, url, digest, str(len(body)), str(worthwhile)]
        started.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True))
        return started[-1]

    url = faulty.serve("/net.pth", BODY)
    yield run
    for process in started:
        process.kill()
        process.communicate()


def finish(*processes):
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (0, "") == (process.returncode, errors)


def files(cache):
    return sorted(
        path.parent.name for path in cache.rglob("*") if path.is_file() or path.is_symlink()
    )


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def file_of(faulty):
    return File(f"http://localhost:{faulty.server_port}/net.pth", sha256=DIGEST, size=len(BODY))


@pytest.mark.parametrize("count", [2, 8])
def test_processes_at_once_make_one_download(faulty, start, own_cache, count):
    """One fetches, the others wait for it; nothing but the file and its stamp is left."""
    faulty.rate = 3e6
    finish(*[start() for _ in range(count)])

    assert faulty.sent <= 1.02 * len(BODY)
    assert ["blobs", "stamps"] == files(own_cache)


def test_process_that_comes_late_waits(faulty, start):
    """A second one that starts at 80 % downloads nothing."""
    faulty.rate = 3e6
    first = start()
    wait_until(lambda: faulty.sent > 0.8 * len(BODY))
    finish(first, start())

    assert faulty.sent <= 1.02 * len(BODY)


def test_threads_at_once_make_one_download(faulty):
    """Threads take turns as processes do."""
    faulty.rate = 10e6
    faulty.serve("/net.pth", BODY)
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(fetch(file_of(faulty), patience=QUICK)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (8, 1) == (len(paths), len(set(paths)))
    assert 1 == len(faulty.asked)


@pytest.mark.parametrize("worthwhile", [3600.0, 0.1], ids=["one connection", "several"])
@pytest.mark.parametrize("kills", [1, 2])
def test_killed_download_is_gone_on_with(faulty, start, own_cache, worthwhile, kills):
    """After kill -9 at 60 % the next call fetches the rest, and leaves nothing over."""
    body = BODY * 3
    faulty.serve("/net.pth", body)
    faulty.rate = 9e6 if worthwhile > 1 else 2e6
    digest = hashlib.sha256(body).hexdigest()
    for share in [0.61] if kills == 1 else [0.32, 0.64]:
        process = start(worthwhile=worthwhile)
        wait_until(lambda: partial.progress(digest)[0] > share * len(body))  # noqa: B023
        process.kill()
        process.wait()
    before, began = faulty.sent, time.monotonic()
    finish(start(worthwhile=worthwhile))

    assert faulty.sent - before <= 0.6 * len(body)  # with what sockets held
    assert ["blobs", "stamps"] == files(own_cache)
    assert time.monotonic() - began < 30.0  # nobody waits for the dead: that takes 60 s


def test_notes_that_a_kill_left_alone_are_removed(faulty, own_cache):
    """A process may be killed between its file and the notes about it, or while it writes them."""
    faulty.serve("/net.pth", BODY)
    blobs = own_cache / "blobs"
    blobs.mkdir(parents=True)
    dead = f"partial-{DIGEST}-{locking.myself().machine}-4194304-1"
    (blobs / f"{dead}.json").write_text("{}")
    (blobs / f".{dead}.json.0123abcd").write_text("{")

    fetch(file_of(faulty), patience=QUICK)
    assert ["blobs", "stamps"] == files(own_cache)


def test_lock_file_of_a_dead_process_holds_nobody(faulty, own_cache):
    """A lock is the kernel's; a file that is left is not one."""
    faulty.serve("/net.pth", BODY)
    (own_cache / "locks").mkdir(parents=True)
    (own_cache / "locks" / DIGEST).write_text("12345")
    began = time.monotonic()

    fetch(file_of(faulty), patience=replace(QUICK, patience=60.0))
    assert time.monotonic() - began < 30.0
    assert ["blobs", "stamps"] == files(own_cache)


def test_lost_locks_cost_bandwidth_only(faulty, start, own_cache):
    """Where locks do nothing, each process fetches for itself, and all get right bytes."""
    faulty.rate = 3e6
    finish(*[start("locking._try_lock = lambda stream: True") for _ in range(3)])

    assert len(BODY) < faulty.sent <= 3.02 * len(BODY)
    assert ["blobs", "stamps"] == files(own_cache)


def test_two_that_publish_at_once_are_no_error(own_cache, monkeypatch):
    """Where locks do nothing, another process may put the same file there in the same moment."""
    file = File("https://localhost:1/net.pth", sha256=DIGEST)
    targets = [partial.create(DIGEST, QUICK) for _ in range(2)]
    for target in targets:
        target.write(0, BODY)
        assert DIGEST == target.digest()
    put = os.replace

    def replace_twice(source, path):
        put(source, path)
        if source == targets[0].path:
            put(targets[1].path, path)

    monkeypatch.setattr(os, "replace", replace_twice)
    path = cache.publish(file, targets[0], DIGEST, wanted="net")
    assert BODY == path.read_bytes()
    assert path == cache.find(file)
    for target in targets:
        target.discard()


FORKED = """
import os, signal
from dapi._store import folders, locking
with locking.attempt("key") as is_held:
    waiting = (folders.root() / "locks" / "key").open("ab")
    assert is_held and not locking._try_lock(waiting)
    child = os.fork()
    if not child:
        signal.pause()
is_free = locking._try_lock(waiting)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
assert is_free
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system that does not fork")
def test_lock_ends_although_a_forked_process_has_its_file(own_cache):
    """A data loader that is started meanwhile would hold it as long as it lives."""
    finish(subprocess.Popen([sys.executable, "-c", FORKED], stderr=subprocess.PIPE, text=True))


def test_file_system_without_locks_is_no_error(faulty, monkeypatch):
    """A file system that refuses to lock is used without."""
    import errno
    import fcntl

    def refuse(*args):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    faulty.serve("/net.pth", BODY)
    assert BODY == fetch(file_of(faulty), patience=QUICK).read_bytes()


def test_process_that_stands_still_is_not_waited_for(faulty, start, caplog):
    """Who waits says for whom; who gets no further for long is not waited for."""
    faulty.rate = 3e6
    process = start()
    wait_until(lambda: faulty.sent > 0.5 * len(BODY))
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.1)
    faulty.rate = None

    with (
        caplog.at_level(logging.INFO, "dapi"),
        pytest.warns(CacheWarning, match=f"process {process.pid}, .* made no progress"),
    ):
        assert BODY == fetch(file_of(faulty), patience=QUICK).read_bytes()
    assert f"Waiting for process {process.pid}, which fetches" in caplog.text
    os.kill(process.pid, signal.SIGCONT)
    finish(process)


def test_owner_is_read_back_and_known_to_live():
    """An owner's name tells its machine, its process and when that started."""
    me = locking.myself()

    assert me == locking.owner_of(str(me))
    assert not me.is_dead
    assert me._replace(started="1").is_dead  # the number is another process's now
    assert not me._replace(machine="elsewhere").is_dead
    assert locking.owner_of("free-12345678") is None


def test_partial_of_a_living_owner_is_left_alone(own_cache):
    """Two writers never share a file."""
    first = partial.create("key", QUICK)
    first.write(0, b"abc")
    second = partial.create("key", QUICK)

    assert (3, 0) == (first.count, second.count)
    assert first.path != second.path
    first.discard()
    second.discard()


def test_partial_of_another_machine_is_copied_when_abandoned(own_cache):
    """Its owner may wake up and write on, so that its own file is not gone on with."""
    elsewhere = partial.create("key", QUICK)
    elsewhere.expect(6, '"v1"')
    elsewhere.write(0, b"abc")
    elsewhere._write_notes()
    foreign = elsewhere.path.with_name("partial-key-00000000-1-1-00000000")
    elsewhere.path.rename(foreign)
    partial._notes_of(elsewhere.path).rename(partial._notes_of(foreign))
    inode = foreign.stat().st_ino

    mine = partial.create("key", QUICK)
    assert 0 == mine.count
    mine.discard()
    os.utime(foreign, (1, 1))
    taken = partial.create("key", QUICK)
    assert (3, '"v1"', 6) == (taken.count, taken.version, taken.total)
    assert inode != taken.path.stat().st_ino
    taken.discard()
    elsewhere._close()


def test_old_leftovers_are_swept(own_cache, faulty):
    """What nobody resumes goes with a later fetch of anything; what is alive stays."""
    faulty.serve("/net.pth", BODY)
    alive = partial.create("alive", QUICK)
    folder = own_cache / "blobs"
    old, young = folder / "partial-a-free-12345678", folder / "partial-b-free-12345678"
    for path in (old, young):
        path.write_bytes(b"abc")
    os.utime(old, (1, 1))

    fetch(file_of(faulty), patience=QUICK)
    assert (False, True, True) == (old.exists(), young.exists(), alive.path.exists())
    alive.discard()
