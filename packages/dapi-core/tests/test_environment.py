"""Disks that are full or cannot be written, hosts that are down, and machines without a network.

Root may write wherever modes forbid it, so that mounts in a namespace of their own are used.
"""

import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time

import pytest

from dapi import File, WeightEntry
from dapi._cli import main
from dapi._store.settings import Settings
from dapi.cache import fetch
from dapi.exceptions import CacheError, FetchError, OfflineError

BODY = random.Random(2).randbytes(3_000_000)
DIGEST = hashlib.sha256(BODY).hexdigest()
UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]

FETCH = """
import json, pathlib, sys, time
from dapi import File, WeightEntry
from dapi._store import verification
from dapi.cache import fetch
from dapi.exceptions import DapiError
hashed = []
hash_stream = verification.hash_stream
verification.hash_stream = lambda stream: hashed.append(stream.name) or hash_stream(stream)
url, digest, size = sys.argv[1:]
result = {}
try:
    path = fetch(File(url, sha256=digest, size=int(size)), wanted="resnet50:X")
    result.update(path=str(path), is_right=verification.hash_file(path) == digest)
    hashed.pop()
except DapiError as error:
    result.update(error=type(error).__name__, text=str(error))
print(json.dumps({**result, "hashed": len(hashed)}))
"""


