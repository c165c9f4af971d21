"""Transport: redirects, certificates, credentials, proxies and mirrors, each as it should be."""

import hashlib
from base64 import b64encode

import pytest

from dapi import File
from dapi._store import fetch, schemes, transport
from dapi._store.settings import Settings
from dapi.exceptions import FetchError

BODY = bytes(range(256)) * 100
DIGEST = hashlib.sha256(BODY).hexdigest()
QUICK = Settings(connect=1.0, reach=1.0, stall=1.0, backoff=0.01)


def get(url, sha256=DIGEST):
    return fetch(File(url, sha256=sha256), patience=QUICK).read_bytes()


def redirect(server, path, to):
    return server.serve(path, b"", always={"status": 302, "headers": {"Location": to}})


def authorization(server):
    return [(path, headers.get("Authorization")) for path, headers in server.asked]


@pytest.fixture
def neighbour(secure):
    """Another name of the https server: another origin."""
    return f"https://127.0.0.1:{secure.server_port}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirect_is_followed(faulty, code):
    """All codes, also to a path without a host."""
    faulty.serve("/net.pth", BODY)
    fault = {"status": code, "headers": {"Location": "/net.pth"}}
    faulty.faults["/old"] = iter([fault])

    assert BODY == get(f"http://localhost:{faulty.server_port}/old")


def test_redirect_loop_is_an_error(faulty):
    """A server that sends one in circles is left after ten rounds at most."""
    url = redirect(faulty, "/a", "/a")

    with pytest.raises(FetchError, match="loop"):
        get(url)
    assert len(faulty.asked) <= 11


@pytest.mark.parametrize(
    "to", ["file:///etc/hostname", "ftp://localhost/net.pth", "data:,abc", "gopher://localhost"]
)
def test_redirect_to_another_scheme_is_refused(faulty, to):
    """Only http and https are followed."""
    with pytest.raises(FetchError, match="not safe to follow|is not allowed"):
        get(redirect(faulty, "/net.pth", to))
    assert 1 == len(faulty.asked)


def test_redirect_never_falls_to_http(secure, faulty):
    """From https to http is refused even with a full hash."""
    url = redirect(secure, "/net.pth", faulty.serve("/net.pth", BODY))

    with pytest.raises(FetchError, match="not safe to follow"):
        get(url)
    assert [] == faulty.asked


def test_redirect_rises_to_https(secure, faulty):
    """From http to https is fine."""
    assert BODY == get(redirect(faulty, "/net.pth", secure.serve("/net.pth", BODY)))


def test_company_certificate_is_used(secure, monkeypatch, certificate):
    """Without it the error says so at once; with it https works. SSL_CERT_FILE serves as well."""
    url = secure.serve("/net.pth", BODY)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(FetchError, match="certificate of localhost:.* is not trusted"):
        get(url)

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert BODY == get(url)


def test_https_without_any_hash(secure):
    """https alone needs no full hash."""
    assert BODY == get(secure.serve("/net.pth", BODY), sha256=None)


def test_netrc_is_sent_to_its_host_alone(secure, neighbour, tmp_path, monkeypatch):
    """Credentials go to the host that they are for, not where it redirects to."""
    (tmp_path / "netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    url = redirect(secure, "/net.pth", f"{neighbour}/moved.pth")
    secure.files["/moved.pth"] = BODY, '"v1"'
    secure.faults["/moved.pth"] = iter([{}])

    assert BODY == get(url)
    expected = "Basic " + b64encode(b"me:secret").decode()
    assert [("/net.pth", expected), ("/moved.pth", None)] == authorization(secure)


def test_netrc_is_not_sent_in_the_clear(faulty, tmp_path, monkeypatch):
    """Plain http carries no password."""
    (tmp_path / "netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert BODY == get(faulty.serve("/net.pth", BODY))
    assert [("/net.pth", None)] == authorization(faulty)


def test_damaged_netrc_is_no_obstacle(secure, tmp_path, monkeypatch):
    """A file that cannot be read is as none."""
    (tmp_path / "netrc").write_text("rubbish")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert BODY == get(secure.serve("/net.pth", BODY))


def test_headers_of_a_hook_stay_with_their_host(secure, neighbour, advertise):
    """What a hook adds, such as a token, is not sent on to another host."""
    url = redirect(secure, "/net.pth", f"{neighbour}/moved.pth")
    secure.files["/moved.pth"] = BODY, '"v1"'
    secure.faults["/moved.pth"] = iter([{}])
    advertise(
        "acme-tokens",
        "[dapi.hooks]\ntokens = acme_tokens\n",
        acme_tokens="from dapi.hooks import hookimpl, FetchRequest\n\n@hookimpl\n"
        "def dapi_before_fetch(url):\n"
        "    return FetchRequest(url, {'Authorization': 'Bearer token'})\n",
    )

    assert BODY == get(url)
    assert [("/net.pth", "Bearer token"), ("/moved.pth", None)] == authorization(secure)


def test_proxy_of_the_environment_is_used(faulty, monkeypatch):
    """http_proxy is asked, except for the hosts of no_proxy."""
    faulty.serve("http://example.org/net.pth", BODY)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{faulty.server_port}")
    monkeypatch.setenv("no_proxy", "localhost")

    assert BODY == get("http://example.org/net.pth")
    assert ["http://example.org/net.pth"] == [path for path, _ in faulty.asked]


@pytest.mark.parametrize(
    ("setting", "url", "expected"),
    [
        ("https://m.example", "https://a.org/x/n.pth", "https://m.example/a.org/x/n.pth"),
        ("https://m.example/b/", "https://a.org/n.pth?v=1", "https://m.example/b/a.org/n.pth?v=1"),
        ("a.org=https://m.example/a", "https://a.org/n.pth", "https://m.example/a/n.pth"),
        ("a.org=https://m.example/a", "https://b.org/n.pth", "https://b.org/n.pth"),
        ("a.org=https://m1, https://m2", "https://b.org/n.pth", "https://m2/b.org/n.pth"),
        ("https://m.example", "package:acme/n.pth", "package:acme/n.pth"),
        ("", "https://a.org/n.pth", "https://a.org/n.pth"),
    ],
)
def test_mirror_of_the_environment_rewrites(monkeypatch, setting, url, expected):
    """DAPI_MIRROR replaces every host, or those that it names."""
    monkeypatch.setenv("DAPI_MIRROR", setting)

    assert expected == schemes.mirrored(url)


def test_mirror_of_the_environment_is_asked(faulty, monkeypatch):
    """Only the mirror sees a request; the bytes are verified all the same."""
    faulty.serve("/example.org/net.pth", BODY)
    monkeypatch.setenv("DAPI_MIRROR", f"http://localhost:{faulty.server_port}")

    assert BODY == get("https://example.org/net.pth")
    with pytest.raises(FetchError, match="plain http needs a full sha256"):
        get("https://example.org/net.pth", sha256=DIGEST[:8])


def test_retry_after_is_read_as_seconds_or_a_date():
    """Both forms of the header; what is neither counts as nothing."""
    assert 7.0 == transport._seconds("7")
    assert 0.0 == transport._seconds("Thu, 01 Jan 1970 00:00:00 GMT")
    assert transport._seconds("soon") is None


@pytest.mark.parametrize(
    "url", ["http://localhost:1\r\nX: y/net.pth", "http://[::1/net.pth", "http://localhost:port/n"]
)
def test_url_that_is_none_is_an_error_of_the_fetch(url):
    """What cannot be asked for is told like what cannot be reached."""
    with pytest.raises((FetchError, ValueError)):
        get(url)
