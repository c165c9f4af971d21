"""Hooks: several distributions take part, and a broken one aborts nothing."""

import hashlib
import os
import subprocess
import sys

import pytest

import dapi
from dapi._plugins import hooks
from dapi.exceptions import FetchError, PluginWarning

MIRROR = """
from dapi.hooks import FetchRequest, hookimpl
seen = []

@hookimpl
def dapi_before_fetch(url):
    return FetchRequest(url.replace("/original", "/mirror"), {"Authorization": "token"})

@hookimpl
def dapi_file_fetched(url, path):
    seen.append((url, path))
"""


@pytest.fixture
def hook(advertise):
    """Advertise a module of hooks."""
    modules = []

    def add(name, source):
        module = name.replace("-", "_")
        advertise(name, f"[dapi.hooks]\n{module} = {module}\n", folder=name, **{module: source})
        modules.append(module)
        return module

    yield add
    for module in modules:
        sys.modules.pop(module, None)


def test_before_fetch_redirects_and_the_hash_still_decides(hook, server):
    """A hook may send a fetch elsewhere; what comes is verified and reported."""
    module = hook("acme-mirror", MIRROR)
    server.serve("/mirror.pth", b"weights")
    file = dapi.File(server.url("/original.pth"), hashlib.sha256(b"weights").hexdigest())

    path = dapi.cache.fetch(file)

    assert ["/mirror.pth"] == server.asked
    assert [(file.url, path)] == sys.modules[module].seen


def test_a_url_is_answer_enough(hook):
    """A hook that only sends elsewhere returns the URL."""
    hook("acme-url", MIRROR.replace("return FetchRequest(url", "return 'https://m.test' or (url"))

    assert hooks.FetchRequest("https://m.test") == hooks.before_fetch("https://x.example")


@pytest.mark.parametrize("has_hooks", [False, True])
def test_pluggy_is_imported_for_hooks_alone(has_hooks, tmp_path, server):
    """Without a distribution that has hooks, a fetch costs nothing for them."""
    if has_hooks:
        information = tmp_path / "acme_hooks-1.0.dist-info"
        information.mkdir()
        (information / "entry_points.txt").write_text("[dapi.hooks]\nacme = acme_hooks\n")
        (tmp_path / "acme_hooks.py").write_text(MIRROR)
    url, digest = server.serve("/net.pth", b"weights"), hashlib.sha256(b"weights").hexdigest()
    code = (
        f"import sys; from dapi import File, cache; cache.fetch(File({url!r}, sha256={digest!r}));"
        "print('pluggy' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "DAPI_PLUGINS": "acme-hooks"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True, text=True, env=environment, cwd=tmp_path,
    )  # fmt: skip

    assert f"{has_hooks}\n" == done.stdout, done.stderr


def test_hooks_that_fail_to_import_are_skipped(hook, server):
    """A broken distribution is named in a warning; the other's hooks still run."""
    hook("acme-broken", "raise SystemExit('broken')")
    module = hook("acme-mirror", MIRROR)
    server.serve("/mirror.pth", b"weights")
    file = dapi.File(server.url("/original.pth"), hashlib.sha256(b"weights").hexdigest())

    with pytest.warns(PluginWarning, match="acme-broken"):
        dapi.cache.fetch(file)
    assert 1 == len(sys.modules[module].seen)


def test_hooks_that_failed_are_tried_again_after_refresh(hook, tmp_path):
    """What they lacked may have been installed since."""
    hook("acme-late", "import acme_lack\n" + MIRROR)
    with pytest.warns(PluginWarning, match="acme_lack"):
        assert "https://x.test/original" == hooks.before_fetch("https://x.test/original").url
    (tmp_path / "acme-late" / "acme_lack.py").touch()

    dapi.refresh()
    assert "https://x.test/mirror" == hooks.before_fetch("https://x.test/original").url
    del sys.modules["acme_lack"]


def test_unknown_hook_is_refused_by_name(hook):
    """A misspelt hook is no silence."""
    hook("acme-typo", MIRROR.replace("dapi_file_fetched", "dapi_file_fetchd"))

    with pytest.warns(PluginWarning, match="dapi_file_fetchd"):
        hooks.before_fetch("https://example.org")


def test_object_that_raises_when_it_is_looked_at_is_skipped(hook):
    """Whatever an object does that is advertised, the hooks of others run."""
    odd = "class Hooks:\n    def __dir__(self): raise RuntimeError('odd')\n"
    hook("acme-odd", f"import sys\n{odd}sys.modules[__name__] = Hooks()\n")
    hook("acme-mirror", MIRROR)

    with pytest.warns(PluginWarning, match="acme-odd were skipped. odd"):
        assert "https://x.test/mirror" == hooks.before_fetch("https://x.test/original").url


def test_observer_that_raises_disturbs_nobody(hook):
    """Taking note of something cannot make it fail."""
    module = hook("acme-fine", MIRROR)
    hook("acme-raises", MIRROR.replace("seen.append((url, path))", "raise RuntimeError('no')"))

    with pytest.warns(PluginWarning, match="acme-raises"):
        hooks.file_fetched("https://example.org", "path")
    assert 1 == len(sys.modules[module].seen)


def test_exception_before_a_fetch_ends_it(hook, server):
    """A hook that forbids an address is obeyed."""
    hook("acme-forbids", MIRROR.replace("return Fetch", "raise PermissionError(url)\n    Fetch"))
    file = dapi.File(server.serve("/original.pth", b"x"), hashlib.sha256(b"x").hexdigest())

    with pytest.raises((PermissionError, FetchError)):
        dapi.cache.fetch(file)
    assert [] == server.asked
