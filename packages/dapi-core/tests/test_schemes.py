"""Schemes beyond the web: what a distribution provides, and core's own hf:, s3: and gs:."""

import hashlib
import json
import os
import random
import subprocess
import sys

import pytest

from dapi import File
from dapi._store.settings import Settings
from dapi.cache import fetch
from dapi.exceptions import FetchError, HashMismatchError, MissingDependencyError

BODY = random.Random(4).randbytes(600_000)
DIGEST = hashlib.sha256(BODY).hexdigest()
QUICK = Settings(connect=1.0, reach=1.0, backoff=0.01)

SEEKING = """
import io, pathlib
opened = []
class Stream(io.BytesIO):
    version, size = "v1", {size}
    def read(self, count=-1):
        if len(opened) == 1 and self.tell() >= {size} // 2:
            raise ConnectionError("broken")
        return super().read(count)
    def seek(self, offset, whence=0):
        opened.append(offset)
        return super().seek(offset, whence)
def open_url(url):
    opened.append(url)
    return Stream(pathlib.Path({path!r}).read_bytes())
"""


def test_stream_that_seeks_is_gone_on_with(advertise, tmp_path):
    """A provider's stream that broke off is opened again where it ended."""
    (tmp_path / "body").write_bytes(BODY)
    source = SEEKING.format(size=len(BODY), path=str(tmp_path / "body"))
    advertise("acme-seek", "[dapi.schemes]\nacme = acme_seek:open_url\n", acme_seek=source)

    path = fetch(File("acme://net.pth", sha256=DIGEST), patience=QUICK)
    opened = sys.modules.pop("acme_seek").opened
    assert BODY == path.read_bytes()
    assert ["acme://net.pth", "acme://net.pth"] == opened[:2]
    assert len(BODY) // 2 <= opened[2] < len(BODY)


def test_scheme_may_name_a_request(advertise, faulty):
    """A provider that only knows the address leaves the bytes to the store."""
    url = faulty.serve("/net.pth", BODY, {"cut": 1000})
    source = (
        "from dapi.hooks import FetchRequest\n"
        f"def open_url(url):\n    return FetchRequest({url!r}, {{'X-Token': 'secret'}})\n"
    )
    advertise("acme-name", "[dapi.schemes]\nacme = acme_name:open_url\n", acme_name=source)

    assert BODY == fetch(File("acme://net.pth", sha256=DIGEST), patience=QUICK).read_bytes()
    sys.modules.pop("acme_name")
    assert ["secret", "secret"] == [headers["X-Token"] for _, headers in faulty.asked]


def test_provider_that_fails_is_named(advertise):
    """Whatever it raises becomes the reason why the file was not had."""
    source = "def open_url(url):\n    raise RuntimeError('no such bucket\\n\\ndetails')\n"
    advertise("acme-fail", "[dapi.schemes]\nacme = acme_fail:open_url\n", acme_fail=source)

    with pytest.raises(FetchError, match=r"acme: RuntimeError: no such bucket\. "):
        fetch(File("acme://net.pth", sha256=DIGEST), patience=QUICK)
    sys.modules.pop("acme_fail")


@pytest.mark.parametrize(
    "error", ["RuntimeError", "lambda text: FetchError(url, failures={url: text})"]
)
def test_text_of_a_provider_is_printable_and_shows_no_secret(advertise, error):
    """It often quotes a server, or the address that was asked for."""
    source = (
        "from dapi.exceptions import FetchError\n"
        "def open_url(url):\n"
        "    text = '\\x1b[31m404 for https://me:s3cret@a.org/x?sig=s3cret\\nof request \\x9b1m7'\n"
        f"    raise ({error})(text)\n"
    )
    advertise("acme-quote", "[dapi.schemes]\nacme = acme_quote:open_url\n", acme_quote=source)

    with pytest.raises(
        FetchError, match=r"\[31m404 for https://a\.org/x\?\*\*\* of request 1m7"
    ) as c:
        fetch(File("acme://net.pth", sha256=DIGEST), patience=QUICK)
    sys.modules.pop("acme_quote")
    assert str(c.value).isprintable()
    assert "s3cret" not in f"{c.value} {vars(c.value)}"


def test_distribution_may_replace_a_scheme_of_core(advertise):
    """Who provides s3: is asked instead of core."""
    source = "import io\ndef open_url(url):\n    return io.BytesIO(b'body')\n"
    advertise("acme-s3", "[dapi.schemes]\ns3 = acme_s3:open_url\n", acme_s3=source)

    path = fetch(File("s3://bucket/net.pth", sha256=hashlib.sha256(b"body").hexdigest()))
    assert b"body" == path.read_bytes()
    sys.modules.pop("acme_s3")


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("hf://owner/repo@main/net.pth", "huggingface_hub", "hf"),
        ("s3://bucket/net.pth", "obstore", "s3"),
        ("gs://bucket/net.pth", "obstore", "gs"),
    ],
)
def test_absent_extra_is_named(monkeypatch, url, module, extra):
    """What a scheme of core needs is installed by its extra."""
    monkeypatch.setitem(sys.modules, module, None)
    for name in [name for name in sys.modules if name.startswith(f"{module}.")]:
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingDependencyError, match=rf"pip install 'dapi-core\[{extra}\]'"):
        fetch(File(url, sha256=DIGEST), patience=QUICK)


