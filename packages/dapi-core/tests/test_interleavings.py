"""No order of fetching, killing, damaging and clearing gives wrong bytes, or is not mended."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import warnings

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from dapi import File
from dapi._store.settings import Settings
from dapi.cache import fetch
from dapi.exceptions import CacheWarning, FetchError, HashMismatchError

BODY = random.Random(3).randbytes(400_000)
OTHER = bytes(reversed(BODY))
DIGEST = hashlib.sha256(BODY).hexdigest()
QUICK = Settings(
    connect=1.0, reach=1.0, stall=0.2, attempts=3, backoff=0.005, probe=0.01, worthwhile=0.02,
    piece=1 << 15, poll=0.005, patience=0.3, worth_keeping=1 << 14,
)  # fmt: skip

# A fetch that ends as if by kill -9 after so many bytes: no handler runs.
KILLED = """
import os, sys
from dapi import File
from dapi._store import partial
from dapi.cache import fetch
write, limit = partial.Partial.write, int(sys.argv[3])
def killed(self, offset, block):
    write(self, offset, block)
    if self.count >= limit:
        os.kill(os.getpid(), 9)
partial.Partial.write = killed
fetch(File(sys.argv[1], sha256=sys.argv[2], size=int(sys.argv[4])))
"""

FAULTS = {
    "none": {},
    "cut at once": {"cut": 0},
    "cut": {"cut": 100_000},
    "cut without length": {"length": None, "cut": 200_000},
    "cut without etag": {"etag": "", "cut": 200_000},
    "reset": {"reset": 50_000},
    "stall": {"stall": 0.5},
    "503": {"status": 503},
    "404": {"status": 404},
    "other bytes": {"body": OTHER},
    "another version, cut": {"body": OTHER, "etag": '"v0"', "cut": 90_000},
    "shifted part": {"shift": 5},
    "lying part": {"lie": 5},
    "no ranges": {"no_ranges": True},
    "gzip": {"gzip": True},
    "endless": {"endless": True},
}


class Interleavings(RuleBasedStateMachine):
    """What users, accidents and operators do to one cache."""

    server = None
    cache = None

    def __init__(self):
        super().__init__()
        shutil.rmtree(self.cache, ignore_errors=True)
        self.serve([], None)

    def serve(self, faults, rate):
        self.server.rate = rate
        self.file = File(
            self.server.serve("/net.pth", BODY, *faults), sha256=DIGEST, size=len(BODY)
        )

    @rule(
        names=st.lists(st.sampled_from(list(FAULTS)), max_size=4),
        rate=st.sampled_from([None, 4e6]),
    )
    def fetch_with_faults(self, names, rate):
        """Fetch from a server that misbehaves at first: right bytes, or an error."""
        self.serve([FAULTS[name] for name in names], rate)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheWarning)
            try:
                assert BODY == fetch(self.file, patience=QUICK).read_bytes()
            except (FetchError, HashMismatchError):
                pass

    @rule(limit=st.integers(1, len(BODY)))
    def be_killed(self, limit):
        """Fetch in a process that is killed on the way."""
        self.serve([], None)
        words = [self.file.url, DIGEST, str(limit), str(len(BODY))]
        subprocess.run([sys.executable, "-c", KILLED, *words], stderr=subprocess.DEVNULL)

    def any_file(self, number):
        paths = sorted(path for path in self.cache.rglob("*") if path.is_file())
        return paths[number % len(paths)] if paths else None

    @rule(number=st.integers(0, 99), how=st.sampled_from(["flip", "cut", "rubbish"]))
    def damage(self, number, how):
        """Flip a byte of anything in the cache, cut it, or write rubbish to it."""
        path = self.any_file(number)
        if path is None:
            return
        body = bytearray(path.read_bytes())
        path.chmod(0o644)
        if how == "flip" and body:
            body[number * 4099 % len(body)] ^= 1
        path.write_bytes(body[: len(body) // 2] if how == "cut" else body)
        if how == "rubbish":
            path.write_bytes(b'{"stat": 5, "done": "x"}')

    @rule(number=st.integers(0, 99))
    def clear(self, number):
        """Remove a file of the cache."""
        path = self.any_file(number)
        if path is not None:
            path.unlink()

    @rule()
    def clear_all(self):
        """Remove the whole cache."""
        shutil.rmtree(self.cache, ignore_errors=True)

    @rule()
    def fetch_well(self):
        """From any state, a fetch from a server that is well gives the right bytes."""
        self.serve([], None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheWarning)
            assert BODY == fetch(self.file, patience=QUICK).read_bytes()

    def teardown(self):
        """However it ended, the next fetch is served."""
        self.fetch_well()


def test_any_interleaving_is_mended(faulty, own_cache):
    """Hypothesis looks for an order that breaks the promise."""
    Interleavings.server, Interleavings.cache = faulty, own_cache
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=int(os.environ.get("DAPI_EXAMPLES", "12")), stateful_step_count=8,
            deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
