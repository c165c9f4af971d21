"""What every test in the repository has: a cache of its own, and no network but loopback."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dapi._catalog import builders
from dapi._plugins import bound_lock
from dapi._values import notices

with suppress(ModuleNotFoundError):  # the tests of pages in a browser have no property tests
    from hypothesis import HealthCheck, settings

    # On a busy machine drawing an example is slow, and no sign that the tested code is wrong.
    slow = [HealthCheck.too_slow]
    settings.register_profile("dapi", deadline=None, suppress_health_check=slow)
    settings.load_profile("dapi")

# Projects of their own: their tests are run where they are installed, by tests/.
collect_ignore = ["examples/acme-models", "packages/dapi-devkit/src/dapi/devkit/templates"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the store at an empty directory; never at the user's own."""
    cache = tmp_path / "dapi-cache"
    monkeypatch.setenv("DAPI_CACHE", str(cache))
    monkeypatch.delenv("DAPI_OFFLINE", raising=False)
    monkeypatch.delenv("DAPI_LOCK", raising=False)
    return cache


@pytest.fixture(autouse=True)
def fresh_notices() -> Iterator[None]:
    """Let each test hear warnings that are said once."""
    notices._said.clear()
    yield
    notices._said.clear()


@pytest.fixture(autouse=True)
def no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test be bound to the lock of another."""
    monkeypatch.setattr(bound_lock, "_chosen", None)
    bound_lock._kept.cache_clear()


@pytest.fixture(autouse=True)
def own_builders() -> Iterator[None]:
    """Forget the builders that a test registered; those of our distributions stay imported."""
    registered = builders._registered  # a test may put another dict in its place
    before = set(registered)
    yield
    for target in registered.keys() - before:
        if not target.startswith("dapi."):
            del registered[target]


@pytest.fixture
def restored() -> Iterator[None]:
    """Give back to torch what a recipe sets for its process."""
    import torch

    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "unix"
        if host not in ("127.0.0.1", "::1", "localhost", "unix"):
            raise OSError(f"a test tried to reach {host}: only loopback is allowed")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