FETCH = """
import json, sys
from dapi import File
from dapi._store.settings import Settings
from dapi.cache import fetch
from dapi.exceptions import DapiError
try:
    path = fetch(File(sys.argv[1], sha256=sys.argv[2]), patience=Settings(attempts=2, backoff=0.1))
    print(json.dumps({"size": path.stat().st_size}))
except DapiError as error:
    print(json.dumps({"error": type(error).__name__, "text": str(error)}))
"""


def fetch_with(environment, url, digest=DIGEST):
    """Fetch in a process: these libraries read their settings when they are imported."""
    result = subprocess.run(
        [sys.executable, "-c", FETCH, url, digest],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(result.stdout.splitlines()[-1])


class TestHub:
    COMMIT = "0123456789abcdef0123456789abcdef01234567"

    @pytest.fixture(autouse=True)
    def needs(self):
        pytest.importorskip("huggingface_hub")

    @pytest.fixture
    def hub(self, faulty, tmp_path):
        """A server that speaks the Hub's resolve protocol, and the settings for it."""
        asked_for, pinned = "/owner/repo/resolve/v2/sub/net.pth", self.COMMIT
        about = {"headers": {"X-Repo-Commit": self.COMMIT, "X-Linked-Size": str(len(BODY))}}
        faulty.serve(asked_for, BODY, always=about)
        faulty.serve(f"/owner/repo/resolve/{pinned}/sub/net.pth", BODY, {"cut": 300_000})
        return {
            "HF_ENDPOINT": f"http://localhost:{faulty.server_port}",
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_TOKEN": "hf_secret",
        }

    def test_revision_is_resolved_and_bytes_are_the_stores(self, faulty, hub):
        """The bytes are asked of the commit, with the token, and survive a cut."""
        assert {"size": len(BODY)} == fetch_with(hub, "hf://owner/repo@v2/sub/net.pth")

        asked = [(p, h.get("Authorization", h.get("authorization"))) for p, h in faulty.asked]
        assert (f"/owner/repo/resolve/{self.COMMIT}/sub/net.pth", "Bearer hf_secret") == asked[-1]
        assert "Range" in faulty.asked[-1][1]

    def test_commit_needs_no_request_but_that_of_the_file(self, faulty, hub):
        """Nor huggingface_hub, where the token is in the environment; a cut is survived, too."""
        blocked = "import sys; sys.modules['huggingface_hub'] = None\n"
        url = f"hf://owner/repo@{self.COMMIT}/sub/net.pth"

        result = subprocess.run(
            [sys.executable, "-c", blocked + FETCH, url, DIGEST],
            env={**os.environ, **hub}, capture_output=True, text=True, check=True,
        )  # fmt: skip

        assert {"size": len(BODY)} == json.loads(result.stdout.splitlines()[-1])
        paths = {path for path, _ in faulty.asked}
        assert {f"/owner/repo/resolve/{self.COMMIT}/sub/net.pth"} == paths
        assert {"Bearer hf_secret"} == {headers["Authorization"] for _, headers in faulty.asked}

    def test_bytes_are_verified(self, hub):
        """The Hub's word is not enough."""
        found = fetch_with(hub, "hf://owner/repo@v2/sub/net.pth", "0" * 64)

        assert HashMismatchError.__name__ == found["error"]

    def test_absent_file_says_how_to_sign_in(self, hub):
        """A repository that is not there, or not for this user, is told at once."""
        found = fetch_with(hub, "hf://owner/absent/net.pth")

        assert "FetchError" == found["error"]
        assert "hf auth login" in found["text"]

    def test_url_without_a_repository_is_told(self):
        """The grammar is shown."""
        with pytest.raises(FetchError, match="expected hf://owner/name@revision/path"):
            fetch(File("hf://net.pth", sha256=DIGEST), patience=QUICK)


class TestObjects:
    @pytest.fixture(autouse=True)
    def needs(self):
        pytest.importorskip("obstore")

    @pytest.fixture
    def settings(self, faulty):
        """Credentials and an endpoint on loopback; a server that answers HEAD and parts."""
        host = f"http://localhost:{faulty.server_port}"
        account = {
            "gcs_base_url": host, "disable_oauth": True, "client_email": "", "private_key": "",
            "private_key_id": "",
        }  # fmt: skip
        return {
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu",
            "AWS_ENDPOINT_URL": host, "AWS_ALLOW_HTTP": "true",
            "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account),
        }  # fmt: skip

    @pytest.mark.parametrize("scheme", ["s3", "gs"])
    def test_object_is_fetched_through_a_cut(self, faulty, settings, scheme):
        """What obstore reads is verified, and gone on with where it broke off."""
        head, cut = {"headers": MODIFIED}, {"headers": MODIFIED, "cut": 300_000}
        faulty.serve("/bucket/net.pth", BODY, head, cut, always=head)

        found = fetch_with(settings, f"{scheme}://bucket/net.pth")
        assert {"size": len(BODY)} == found, faulty.asked
        ranges = [headers.get("range", headers.get("Range")) for _, headers in faulty.asked]
        assert "bytes=300000-" in ranges or any(r and r > "bytes=2" for r in ranges[2:])

    def test_absent_object_is_told_at_once(self, faulty, settings):
        """No retry for what is not there."""
        found = fetch_with(settings, "s3://bucket/absent.pth")

        assert "FetchError" == found["error"]
        assert 1 == len(faulty.asked)


MODIFIED = {"Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT"}