def run(url, *mounts, body=BODY, **environment):
    """Fetch in a process that has mounts of its own."""
    digest = hashlib.sha256(body).hexdigest()
    script = " && ".join([*mounts, 'exec "$@"'])
    words = [sys.executable, "-c", FETCH, url, digest, str(len(body))]
    result = subprocess.run(
        [*UNSHARE, "sh", "-c", script, "sh", *words],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(result.stdout)


def read_only(path):
    return f"mount --bind {path} {path} && mount -o remount,bind,ro {path}"


@pytest.fixture
def url(faulty):
    return faulty.serve("/net.pth", BODY)


def test_read_only_empty_cache_says_what_to_set(url, own_cache):
    """An empty cache that cannot be written names its path, the reason and DAPI_CACHE."""
    own_cache.mkdir()
    found = run(url, read_only(own_cache))

    assert "CacheError" == found["error"]
    for fact in (str(own_cache), "Read-only file system", "set DAPI_CACHE"):
        assert fact in found["text"]


def test_read_only_filled_cache_serves(url, faulty, own_cache, tmp_path):
    """A filled cache works without any write and without a request."""
    path = fetch(File(url, sha256=DIGEST))
    found = run(url, read_only(own_cache))

    assert {"path": str(path), "is_right": True, "hashed": 0} == found
    assert 1 == len(faulty.asked)


def test_copied_read_only_cache_is_hashed_once(url, own_cache, tmp_path):
    """Its stamps are of other inodes; the first process of a user notes the new ones for all."""
    fetch(File(url, sha256=DIGEST))
    shutil.copytree(own_cache, tmp_path / "image")
    (tmp_path / "temporary").mkdir()
    facts = {"DAPI_CACHE": str(tmp_path / "image"), "TMPDIR": str(tmp_path / "temporary")}

    found = [run(url, read_only(tmp_path / "image"), **facts) for _ in range(2)]
    assert [1, 0] == [each["hashed"] for each in found]
    assert all(each["is_right"] for each in found)


def test_copied_cache_is_hashed_once(url, faulty, own_cache, tmp_path):
    """A cache that was copied whole is used, and its stamps are renewed."""
    fetch(File(url, sha256=DIGEST))
    shutil.copytree(own_cache, tmp_path / "copy")
    found = [run(url, DAPI_CACHE=str(tmp_path / "copy")) for _ in range(2)]

    assert [1, 0] == [each["hashed"] for each in found]
    assert 1 == len(faulty.asked)


def test_further_roots_are_read_and_not_written(url, faulty, own_cache, tmp_path, monkeypatch):
    """What a shared drive holds is not fetched again; a damaged file there is passed over."""
    fetch(File(url, sha256=DIGEST))
    shared = tmp_path / "shared"
    own_cache.rename(shared)
    monkeypatch.setenv("DAPI_CACHE_READONLY", f"{tmp_path / 'absent'}{os.pathsep}{shared}")

    path = fetch(File(url, sha256=DIGEST))
    assert shared / "blobs" / DIGEST == path
    assert not own_cache.exists()
    path.chmod(0o644)
    path.write_bytes(bytes(len(BODY)))
    with pytest.warns(UserWarning, match="damaged"):
        assert own_cache / "blobs" / DIGEST == fetch(File(url, sha256=DIGEST))
    assert bytes(len(BODY)) == path.read_bytes()


@pytest.mark.parametrize("announced", [True, False], ids=["told before", "found out"])
def test_full_disk_says_how_much_is_needed(faulty, own_cache, announced):
    """A disk without room names what is needed and free, and nothing is left on it."""
    url = faulty.serve("/net.pth", BODY, always={} if announced else {"length": None})
    own_cache.mkdir()
    found = run(url, f"mount -t tmpfs -o size=2m tmpfs {own_cache}")

    assert "CacheError" == found["error"]
    assert "needed" in found["text"] and "bytes are free" in found["text"]
    assert str(own_cache) in found["text"] and "DAPI_CACHE" in found["text"]
    assert faulty.sent == 0 or not announced or faulty.sent < 10 * len(BODY)


def test_full_disk_in_the_middle_leaves_nothing(faulty, tmp_path):
    """A disk that fills up while a file comes is freed of what had come."""
    url = faulty.serve("/net.pth", BODY, always={"length": None})
    (tmp_path / "disk").mkdir()
    code = FETCH.replace("int(size)", "None") + (
        "root = pathlib.Path(os.environ['DAPI_CACHE'])\n"
        "left = [str(p) for p in root.rglob('*') if p.is_file()]\n"
        "print(json.dumps(left))\n"
    )
    words = [sys.executable, "-c", "import os\n" + code, url, DIGEST, "0"]
    script = f'mount -t tmpfs -o size=2m tmpfs {tmp_path / "disk"} && exec "$@"'
    result = subprocess.run(
        [*UNSHARE, "sh", "-c", script, "sh", *words], check=True, capture_output=True, text=True,
        env={**os.environ, "DAPI_CACHE": str(tmp_path / "disk" / "cache")},
    )  # fmt: skip
    told, left = map(json.loads, result.stdout.splitlines())

    assert ("CacheError", []) == (told["error"], left)
    assert "No space left on device" in told["text"]


def test_unwritable_home_says_what_to_set(url, tmp_path):
    """Without DAPI_CACHE the home is used; one that cannot be written is told of."""
    home = tmp_path / "home"
    home.mkdir()
    facts = {"HOME": str(home), "DAPI_CACHE": "", "XDG_CACHE_HOME": ""}
    found = run(url, read_only(home), **facts)

    assert "CacheError" == found["error"]
    assert str(home) in found["text"] and "set DAPI_CACHE" in found["text"]


def test_file_in_place_of_the_cache_is_told(url, own_cache):
    """A path that is no directory is an error of the cache."""
    own_cache.write_text("")

    with pytest.raises(CacheError, match="Not a directory|File exists"):
        fetch(File(url, sha256=DIGEST))


@pytest.fixture
def silent_port():
    """A port that takes no further connection and refuses none: a host that does not answer."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        callers = [socket.socket() for _ in range(3)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listening.getsockname())
        time.sleep(0.05)
        yield listening.getsockname()[1]
        for caller in callers:
            caller.close()


def test_hosts_that_are_down_are_told_of_in_time(silent_port):
    """Within the scaled limit, naming what was wanted, each URL and host, and why."""
    urls = [f"http://127.0.0.1:{port}/net.pth" for port in (9, silent_port, 10)]
    file = File(urls[0], sha256=DIGEST, mirrors=tuple(urls[1:]))
    patience = Settings(connect=0.5, reach=1.0, backoff=0.05, attempts=1000)
    began = time.monotonic()

    with pytest.raises(FetchError, match="resnet50:X") as caught:
        fetch(file, wanted="resnet50:X", patience=patience)
    assert time.monotonic() - began < 10.0
    assert urls == list(caught.value.failures)
    assert f"127.0.0.1:{silent_port} cannot be reached: no answer" in str(caught.value)
    assert "127.0.0.1:9 cannot be reached: Connection refused" in str(caught.value)
    assert Settings().reach < 10.0


def test_host_without_an_address_is_told_of():
    """A name that nobody knows is told with the name."""
    file = File("https://host.invalid/net.pth", sha256=DIGEST)

    with pytest.raises(FetchError, match=r"host\.invalid"):
        fetch(file, patience=Settings(reach=1.0, backoff=0.05))


def test_offline_cold_names_all_and_asks_nobody(url, faulty, own_cache, monkeypatch):
    """The error names the model, the URL, the hash, the place, and what to run."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    with pytest.raises(OfflineError) as caught:
        fetch(File(url, sha256=DIGEST), wanted="resnet50:X")
    for fact in ("resnet50:X", url, DIGEST, str(own_cache / "blobs" / DIGEST)):
        assert fact in str(caught.value)
    assert [] == faulty.asked
    assert not own_cache.exists()


def test_offline_warm_asks_nobody(url, faulty, monkeypatch):
    """What was fetched before is served."""
    path = fetch(File(url, sha256=DIGEST))
    faulty.asked.clear()
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    assert path == fetch(File(url, sha256=DIGEST))
    assert [] == faulty.asked


def test_warm_hit_is_fast(url):
    """A hit reads a stamp and nothing else."""
    file = File(url, sha256=DIGEST)
    fetch(file)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        fetch(file)
        times.append(time.perf_counter() - began)

    assert min(times) < 0.005


@pytest.fixture
def homeless(monkeypatch):
    """A user as containers make them: a number without HOME and without an entry in passwd."""
    import pwd

    def unknown(user):
        raise KeyError(user)

    for variable in ("HOME", "DAPI_CACHE", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


class TestUserWithoutHome:
    def test_weights_of_a_package_are_loaded(self, homeless, tmp_path, monkeypatch):
        """Nothing is cached, and no cache is asked for; not for several files by name either."""
        torch = pytest.importorskip("torch")
        folder = tmp_path / "acme_homeless"
        folder.mkdir()
        (folder / "__init__.py").touch()
        state = {"weight": torch.ones(2 << 20)}
        torch.save(state, folder / "net.pth", _use_new_zipfile_serialization=False)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        entry = WeightEntry("package:acme_homeless/net.pth")

        for _ in range(3):
            assert torch.equal(state["weight"], entry.state_dict()["weight"])
        assert ["net.pth"] == [path.name for path in entry.fetch(directory=True).iterdir()]

    def test_file_to_fetch_needs_a_cache(self, url, homeless):
        """What to set is said."""
        with pytest.raises(CacheError, match=r"no home directory.* set DAPI_CACHE"):
            fetch(File(url, sha256=DIGEST))

    def test_cache_that_is_only_read_is_listed_and_verified(
        self, url, homeless, monkeypatch, tmp_path, capsys
    ):
        """There is one, though this user has none to write to."""
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with monkeypatch.context() as context:
            context.setenv("DAPI_CACHE", str(tmp_path / "cache"))
            path = fetch(File(url, sha256=DIGEST))
        monkeypatch.setenv("DAPI_CACHE_READONLY", str(tmp_path / "cache"))

        assert path == fetch(File(url, sha256=DIGEST))
        for command in (["cache"], ["verify"], ["cache", "remove", "--older-than", "0"]):
            assert 0 == main(command)
            printed = capsys.readouterr().out
            assert (str(path) in printed) == (command == ["cache"])
        assert path.is_file()

    @pytest.mark.parametrize("value", ["~", "~/dapi"])
    def test_cache_in_a_home_that_is_unknown(self, url, homeless, monkeypatch, value):
        """Nor does a folder named ~ come into being."""
        monkeypatch.setenv("DAPI_CACHE", value)
        with pytest.raises(CacheError, match="no home directory"):
            fetch(File(url, sha256=DIGEST))

    def test_cache_that_is_set_is_used(self, url, homeless, monkeypatch, tmp_path):
        """Then a home is not needed for anything, nor to look for the files of torch.hub."""
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "cache"))
        assert BODY == fetch(File(url, sha256=DIGEST)).read_bytes()

    def test_cache_of_an_image_is_read(self, url, homeless, monkeypatch, tmp_path):
        """What is in a cache that is only read needs no other one."""
        monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "cache"))
        path = fetch(File(url, sha256=DIGEST))
        monkeypatch.delenv("DAPI_CACHE")
        monkeypatch.setenv("DAPI_CACHE_READONLY", str(tmp_path / "cache"))
        monkeypatch.setenv("DAPI_OFFLINE", "1")

        assert path == fetch(File(url, sha256=DIGEST))
        with pytest.raises(OfflineError, match="not in the cache"):
            fetch(File(url, sha256="0" * 64))
